"""The names of the sixteen image operations and of what can be chosen of them.

Without TensorFlow.
"""

# In the reference's order (`randaugment.py`, `distort_image_with_randaugment`).
NAMES = (
    'AutoContrast', 'Equalize', 'Invert', 'Rotate', 'Posterize', 'Solarize',
    'Color', 'Contrast', 'Brightness', 'Sharpness', 'ShearX', 'ShearY',
    'TranslateX', 'TranslateY', 'SolarizeAdd', 'Cutout')

# Of Contrast's grey: see `image_ops.contrast`.
CONTRASTS = ('released', 'correct')
# Of arguments that leave their range: see `RandAugment`.
OVERFLOWS = ('wrap', 'clamp')
# In which drawn operations are computed: see `distort`.
FORMS = ('auto', 'native', 'tensorflow', 'xla')
# Of Cutout's size in pixels: far past every image, far below 2**31.
LARGEST_HOLE = 10**6
