"""A shard of the pool that changes after it was labelled, or meanwhile."""

import os
import pathlib

import numpy as np
import pytest

from ns import mixture
from ns.core import errors
from ns.core import seeds
from ns.images import encode
from ns.mixture import views
from ns.pseudolabel import balance
from ns.pseudolabel import labelling
from ns.pseudolabel import select
from ns.pseudolabel import store
from ns.pseudolabel import teacher
from tests.support import tf_records


def write(folder, shard: int, seed: int) -> pathlib.Path:
  """A file of five images."""
  pixels = np.random.default_rng(seed).integers(0, 256, (5, 8, 8, 1), np.uint8)
  path = folder / f'pool-{shard:05}-of-00002'
  path.write_bytes(b''.join(tf_records.framed(tf_records.example(
      **{'image/encoded': encode.png(image)})) for image in pixels))
  return path


def change(path) -> None:
  """Other images of the same number, later."""
  write(path.parent, int(path.name[5:10]), 99)
  status = path.stat()
  os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))


@pytest.fixture(name='pool')
def make_pool(tmp_path, monkeypatch):
  monkeypatch.setenv('NS_CACHE_DIR', str(tmp_path / 'cache'))
  for shard in range(2):
    write(tmp_path, shard, shard)
  return mixture.Pools(name='pool', class_names=tuple('abc'), parts=[
      mixture.TfRecord(name='a', files=str(tmp_path / 'pool-*'), label='')])


def label(pool, folder, on_call=lambda: None):
  def predict(images):
    on_call()
    powers = np.exp(images[:, :3, 0, 0] / np.float32(50))
    return powers / powers.sum(axis=1, keepdims=True)

  return labelling.Labelling(batch_size=5, max_broken=1.0).run([teacher.Teacher(
      name='teacher', predict=predict, fingerprint='t',
      view=views.View(size=8, channels=1))], pool, str(folder / 'label'))


def choose(pool, folder):
  return select.Select(min_confidence=None, balance=balance.Unbalanced()).run(
      str(folder / 'label'), pool, str(folder / 'select'), seeds.Seed(0), 3)


def test_unchanged_it_is_selected(pool, tmp_path):
  assert label(pool, tmp_path)['images'] == 10
  assert choose(pool, tmp_path)['used'] == 10


def test_changed_while_it_is_labelled(pool, tmp_path):
  path = tmp_path / 'pool-00000-of-00002'
  calls = []

  def on_call():
    calls.append(None)
    if len(calls) == 2:
      change(path)

  with pytest.raises(errors.RunError, match='`.*pool-00000-of-00002` should '
                     'have the .* bytes that it had when its source was looked '
                     'through'):
    label(pool, tmp_path, on_call)


def test_changed_after_it_was_labelled(pool, tmp_path):
  label(pool, tmp_path)
  change(tmp_path / 'pool-00001-of-00002')
  with pytest.raises(errors.RunError, match='pool-00001-of-00002` should have '
                     'the .* bytes that it had'):
    choose(pool, tmp_path)
  assert not (tmp_path / 'select').exists()


class Unaware(mixture.Pools):
  """A pool whose digest does not tell what is in its files."""

  def digest(self):
    return 'always the same'


def looked_through_again(tmp_path, kind):
  for path in (tmp_path / 'cache').iterdir():
    path.unlink()
  return kind(name='pool', class_names=tuple('abc'), parts=[
      mixture.TfRecord(name='a', files=str(tmp_path / 'pool-*'), label='')])


def test_looked_through_again_it_is_another_pool(pool, tmp_path):
  label(pool, tmp_path)
  change(tmp_path / 'pool-00001-of-00002')
  again = looked_through_again(tmp_path, mixture.Pools)
  with pytest.raises(errors.RunError, match='should be of source digest .*; '
                     'label the pool again.'):
    choose(again, tmp_path)
  assert label(again, tmp_path)['shards_kept'] == 0
  assert choose(again, tmp_path)['used'] == 10


def test_what_no_digest_tells_the_images_tell(pool, tmp_path):
  """As of loose images, of which sizes and times are known."""
  del pool
  first = mixture.TfRecord(name='a', files=str(tmp_path / 'pool-*'), label='')
  label(Unaware(name='pool', class_names=tuple('abc'), parts=[first]), tmp_path)
  change(tmp_path / 'pool-00001-of-00002')
  again = looked_through_again(tmp_path, Unaware)
  with pytest.raises(errors.RunError) as caught:
    choose(again, tmp_path)
  assert str(caught.value) == (
      'Shard `a-pool-00001-of-00002` of `pool` should have the images that it '
      'had when it was labelled, but has others; bring them back, or label the '
      'pool again.')
  assert not list((tmp_path / 'select').glob('*.tfrecord'))
  os.remove(store.predictions_path(tmp_path / 'label', 'a-pool-00001-of-00002'))
  assert label(again, tmp_path)['shards_kept'] == 1
  assert choose(again, tmp_path)['used'] == 10
