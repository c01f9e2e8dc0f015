"""Tests of tools/command.py."""

import types

from PIL import Image
import pytest

from ns.core import errors
from tools import command


def flags():
  made = command.Flags('tool', 'What it does.\n\n  bazel run //tools:tool')
  command.add_run(made)
  made.add_argument('--batches', type=int, default=3)
  return made


def test_flags_of_a_run():
  arguments = flags().parse([
      '--gin_file=a.gin', '--gin_file=b.gin', '--gin.x/Y.z=1', '--batches=5'])
  assert vars(arguments) == {
      'gin_file': ['a.gin', 'b.gin'], 'gin_bindings': ['x/Y.z=1'],
      'gin_search_paths': '', 'work_dir': None, 'generation': None,
      'batches': 5}


@pytest.mark.parametrize('argv, message', [
    (['more'], '`more` is not a flag; write `--NAME=VALUE`.'),
    (['--bathces=3'], 'There is no flag `--bathces`; did you mean '
     '`--batches`?'),
    (['--gin=3'], 'There is no flag `--gin`; did you mean `--gin_file`?'),
    (['--batches=many'], "Argument --batches: invalid int value: 'many'; "
     '`--help` says what the flags take.'),
    (['--generation'], 'Argument --generation: expected one argument; '
     '`--help` says what the flags take.')])
def test_wrong_flags(argv, message):
  with pytest.raises(errors.ConfigError) as raised:
    flags().parse(argv)
  assert str(raised.value) == message


def test_flags_of_others():
  arguments, others = flags().parse_some(['--batches=5', '--runner=Direct'])
  assert (arguments.batches, others) == (5, ['--runner=Direct'])


def test_help_is_the_docstring_and_the_flags(capsys):
  with pytest.raises(SystemExit) as ended:
    flags().parse(['--help'])
  assert ended.value.code == 0
  out = capsys.readouterr().out
  assert 'bazel run //tools:tool' in out and '--generation' in out


def test_the_work_dir_is_where_the_user_is(tmp_path, monkeypatch):
  monkeypatch.setenv('BUILD_WORKING_DIRECTORY', str(tmp_path))
  given = types.SimpleNamespace(work_dir='mine')
  assert command.work_dir(given, 'gin/a.gin') == f'{tmp_path}/mine'
  given.work_dir = None
  monkeypatch.setenv('BUILD_WORKSPACE_DIRECTORY', str(tmp_path / 'all'))
  assert command.work_dir(given, 'gin/a.gin') == str(
      tmp_path / 'all' / 'work' / 'a')


def test_the_last_generation_unless_named():
  teacher, student = (types.SimpleNamespace(name=name)
                      for name in ('teacher', 'student'))
  run = types.SimpleNamespace(generations=[teacher, student])
  assert command.generation_of(run, None) is student
  assert command.generation_of(run, 'teacher') is teacher
  with pytest.raises(errors.ConfigError) as raised:
    command.generation_of(run, 'student3')
  assert str(raised.value) == (
      "`--generation` should be one of teacher, student, but is 'student3'.")


def test_an_output_is_in_a_folder_that_is_there(tmp_path):
  assert command.output_file(f'{tmp_path}/a.png') == f'{tmp_path}/a.png'
  assert command.output_file('gs://b/c/a.png') == 'gs://b/c/a.png'
  with pytest.raises(errors.ConfigError) as raised:
    command.output_file(f'{tmp_path}/none/a.png', 'sheet')
  assert str(raised.value) == (
      '`--sheet` should be a file in a folder that is there, but is '
      f'`{tmp_path}/none/a.png`.')


def test_a_picture_is_written(tmp_path):
  command.write_picture(f'{tmp_path}/new/a.png',
                        Image.new('RGB', (3, 2), 'red'))
  with Image.open(tmp_path / 'new' / 'a.png') as found:
    assert (found.format, found.size) == ('PNG', (3, 2))


@pytest.mark.parametrize('error, code, message', [
    (errors.ConfigError('`a` is wrong;\n  write b.'), 2,
     '`a` is wrong; write b.'),
    (errors.RunError('`a` is not there.'), 1, '`a` is not there.'),
    (IsADirectoryError(21, 'Is a directory', '/a'), 1, '/a: Is a directory'),
    (KeyboardInterrupt(), 130, 'interrupted.')])
def test_what_is_wrong_is_one_line(capsys, error, code, message):
  def work():
    raise error

  assert command.finish(work) == code
  assert capsys.readouterr() == ('', f'error: {message}\n')


def test_what_is_told_is_printed(capsys):
  assert command.finish(lambda: 'done') == 0
  assert command.finish(lambda: None) == 0
  assert capsys.readouterr() == ('done\n', '')


def test_bugs_are_not_hidden():
  with pytest.raises(ZeroDivisionError):
    command.finish(lambda: 1 / 0)


def test_the_exit_code_is_that_of_the_main(monkeypatch):
  monkeypatch.setattr('sys.argv', ['tool', '--a'])
  with pytest.raises(SystemExit) as ended:
    command.start(lambda argv: 7 if argv == ['--a'] else 0)
  assert ended.value.code == 7


def test_no_file_is_an_error():
  arguments = flags().parse([])
  with pytest.raises(errors.ConfigError, match='No gin file is given'):
    command.compose(arguments)
