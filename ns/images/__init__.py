"""Floor 1: image bytes to pixels and back. Import the module that you need."""
