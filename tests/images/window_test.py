"""Windows of files of every kind, whole and broken, in both forms."""

import functools

import numpy as np
from PIL import Image
import pytest
import tensorflow as tf

from ns.images import decode
from ns.images import resize
from ns.images import window
from ns.images.native import kernel
from tests.images import samples

WINDOW = [3, 5, 20, 31]


def files():
  """Files of 50 x 40 pixels, by name."""
  image = samples.photograph(50, 40)
  clear = Image.fromarray(samples.noise(40, 50, 4), 'RGBA')
  return {
      'jpeg': samples.encoded(image, 'JPEG'),
      'progressive jpeg': samples.encoded(image, 'JPEG', progressive=True),
      'grey jpeg': samples.encoded(image.convert('L'), 'JPEG'),
      'cmyk jpeg': samples.encoded(image.convert('CMYK'), 'JPEG'),
      'png': samples.encoded(image, 'PNG'),
      'grey png': samples.encoded(image.convert('L'), 'PNG'),
      'palette png': samples.encoded(image.quantize(16), 'PNG'),
      'clear png': samples.encoded(clear, 'PNG'),
      'clear grey png': samples.encoded(clear.convert('LA'), 'PNG'),
      'clear webp': samples.encoded(clear, 'WEBP', lossless=True),
      'bmp': samples.encoded(image, 'BMP'),
      'palette bmp': samples.encoded(image.quantize(16), 'BMP'),
      'grey bmp': samples.encoded(image.convert('L'), 'BMP'),
      '32-bit bmp': samples.bmp_of_32_bits(
          np.asarray(image), samples.noise(40, 50)),
      'gif': samples.encoded(image, 'GIF'),
  }


def chosen(height, width):
  del height, width
  return tf.constant(WINDOW)


def everything(height, width):
  return tf.stack([0, 0, height, width])


