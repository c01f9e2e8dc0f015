"""Leases on a bucket, and among processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from etils import epath
import pytest

from ns.core import errors
from ns.core import files
from ns.core import termination
from ns.loop import lease
from ns.loop import lock
from tests.support import buckets

TIMES = lease.Times(renewal=0.05, end=0.6, settling=0.01, look=0.02)


@pytest.fixture(name='folder')
def make_folder():
  folder = buckets.new()
  folder.mkdir(parents=True)
  return folder


def written(folder):
  return json.loads(files.read(folder / 'lease.json'))


def put(folder, **changes):
  """A lease of another machine."""
  text = json.dumps({
      'id': 'another', 'host': 'far', 'machine': 'of another boot', 'pid': 77,
      'number': 0, 'time': time.time(), **changes})
  buckets.server().call('put', name=f'{folder}/lease.json'[5:], text=text)


class Time:
  """A clock that only sleeping moves on; `events` happen at their times."""

  def __init__(self, **events):
    self.now, self.slept = 1000.0, 0.0
    self._events = sorted((float(name[2:]), event)
                          for name, event in events.items())

  def clock(self):
    return self.now

  def sleep(self, seconds):
    self.now += seconds
    self.slept += seconds
    while self._events and self._events[0][0] <= self.slept:
      self._events.pop(0)[1]()


def held(folder, passing=None, times=lease.Times()):
  passing = passing or Time()
  return lease.held(folder, times, passing.sleep, passing.clock)


def test_a_lease_says_who_works_and_goes_at_the_end(folder):
  with held(folder):
    found = written(folder)
    assert found['pid'] == os.getpid()
    assert found['time'] == pytest.approx(time.time(), abs=60)
    assert lease.is_held(folder)
  assert not list(folder.iterdir())
  assert not lease.is_held(folder)


def test_it_goes_after_an_error(folder):
  with pytest.raises(KeyError):
    with held(folder):
      raise KeyError
  assert not list(folder.iterdir())


def test_it_is_renewed(folder):
  with held(folder, times=TIMES):
    first = written(folder)['number']
    until(lambda: written(folder)['number'] > first + 1)


def until(is_so):
  for _ in range(2000):
    if is_so():
      return
    time.sleep(0.005)
  raise AssertionError('It did not happen.')


def test_a_run_that_another_machine_renews_is_refused(folder):
  put(folder)
  passing = Time(at12=lambda: put(folder, number=1))
  with pytest.raises(errors.RunError) as caught:
    with held(folder, passing):
      raise AssertionError('held by two')
  assert str(caught.value) == (
      f'A program on far (process 77) works on the run in `{folder}`; wait '
      'until it is finished, or give another `--work_dir`.')
  assert passing.slept == 12
  assert written(folder)['id'] == 'another'


def test_what_the_client_remembers_of_its_size_does_not_matter(folder):
  put(folder)
  assert (folder / 'lease.json').stat().length  # For five seconds.
  passing = Time(at1=lambda: put(folder, host='another-and-longer-name'))
  with pytest.raises(errors.RunError) as caught:
    with held(folder, passing):
      raise AssertionError('held by two')
  assert 'A program on another-and-longer-name ' in str(caught.value)


def test_leases_are_of_one_length(folder, monkeypatch):
  for host in 'h', 'a-machine.of-a-far.zone':
    monkeypatch.setattr(socket, 'gethostname', lambda host=host: host)
    with held(folder):
      assert len(files.read(folder / 'lease.json')) == 1024


def test_a_lease_that_nobody_renews_is_taken_over(folder, capsys):
  put(folder)
  passing = Time()
  with held(folder, passing):
    assert written(folder)['pid'] == os.getpid()
  # As long as it lasts, and until it settled.
  assert passing.slept == 60 + 2
  assert capsys.readouterr().err == (
      f'{folder}/lease.json says that a program on far works on this run; if '
      'it does not say so again within 60 s, it is taken over\n')


def test_the_clocks_of_machines_may_differ(folder):
  put(folder, time=time.time() - 10**6)
  passing = Time(at12=lambda: put(folder, time=time.time() - 10**6 + 1))
  with pytest.raises(errors.RunError):
    with held(folder, passing):
      raise AssertionError('held by two')


def test_a_lease_that_is_given_back_is_not_waited_for(folder):
  put(folder)
  passing = Time(at5=(folder / 'lease.json').unlink)
  with held(folder, passing):
    pass
  assert passing.slept == 5 + 2


@pytest.mark.parametrize('content', ['', 'no json', '[]', '{"id": "x"}'])
def test_what_is_no_lease_blocks_nobody(folder, content):
  (folder / 'lease.json').write_text(content)
  passing = Time()
  with held(folder, passing):
    assert written(folder)['pid'] == os.getpid()
  assert passing.slept == 2


def test_of_two_at_the_same_moment_the_last_one_holds(folder):
  # The other reads nothing, too, and writes after this one did.
  with pytest.raises(errors.RunError) as caught:
    with held(folder, Time(at2=lambda: put(folder))):
      raise AssertionError('held by two')
  assert 'on far (process 77)' in str(caught.value)
  assert written(folder)['id'] == 'another'


def test_who_has_lost_it_asks_to_end_and_leaves_it_alone(folder, capsys):
  try:
    with held(folder, times=TIMES):
      put(folder)
      until(termination.is_requested)
    assert written(folder)['id'] == 'another'
    assert capsys.readouterr().err.endswith(
        'lease.json is the lease of a program on far now, so this one ends\n')
  finally:
    termination._requested = False


def test_a_network_that_is_gone_for_a_while_costs_nothing(
    folder, monkeypatch, capsys):
  broken = threading.Event()
  write = lease._write

  def sometimes(*args):
    if broken.is_set():
      broken.clear()
      raise OSError('no network')
    write(*args)

  monkeypatch.setattr(lease, '_write', sometimes)
  with held(folder, times=TIMES):
    broken.set()
    until(lambda: not broken.is_set())
    number = written(folder)['number']
    until(lambda: written(folder)['number'] > number)
  assert 'cannot be renewed now: no network' in capsys.readouterr().err


HOLDER = '''
import sys, time
sys.path[:] = PATHS
from etils import epath
from ns.loop import lease
with lease.held(epath.Path(sys.argv[1]), lease.Times(settling=0)):
  print('held', flush=True)
  time.sleep(60)
'''


def test_a_program_killed_on_this_machine_is_not_waited_for(tmp_path):
  folder = epath.Path(tmp_path)
  program = subprocess.Popen(
      [sys.executable, '-c', HOLDER.replace('PATHS', repr(sys.path)),
       str(folder)], stdout=subprocess.PIPE, text=True)
  assert program.stdout.readline() == 'held\n'
  passing = Time(at3=lambda: program.send_signal(signal.SIGSTOP))
  passing.sleep(3)  # It renews nothing now, but is there.
  passing = Time(at9=lambda: (program.kill(), program.wait()))
  with held(folder, passing):
    assert written(folder)['pid'] == os.getpid()
  assert passing.slept == 9 + 2
  program.communicate()
  with held(folder, passing):  # Nothing is left.
    pass
  assert passing.slept == 9 + 2 + 2


def test_a_run_on_a_bucket_has_a_lease_and_no_lock(folder, monkeypatch):
  start = lease.held
  monkeypatch.setattr(lease, 'held', lambda folder: start(folder, TIMES))
  assert not lock.is_held(folder)
  with lock.held(folder / 'run'):
    assert [path.name for path in (folder / 'run').iterdir()] == ['lease.json']
    assert lock.is_held(folder / 'run')
  assert not lock.is_held(folder / 'run')
