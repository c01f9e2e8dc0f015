"""Floor 0: what every other package may stand on; free of TensorFlow.

`draws` (random numbers as tensors) needs it: import that where it is used.
"""
