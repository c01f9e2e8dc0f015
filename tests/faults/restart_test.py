"""A run that is killed, asked to end or out of space comes to the same.

Whatever happens to it: the last start gives, bit for bit, the weights, labels,
selections and figures of a run that nothing disturbed.

In the long form (`NS_LONG_TESTS`) the run has more kinds of stages, a program
ends at every moment of every stage, and `NS_KILLS` real kills of each kind
come, 15 unless it says otherwise.
"""

import hashlib
import json
import os
import pathlib
import random
import signal
import subprocess
import time

import numpy as np
import pytest

from ns.core import manifest
from tests.faults import dying
from tests.faults import forked
from tests.support import long_form

MAIN = 'tests.faults.dying:main'
# More than a stage has, so that each moment of each stage comes.
MOMENTS = range(1, 61)
KILLS = int(os.environ.get('NS_KILLS', 15))
FULL = (' cannot be written, since the disk is full. What is finished and the '
        'last checkpoint are kept: make space, and the same command goes on '
        'from there.')


class Whole:
  """A run that nothing disturbed, and the means to start others.

  Attributes:
    work: its folder.
    programs: starts programs.
    seconds: how long it took.
    moments: how many each stage has.
  """

  def __init__(self, folder, programs):
    self.work, self._data = folder / 'whole', folder / 'data'
    self.programs = programs
    begin = time.monotonic()
    program = self.start(self.work)
    assert program.wait() == 0, program.output.read_text()
    self.seconds = time.monotonic() - begin
    self.moments = json.loads(program.output.read_text().splitlines()[-1])

  def start(self, work, *args):
    """Starts the same run in `work`, to end as `args` say."""
    return self.programs.start(
        MAIN, str(self._data), str(work), *map(str, args))

  def finishes(self, work, *args) -> None:
    program = self.start(work, *args)
    assert program.wait() == 0, program.output.read_text()


@pytest.fixture(name='whole', scope='module')
def make_whole(tmp_path_factory):
  folder = tmp_path_factory.mktemp('runs')
  with forked.Forked(folder) as programs:
    yield Whole(folder, programs)


def lasting(value):
  """A summary without what a restart may change."""
  if isinstance(value, dict):
    return {name: lasting(inner) for name, inner in value.items()
            if name not in dying.OF_THE_START}
  return [lasting(inner) for inner in value] if isinstance(value, list) else (
      value)


def names(work):
  """All files but those of TensorBoard, one of which each start writes."""
  return {str(path.relative_to(work)) for path in work.rglob('*')
          if path.is_file() and 'summaries' not in path.parts}


def assert_same(work, expected):
  """Both runs came to the same."""
  assert names(work) == names(expected)
  same = [name for name in names(work) if name.endswith(
      ('.npz', '.parquet', '.tfrecord', 'begun.json', '.gin'))]
  assert len(same) > 18
  for name in same:
    found, wanted = (hashlib.sha256((place / name).read_bytes()).hexdigest()
                     for place in (work, expected))
    assert found == wanted, name
  summaries = [lasting(json.loads((place / 'summary.json').read_text()))
               for place in (work, expected)]
  assert summaries[0] == summaries[1]
  for stage in expected.glob('*/*/' + manifest.METRICS):
    stage = stage.parent.relative_to(expected)
    logs = [[lasting(json.loads(line)) for line in (
        place / stage / manifest.METRICS).read_text().splitlines()]
            for place in (work, expected)]
    assert logs[0] == logs[1]


def test_the_run_has_all_that_is_to_be_disturbed(whole):
  assert tuple(whole.moments) == dying.STAGES
  assert max(whole.moments.values()) < max(MOMENTS)
  train = json.loads((whole.work / 'student1/train/manifest.json').read_text())
  assert train['results']['best_step'] in (4, 8, 12)
  assert {'average.npz', 'network.npz', manifest.METRICS} <= set(
      train['outputs'])
  assert not list(whole.work.rglob('*aside')) + list(
      whole.work.rglob(manifest.SCRATCH))


@pytest.mark.parametrize('moment', long_form.cases([None, *MOMENTS], [None]))
def test_it_dies_in_each_stage(tmp_path, whole, moment):
  """Each start gets one stage further than the one before it."""
  draws, work = random.Random(2026), tmp_path / 'run'
  for index, stage in enumerate(dying.STAGES):
    last = whole.moments[stage]
    # At its last moment a stage has all but its manifest.
    at = moment if moment and moment <= last else draws.randint(1, last)
    program = whole.start(work, '', stage, at)
    assert program.wait() == dying.DIED, program.output.read_text()
    finished = [name for name in dying.STAGES
                if (work / name / 'manifest.json').exists()]
    assert finished in (list(dying.STAGES[:index]),
                        list(dying.STAGES[:index + 1])), (stage, at)
  whole.finishes(work)
  assert_same(work, whole.work)


