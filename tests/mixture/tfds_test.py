"""On a data set that TensorFlow Datasets prepares here, without the network."""

import functools
import io
import json
import pathlib
import shutil

import numpy as np
from PIL import Image
import pytest

from ns import mixture
from tests.support import buckets
from tests.support import photos
from tests.support import source_contract

make_cache = source_contract.make_cache
error = source_contract.error

CLASSES = ['ant', 'bee', 'cow']
COUNTS = {'train': 30, 'test': 6}


@pytest.fixture(name='data_dir', scope='module')
def make_data_dir(tmp_path_factory):
  """A folder with the data set, in three files for training."""
  import tensorflow_datasets as tfds

  class MadeUpPhotos(tfds.core.GeneratorBasedBuilder):
    """Pictures as they are in `photos`."""
    VERSION = tfds.core.Version('1.0.0')
    code_path = None  # Nothing lies beside this code, such as checksums.
    url_infos = {}

    def _info(self):
      return tfds.core.DatasetInfo(builder=self, features=(
          tfds.features.FeaturesDict({
              'image': tfds.features.Image(encoding_format='png'),
              'label': tfds.features.ClassLabel(names=CLASSES),
              'size': np.int64})), disable_shuffling=True)

    def _split_generators(self, dl_manager):
      return {name: self._generate_examples(name) for name in COUNTS}

    def _generate_examples(self, split):
      for i in range(COUNTS[split]):
        yield i, {'image': np.array(photos.picture(i % 3, i)),
                  'label': i % 3, 'size': i}

  folder = tmp_path_factory.mktemp('tfds')
  for kind in 'tfrecord', 'array_record':
    MadeUpPhotos(data_dir=str(folder / kind), file_format=kind
                 ).download_and_prepare(
                     download_config=tfds.download.DownloadConfig(num_shards=3))
  return folder / 'tfrecord'


def tfds_source(data_dir, split='train', **how):
  return mixture.Tfds(name='made', builder='made_up_photos', split=split,
                      data_dir=str(data_dir), **how)


@functools.cache
def rows(data_dir, split):
  """As it was made: file, row in it, pixels and label, in order."""
  folder = pathlib.Path(data_dir) / 'made_up_photos' / '1.0.0'
  info = json.loads((folder / 'dataset_info.json').read_text())
  made, = [one for one in info['splits'] if one['name'] == split]
  lengths = [int(length) for length in made['shardLengths']]
  assert sum(lengths) == COUNTS[split] and len(lengths) == 3
  files = sorted(path.name for path in folder.glob(f'made_up_photos-{split}.*'))
  places = [(name, row, length) for name, length in zip(files, lengths)
            for row in range(length)]
  return [(f'made/{name}/{row:0{len(str(length - 1))}}',
           np.array(photos.picture(i % 3, i)), i % 3)
          for i, (name, row, length) in enumerate(places)]


def pixels(images):
  return [np.array(Image.open(io.BytesIO(image))) for image in images]


def check(source, expected):
  """By pixels: the bytes of a file are TFDS' own affair."""
  assert source.keys() == [key for key, _, _ in expected]
  found = source.columns(np.arange(source.num_examples))
  np.testing.assert_array_equal(
      pixels(found['image']), [image for _, image, _ in expected])
  assert [key.decode() for key in found['key']] == source.keys()
  if source.is_labelled:
    assert found['label'].tolist() == [label for *_, label in expected]


def test_it_keeps_the_contract(data_dir):
  source = tfds_source(data_dir)
  expected = rows(data_dir, 'train')
  check(source, expected)
  assert len(source.shards) == 3 and source.class_names == tuple(CLASSES)
  images = [image for _, image, _ in source_contract.records(source)]
  source_contract.check(source, [
      (key, image, label) for image, (key, _, label) in zip(images, expected)])


def test_a_data_set_on_a_bucket(data_dir):
  check(tfds_source(buckets.copy(data_dir), 'train[3:25]'),
        rows(data_dir, 'train')[3:25])


