"""Floor 0: what every other package may stand on; free of TensorFlow.

`draws` (random numbers as tensors) and `clock` are imported by name where they
are used.
"""
