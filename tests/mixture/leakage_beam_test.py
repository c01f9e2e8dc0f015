"""The search as a pipeline, against the search in one process."""

import os
import sys

from apache_beam.internal import pickler
from apache_beam.options import pipeline_options
import numpy as np
import pytest

from ns import mixture
from ns.mixture import leakage
from ns.mixture import leakage_beam
from ns.mixture import leakage_job
from ns.mixture import leakage_list
from tests.support import idx_files
from tests.support import planted
from tests.support import tf_records


def idx(folder, name, images):
  return mixture.Idx(
      name=name, classes=2,
      images=idx_files.write(folder / f'{name}-images', np.stack(images)),
      labels=idx_files.write(folder / f'{name}-labels',
                             np.arange(len(images), dtype=np.uint8) % 2))


@pytest.fixture(name='sets', scope='module')
def make_sets(tmp_path_factory):
  """Pools of three files and of pixels, a labelled and an evaluation set."""
  folder = tmp_path_factory.mktemp('sets')
  picture = lambda seed: planted.photograph(seed, (40, 44))
  grey = lambda seed: np.asarray(picture(seed).convert('L'))
  for number in range(3):
    # One of each file is in the evaluation set, too, and one is broken.
    images = [planted.jpeg(picture(100 + 10 * number + i)) for i in range(5)]
    images[number] = planted.jpeg(planted.mirrored(picture(number)), 60)
    images[4] = images[4][:300]
    tf_records.write(folder / f'r{number}', [
        tf_records.example(**{'image/encoded': image}) for image in images])
  with pytest.MonkeyPatch.context() as patched:
    patched.setenv('NS_CACHE_DIR', str(folder / 'cache'))
    yield mixture.Sets(
        train=idx(folder, 'train', [grey(200 + i) for i in range(6)]),
        pools=[mixture.TfRecord(name='files', files=f'{folder}/r*', label=''),
               idx(folder, 'pixels', [grey(i) for i in range(5, 9)])],
        validation=2, test=idx(folder, 'test', [grey(i) for i in range(7)]))


@pytest.fixture(name='expected', scope='module')
def search(sets, tmp_path_factory):
  """The bytes of the list of one process."""
  folder = tmp_path_factory.mktemp('expected')
  told = leakage.Search().run(sets.compared, sets.evaluation_sets, folder)
  assert [(row['set'], row['images'], row['exact']) for row in told['found']
          ] == [('unlabelled', 5, 2)]
  assert told['broken']['unlabelled']['count'] == 3
  return (folder / leakage_list.NAME).read_bytes()


def by_beam(sets, folder, *flags):
  leakage_beam.run(
      leakage.Search(), sets.compared, sets.evaluation_sets, str(folder),
      pipeline_options.PipelineOptions(['--runner=FnApiRunner', *flags]))
  return (folder / leakage_list.NAME).read_bytes()


@pytest.mark.parametrize('flags', [
    (), ('--direct_running_mode=multi_threading', '--direct_num_workers=2')],
    ids=['in_memory', 'threads'])
def test_it_makes_the_same_list(sets, expected, tmp_path, flags):
  assert by_beam(sets, tmp_path, *flags) == expected
  assert os.listdir(tmp_path) == [leakage_list.NAME]


def test_it_goes_on_with_parts_that_are_there(
    sets, expected, tmp_path, monkeypatch):
  job = leakage_job.Job.of(leakage.Search(), sets.compared, sets.evaluation_sets,
                       tmp_path)
  index = job.index()
  todo = [(each, shard) for each in job.compared
          for shard in each.source.shards]
  for each, shard in todo[:-1]:
    job.write_part(index, each, shard)
  made = []
  write = leakage_job.Job.write_part

  def count(self, index, compared, shard, **how):
    made.append(shard.name)
    write(self, index, compared, shard, **how)

  monkeypatch.setattr(leakage_job.Job, 'write_part', count)
  assert by_beam(sets, tmp_path) == expected
  assert made == [todo[-1][1].name]
  # With a finished list there is no pipeline.
  leakage_beam.run(leakage.Search(), sets.compared, sets.evaluation_sets,
                   str(tmp_path), None)


def test_what_is_sent_is_as_declared(sets, tmp_path):
  sets.read()  # Pixels are in memory now, and not sent.
  job = leakage_job.Job.of(leakage.Search(), sets.compared, sets.evaluation_sets,
                       tmp_path)
  sent = pickler.dumps(leakage_beam.CompareShard(job))
  pixels = sets.test.pixels.tobytes()
  assert pixels[:60] not in sent and len(sent) < 8000
  again = pickler.loads(sent)
  assert [each.source.digest() for each in again._job.compared] == [
      each.source.digest() for each in job.compared]


@pytest.mark.skipif(not os.environ.get('NS_LONG_TESTS'),
                    reason='starts processes that load TensorFlow')
def test_in_processes(sets, expected, tmp_path, monkeypatch):
  monkeypatch.setenv('PYTHONPATH', os.pathsep.join(filter(None, sys.path)))
  assert by_beam(sets, tmp_path, '--direct_running_mode=multi_processing',
                 '--direct_num_workers=2') == expected