def test_files_of_array_records(data_dir):
  folder = data_dir.parent / 'array_record'
  expected = rows(folder, 'train')
  assert '.array_record-' in expected[0][0]
  check(tfds_source(folder), expected)
  part = tfds_source(folder, 'train[3:25]')
  check(part, expected[3:25])
  some = np.array([0, 6, 7, 21])
  np.testing.assert_array_equal(
      pixels(part.columns(some)['image']), [expected[3 + i][1] for i in some])


def test_an_array_record_file_that_is_cut_short(data_dir, tmp_path):
  shutil.copytree(data_dir.parent / 'array_record', tmp_path / 'cut')
  path, = (tmp_path / 'cut').glob('*/*/*-train.*-00001-of-00003')
  path.write_bytes(path.read_bytes()[:-70000])
  source = tfds_source(tmp_path / 'cut', max_excluded=0.5)
  assert source.num_examples == 20
  (key, reason), = source.excluded()
  assert key == f'made/{path.name}' and reason.startswith('cannot be read: ')


def test_the_folder_of_a_version_will_do(data_dir):
  source = mixture.Tfds(
      name='made', builder=str(data_dir / 'made_up_photos' / '1.0.0'),
      split='test')
  check(source, rows(data_dir, 'test'))


@pytest.mark.parametrize('split, where', [
    ('train[:13]', slice(13)), ('train[13:]', slice(13, None)),
    ('train[50%:]', slice(15, None))])
def test_a_part_of_a_split(data_dir, split, where):
  check(tfds_source(data_dir, split), rows(data_dir, 'train')[where])


def test_several_splits(data_dir):
  check(tfds_source(data_dir, 'test+train[:12]'),
        rows(data_dir, 'test') + rows(data_dir, 'train')[:12])


def test_two_parts_of_one_file(data_dir):
  check(tfds_source(data_dir, 'train[:2]+train[5:7]'),
        [rows(data_dir, 'train')[i] for i in (0, 1, 5, 6)])


def test_without_labels(data_dir):
  check(tfds_source(data_dir, label=''), rows(data_dir, 'train'))


def test_a_restart_counts_nothing(data_dir):
  source = tfds_source(data_dir)
  keys = source.keys()
  again = tfds_source(data_dir)
  again.read()
  assert again.keys() == keys and again.digest() == source.digest()
  assert '_built' not in again.__dict__  # TFDS was not asked for anything.


def test_no_such_data_set(data_dir):
  source = mixture.Tfds(name='made', builder='no_such_photos', split='train',
                        data_dir=str(data_dir))
  assert error(lambda: source.num_examples).startswith(
      '`Tfds.builder` should be a data set of TensorFlow Datasets that is '
      "prepared, or its folder, but is 'no_such_photos' (")


def test_a_data_set_that_is_not_prepared(tmp_path):
  source = mixture.Tfds(name='made', builder='mnist', split='train',
                        data_dir=str(tmp_path))
  assert error(lambda: source.num_examples) == (
      f'`mnist` should be prepared in `{tmp_path}/mnist/3.0.1`, but is not; '
      'run `tfds build`, or bind `Tfds.data_dir`.')


def test_no_such_split(data_dir):
  source = tfds_source(data_dir, 'extra')
  assert error(lambda: source.num_examples).startswith(
      '`Tfds.split` should be of the splits of `made_up_photos`, '
      "['test', 'train'], but is 'extra' (")


@pytest.mark.parametrize('field, feature, kind', [
    ('image', 'size', 'Image'), ('label', 'size', 'ClassLabel'),
    ('label', 'none', 'ClassLabel')])
def test_a_feature_of_another_kind(data_dir, field, feature, kind):
  source = tfds_source(data_dir, **{field: feature})
  assert error(lambda: source.num_examples).startswith(
      f'`Tfds.{field}` should be a {kind} feature of `made_up_photos`, but its '
      "features are {'image': Image(")


def test_wrong_fields():
  with pytest.raises(TypeError) as caught:
    mixture.Tfds(name='made', builder='mnist', split=None)
  assert str(caught.value) == (
      '`Tfds.split` should be a value of type str, but is None.')
