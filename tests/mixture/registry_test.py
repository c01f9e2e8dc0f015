"""What seqio's own tools see of a run (`ns.mixture.registry`)."""

import pathlib
import types

import numpy as np
import pytest
import seqio

from ns import mixture
from ns.core import errors
from ns.core import manifest
from ns.images import crop
from ns.mixture import registry
from tests.support import data_sets
from tests.support import pseudo_files

COPIES = (1, 2, 1, 3)


@pytest.fixture(autouse=True)
def keep_registries():
  """What a test registers is taken away again."""
  before = set(seqio.TaskRegistry.names()), set(seqio.MixtureRegistry.names())
  yield
  for kind, names in zip((seqio.TaskRegistry, seqio.MixtureRegistry), before):
    for name in set(kind.names()) - names:
      kind.remove(name)


def run_of(data):
  """As much of a run as is asked for."""
  generation = lambda name: types.SimpleNamespace(
      name=name, evaluation_crop=crop.AsIs(),
      model=types.SimpleNamespace(image_size=8, channels=1),
      mixture=mixture.ExactRatio(labelled_batch=4, ratio=3))
  return types.SimpleNamespace(
      data=data, generations=[generation('teacher'), generation('student')])


def examples(name, split='train'):
  return list(seqio.get_mixture_or_task(name).get_dataset(
      sequence_length=None, split=split, shuffle=False
  ).as_numpy_iterator())


def test_the_sets_of_a_run(tmp_path):
  data = data_sets.few_labels(tmp_path)
  assert mixture.register(run_of(data), 'made') == (
      'made_labelled', 'made_unlabelled', 'made_pools')
  task = seqio.get_mixture_or_task('made_labelled')
  assert task.splits == ('train', 'validation', 'test')
  for split, part in zip(task.splits, (data.labelled, *data.evaluation_sets)):
    assert task.num_input_examples(split) == part.num_examples
    found = examples('made_labelled', split)
    assert [one['key'].decode() for one in found] == part.keys()
    np.testing.assert_array_equal(
        [one['image'] for one in found], part.source.pixels[part.indices])
    np.testing.assert_array_equal(
        [one['label'] for one in found], np.eye(4)[part.class_ids])
    assert {(one['weight'], one['is_labelled']) for one in found} == {(1, 1)}


def test_several_pools_are_tasks_and_a_mixture(tmp_path):
  sources = {name: data_sets.idx(tmp_path, name, count, seed=count)
             for name, count in (('train', 20), ('web-1', 30), ('web-2', 10))}
  data = mixture.Sets(train=sources['train'], validation=4,
                      pools=[sources['web-1'], sources['web-2']])
  assert mixture.register(run_of(data), 'own') == (
      'own_labelled', 'own_web_1', 'own_web_2', 'own_pools')
  found = examples('own_web_1')
  assert [one['key'].decode() for one in found] == sources['web-1'].keys()
  # Nobody sees the labels that there are.
  assert not any(one['label'].any() or one['is_labelled'] for one in found)
  both = seqio.get_mixture_or_task('own_pools')
  assert both.num_input_examples('train') == 40
  mixed = both.get_dataset(
      sequence_length=None, split='train', shuffle=False, num_epochs=None,
      seed=1).take(400).as_numpy_iterator()
  share = np.mean([one['key'].startswith(b'web-1/') for one in mixed])
  assert abs(share - 0.75) < 0.1


def test_what_is_selected_for_a_student(tmp_path):
  run = run_of(data_sets.few_labels(tmp_path))
  folder = tmp_path / 'work/student/select'
  images = data_sets.pixels_and_labels(4)[0][..., np.newaxis]
  rows = np.eye(4) * 0.6 + 0.1
  files = pseudo_files.write(folder, images, rows, COPIES)
  manifest.begin(folder, {})
  manifest.commit(folder, {}, {'records': {
      pathlib.Path(path).name: count for path, count in files}}, 1.0, {}, {})
  names = mixture.register(run, 'run', work_dir=tmp_path / 'work')
  assert names[2:] == ('run_pseudo_labelled', 'run_pools', 'run_mixture')
  found = examples('run_pseudo_labelled')
  # Records 0 and 2 are in the first file.
  order = [0, 2, 1, 1, 3, 3, 3]
  assert [one['key'].decode() for one in found] == [
      f'pool/{i}' for i in order]
  np.testing.assert_array_equal([one['image'] for one in found], images[order])
  np.testing.assert_allclose([one['label'] for one in found], rows[order],
                             atol=1e-6)
  task = seqio.get_mixture_or_task('run_pseudo_labelled')
  assert task.num_input_examples('train') == 7
  mixed = seqio.get_mixture_or_task('run_mixture').get_dataset(
      sequence_length=None, split='train', shuffle=False, num_epochs=None,
      seed=2).take(400).as_numpy_iterator()
  share = np.mean([one['is_labelled'] for one in mixed])
  assert abs(share - 0.25) < 0.1


def test_again_in_place_of_what_there_was(tmp_path):
  data = data_sets.few_labels(tmp_path)
  names = mixture.register(run_of(data), 'made')
  assert mixture.register(run_of(data), 'made', generation='teacher') == names
  assert set(names) <= {*seqio.TaskRegistry.names(),
                        *seqio.MixtureRegistry.names()}


def test_a_run_in_which_nothing_is_selected(tmp_path):
  with pytest.raises(errors.RunError) as raised:
    registry.register(run_of(data_sets.few_labels(tmp_path)), 'made',
                      work_dir=tmp_path)
  assert str(raised.value) == (
      f'`{tmp_path}/student/select` should have the selected images of '
      'student, but is not finished; give the folder of a run that is, or '
      'none.')


def test_the_snippet_of_the_documentation(tmp_path, monkeypatch):
  page = pathlib.Path(__file__).parents[2] / 'docs/data.md'
  code, = [block for block in page.read_text().split('```python\n')[1:]
           if 'mixture.register' in block]
  code = code.split('```')[0]
  run = run_of(data_sets.few_labels(tmp_path))
  monkeypatch.setattr(
      'ns.config.compose', lambda files: types.SimpleNamespace(root=run))
  space = {}
  exec(code, space)
  assert space['task'].name == 'smoke_labelled'
  assert len(space['examples']) == 8
