"""Hosts that are killed or asked to end, together or one of them.

Manual: it starts a dozen programs. `NS_KILLS`: a tenth of it, 3 unless it says
otherwise, are the times that two hosts are disturbed at any moment; each is
told on stdout (pytest's `-s`).
"""

import json
import os
import random
import signal
import time

import numpy as np
import pytest

from tests.integration import on_runtimes

_SECONDS = 600
# TensorFlow notices after ten seconds that a host is gone.
_NOTICED_SECONDS = 60.0
_DISTURBED = max(int(os.environ.get('NS_KILLS', 0)) // 10, 3)
NOT, ENDED = ('', 0), 'Another host of the 2 has ended, and worker {} ends'


def finish(programs):
  """Exit codes, and what they said."""
  said = [program.communicate(timeout=_SECONDS)[0] for program in programs]
  return [program.returncode for program in programs], said


def losses(work):
  return {name: [(line['step'], line['loss']) for line in map(
      json.loads, (work / name / 'train' / 'metrics.jsonl').read_text(
          ).splitlines())] for name in ('teacher', 'student1')}


@pytest.mark.parametrize('killed', [0, 1])
def test_a_run_of_two_hosts_that_ends_again_and_again(tmp_path, killed):
  data, work = tmp_path / 'data', tmp_path / 'hosts'
  on_runtimes.run(data, on_runtimes.DEVICES['one'])
  other = 1 - killed

  def one_dies(*where):
    ends = [NOT, NOT]
    ends[killed] = where
    programs = on_runtimes.start_hosts(data, work, ends)
    programs[killed].wait(_SECONDS)
    start = time.monotonic()
    codes, said = finish(programs)
    assert time.monotonic() - start < _NOTICED_SECONDS
    assert codes[killed] == -9 and codes[other] == 1, said
    assert ENDED.format(other) in said[other], said[other]

  one_dies('teacher/train', 3)
  one_dies('student1/label', 1)
  codes, said = finish(on_runtimes.start_hosts(
      data, work, [('student1/train', 7)] * 2))
  assert -9 in codes, said

  # One is asked to end, and all end: at once, with a checkpoint.
  ends = [NOT, NOT]
  ends[killed] = '-student1/train', 3
  codes, said = finish(on_runtimes.start_hosts(data, work, ends))
  assert codes == [42, 42], said
  assert 'step-8' in ' '.join(path.name for path in (
      work / 'student1' / 'train' / 'scratch' / 'checkpoints' / 'ended'
      ).iterdir())

  # The rest on one device.
  codes, said = finish([on_runtimes.start(data, work, 'one')])
  assert codes == [0], said
  codes, said = finish([on_runtimes.start(data, tmp_path / 'one', 'one')])
  assert codes == [0], said
  ours, expected = losses(work), losses(tmp_path / 'one')
  for name in expected:
    assert [step for step, _ in ours[name]] == list(range(1, 13))
    np.testing.assert_allclose(ours[name], expected[name], rtol=1e-5)


@pytest.mark.parametrize('asked', [0, 1])
def test_all_end_where_one_is_asked_to(tmp_path, asked):
  """In stages that are made together, and in those of the chief alone."""
  data, work = tmp_path / 'data', tmp_path / 'hosts'
  on_runtimes.run(data, on_runtimes.DEVICES['one'])
  for stage in ('teacher/evaluate', 'student1/label', 'student1/select',
                'student1/evaluate'):
    ends = [NOT, NOT]
    ends[asked] = f'-{stage}', 0
    programs = on_runtimes.start_hosts(data, work, ends)
    programs[asked].wait(_SECONDS)
    start = time.monotonic()
    codes, said = finish(programs)
    assert codes == [42, 42], said
    assert time.monotonic() - start < _NOTICED_SECONDS / 2
    assert not (work / stage / 'manifest.json').exists()
  codes, said = finish(on_runtimes.start_hosts(data, work))
  assert codes == [0, 0], said
  assert 'student1/select: finished already' in said[0]


def wait_until_they_work(work, programs):
  """Until the chief has written what it writes first, if it does."""
  begin, first = time.time(), work / 'splits.parquet'
  while not (first.exists() and first.stat().st_mtime > begin) and (
      all(program.poll() is None for program in programs)):
    time.sleep(0.02)


def disturbed(data, work, draws, seconds):
  """Exit codes of a start of two hosts, of which one or both get a signal."""
  whom, number = draws.choice([
      ([0], signal.SIGKILL), ([1], signal.SIGKILL), ([0, 1], signal.SIGKILL),
      ([0], signal.SIGTERM), ([1], signal.SIGTERM)])
  programs = on_runtimes.start_hosts(data, work)
  wait_until_they_work(work, programs)
  time.sleep(draws.uniform(0, 0.7) * seconds)
  for worker in whom:
    programs[worker].send_signal(number)
  codes, said = finish(programs)
  print(f'{number.name} to {whom}: exit codes {codes}', flush=True)
  for worker, (code, text) in enumerate(zip(codes, said)):
    assert code in (0, 1, 42) or worker in whom and code == -number, text
    assert code != 1 or 'error: ' in text.splitlines()[-1], text
  return codes


def test_two_hosts_are_disturbed_at_any_moment(tmp_path):
  """One of them or both; both together go on, and come to the same."""
  data, whole = tmp_path / 'data', tmp_path / 'whole'
  on_runtimes.run(data, on_runtimes.DEVICES['one'])

  def finishes(work):
    programs = on_runtimes.start_hosts(data, work)
    wait_until_they_work(work, programs)
    begin = time.monotonic()
    codes, said = finish(programs)
    assert codes == [0, 0], said
    return time.monotonic() - begin

  begin, seconds = time.monotonic(), finishes(whole)
  draws, done, run = random.Random(7), 0, 0
  while done < _DISTURBED:
    run += 1
    work = tmp_path / str(run)
    for _ in range(4):
      if disturbed(data, work, draws, seconds) == [0, 0]:
        break
      done += 1
    else:
      finishes(work)
    assert_alike(work, whole)
  print(f'two hosts: {done} times disturbed, {run} runs compared, '
        f'{time.monotonic() - begin:.0f} s', flush=True)


def assert_alike(work, expected):
  """Both came to the same, to rounding."""
  ours, theirs = losses(work), losses(expected)
  for name in theirs:
    assert [step for step, _ in ours[name]] == list(range(1, 13))
    np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5)
    found, wanted = (np.load(folder / name / 'train' / 'average.npz')
                     for folder in (work, expected))
    assert {*found} == {*wanted}
    for path in wanted:
      np.testing.assert_allclose(found[path], wanted[path], rtol=1e-4,
                                 atol=1e-5, err_msg=path)
  evaluated = [[generation['evaluate']['test']['accuracy']
                for generation in json.loads(
                    (folder / 'summary.json').read_text())['generations']]
               for folder in (work, expected)]
  assert evaluated[0] == evaluated[1]
