"""The names of the sixteen image operations; without TensorFlow."""

# In the reference's order (`randaugment.py`, `distort_image_with_randaugment`).
NAMES = (
    'AutoContrast', 'Equalize', 'Invert', 'Rotate', 'Posterize', 'Solarize',
    'Color', 'Contrast', 'Brightness', 'Sharpness', 'ShearX', 'ShearY',
    'TranslateX', 'TranslateY', 'SolarizeAdd', 'Cutout')
