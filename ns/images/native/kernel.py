"""The native ops of images: those of kernel.cc, where they load.

`noisy_student_image_shape`, `noisy_student_decode`,
`noisy_student_decode_window` and `noisy_student_resize`.
"""

from ns.core import native

LIBRARY = native.Library(
    folder='ns/images/native', name='images.so',
    without='Images are decoded and resized by TensorFlow\'s own ops, slower '
            'than the native ones in `images.so` would')
