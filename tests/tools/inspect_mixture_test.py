import json
import types

import numpy as np
from PIL import Image
import pytest

from ns import pseudolabel
from ns.core import manifest
from tests.support import linear
from tests.support import tiny
from tools import command
from tools import inspect_mixture
from tools import inputs


@pytest.fixture(name='run', scope='module')
def make_run(tmp_path_factory):
  """A run whose student's images are selected, and its folder."""
  folder = tmp_path_factory.mktemp('run')
  run = tiny.run(folder / 'data', changes={
      'teacher': {'model': linear.Architecture()},
      'student1': {'select': pseudolabel.Select(
          min_confidence=0.0, balance=pseudolabel.Balance(
              images_per_class=30, allow_empty_classes=True))}})
  run.run(str(folder / 'work'), until='student1/select')
  return run, folder / 'work'


@pytest.fixture(name='call')
def make_call(run, tmp_path, monkeypatch, capsys):
  """Runs the tool as if a gin file said that run."""
  monkeypatch.setattr(
      command.config, 'compose',
      lambda *args: types.SimpleNamespace(root=run[0], run_file='tiny.gin'))

  def call(*argv):
    code = inspect_mixture.main(
        ['--gin_file=tiny.gin', f'--output={tmp_path}/out', *argv])
    said = capsys.readouterr()
    return code, said.out, said.err

  return call


def test_the_mixture_of_a_student(run, call, tmp_path):
  code, out, err = call(f'--work_dir={run[1]}', '--batches=9')
  assert (code, err) == (0, '')
  assert out.startswith('tiny.gin, generation student1\n\nset ')
  assert out.endswith(f'{tmp_path}/out: mixture.json, mixture.png\n')
  told = json.loads((tmp_path / 'out/mixture.json').read_text())
  # 8 labelled images and 16 others in every batch, in halves and quarters too.
  observed = told['observed']
  assert (observed['batches'], observed['batch_size']) == (9, 24)
  assert observed['ratio'] == 2 and told['note'] == ''
  assert [(part['labelled_least'], part['labelled_most'])
          for part in observed['parts']] == [(8, 8), (4, 4), (2, 2), (1, 1)]
  selected = manifest.read(run[1] / 'student1/select').results
  images = told['classes']['images']
  assert images['with copies'] == selected['copies_per_class']
  assert images['labelled'] == [3, 3, 3, 3]
  with Image.open(tmp_path / 'out/mixture.png') as sheet:
    assert sheet.format == 'PNG' and sheet.width > 400


def test_sections_have_images_by_class(run):
  run, folder = run
  generation = run.generations[1]
  found = inputs.of(run, generation, folder)
  labelled, others = inspect_mixture.sections(run, generation, found)
  assert [row.label for row in labelled.rows] == [
      f'{label}\nlabelled' for label in range(4)]
  # All three images of a class, more than once in these batches; as they are.
  keys = dict(zip(run.data.labelled.keys(), run.data.labelled.class_ids))
  pixels = {key: image for key, image in zip(
      run.data.train.keys(), run.data.train.pixels)}
  for label, row in enumerate(labelled.rows):
    assert len(row.images) == 5
    for caption, image in zip(row.captions, row.images):
      assert keys[caption] == label
      np.testing.assert_array_equal(image, pixels[caption])
  assert others.heading.startswith('Pseudo-labelled')
  pool = set(run.data.unlabelled.keys())
  for row in others.rows:
    for caption in row.captions:
      key, confidence = caption.split('\n')
      assert key in pool and 0.25 <= float(confidence) <= 1


def test_before_there_are_labels_the_pool_is_shown(run, call, tmp_path):
  code, out, _ = call(f'--work_dir={tmp_path}/none', '--batches=2')
  assert code == 0
  note = (f'Labelled images only: {tmp_path}/none/student1/select is not '
          'finished.')
  assert f'  {note}\n' in out
  *_, pool = inspect_mixture.sections(
      run[0], run[0].generations[1],
      inputs.of(run[0], run[0].generations[1], tmp_path / 'none'))
  assert (pool.heading, pool.note) == ('The pool, without labels', note)
  shown = [caption for row in pool.rows for caption in row.captions]
  assert len(shown) == 20
  assert set(shown) <= set(run[0].data.unlabelled.keys())


def test_a_teacher_needs_no_labels_of_others(run, call, tmp_path):
  code, out, _ = call(f'--work_dir={tmp_path}/none', '--batches=2',
                      '--generation=teacher')
  assert code == 0 and 'Labelled images only' not in out
  assert '  pseudo-labelled images for each labelled one: 0\n' in out


def test_many_classes_are_some_rows(run, monkeypatch):
  monkeypatch.setattr(inspect_mixture, '_CLASSES', 2)
  run, folder = run
  labelled, *_ = inspect_mixture.sections(
      run, run.generations[0], inputs.of(run, run.generations[0], folder))
  assert [row.label for row in labelled.rows] == [
      '0\nlabelled', '3\nlabelled']
  assert labelled.note == '2 of 4 classes.'


@pytest.mark.parametrize('argv, said', [
    (['--batches=0'], '`--batches` should be at least 1, but is 0.'),
    (['--generation=x'], '`--generation` should be one of teacher, student1, '
     "but is 'x'.")])
def test_what_is_wrong_is_said(call, argv, said):
  assert call(*argv) == (2, '', f'error: {said}\n')
