"""The README says what is true: its commands exist, its figures are a run's."""

import os
import pathlib
import re
import shlex

import pytest

from ns import config
from ns.config import locate
from tools import readme_runs

_ROOT = pathlib.Path(locate.root())
_README = (_ROOT / 'README.md').read_text(encoding='utf-8')


def _commands():
  """The words of each `./bazelw` command in a code block, comments dropped."""
  for block in re.findall(r'```\n(.*?)```', _README, re.DOTALL):
    for line in block.replace('\\\n', ' ').splitlines():
      if line.startswith('./bazelw '):
        yield shlex.split(line, comments=True)[1:]


_RUN_COMMANDS = [words for words in _commands() if words[0] == 'run']


def test_tensorboard_imports():
  from tools import curves
  assert callable(curves.main.run_main)


def test_the_first_screen_has_the_two_commands():
  first_screen = '\n'.join(_README.splitlines()[:25])
  assert './bazelw run //gin/runs:fashion_mnist\n' in first_screen
  assert './bazelw test //...\n' in first_screen


@pytest.mark.skipif('TEST_SRCDIR' not in os.environ, reason='Bazel builds them')
@pytest.mark.parametrize('words', _RUN_COMMANDS, ids=' '.join)
def test_a_command_names_a_program_among_the_data_of_this_test(words):
  package, name = words[1].removeprefix('//').split(':')
  assert os.access(_ROOT / package / name, os.X_OK)


@pytest.mark.parametrize(
    'words', [w for w in _RUN_COMMANDS if w[1].startswith('//gin/runs:')],
    ids=' '.join)
def test_the_overrides_of_a_command_compose(words):
  name = words[1].removeprefix('//gin/runs:')
  bindings = [word.removeprefix('--gin.') for word in words[2:]
              if word.startswith('--gin.')]
  composed = config.compose([f'gin/runs/{name}.gin'], bindings)
  assert len(composed.root.generations) > 1


@pytest.mark.parametrize('block', ['runs', 'benches'])
def test_a_table_is_made_from_what_was_measured(block):
  assert readme_runs.read(_ROOT, block)
  table = readme_runs.tables(_ROOT)[block]
  assert len(table.splitlines()) > 4
  assert readme_runs.updated(_README, block, table) == _README


def test_a_figure_stands_beside_its_peers():
  measured = {
      'randaugment_224_images_per_second': 9876.5,
      'reference_images_per_second': 987.65,
      'randaugment_32_images_per_second': 40000.4, 'ratio': 10.125,
      'timm_images_per_second': 2000.0}
  assert readme_runs.figures({'noise': measured}).splitlines()[2:] == [
      "| RandAugment, 224 x 224, images/s | 9,876 | the reference's, in "
      'TensorFlow 2 | 988 | 10.12 |',
      '|  | 9,876 | timm | 2,000 | 4.94 |',
      '| RandAugment, 32 x 32, images/s | 40,000 |  |  |  |']
  rows = readme_runs.figures({'select': {'seconds': 61.25}}).splitlines()
  assert rows[2:] == [
      '| selection from 300 M predictions, s | 61.2 |  |  |  |']


def test_the_table_says_what_a_summary_says():
  summary = {'generations': [
      {'name': 'teacher', 'seconds': 30.0,
       'evaluate': {'test': {'accuracy': 0.8125}}},
      {'name': 'student', 'seconds': 90.0,
       'select': {'used': 1234, 'accuracy_used': 0.875},
       'evaluate': {'test': {'accuracy': 0.8375}}}]}
  assert readme_runs.rows({'mine': summary}).splitlines()[2:] == [
      '| `//gin/runs:mine` | teacher | 0.5 min |  |  | 81.25 % |',
      '| `//gin/runs:mine` | student | 1.5 min | 1,234 | 87.5 % | 83.75 % |',
      '| | all | 2.0 min | | | |']


def test_a_readme_without_the_block_is_refused():
  with pytest.raises(ValueError, match='should have a block'):
    readme_runs.updated('# Nothing\n', 'runs', '')


def test_every_folder_of_the_picture_exists():
  picture = re.search(
      r'## Where things are\n\n```\n(.*?)```', _README, re.DOTALL)
  folder = ''
  for line in picture[1].splitlines():
    name = line.split()[0]
    folder = name if not line.startswith(' ') else folder
    path = folder if name == folder else os.path.join(folder, name)
    assert (_ROOT / path).exists(), path
