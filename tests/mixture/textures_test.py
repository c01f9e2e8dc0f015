import dataclasses
import io

import numpy as np
from PIL import Image
import pytest

from ns import mixture
from tests.support import source_contract

SOURCE = mixture.Textures(num_examples=13, image_size=24)


def test_its_examples_do_not_depend_on_each_other():
  records = source_contract.records(SOURCE)
  assert [key for key, _, _ in records] == SOURCE.keys() == [
      f'textures/{i:02}' for i in range(13)]
  for index, (_, image, label) in enumerate(records):
    assert image.shape == SOURCE.image_shape == (24, 24, 3)
    assert image.dtype == np.uint8 and label is None
    np.testing.assert_array_equal(image, SOURCE.pixels(index))
  some = np.array([3, 4, 11])
  for index, record in zip(some, SOURCE.at(some).as_numpy_iterator()):
    np.testing.assert_array_equal(record['image'], records[index][1])
  assert len({image.tobytes() for _, image, _ in records}) == 13


def test_none_of_its_examples():
  assert SOURCE.columns(np.arange(0))['image'].shape == (0, 24, 24, 3)
  assert not list(SOURCE.at(np.arange(0)))


def test_kinds_are_what_they_are_called():
  noise, stripes, checks, clouds = (SOURCE.pixels(i).astype(int)
                                    for i in range(4))
  # Means of 24 x 24 x 3 uniform numbers: 127.5, give or take 1.8.
  assert abs(noise.mean() - 127.5) < 8 and noise.min() < 3 < 252 < noise.max()
  colours = lambda image: len(np.unique(image.reshape(-1, 3), axis=0))
  assert colours(checks) == 2 and colours(stripes) > 50
  # A soft image changes less from pixel to pixel than over all of it.
  rough = lambda image: np.abs(np.diff(image, axis=0)).mean() / image.std()
  assert rough(noise) > 1 and rough(stripes) < 0.6 and rough(clouds) < 0.6
  # Between two colours, channels rise and fall with each other.
  for image in stripes, clouds:
    flat = image.reshape(-1, 3).T
    assert (np.abs(np.corrcoef(flat)) > 0.99).all()
  only = dataclasses.replace(SOURCE, kinds=['checks'])
  assert all(colours(only.pixels(i)) <= 2 for i in range(13))


def test_one_channel():
  grey = mixture.Textures(num_examples=4, image_size=5, channels=1)
  assert [r['image'].shape for r in grey.records().as_numpy_iterator()] == [
      (5, 5, 1)] * 4


def test_as_png():
  encoded = dataclasses.replace(SOURCE, encoded=True)
  assert encoded.image_shape is None
  for index, (_, image, _) in enumerate(source_contract.records(encoded)):
    with Image.open(io.BytesIO(image)) as opened:
      assert opened.format == 'PNG'
      np.testing.assert_array_equal(np.asarray(opened), SOURCE.pixels(index))


def test_all_of_them_are_foreign():
  assert SOURCE.foreign().tolist() == [True] * 13
  assert SOURCE.hidden_labels().tolist() == [-1] * 13


def test_shards_are_even_parts():
  many = mixture.Textures(num_examples=40_000, image_size=1)
  assert [shard.num_examples for shard in many.shards] == [
      13333, 13333, 13334]
  last, = many.records(many.shards[2], np.array([13333])).as_numpy_iterator()
  assert last['key'] == b'textures/39999'


def test_the_digest_is_of_all_that_is_declared():
  others = [dataclasses.replace(SOURCE, **change) for change in (
      {}, {'num_examples': 14}, {'image_size': 25}, {'name': 'other'},
      {'channels': 1}, {'kinds': ('noise',)}, {'seed': 1}, {'encoded': True})]
  assert others[0].digest() == SOURCE.digest()
  assert len({other.digest() for other in others}) == 8
  assert (others[6].pixels(0) != SOURCE.pixels(0)).any()


@pytest.mark.parametrize('change, said', [
    ({'num_examples': 0}, '`Textures.num_examples` should be'),
    ({'channels': 2}, '`Textures.channels` should be'),
    ({'kinds': ['fog']}, "`Textures.kinds` should be of ['noise', 'stripes', "
     "'checks', 'clouds'], but is ['fog']."),
    ({'kinds': []}, '`Textures.kinds` should be of '),
    ({'seed': -1}, '`Textures.seed` should be'),
    ({'encoded': 1.5}, '`Textures.encoded` should be')])
def test_wrong_arguments(change, said):
  with pytest.raises(ValueError) as raised:
    dataclasses.replace(SOURCE, **change)
  assert str(raised.value).startswith(said)
