"""The sources, the order of a training and the search for leaks on photographs.

It is run when it is asked for, with a folder of photographs in sub-folders:

  ./bazelw test //tests/integration:photographs_test \
      --test_env=NS_PHOTOGRAPHS=/data/photographs

docs/leakage.md says where some are to be had. Up to 180 of them, reduced to 240
pixels, are written in mixed formats, as a user has them. What is expected comes
from Pillow, and from files that were written without this project.
"""

import collections
import dataclasses
import io
import os
import pathlib

import numpy as np
from PIL import Image
from pyarrow import parquet
import pytest

from ns import images
from ns import mixture
from ns.core import seeds
from ns.mixture import inputs as inputs_lib
from ns.mixture import leakage
from ns.mixture import leakage_list
from ns.mixture import loose_images
from ns.mixture import pseudo_record
from ns.mixture import views
from tests.support import photos
from tests.support import planted
from tests.support import tf_records

MOST, SIDE = 180, 240
BATCHES, LABELLED, RATIO = 1000, 4, 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Photographs:
  """A folder of them by class: the bytes of each by its path in it."""
  folder: pathlib.Path
  written: dict[str, bytes]

  @property
  def classes(self) -> list[str]:
    return sorted({path.partition('/')[0] for path in self.written})

  def label(self, path: str) -> int:
    return self.classes.index(path.partition('/')[0])

  def source(self, folder=None, **how) -> mixture.Folder:
    return mixture.Folder(name='photographs', path=str(folder or self.folder),
                          manifest=f'{folder or self.folder}.parquet', **how)


@pytest.fixture(name='photographs', scope='module')
def make_photographs(tmp_path_factory) -> Photographs:
  root = os.environ.get('NS_PHOTOGRAPHS')
  if not root:
    pytest.fail('NS_PHOTOGRAPHS should name a folder with photographs in '
                'sub-folders; give `--test_env=NS_PHOTOGRAPHS=FOLDER`.')
  paths = [path for path in sorted(
      loose_images.below(root, collections.Counter())) if '/' in path]
  folder, written = tmp_path_factory.mktemp('made') / 'photographs', {}
  for i in np.unique(np.linspace(0, len(paths) - 1, MOST).astype(int)):
    with Image.open(f'{root}/{paths[i]}') as picture:
      picture = picture.convert('RGB')
    picture.thumbnail((SIDE, SIDE))
    kind = photos.FORMATS[i % len(photos.FORMATS)]
    path = f'{paths[i].partition("/")[0]}/{i:05}.{kind.lower()}'
    written[path] = photos.write(folder / path, planted.encoded(picture, kind))
  return Photographs(folder=folder, written=written)


def decodes(content: bytes) -> bool:
  try:
    Image.open(io.BytesIO(content)).load()
    return True
  except OSError:
    return False


def examples(source) -> dict[bytes, tuple[int, str]]:
  columns = source.columns(np.arange(source.num_examples))
  return dict(zip(columns['image'], columns['label'].tolist()))


