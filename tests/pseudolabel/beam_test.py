"""Labelling as a pipeline, against labelling in a run."""

import dataclasses
import os
import pickle
import sys
import types

from apache_beam.internal import pickler
from apache_beam.options import pipeline_options
import numpy as np
import pytest

from ns import images
from ns import models
from ns import noise
from ns.core import errors
from ns.core import files
from ns.mixture import views
from ns.models import inference
from ns.pseudolabel import beam
from ns.pseudolabel import exported
from ns.pseudolabel import labelled_shard
from ns.pseudolabel import labelling
from ns.pseudolabel import store
from ns.pseudolabel import teacher
from tests.pseudolabel import fakes
from tests.support import data_sets
from tests.support import tiny

CLASSES = 4
SCORES = ('entropy', 'margin')


def export(folder, seed=7, **provenance):
  """An exported network, and the network."""
  network = tiny.architecture().build(noise.ModelNoise(), CLASSES, seed=seed)
  models.Export().run(
      network, str(folder), class_names=tuple('abcd'), image_size=8, channels=1,
      crop=images.AsIs(), provenance={
          'stage': 'teacher/train', 'fingerprint': f't{seed}', **provenance})
  return exported.Exported(folder=str(folder)), network


@pytest.fixture(name='teachers', scope='module')
def make_teachers(tmp_path_factory):
  return [export(tmp_path_factory.mktemp('export'), seed) for seed in (7, 8)]


@pytest.fixture(name='pool', scope='module')
def make_pool(tmp_path_factory):
  """A real source, of 40 images in 3 shards."""
  source = data_sets.few_labels(tmp_path_factory.mktemp('data')).unlabelled
  bounds = [0, 17, 18, source.num_examples]
  shards = tuple(fakes.Shard(f's{i}', low, high - low) for i, (low, high) in
                 enumerate(zip(bounds, bounds[1:])))
  return Sharded(source=source, shards=shards)


@dataclasses.dataclass(frozen=True)
class Sharded:
  """A source in other shards."""
  source: object
  shards: tuple

  def __getattr__(self, name):
    if name.startswith('__') or 'source' not in self.__dict__:
      raise AttributeError(name)
    return getattr(self.source, name)


def by_beam(policy, teachers, source, folder, *more, temperature=1.0):
  return beam.run(policy, teachers, source, str(folder),
                  pipeline_options.PipelineOptions(
                      ['--runner=FnApiRunner', *more]), temperature)


def by_run(policy, networks, source, folder, temperature=1.0):
  """What the run itself writes, from the networks that were exported."""
  view = views.View(size=8, channels=1)
  return policy.run(
      [teacher.Teacher(name='teacher', predict=inference.predictor(network),
                       view=view, fingerprint=found.fingerprint)
       for found, network in networks], source, str(folder),
      temperature=temperature)


def columns(folder, source):
  names = ['key', 'label', 'confidence', 'probabilities', *SCORES]
  found = [list(store.read(store.predictions_path(folder, shard.name), names))
           for shard in source.shards]
  return {name: np.concatenate([batch[name] for part in found
                                for batch in part]) for name in names}


def headers(folder, source):
  return [store.read_header(store.predictions_path(folder, shard.name))
          for shard in source.shards]


def check_same(theirs, ours, source):
  assert sorted(os.listdir(theirs)) == sorted(os.listdir(ours))
  assert headers(theirs, source) == headers(ours, source)
  found, expected = columns(theirs, source), columns(ours, source)
  for name in 'key', 'label':
    assert found[name].tolist() == expected[name].tolist()
  assert expected['probabilities'].astype(float).std(axis=0).max() > 5e-3
  for name in 'confidence', *SCORES:
    np.testing.assert_allclose(found[name], expected[name], atol=1e-5)
  # These are of float16: the last of its bits may differ.
  np.testing.assert_allclose(found['probabilities'].astype(np.float32),
                             expected['probabilities'], rtol=1e-3)


@pytest.mark.parametrize('more', [
    (), ('--direct_running_mode=multi_threading', '--direct_num_workers=2')],
    ids=['in_memory', 'threads'])
def test_as_in_a_run(teachers, pool, tmp_path, more):
  policy = labelling.Labelling(batch_size=8, scores=SCORES)
  found = by_beam(policy, [teachers[0][0]], pool, tmp_path / 'a', *more)
  expected = by_run(policy, teachers[:1], pool, tmp_path / 'b')
  check_same(tmp_path / 'a', tmp_path / 'b', pool)
  assert found == {**expected, 'mean_confidence': pytest.approx(
      expected['mean_confidence'], abs=1e-5)}
  assert found['images'] == found['images_labelled'] == pool.num_examples


def test_in_processes(teachers, pool, tmp_path, monkeypatch):
  monkeypatch.setenv('PYTHONPATH', os.pathsep.join(filter(None, sys.path)))
  policy = labelling.Labelling(batch_size=8, scores=SCORES)
  by_beam(policy, [teachers[0][0]], pool, tmp_path / 'a',
          '--direct_running_mode=multi_processing', '--direct_num_workers=2')
  by_run(policy, teachers[:1], pool, tmp_path / 'b')
  check_same(tmp_path / 'a', tmp_path / 'b', pool)


