"""RandAugment's operations on one image, in plain numpy loops.

Written from REFERENCE's definition for the tests to compare with; slow, and
without TensorFlow. Images are `[height, width, channels] uint8`.
"""

import math

import numpy as np

F = np.float32


def truncate(value) -> np.uint8:
  return np.uint8(int(min(max(float(value), 0.0), 255.0)))


def each(image, function):
  """`function(value)` for every value."""
  result = np.empty_like(image)
  for place, value in np.ndenumerate(image):
    result[place] = function(int(value))
  return result


def each_channel(image, function):
  """`function(plane)` for every channel, `[height, width]`."""
  return np.stack([function(image[:, :, c]) for c in range(image.shape[2])], 2)


def blend(base, image, factor):
  """`base` and `image` of the same shape, float32."""
  result = np.empty(image.shape, np.uint8)
  for place, value in np.ndenumerate(image):
    one = F(base[place])
    result[place] = truncate(one + F(factor) * (F(value) - one))
  return result


def brightness(image, factor):
  return blend(np.zeros_like(image), image, factor)


def contrast(image, factor):
  pixels = image.shape[0] * image.shape[1]
  return blend(np.full_like(image, int(min(pixels / 256, 255))), image, factor)


def color(image, factor):
  if image.shape[2] == 1:
    return image
  grey = np.empty_like(image)
  for row, column in np.ndindex(image.shape[:2]):
    red, green, blue = image[row, column].astype(F) * F(1 / 255)
    luma = red * F(0.2989) + green * F(0.5870) + blue * F(0.1140)
    grey[row, column] = int(luma * F(255.5))
  return blend(grey, image, factor)


def sharpness(image, factor):
  smooth = image.copy()
  height, width, channels = image.shape
  for row in range(1, height - 1):
    for column in range(1, width - 1):
      for channel in range(channels):
        total = F(0)
        for i in (-1, 0, 1):
          for j in (-1, 0, 1):
            weight = F(5 if i == j == 0 else 1) / F(13)
            total += weight * F(image[row + i, column + j, channel])
        smooth[row, column, channel] = truncate(total)
  return blend(smooth, image, factor)


def solarize(image, threshold):
  return each(image, lambda v: v if v < threshold else 255 - v)


def solarize_add(image, addition):
  return each(image, lambda v: min(v + addition, 255) if v < 128 else v)


def posterize(image, bits):
  return each(image, lambda v: v >> (8 - bits) << (8 - bits))


def invert(image):
  return each(image, lambda v: 255 - v)


def autocontrast(image):
  def stretch(plane):
    low, high = F(plane.min()), F(plane.max())
    if high == low:
      return plane
    scale = F(255) / (high - low)
    offset = -low * scale
    return each(plane, lambda v: truncate(F(v) * scale + offset))
  return each_channel(image, stretch)


def equalize(image):
  def spread(plane):
    counts = [int((plane == v).sum()) for v in range(256)]
    step = (sum(counts) - [c for c in counts if c][-1]) // 255
    if step == 0:
      return plane
    return each(plane, lambda v: min(
        (sum(counts[:v]) + step // 2) // step, 255))
  return each_channel(image, spread)


def nearest(value) -> int:
  """Rounded, halves away from zero."""
  return int(math.copysign(math.floor(abs(float(value)) + 0.5), value))


def transform(image, matrix, fill=128):
  a, b, c, d, e, f = (F(v) for v in matrix)
  height, width, _ = image.shape
  result = np.full_like(image, fill)
  for y in range(height):
    for x in range(width):
      column = nearest(a * F(x) + b * F(y) + c)
      row = nearest(d * F(x) + e * F(y) + f)
      if 0 <= column < width and 0 <= row < height:
        result[y, x] = image[row, column]
  return result


def rotate(image, degrees, fill=128):
  radians = F(degrees) * F(math.pi / 180)
  sine, cosine = F(math.sin(radians)), F(math.cos(radians))
  bottom, right = (F(n - 1) for n in image.shape[:2])
  x = (right - (cosine * right - sine * bottom)) / F(2)
  y = (bottom - (sine * right + cosine * bottom)) / F(2)
  return transform(image, [cosine, -sine, x, sine, cosine, y], fill)


def shear_x(image, level, fill=128):
  return transform(image, [1, level, 0, 0, 1, 0], fill)


def shear_y(image, level, fill=128):
  return transform(image, [1, 0, 0, level, 1, 0], fill)


def translate_x(image, pixels, fill=128):
  return transform(image, [1, 0, pixels, 0, 1, 0], fill)


def translate_y(image, pixels, fill=128):
  return transform(image, [1, 0, 0, 0, 1, pixels], fill)


def cutout(image, row, column, size, fill=128):
  """A hole about (`row`, `column`), both whole numbers."""
  result = image.copy()
  for y in range(image.shape[0]):
    for x in range(image.shape[1]):
      top, left = row - size // 2, column - size // 2
      if top <= y < top + size and left <= x < left + size:
        result[y, x] = fill
  return result


def rand_augment_op(op, image, *, magnitude, cutout_size, translate_size, sign,
                    row, column):
  """The operation named `op` at `magnitude`, as released (`wrap`).

  The arguments follow REFERENCE's table again, without `RandAugment.argument`.
  """
  level = magnitude / 10
  shift = np.uint8((8 - int(level * 4)) % 256)  # as a uint8 tensor holds it
  shift = min(int(shift), 7)  # as TensorFlow's shifts limit it
  height, width, _ = image.shape
  return {
      'AutoContrast': lambda: autocontrast(image),
      'Equalize': lambda: equalize(image),
      'Invert': lambda: invert(image),
      'Rotate': lambda: rotate(image, sign * level * 30),
      'Posterize': lambda: each(image, lambda v: v >> shift << shift),
      'Solarize': lambda: solarize(image, int(level * 256) % 256),
      'SolarizeAdd': lambda: solarize_add(image, int(level * 110)),
      'Color': lambda: color(image, level * 1.8 + 0.1),
      'Contrast': lambda: contrast(image, level * 1.8 + 0.1),
      'Brightness': lambda: brightness(image, level * 1.8 + 0.1),
      'Sharpness': lambda: sharpness(image, level * 1.8 + 0.1),
      'ShearX': lambda: shear_x(image, sign * level * 0.3),
      'ShearY': lambda: shear_y(image, sign * level * 0.3),
      'TranslateX': lambda: translate_x(image, sign * level * translate_size),
      'TranslateY': lambda: translate_y(image, sign * level * translate_size),
      'Cutout': lambda: cutout(image, int(row * height), int(column * width),
                               2 * int(level * cutout_size)),
  }[op]()
