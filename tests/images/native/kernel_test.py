"""The native ops by themselves: equal to TensorFlow's, and safe to call."""

import numpy as np
from PIL import Image
import pytest
import tensorflow as tf

from ns.images import resize
from ns.images.native import kernel
from tests.images import samples

pytestmark = pytest.mark.skipif(
    kernel.LIBRARY.load() is None, reason='there is no C++ compiler')


def test_bicubic_is_tensorflows_bit_for_bit():
  ops = kernel.LIBRARY.require()
  generator = np.random.default_rng(1)
  for number in range(200):
    height, width, size = (int(x) for x in generator.integers(1, 260, 3))
    channels = int(generator.choice([1, 3]))
    pixels = tf.constant(samples.noise(height, width, channels, seed=number))
    expected = resize.bicubic(pixels, size)
    for flip in (False, True):
      result = ops.noisy_student_resize(
          pixels, flip, size=size, channels=channels)
      np.testing.assert_array_equal(
          result, expected[:, ::-1] if flip else expected)


def test_bicubic_of_a_photograph_at_the_sizes_of_the_family():
  ops = kernel.LIBRARY.require()
  pixels = tf.constant(np.asarray(samples.photograph(500, 375)))
  for size in (224, 240, 300, 380, 456, 600):
    np.testing.assert_array_equal(
        ops.noisy_student_resize(pixels, False, size=size, channels=3),
        resize.bicubic(pixels, size))


def test_the_shape_of_an_image():
  ops = kernel.LIBRARY.require()
  for kind in ('JPEG', 'PNG', 'BMP', 'GIF', 'WEBP'):
    data = samples.encoded(samples.photograph(31, 17), kind)
    assert [int(x) for x in ops.noisy_student_image_shape(data)] == [17, 31]
  for what, data in samples.broken().items():
    shape = [int(x) for x in ops.noisy_student_image_shape(data)]
    # The headers of these are whole.
    assert shape in ([1, 1], [30, 40], [60000, 60000]), what


@pytest.mark.parametrize('mode', ['RGB', 'RGBA'])
def test_a_webp_that_moves_is_broken(mode):
  """TensorFlow's own op writes beyond its memory, and ends sooner or later."""
  ops = kernel.LIBRARY.require()
  frames = [Image.fromarray(samples.noise(40, 60, 3, seed=seed)).convert(mode)
            for seed in range(4)]
  data = samples.encoded(frames[0], 'WEBP', save_all=True, lossless=True,
                         append_images=frames[1:])
  for image in data, *(data[:length] for length in (16, 20, 21)):
    for _ in range(20):
      assert [int(x) for x in ops.noisy_student_image_shape(image)] == [1, 1]
      for pixels, is_good in (
          ops.noisy_student_decode(image, size=8, channels=3),
          ops.noisy_student_decode_window(
              image, [0, 0, 1, 1], False, size=8, channels=3)):
        assert not is_good and pixels.shape == [8, 8, 3]
        assert not np.any(pixels)


def test_shapes_are_known_in_a_graph():
  ops = kernel.LIBRARY.require()

  @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
  def shapes(image):
    window, good = ops.noisy_student_decode_window(
        image, [0, 0, 1, 1], False, size=5, channels=3)
    whole, _ = ops.noisy_student_decode(image, size=5, channels=1)
    height, width = ops.noisy_student_image_shape(image)
    assert window.shape == [5, 5, 3] and good.shape == []
    assert whole.shape.as_list() == [None, None, 1]
    assert height.shape == [] and width.shape == []
    return window

  shapes(tf.constant(''))


@pytest.mark.parametrize('call, sentence', [
    (lambda ops: ops.noisy_student_image_shape(['', '']),
     '`image` should be a scalar, but has shape [2].'),
    (lambda ops: ops.noisy_student_decode([''], size=1, channels=1),
     '`image` should be a scalar, but has shape [1].'),
    (lambda ops: ops.noisy_student_decode('', size=20000, channels=1),
     '`size` should be from 1 to 16384, but is 20000.'),
    (lambda ops: ops.noisy_student_decode('', size=1, channels=2),
     '`channels` should be 1 or 3, but is 2.'),
    (lambda ops: ops.noisy_student_decode_window(
        '', [1, 2, 3], False, size=1, channels=1),
     '`window` should have shape [4], but has [3].'),
    (lambda ops: ops.noisy_student_decode_window(
        '', [1, 2, 3, 4], [False], size=1, channels=1),
     '`flip` should be a scalar, but has shape [1].'),
    (lambda ops: ops.noisy_student_resize(
        np.zeros((2, 2, 3), np.uint8), False, size=1, channels=1),
     '`pixels` should be [height, width, 1] with pixels, but has shape '
     '[2,2,3].'),
    (lambda ops: ops.noisy_student_resize(
        np.zeros((0, 2, 1), np.uint8), False, size=1, channels=1),
     '`pixels` should be [height, width, 1] with pixels, but has shape '
     '[0,2,1].'),
])
def test_sentences(call, sentence):
  with pytest.raises(tf.errors.InvalidArgumentError) as raised:
    call(kernel.LIBRARY.require())
  assert sentence in str(raised.value)
