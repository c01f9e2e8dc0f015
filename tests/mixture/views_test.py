import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ns import images
from ns.core import draws
from ns.images import encode
from ns.mixture import stream
from ns.mixture import views
from tests.support import photos

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 6, 6, 3), np.uint8)


@dataclasses.dataclass(frozen=True)
class Recorded:
  """A crop that gives its seed as pixels."""

  def apply(self, image, size, channels, seed):
    written = tf.bitcast(seed, tf.uint8)
    return (tf.reshape(tf.pad(written, [[0, size * size * channels - 8]]),
                       (size, size, channels)), tf.constant(True))


def of(view, **features):
  return list(view.of(tf.data.Dataset.from_tensor_slices(features))
              .as_numpy_iterator())


def test_an_image_of_the_size_is_seen_as_it_is():
  view = views.View(size=6, channels=3)
  assert view.shape == (6, 6, 3)
  seen = of(view, image=PIXELS, key=list('abcde'))
  for record, pixels, key in zip(seen, PIXELS, 'abcde', strict=True):
    np.testing.assert_array_equal(record['image'], pixels)
    assert record['is_good'] and record['key'] == key.encode()


def test_a_broken_image_keeps_its_place():
  encoded = [encode.png(pixels) for pixels in PIXELS]
  encoded[2] = encoded[2][:40]
  encoded[4] = b''
  seen = of(views.View(size=6, channels=3), image=encoded)
  assert [record['is_good'] for record in seen] == [1, 1, 0, 1, 0]
  for number in 0, 1, 3:
    np.testing.assert_array_equal(seen[number]['image'], PIXELS[number])
  for number in 2, 4:
    assert not seen[number]['image'].any()


def test_a_crop_has_a_seed_of_its_own():
  seeds = np.array([3, -7, 2**60])
  view = views.View(size=6, channels=3, crop=Recorded())
  seen = of(view, image=PIXELS[:3], seed=seeds)
  found = [record['image'].reshape(-1)[:8].copy().view(np.int64)[0]
           for record in seen]
  assert found == draws.members(seeds, stream.CROP).numpy().tolist()
  assert [record['seed'] for record in seen] == seeds.tolist()


def test_a_crop_gives_the_size():
  seen = of(views.View(size=4, channels=1, crop=images.CentreCrop(padding=1)),
            image=PIXELS)
  assert all(record['image'].shape == (4, 4, 1) for record in seen)


@pytest.mark.parametrize('changes, said', [
    ({'size': 0}, '`View.size` should be a whole number of at least 1, but is '
     '0.'),
    ({'crop': images.AsIs}, '`View.crop` should be an object with `apply()`, '
     f'but is {images.AsIs!r}; write a gin reference with brackets, '
     '`@module.Name()`.')])
def test_wrong_arguments(changes, said):
  with pytest.raises((TypeError, ValueError)) as caught:
    views.View(**{'size': 4, 'channels': 1, **changes})
  assert str(caught.value) == said


def test_several_views_of_an_image_are_each_as_alone():
  encoded = [photos.encoded(0, 1, 'JPEG', size=(40, 60)),
             photos.encoded(1, 2, 'PNG'), b'no image',
             photos.encoded(2, 3, 'WEBP', size=(33, 21))]
  both = {'teacher_image': views.View(size=12, channels=1,
                                      crop=images.CentreCrop(padding=2)),
          'image': views.View(size=9, channels=3, crop=images.InceptionCrop())}
  records = {'image': encoded, 'seed': np.arange(4)}
  found = list(views.each_of(both, tf.data.Dataset.from_tensor_slices(records))
               .as_numpy_iterator())
  for name, view in both.items():
    for ours, alone in zip(found, of(view, **records), strict=True):
      np.testing.assert_array_equal(ours[name], alone['image'])
      assert ours['is_good'] == alone['is_good']
  assert [record['is_good'] for record in found] == [1, 1, 0, 1]
  assert not found[2]['teacher_image'].any()


def test_several_views_of_pixels():
  both = {'teacher_image': views.View(size=4, channels=3,
                                      crop=images.CentreCrop(padding=1)),
          'image': views.View(size=6, channels=3)}
  found = list(views.each_of(both, tf.data.Dataset.from_tensor_slices(
      {'image': PIXELS})).as_numpy_iterator())
  for record, pixels, small in zip(
      found, PIXELS, of(both['teacher_image'], image=PIXELS), strict=True):
    np.testing.assert_array_equal(record['image'], pixels)
    np.testing.assert_array_equal(record['teacher_image'], small['image'])