@pytest.mark.parametrize('number, times', (
    [(signal.SIGKILL, KILLS), (signal.SIGTERM, KILLS)] if dying.IS_LONG
    else [(signal.SIGKILL, 3)]))
def test_it_is_killed_at_any_moment(tmp_path, whole, number, times):
  draws, done, run = random.Random(times), 0, 0
  while done < times:
    run += 1
    work = tmp_path / str(run)
    before = done
    while True:
      program = whole.start(work)
      # So that a run is killed twice or thrice before it is finished.
      time.sleep(draws.uniform(0, 0.8) * whole.seconds)
      program.send(number)
      code = program.wait()
      if code == 0:
        break
      # Before it listens, SIGTERM ends it like any other program.
      assert code in (-number, 42), program.output.read_text()
      done += 1
      if done - before == 4:
        whole.finishes(work)
        break
    assert_same(work, whole.work)


# A file that takes nothing at all stands where each of these is written.
EVERY = (
    'teacher/train/scratch/checkpoints/.step-5.npz.aside',
    'teacher/train/.average.npz.aside',
    'student1/label/.predictions-00001-of-00003.parquet.aside',
    'student1/select/scratch/.selection.parquet.aside',
    'student1/select/.pseudo-00003-of-00008.tfrecord.aside',
    'student1/train/scratch/checkpoints/.step-10.npz.aside',
    'student1/train/.network.npz.aside',
    'student1/evaluate/.manifest.json.aside')
FULL_AT = long_form.cases(EVERY, [EVERY[0], EVERY[2], EVERY[4], EVERY[6]])


def test_a_disk_that_is_full_at_some_file(tmp_path, whole):
  work = tmp_path / 'run'
  for name in FULL_AT:
    path = work / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to('/dev/full')
    program = whole.start(work)
    assert program.wait() == 1, (name, program.output.read_text())
    target = name.replace('/.', '/').removesuffix('.aside')
    last = program.output.read_text().splitlines()[-1]
    assert last in (f'error: `{work}/{target}`{FULL}',
                    f'error: `{path}`{FULL}'), last
    path.unlink(missing_ok=True)
  whole.finishes(work)
  assert_same(work, whole.work)


@pytest.mark.skipif(not dying.IS_LONG, reason='It is in the long form.')
def test_a_disk_that_is_small(tmp_path, whole):
  """It gets some more space for each start."""
  disk = tmp_path / 'disk'
  disk.mkdir()
  mounted = subprocess.run(
      ['mount', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', str(disk)],
      capture_output=True, text=True, check=False)
  if mounted.returncode:
    pytest.skip(f'Nothing can be mounted here: {mounted.stderr.strip()}')
  try:
    fill = lambda size: (disk / 'other').write_bytes(bytes(size))
    fill(8 * 2**20)
  except OSError:
    pass
  try:
    failures = 0
    free = 0
    while True:
      free += 40_000
      used = sum(path.stat().st_blocks for path in (disk / 'run').rglob('*'))
      (disk / 'other').unlink()
      fill(8 * 2**20 - 512 * used - free)
      program = whole.start(disk / 'run')
      if program.wait() == 0:
        break
      failures += 1
      last = program.output.read_text().splitlines()[-1]
      assert last.startswith(f'error: `{disk}/run/'), last
      assert last.endswith(FULL)
    assert failures > 1
    assert_same(disk / 'run', whole.work)
  finally:
    subprocess.run(['umount', str(disk)], check=True)


def test_a_checkpoint_is_whole_or_not_there(tmp_path, whole):
  """Killed while it writes one after the other, the last is to be read."""
  from ns.training import checkpoint
  folder = tmp_path / 'checkpoints'
  draws, last = random.Random(4), 0
  for _ in range(KILLS if dying.IS_LONG else 2):
    program = whole.programs.start(
        'tests.faults.dying:save', str(folder), str(last))
    saved = lambda: [line.split()[1] for line in program.output.read_text(
        ).splitlines() if line.startswith('saved')]
    while not (program.output.exists() and saved()):
      time.sleep(0.01)
    time.sleep(draws.uniform(0, 0.3))
    program.send(signal.SIGKILL)
    assert program.wait() == -signal.SIGKILL, program.output.read_text()
    told = int(saved()[-1])
    assert told > last
    state, numbers = dying.state()
    last = checkpoint.Checkpoints(folder, state).restore().step
    assert last in (told, told + 1)
    np.testing.assert_array_equal(numbers.numpy(), last)