def test_several_teachers_encoded_images_and_a_temperature(teachers, tmp_path):
  rng = np.random.default_rng(0)
  pool = fakes.Pool((5, 4), classes=CLASSES)
  pool.images = rng.integers(0, 256, (9, 8, 8, 1)).astype(np.uint8)
  pool.encoded = True
  policy = labelling.Labelling(batch_size=4, scores=SCORES, top_k=2,
                               weights=(3, 1))
  by_beam(policy, [found for found, _ in teachers], pool, tmp_path / 'a',
          temperature=0.7)
  by_run(policy, teachers, pool, tmp_path / 'b', temperature=0.7)
  check_same(tmp_path / 'a', tmp_path / 'b', pool)


def test_a_run_goes_on_with_what_a_pipeline_labelled(teachers, pool, tmp_path):
  policy = labelling.Labelling(batch_size=8)
  by_beam(policy, [teachers[0][0]], pool, tmp_path)
  (tmp_path / 'predictions-s1.parquet').unlink()
  counts = by_run(policy, teachers[:1], pool, tmp_path)
  assert (counts['shards_kept'], counts['images_labelled']) == (2, 1)
  # And a pipeline with what a run labelled.
  before = (tmp_path / 'predictions-s1.parquet').read_bytes()
  (tmp_path / 'predictions-s0.parquet').write_bytes(b'PAR1')
  counts = by_beam(policy, [teachers[0][0]], pool, tmp_path)
  assert (counts['shards_kept'], counts['images_labelled']) == (2, 17)
  assert (tmp_path / 'predictions-s1.parquet').read_bytes() == before
  # With nothing to do no pipeline is made.
  counts = beam.run(policy, [teachers[0][0]], pool, str(tmp_path), None)
  assert (counts['shards_kept'], counts['images_labelled']) == (3, 0)


def test_what_a_worker_that_dies_leaves_is_no_output(
    teachers, pool, tmp_path, monkeypatch):
  policy = labelling.Labelling(batch_size=8)
  header = policy.header('t', pool)
  step = beam.LabelShard(policy, [teachers[0][0]], pool, tmp_path, header)
  step._ensemble = types.SimpleNamespace(answers=lambda *args: [])

  def write(answers, path, header):
    with open(path, 'wb') as file:
      file.write(b'all of it')
    raise KeyboardInterrupt  # Before it is renamed.

  monkeypatch.setattr(labelled_shard, 'write', write)
  with pytest.raises(KeyboardInterrupt):
    step.process(pool.shards[0])
  left, = os.listdir(tmp_path)
  assert files.is_aside(left)


def test_a_broken_image_keeps_its_row(teachers, tmp_path):
  pool = fakes.Pool((3, 2), classes=CLASSES, encoded=True)  # Of 4 x 3 pixels.
  policy = labelling.Labelling(batch_size=4, max_broken=1)
  counts = by_beam(policy, [teachers[0][0]], pool, tmp_path)
  assert (counts['broken']['count'], counts['broken']['keys']) == (5, pool.keys)
  with pytest.raises(errors.RunError, match='5 do not decode: '):
    by_beam(labelling.Labelling(), [teachers[0][0]], pool, tmp_path)


def test_what_is_sent_pickles_and_is_small(teachers, pool):
  _ = pool.source.source.pixels  # It is read here, and not sent.
  policy = labelling.Labelling()
  header = policy.header('t7', pool)
  step = beam.LabelShard(policy, [teachers[0][0]], pool, 'folder', header)
  sent = pickler.dumps(step)
  pixels = pool.source.source.pixels
  assert len(sent) < 6000 and pixels.tobytes()[:100] not in sent
  again = pickler.loads(sent)
  assert again._source.digest() == pool.digest()
  assert again._source.keys() == pool.keys()
  assert pickle.loads(pickle.dumps(step))._header == header


def test_the_step_uses_no_globals_but_modules():
  """What a worker would not have of the process that sent it."""
  functions = [value for value in vars(beam.LabelShard).values()
               if isinstance(value, types.FunctionType)]
  assert len(functions) >= 4
  for function in functions:
    for name in function.__code__.co_names:
      value = vars(beam).get(name)
      assert value is None or isinstance(
          value, (types.ModuleType, types.FunctionType, type)), name


@pytest.mark.parametrize('policy, message', [
    ({'augment': 'flip'}, "`Labelling.augment` should be None for exported "
     "networks, but is 'flip'; label within the run, or leave it out."),
    ({'precision': 'mixed_bfloat16'}, "`Labelling.precision` should be "
     "'float32' for exported networks, but is 'mixed_bfloat16'; label within "
     'the run, or leave it out.'),
    ({'scores': ('energy',)}, "`Labelling.scores` should be without 'energy' "
     'for exported networks, which give no logits; label within the run, or '
     'leave it out.'),
    ({'min_accuracy': 0.5}, '`Labelling.min_accuracy` = 0.5 asks for the '
     'accuracy of the teacher `teacher` on validation, which is not known; '
     'evaluate it first, or leave the bound out.'),
    ({'weights': (1, 2)}, '`Labelling.weights` should be one for each of the 1 '
     'teachers, but are 2.')])
def test_what_exported_networks_do_not_offer(teachers, pool, tmp_path, policy,
                                             message):
  with pytest.raises(errors.RunError) as caught:
    by_beam(labelling.Labelling(**policy), [teachers[0][0]], pool, tmp_path)
  assert str(caught.value) == message


def test_a_teacher_of_other_classes(teachers, tmp_path):
  with pytest.raises(errors.RunError) as caught:
    by_beam(labelling.Labelling(), [teachers[0][0]], fakes.Pool(), tmp_path)
  assert str(caught.value) == (
      'The teacher `teacher` should tell the 3 classes of `pool` apart, but '
      'has 4; take a teacher of 3 classes.')
