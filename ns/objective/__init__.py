"""Floor 2: what training minimises. Import the module that you need."""
