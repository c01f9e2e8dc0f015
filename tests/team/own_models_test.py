"""Models of one's own: planned without TensorFlow, and trained for real."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from ns import config
from ns.config import locate
from tests.support import data_sets

_GIN = 'tests/team/own_models.gin'


@pytest.fixture(name='flags', scope='module')
def make_flags(tmp_path_factory):
  """The same run on few images, for a few steps."""
  folder = tmp_path_factory.mktemp('data')
  made = {name: data_sets.idx(folder, name, count=count, size=28, classes=10,
                              seed=count)
          for name, count in (('train', 300), ('test', 40))}
  bindings = {
      'mixture.FewLabels.validation': 40,
      'mixture.FewLabels.labelled_per_class': 10,
      'pseudolabel.Balance.images_per_class': 20,
      'pseudolabel.Select.min_confidence': None,
      'pseudolabel.Balance.allow_empty_classes': True,
      'pseudolabel.Labelling.batch_size': 50,
      'evaluation.Accuracy.batch_size': 40,
      'mixture.Labelled.labelled_batch': 16,
      'mixture.ExactRatio.labelled_batch': 4,
      'training.Training.num_steps': 4}
  for name, source in made.items():
    row = f'fashion_mnist_{name}/mixture.Idx'
    bindings.update({f'{row}.images': source.images,
                     f'{row}.labels': source.labels})
  return [f'{name}={value!r}' for name, value in bindings.items()]


def test_each_generation_has_its_model():
  teacher, student = config.compose([_GIN]).root.generations
  assert type(teacher.model).__name__ == 'SmallNet'
  assert type(student.model).__name__ == 'KerasApplication'
  assert (student.model.name, student.model.network_size) == (
      'MobileNetV3Small', 32)


def test_it_plans_without_tensorflow(flags):
  program = ('import sys; sys.path[:] = sys.argv[1].split(":"); '
             'from ns import config; '
             f'print(config.compose([{_GIN!r}], sys.argv[2:]).plan("work")); '
             'sys.exit("tensorflow" in sys.modules)')
  done = subprocess.run(
      [sys.executable, '-c', program, ':'.join(sys.path), *flags], text=True,
      capture_output=True, check=False)
  assert (done.returncode, done.stderr) == (0, '')
  assert 'batches of 4 + 12 images' in done.stdout


def test_it_trains(flags, tmp_path):
  program = os.path.join(locate.root(), 'tests', 'team', 'own_models')
  command = ([program] if 'TEST_SRCDIR' in os.environ
             else [sys.executable, '-m', 'ns.main'])
  done = subprocess.run(
      [*command, f'--gin_file={_GIN}', f'--work_dir={tmp_path}',
       *(f'--gin.{flag}' for flag in flags)], text=True, capture_output=True,
      check=False, env={**os.environ, 'PYTHONPATH': ':'.join(sys.path)})
  assert done.returncode == 0, done.stderr
  summary = json.loads((tmp_path / 'summary.json').read_text())
  for name, kernel, generation in zip(
      ('teacher', 'student'),
      ('conv2d_2/kernel', 'expanded_conv_depthwise/kernel'),
      summary['generations'], strict=True):
    assert generation['name'] == name
    assert math.isfinite(generation['train']['loss'])
    assert generation['evaluate']['test']['num_examples'] == 40
    with np.load(tmp_path / name / 'train' / 'average.npz') as average:
      assert kernel in average.files