def right_half(height, width):
  return tf.stack([0, width // 2, height, width // 2])


def resized(image, flip=False, size=16, channels=3, form='tensorflow',
            choose=chosen):
  """In one graph for all files, as in a pipeline; eagerly each has its own."""
  return _graph(choose, size, channels, form)(image, flip)


@functools.cache
def _graph(choose, size, channels, form):
  return tf.function(
      lambda image, flip: window.resized(
          image, choose, flip, size=size, channels=channels, form=form),
      input_signature=[tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.bool)],
      autograph=False)


@functools.cache
def _graph_of_whole(size, channels, form):
  return tf.function(
      lambda image: window.whole(
          image, size=size, channels=channels, form=form),
      input_signature=[tf.TensorSpec([], tf.string)], autograph=False)


@pytest.mark.parametrize('form', samples.FORMS)
@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('name', files())
def test_is_the_window_decoded_and_resized(name, channels, form):
  top, left, height, width = WINDOW
  whole = decode.decode(tf.constant(files()[name]), channels)
  expected = resize.bicubic(whole[top:top + height, left:left + width], 16)
  for flip in (False, True):
    pixels, is_good = resized(files()[name], flip, 16, channels, form)
    assert is_good
    np.testing.assert_array_equal(
        pixels, expected[:, ::-1] if flip else expected)


@pytest.mark.parametrize('form', samples.FORMS)
def test_the_window_is_chosen_by_the_images_shape(form):
  for data in files().values():
    if form == 'native':  # Eager: what the choice is given is seen.
      seen = []
      def choose(height, width, seen=seen):
        seen.append((int(height), int(width)))
        return tf.constant(WINDOW)
      window.resized(tf.constant(data), choose, False, size=16, channels=3,
                     form=form)
      assert seen == [(40, 50)]
    pixels, _ = resized(data, size=8, form=form, choose=right_half)
    whole = decode.decode(tf.constant(data), 3)
    np.testing.assert_array_equal(pixels, resize.bicubic(whole[:, 25:], 8))


@pytest.mark.parametrize('form', samples.FORMS)
def test_a_jpeg_cut_short_below_the_window(form):
  data = samples.encoded(
      Image.fromarray(samples.noise(64, 50, 3)), 'JPEG', subsampling=0)
  cut = data[:len(data) * 3 // 4]
  pixels, is_good = resized(cut, form=form)  # Rows 3 to 22 of 64.
  assert is_good
  np.testing.assert_array_equal(pixels, resized(data, form=form)[0])
  _, is_good = resized(cut, form=form, choose=everything)
  assert not is_good


@pytest.mark.parametrize('form', samples.FORMS)
def test_a_branch_not_taken_logs_nothing(form, capfd):
  crop = lambda height, width: tf.stack([0, 0, height // 2, width // 2])
  for name in ('png', 'jpeg'):
    image = tf.constant(files()[name])
    window.resized(image, crop, False, size=16, channels=3, form=form)
  assert 'JPEG' not in capfd.readouterr().err


@pytest.mark.parametrize('form', samples.FORMS)
@pytest.mark.parametrize('channels', [1, 3])
def test_pixels(form, channels):
  pixels = samples.noise(40, 50, 3)
  top, left, height, width = WINDOW
  expected = resize.bicubic(decode.convert(tf.constant(
      pixels[top:top + height, left:left + width]), channels), 9)
  result, is_good = window.resized(
      tf.constant(pixels), chosen, True, size=9, channels=channels, form=form)
  assert is_good
  np.testing.assert_array_equal(result, expected[:, ::-1])


@pytest.mark.parametrize('form', samples.FORMS)
@pytest.mark.parametrize('what', samples.broken())
def test_a_broken_image_is_black(what, form):
  image = samples.broken()[what]
  for channels in (1, 3):
    for pixels, is_good in (
        resized(image, True, 6, channels, form, everything),
        _graph_of_whole(6, channels, form)(image)):
      assert not is_good
      np.testing.assert_array_equal(pixels, np.zeros((6, 6, channels)))


@pytest.mark.parametrize('form', samples.FORMS)
@pytest.mark.parametrize('bad', [
    [0, 0, 41, 50], [0, 0, 40, 51], [-1, 0, 5, 5], [0, 45, 5, 6],
    [0, 0, 0, 5], [2**31 - 1, 0, 2, 2], [1, 1, 2**31 - 1, 2]])
def test_a_window_outside_is_never_read(bad, form):
  if form == 'tensorflow' and bad != [0, 0, 41, 50]:
    pytest.skip('slices of TensorFlow clip; crops choose windows inside')
  image = tf.constant(files()['jpeg'])
  pixels, is_good = window.resized(
      image, lambda *_: tf.constant(bad), False, size=6, channels=3, form=form)
  assert not is_good
  np.testing.assert_array_equal(pixels, np.zeros((6, 6, 3)))


@pytest.mark.parametrize('form', samples.FORMS)
def test_changed_bytes_never_end_a_pipeline(form):
  """And never move another image: every second one is whole."""
  generator = np.random.default_rng(5)
  whole = files()
  rows = []
  for data in list(whole.values()) * 6:
    changed = np.frombuffer(data, np.uint8).copy()
    at = generator.integers(0, len(changed), 4)
    changed[at] = generator.integers(0, 256, 4)
    rows += [changed.tobytes(), whole['png']]
  results = {}
  for each in {form, 'tensorflow'}:
    dataset = tf.data.Dataset.from_tensor_slices(rows).map(
        lambda image, each=each: window.resized(
            image, everything, False, size=8, channels=3, form=each),
        num_parallel_calls=4, deterministic=True)
    assert dataset.element_spec == (tf.TensorSpec([8, 8, 3], tf.uint8),
                                    tf.TensorSpec([], tf.bool))
    results[each] = list(dataset.as_numpy_iterator())
  expected = resize.bicubic(decode.decode(tf.constant(whole['png'])), 8)
  for pixels, is_good in results[form][1::2]:
    assert is_good
    np.testing.assert_array_equal(pixels, expected)
  good = [is_good for _, is_good in results[form][::2]]
  assert 10 < sum(good) < len(good) - 10
  for one, other in zip(results[form], results['tensorflow'], strict=True):
    assert one[1] == other[1]
    np.testing.assert_array_equal(one[0], other[0])


@pytest.mark.parametrize('form', samples.FORMS)
@pytest.mark.parametrize('channels', [1, 3])
def test_the_whole_image(form, channels):
  image = samples.photograph(12, 12)
  expected = np.asarray(image.convert('L' if channels == 1 else 'RGB'))
  for data in (samples.encoded(image, 'PNG'), np.asarray(image)):
    pixels, is_good = window.whole(
        tf.constant(data), size=12, channels=channels, form=form)
    assert is_good
    np.testing.assert_array_equal(pixels, expected.reshape(12, 12, channels))


SENTENCE = ('`AsIs` needs images of 16 x 16 pixels, but one has 40 x 50; '
            'choose a crop, such as `images.CentreCrop(padding=32)`, or '
            'another image size.')


@pytest.mark.parametrize('form', samples.FORMS)
def test_the_whole_image_of_another_size(form):
  data = tf.constant(files()['png'])
  with pytest.raises(tf.errors.InvalidArgumentError) as raised:
    for _ in tf.data.Dataset.from_tensors(data).map(
        lambda image: window.whole(image, size=16, channels=3, form=form)):
      pass
  assert SENTENCE in str(raised.value)
  with pytest.raises(ValueError) as raised:
    window.whole(tf.constant(samples.noise(40, 50, 3)), size=16, channels=3,
                 form=form)
  assert str(raised.value) == SENTENCE


def test_the_native_form_where_there_is_none(monkeypatch):
  class Missing:
    load = staticmethod(lambda: None)

    @staticmethod
    def require():
      raise RuntimeError('not there')

  monkeypatch.setattr(kernel, 'LIBRARY', Missing)
  read = lambda form: window.resized(
      tf.constant(files()['png']), chosen, False, size=16, channels=3, form=form)
  with pytest.raises(RuntimeError, match='not there'):
    read('native')
  pixels, is_good = read('auto')
  assert is_good
  np.testing.assert_array_equal(pixels, read('tensorflow')[0])
