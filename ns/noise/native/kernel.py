"""The native form of `distort`: the op of kernel.cc, where it loads."""

from ns.core import native

LIBRARY = native.Library(
    folder='ns/noise/native', name='distort.so',
    without='Image operations of noise run as TensorFlow ops, several times '
            'slower than those in `distort.so` would')

# The module with `noisy_student_distort(images, ops, arguments, fill,
# contrast)`: or None with one warning, or an error.
load = LIBRARY.load
require = LIBRARY.require