def test_what_pillow_cannot_read_is_left_out_and_nothing_else(
    photographs, tmp_path):
  written = {}
  for i, (path, content) in enumerate(photographs.written.items()):
    name, suffix = os.path.splitext(path)
    written[path] = content
    if i % 3 == 0:
      written[f'{name}-cut{suffix}'] = content[:len(content) * (i % 7) // 8]
    if i % 20 == 0:
      written[f'{name}-page{suffix}'] = b'<!DOCTYPE html>'
      written[f'{name}-wrong.jpg'] = content
  for path, content in written.items():
    photos.write(tmp_path / 'with' / path, content)
  source = photographs.source(tmp_path / 'with', check_images=True,
                              max_excluded=0.5)
  broken = {path for path, content in written.items() if not decodes(content)}
  assert {key.partition('/')[2] for key, _ in source.excluded()} == broken
  assert {key.partition('/')[2] for key in source.keys()} == (
      written.keys() - broken)
  assert len(broken) > len(written) / 8


def test_a_folder_records_of_another_program_and_tfds_are_the_same(
    photographs, tmp_path):
  import tensorflow_datasets as tfds
  expected = {content: photographs.label(path)
              for path, content in photographs.written.items()}
  assert examples(photographs.source(check_images=True)) == expected

  tf_records.write(tmp_path / 'theirs-00000-of-00001', [
      tf_records.example(**{'image/encoded': content,
                            'image/class/label': 1 + label})
      for content, label in expected.items()])
  assert examples(mixture.TfRecord(
      name='theirs', files=str(tmp_path / 'theirs-*'),
      classes=len(photographs.classes), check_images=True,
      manifest=str(tmp_path / 'theirs.parquet'))) == expected

  class Photographs(tfds.core.GeneratorBasedBuilder):
    """The photographs, by class."""
    VERSION = tfds.core.Version('1.0.0')
    code_path = None  # Nothing lies beside this code, such as checksums.
    url_infos = {}

    def _info(self):
      return tfds.core.DatasetInfo(builder=self, features=(
          tfds.features.FeaturesDict({
              'image': tfds.features.Image(shape=(None, None, 3)),
              'label': tfds.features.ClassLabel(names=photographs.classes)})))

    def _split_generators(self, dl_manager):
      return {'train': self._generate_examples()}

    def _generate_examples(self):
      for path in photographs.written:
        # TFDS has no WebP: it takes the files of the others as they are.
        if not path.endswith('webp'):
          yield path, {'image': str(photographs.folder / path),
                       'label': path.partition('/')[0]}

  Photographs(data_dir=str(tmp_path)).download_and_prepare()
  assert examples(mixture.Tfds(
      name='tfds', builder='photographs', split='train', check_images=True,
      data_dir=str(tmp_path), manifest=str(tmp_path / 'tfds.parquet'))) == {
          content: label for content, label in expected.items()
          if content[:4] != b'RIFF'}


@pytest.fixture(name='batches', scope='module')
def make_batches(photographs, tmp_path_factory):
  """Makes the batches of a mixture of them, from a step on.

  Every second photograph is labelled; the others a teacher has labelled.
  """
  source = photographs.source(check_images=True)
  everything = np.arange(source.num_examples)
  pool = source.columns(everything[1::2])
  folder = tmp_path_factory.mktemp('pseudo')
  records = [
      pseudo_record.serialise(
          key=key, image=image, label=label, confidence=1.0, copies=1,
          probabilities=np.eye(len(photographs.classes))[label])
      for key, image, label in zip(pool['key'], pool['image'], pool['label'])]
  files = [(tf_records.write(folder / f'pseudo-{i}', records[i::LABELLED]),
            len(records[i::LABELLED])) for i in range(LABELLED)]
  inputs = inputs_lib.Inputs(
      labelled=mixture.Subset(name='labelled', source=source, is_labelled=True,
                              indices=everything[::2]),
      view=views.View(size=16, channels=3, crop=images.InceptionCrop()),
      pseudo_labelled=inputs_lib.PseudoLabelled(
          files=files, images=len(records)))
  mixed = mixture.ExactRatio(labelled_batch=LABELLED, ratio=RATIO)
  return lambda first_step: mixed.batches(
      inputs, seeds.Seed(5), first_step).as_numpy_iterator()


def test_the_ratio_holds_for_every_replica_and_restarts_go_on(
    photographs, batches):
  class_of = lambda key: photographs.label(key.decode().partition('/')[2])
  restarts = np.sort(np.random.default_rng().choice(BATCHES, 8, replace=False))
  kept, iterator = {}, batches(0)
  for step in range(BATCHES):
    batch = next(iterator)
    for replicas in 1, 2, 4:
      labelled = batch['is_labelled'].reshape(replicas, -1).sum(1)
      assert labelled.tolist() == [LABELLED / replicas] * replicas
    assert len(set(batch['key'])) == LABELLED * (1 + RATIO)
    assert (batch['weight'] == 1).all()
    assert batch['label'].argmax(1).tolist() == list(
        map(class_of, batch['key']))
    if step in restarts or step - 1 in restarts:
      kept[step] = batch
  for step in restarts.tolist():
    again = batches(step)
    for number in (step, step + 1)[:BATCHES - step]:
      found = next(again)
      assert found.keys() == kept[number].keys()
      for name, expected in kept[number].items():
        np.testing.assert_array_equal(
            found[name], expected, f'{name} of step {number}, from {step}')


def test_copies_are_found_and_originals_kept(photographs, tmp_path):
  """Of all copies of the test images one in two hundred may be missed."""
  paths = sorted(photographs.written)
  test, others = paths[::9], [path for i, path in enumerate(paths) if i % 9]
  copies = {}
  for number, path in enumerate(test):
    photos.write(tmp_path / 'test' / path, photographs.written[path])
    for how, content in planted.copies(photographs.written[path]).items():
      copies[f'{number}-{how}.jpg'] = f'test/{path}'
      photos.write(tmp_path / 'pool' / f'{number}-{how}.jpg', content)
  for path in others:
    photos.write(tmp_path / 'pool' / path, photographs.written[path])
  pool = mixture.ImageFiles(name='pool', path=str(tmp_path / 'pool'),
                            manifest=str(tmp_path / 'pool.parquet'))
  evaluation = mixture.Folder(name='test', path=str(tmp_path / 'test'),
                              manifest=str(tmp_path / 'test.parquet'))
  leakage.Search().run([pool], [evaluation], tmp_path / 'leaks')
  listed = parquet.read_table(tmp_path / 'leaks' / leakage_list.NAME)
  pairs = {(key.partition('/')[2], original) for key, original in zip(
      *(listed[name].to_pylist() for name in ('key', 'evaluation_key')))}
  missed = [copy for copy in copies.items() if copy not in pairs]
  assert len(missed) <= len(copies) / 200, missed
  # What else is listed are photographs that the folder has twice.
  wrong = {pair for pair in pairs if copies.get(pair[0]) != pair[1]}
  assert len(wrong) <= len(others) / 50, wrong
