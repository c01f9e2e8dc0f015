"""The catalogues of sources in gin/mixture, with data of their form."""

import pytest

from ns import config
from ns.core import errors
from ns.mixture import splits
from tests.support import photos
from tests.support import source_contract
from tests.support import tf_records

make_cache = source_contract.make_cache

RUN = """# Run: for a test.
from __gin__ import dynamic_registration
from ns import images
from ns import loop
from ns import mixture
from ns import pseudolabel
from ns import training
include 'gin/loop/student.gin'
include 'gin/mixture/NAME.gin'
include 'gin/models/tiny.gin'
include 'gin/noise/light.gin'
loop.SelfTraining.generations = [
    @teacher/loop.Generation, @student/loop.Generation]
loop.SelfTraining.data = @NAME/mixture.Sets()
loop.Generation.model = @micro/models.EfficientNet()
loop.Generation.crop = @images.InceptionCrop()
loop.Generation.evaluation_crop = @images.CentreCrop()
images.CentreCrop.padding = 4
teacher/loop.Generation.mixture = @mixture.Labelled()
mixture.Labelled.labelled_batch = 4
mixture.ExactRatio.labelled_batch = 4
mixture.ExactRatio.ratio = 2
pseudolabel.Balance.images_per_class = 5
training.Training.num_steps = 2
training.Cosine.peak = 0.1
"""


def sets(tmp_path, name, *bindings):
  path = tmp_path / f'{name}_run.gin'
  path.write_text(RUN.replace('NAME', name))
  return config.compose([str(path)], bindings).root.data


def test_photos(tmp_path, monkeypatch):
  monkeypatch.setenv('NS_PHOTOS_DIR', str(tmp_path))
  photos.folder(tmp_path / 'labelled', per_class=10)
  photos.folder(tmp_path / 'pool')
  data = sets(tmp_path, 'photos')
  data.read()
  validation, = data.evaluation_sets
  assert [part.num_examples for part in (
      data.labelled, validation, data.unlabelled)] == [27, 3, 15]
  assert not splits.left_out(data)


def test_imagenet(tmp_path, monkeypatch):
  monkeypatch.setenv('NS_IMAGENET_DIR', str(tmp_path))
  image = photos.encoded(0, 0, 'JPEG')
  example = lambda label: tf_records.example(
      **{'image/encoded': image, 'image/class/label': label})
  for name, count in ('train', 1200), ('validation', 30), ('extra', 7):
    tf_records.write(tmp_path / f'{name}-00000-of-00001',
                     [example(1 + i % 1000) for i in range(count)])
  data = sets(tmp_path, 'imagenet', 'imagenet/mixture.Sets.validation = 100')
  validation, test = data.evaluation_sets
  assert [part.num_examples for part in (
      data.labelled, validation, test, data.unlabelled)] == [1100, 100, 30, 7]
  assert data.classes == 1000
  assert test.class_ids.tolist() == list(range(30))


def test_imagenet_is_not_there(tmp_path):
  data = sets(tmp_path, 'imagenet')
  # It is planned all the same.
  assert data.labelled.num_examples == 1281167 - 10000
  assert [part.name for part in data.missing] == [
      'imagenet_train', 'imagenet_validation']
  with pytest.raises(errors.RunError) as caught:
    data.read()
  assert 'set NS_IMAGENET_DIR to the folder' in str(caught.value)


def test_svhn_is_not_prepared(tmp_path):
  data = sets(tmp_path, 'svhn', f'mixture.Tfds.data_dir = {str(tmp_path)!r}')
  with pytest.raises(errors.RunError) as caught:
    _ = data.labelled
  assert str(caught.value).startswith(
      '`svhn_cropped` should be prepared in `')


def test_foreign_images_in_the_pool_of_a_run():
  data = config.compose(
      ['gin/runs/smoke.gin', 'gin/mixture/foreign.gin']).root.data
  data.read()
  # 60,000 less 1,000 for validation and 200 labelled are four fifths.
  assert data.unlabelled.num_examples == 58800 + 14700
  assert data.unlabelled.foreign().sum() == 14700
