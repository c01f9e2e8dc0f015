import json
import sys
import time

import pytest

from ns import loop
from ns.core import errors


def command(tmp_path, script, **how):
  """A command that runs `script`, where PLACE is a folder."""
  path = tmp_path / 'hook.py'
  path.write_text(script.replace('PLACE', repr(str(tmp_path))))
  return loop.Command(words=[sys.executable, str(path), 'a word'], **how)


KEEP = '''
import pathlib, sys
pathlib.Path(PLACE, sys.argv[1]).write_text(sys.stdin.read())
'''


def test_a_command_gets_json_on_its_standard_input(tmp_path):
  event = {'event': 'stage_ended', 'results': {'name': 'größer', 'n': None}}
  command(tmp_path, KEEP).tell(event)
  text = (tmp_path / 'a word').read_text()
  assert json.loads(text) == event
  assert text.count('\n') == 1 and text.endswith('\n')


def test_a_string_is_divided_as_a_shell_would(tmp_path):
  path = tmp_path / 'a hook.py'
  path.write_text(KEEP.replace('PLACE', repr(str(tmp_path))))
  loop.Command(words=f'"{sys.executable}" "{path}" \'two words $HOME\'').tell(
      {'event': 'run_ended'})
  assert (tmp_path / 'two words $HOME').exists()


def test_it_runs_where_the_user_is(tmp_path, monkeypatch):
  monkeypatch.setenv('BUILD_WORKING_DIRECTORY', str(tmp_path))
  loop.Command(words=[sys.executable, '-c', 'open("here", "w")']).tell({})
  assert (tmp_path / 'here').exists()


def test_a_command_need_not_read(tmp_path):
  command(tmp_path, 'import os; os.close(0)').tell({'results': 'x' * 2**20})


def error(made):
  with pytest.raises(errors.RunError) as caught:
    made.tell({'event': 'run_ended'})
  return str(caught.value)


def test_a_command_that_fails(tmp_path):
  assert error(command(tmp_path, 'raise SystemExit(3)')) == (
      f'`{sys.executable}` ended with exit code 3.')


def test_a_command_that_is_not_there():
  assert error(loop.Command(words='/nowhere/notify --loud')) == (
      '`/nowhere/notify` cannot be run: No such file or directory.')


def test_a_command_that_hangs_is_ended_with_what_it_started(tmp_path):
  # Its child has the pipe too, and would keep it open.
  made = command(tmp_path, '''
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])
pathlib.Path(PLACE, 'pid').write_text(str(child.pid))
time.sleep(60)
''', timeout_seconds=1.5)
  begin = time.monotonic()
  assert error(made) == (
      f'`{sys.executable}` took longer than 1.5 s (`Command.timeout_seconds`) '
      'and was ended.')
  assert time.monotonic() - begin < 30
  assert is_gone((tmp_path / 'pid').read_text())


def is_gone(pid):
  """Whether it ends: at once, or as soon as someone asks what became of it."""
  for _ in range(1000):
    try:
      with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
        if file.read().rpartition(')')[2].split()[0] == 'Z':
          return True
    except FileNotFoundError:
      return True
    time.sleep(0.01)
  return False


@pytest.mark.parametrize('how, said', [
    ({'words': []}, "`Command.words` should be a command and its arguments, "
     "such as `['notify', '--loud']`, but is []."),
    ({'words': '  '}, "`Command.words` should be a command and its arguments, "
     "such as `['notify', '--loud']`, but is '  '."),
    ({'words': ['a', 1]}, "`Command.words` should be a command and its "
     "arguments, such as `['notify', '--loud']`, but is ['a', 1]."),
    ({'words': 'say "no'}, "`Command.words` should be a command as for a "
     "shell, but is 'say \"no': No closing quotation."),
    ({'words': 5}, '`Command.words` should be a value of type str or list or '
     'tuple, but is 5.'),
    ({'words': 'a', 'timeout_seconds': 0}, '`Command.timeout_seconds` should '
     'be a number above 0, but is 0.')])
def test_wrong_fields(how, said):
  with pytest.raises((TypeError, ValueError)) as caught:
    loop.Command(**how)
  assert str(caught.value) == said


def test_a_program_that_is_not_there_is_told_at_once(tmp_path, monkeypatch):
  monkeypatch.setenv('BUILD_WORKING_DIRECTORY', str(tmp_path))
  (tmp_path / 'mine').write_text('#!/bin/sh\n')
  for word in '/nowhere/notify', './mine':  # No one may run it.
    with pytest.raises(errors.RunError) as caught:
      loop.Command(words=[word]).check()
    assert str(caught.value) == (
        f'`Command.words` should begin with a program, but there is no `{word}` '
        'that can be run; give its whole path, or install it.')
  (tmp_path / 'mine').chmod(0o755)
  loop.Command(words=['./mine']).check()
  loop.Command(words='sh -c true').check()


def test_what_is_not_finite_is_told_as_a_string(tmp_path):
  loop.Command(words=['tee', str(tmp_path / 'told')]).tell(
      {'results': {'loss': float('nan'), 'rates': [1.5, float('-inf')]}})
  assert json.loads((tmp_path / 'told').read_text(), parse_constant=pytest.fail
                    ) == {'results': {'loss': 'nan', 'rates': [1.5, '-inf']}}
