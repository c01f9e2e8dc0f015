import json
import types

import numpy as np
from PIL import Image
import pytest

from ns import pseudolabel
from ns.core import manifest
from ns.core import seeds
from ns.mixture import views
from ns.pseudolabel import teacher
from tests.support import tiny
from tools import command
from tools import show_labels

NAMES = ('labelled', 'pass the filter', 'used', 'used, with copies')


def answer(weights):
  """A teacher that looks at some of the pixels."""
  def predict(images):
    powers = np.exp(np.float32(images.reshape(len(images), -1)) @ weights)
    return powers / powers.sum(axis=1, keepdims=True)
  return predict


@pytest.fixture(name='run', scope='module')
def make_run(tmp_path_factory):
  """A run with labels for two students, and the selection for the first."""
  folder = tmp_path_factory.mktemp('run')
  run = tiny.run(folder / 'data', students=2, train=150)
  work = folder / 'work'
  for number, generation in enumerate(run.generations[1:]):
    weights = np.random.default_rng(number).normal(
        0, 0.004, (64, 4)).astype(np.float32)
    place = work / generation.name
    manifest.begin(place / 'label', {})
    results = pseudolabel.Labelling(batch_size=32).run([teacher.Teacher(
        name='teacher', fingerprint='t', predict=answer(weights),
        view=views.View(size=8, channels=1))], run.data.unlabelled,
        str(place / 'label'))
    manifest.commit(place / 'label', {}, results, 1.0, {}, {})
    if number:
      continue
    manifest.begin(place / 'select', {})
    results = pseudolabel.Select(
        min_confidence=0.4, balance=pseudolabel.Balance(
            images_per_class=10, allow_empty_classes=True)).run(
                str(place / 'label'), run.data.unlabelled,
                str(place / 'select'), seeds.Seed(0), 4)
    manifest.commit(place / 'select', {}, results, 1.0, {}, {})
  (work / 'config.gin').write_text('as it was')
  return run, work


@pytest.fixture(name='composed')
def make_composed(run, monkeypatch):
  """As if the gin file that is kept said that run."""
  def compose(gin_files, *args):
    del args
    assert gin_files == [str(run[1] / 'config.gin')]
    return types.SimpleNamespace(root=run[0], run_file=gin_files[0])
  monkeypatch.setattr(command.config, 'compose', compose)
  return run


def test_pictures_and_figures(composed, tmp_path, capsys):
  run, work = composed
  assert show_labels.main([f'--work_dir={work}', f'--output={tmp_path}/out',
                           '--images=3']) == 0
  written = capsys.readouterr().out.split()
  assert written == [f'{tmp_path}/out/{name}' for name in (
      'images.png', 'confidences.png', 'classes.png', 'agreement.png',
      'numbers.json')]
  for path in written[:-1]:
    with Image.open(path) as picture:
      assert picture.width > 300 and len(set(
          map(tuple, np.array(picture).reshape(-1, 3)))) > 3
  found = json.loads((tmp_path / 'out' / 'numbers.json').read_text())
  results = manifest.read(work / 'student1' / 'select').results
  assert found['generation'] == 'student1'
  for name in 'pool', 'used', 'copies':
    assert found[name]['by_class'] == results[f'{name}_per_class']
    assert found[name]['images'] == results[name]
  assert found['agreement']['other'] == 'student2'
  assert found['agreement']['images'] == run.data.unlabelled.num_examples
  confusion = np.array(found['agreement']['confusion'])
  assert 0 < confusion.trace() < confusion.sum()
  top = found['agreement']['most_confused'][0]
  names = found['classes']
  assert confusion[names.index(top['one']), names.index(top['other'])] == (
      top['images']) == (confusion - np.diag(np.diag(confusion))).max()


def test_a_generation_that_is_not_selected_has_no_classes(
    composed, tmp_path, capsys):
  assert show_labels.main([
      f'--work_dir={composed[1]}', f'--output={tmp_path}',
      '--generation=student2', '--classes=1,3']) == 0
  assert 'classes.png' not in capsys.readouterr().out
  found = json.loads((tmp_path / 'numbers.json').read_text())
  assert found['agreement']['other'] == 'student1'
  assert found['used']['images'] == 0 < found['pool']['images']


def test_captions_say_what_it_is_if_it_is_known(composed):
  run, work = composed
  labels = show_labels.Labels(run, run.generations[1], work)
  sample = types.SimpleNamespace(shard=0, row=5, label=2, confidence=0.9876)
  caption = lambda hidden: show_labels._caption(sample, labels, hidden)
  assert caption(None) == caption(np.full(9, 2)) == '0.988'
  assert caption(np.full(9, 3)) == '0.988\nis 3'
  assert caption(np.full(9, -1)) == '0.988\nis foreign'


def test_images_are_those_of_the_pool(composed):
  pool = composed[0].data.unlabelled
  expected = [record['image'] for record in
              pool.records().as_numpy_iterator()]
  samples = [types.SimpleNamespace(shard=0, row=row) for row in (7, 2, 7)]
  found = show_labels._pictures(pool, samples)
  assert found.keys() == {(0, 2), (0, 7)}
  for (_, row), image in found.items():
    np.testing.assert_array_equal(image, expected[row])


@pytest.mark.parametrize('names, text, expected', [
    ('abcd', '', [0, 1, 2, 3]), ('abcd', 'c,0,c', [2, 0]),
    ([str(9 - i) for i in range(10)], '3', [6])])
def test_classes_by_name_or_number(names, text, expected):
  assert show_labels.classes_of(text, list(names)) == expected


def test_some_of_many_classes():
  found = show_labels.classes_of('', list(map(str, range(1000))))
  assert len(found) == 12 and (found[0], found[-1]) == (0, 999)


@pytest.mark.parametrize('argv, message', [
    (['--generation=teacher'], '`--generation` should be a generation whose '
     "labels are finished in `WORK`, of student1, student2, but is 'teacher'."),
    (['--other=b7'], '`--other` should be a generation whose labels are '
     "finished in `WORK`, of student1, student2, but is 'b7'."),
    (['--classes=0,9'], '`--classes` should be names or numbers of the 4 '
     "classes of the run, but has '9'."),
    (['--images=0'], '`--images` should be at least 1, but is 0.')])
def test_what_is_wrong_is_said(composed, tmp_path, capsys, argv, message):
  work = composed[1]
  assert show_labels.main([f'--work_dir={work}', f'--output={tmp_path}',
                           *argv]) == 2
  assert capsys.readouterr().err == (
      f'error: {message}\n'.replace('WORK', str(work)))


def test_a_folder_that_is_no_run(tmp_path, capsys):
  assert show_labels.main([f'--work_dir={tmp_path}']) == 2
  assert capsys.readouterr().err == (
      'error: `--work_dir` should be the folder of a run, with its '
      f'`config.gin`, but `{tmp_path}/config.gin` is not there; name the run '
      'file with `--gin_file`.\n')
