"""A run that is killed, asked to end or out of space comes to the same.

Whatever happens to it: the last start gives, bit for bit, the weights, labels,
selections and figures of a run that nothing disturbed.

In the long form (`NS_LONG_TESTS`) the run has more kinds of stages, a program
ends at every moment of every stage, and `NS_KILLS` real kills of each kind
come, 15 unless it says otherwise, a fifth of them again to a run on two devices
and to one whose loss is NaN once. It tells each on stdout (pytest's `-s`), and
puts its figures into the test report, too.
"""

import collections
import functools
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest

from ns.core import manifest
from tests.faults import comparison
from tests.faults import dying
from tests.faults import forked
from tests.support import long_form

MAIN = 'tests.faults.dying:main'
# More than a stage has, so that each moment of each stage comes.
MOMENTS = range(1, 61)
KILLS = int(os.environ.get('NS_KILLS', 15))
FEW = max(KILLS // 5, 3)
IN_LONG_FORM = pytest.mark.skipif(
    not dying.IS_LONG, reason='It is in the long form.')
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

  def __init__(self, folder, programs, kind=dying.ONE):
    self.work, self._data = folder / f'whole-{kind}', folder / 'data'
    self.programs, self._kind = programs, kind
    begin = time.monotonic()
    program = self.start(self.work)
    assert program.wait() == 0, program.output.read_text()
    self.seconds = time.monotonic() - begin
    self.moments = json.loads(program.output.read_text().splitlines()[-1])

  def start(self, work, *args, kind=None):
    """Starts the same run in `work`, to end as `args` say."""
    return self.programs.start(
        MAIN, str(self._data), str(work), kind or self._kind, *map(str, args))

  def finishes(self, work, *args) -> None:
    program = self.start(work, *args)
    assert program.wait() == 0, program.output.read_text()

  def results(self, stage):
    return json.loads(
        (self.work / stage / 'manifest.json').read_text())['results']


@pytest.fixture(name='wholes', scope='module')
def make_wholes(tmp_path_factory):
  """A function of the kind of a run, which makes it once."""
  folder = tmp_path_factory.mktemp('runs')
  with forked.Forked(folder) as programs:
    yield functools.cache(lambda kind: Whole(folder, programs, kind))


@pytest.fixture(name='whole')
def make_whole(wholes):
  return wholes(dying.ONE)


def finished(work):
  """The stages that are."""
  return [name for name in dying.STAGES
          if (work / name / 'manifest.json').exists()]


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
    assert finished(work) in (list(dying.STAGES[:index]),
                              list(dying.STAGES[:index + 1])), (stage, at)
  whole.finishes(work)
  comparison.assert_same(work, whole.work)


@pytest.mark.parametrize('kind, number, times', (
    [(dying.ONE, signal.SIGKILL, KILLS), (dying.ONE, signal.SIGTERM, KILLS),
     (dying.TWO, signal.SIGKILL, FEW), (dying.TWO, signal.SIGTERM, FEW),
     (dying.NAN, signal.SIGKILL, FEW)] if dying.IS_LONG
    else [(dying.ONE, signal.SIGKILL, 3)]), ids=str)
def test_it_is_killed_at_any_moment(
    tmp_path, wholes, record_property, kind, number, times):
  whole = wholes(kind)
  draws, done, run = random.Random(f'{kind} {number}'), 0, 0
  begin, within, codes = time.monotonic(), collections.Counter(), []
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
      stage = ''.join(dying.STAGES[len(finished(work)):][:1]) or 'the summary'
      within[stage] += 1
      codes.append(code)
      print(f'{kind}: {number.name} {done} of {times}, run {run}, in {stage}, '
            f'exit code {code}, {time.monotonic() - begin:.0f} s', flush=True)
      if done - before == 4:
        whole.finishes(work)
        break
    comparison.assert_same(work, whole.work)
    shutil.rmtree(work)
  figures = {'kills': done, 'runs_compared': run,
             'seconds': round(time.monotonic() - begin),
             'exit_codes': collections.Counter(codes), 'within': within}
  print(f'{kind}: {number.name}', json.dumps(figures), flush=True)
  for name, value in figures.items():
    record_property(name, value)


@IN_LONG_FORM
def test_a_nan_is_come_back_from(wholes):
  """The kills of the run with a NaN are around that."""
  for stage in ('teacher/train', 'student1/train'):
    found = wholes(dying.NAN).results(stage)
    assert found['attempt'] == 1
    assert [there['returned_to'] for there in found['returns']] == [5]


@IN_LONG_FORM
def test_another_configuration_is_refused_and_changes_nothing(tmp_path, whole):
  work, stage = tmp_path / 'run', 'student1/train'
  program = whole.start(work, '', stage, whole.moments[stage] // 2)
  assert program.wait() == dying.DIED, program.output.read_text()
  before = comparison.digests(work)
  program = whole.start(work, kind=dying.CHANGED)
  assert program.wait() == 1
  assert program.output.read_text().splitlines()[-1] == (
      f'error: `{work}` has {stage} of another configuration '
      '(training.learning_rate.rate: 0.05 -> 0.06); give another '
      f'`--work_dir`, or `--redo={stage}` to make it and what follows from it '
      'again.')
  assert comparison.digests(work) == before
  whole.finishes(work)
  comparison.assert_same(work, whole.work)


# A file that takes nothing at all stands where each of these is written.
EVERY = (
    'teacher/train/scratch/checkpoints/.step-5.npz.aside',
    'teacher/train/.average.npz.aside',
    'student1/calibrate/.reliability.png.aside',
    'student1/label/.predictions-00001-of-00003.parquet.aside',
    'student1/select/scratch/.selection.parquet.aside',
    'student1/select/.pseudo-00003-of-00008.tfrecord.aside',
    'student1/train/scratch/checkpoints/.step-5.npz.aside',
    'student1/train/.network.npz.aside',
    'student1/evaluate/.manifest.json.aside',
    'student1/export/.model.tflite.aside',
    'student1/export/.export.json.aside')
FULL_AT = long_form.cases(EVERY, [EVERY[0], EVERY[3], EVERY[5], EVERY[7]])


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
  comparison.assert_same(work, whole.work)


@IN_LONG_FORM
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
      free += 20_000
      used = sum(path.stat().st_blocks for path in (disk / 'run').rglob('*'))
      (disk / 'other').unlink()
      fill(8 * 2**20 - 512 * used - free)
      program = whole.start(disk / 'run')
      if program.wait() == 0:
        break
      failures += 1
      last = program.output.read_text().splitlines()[-1]
      print(f'small disk: start {failures}: {last}', flush=True)
      assert last.startswith(f'error: `{disk}/run/'), last
      assert last.endswith(FULL)
    assert failures > 1
    comparison.assert_same(disk / 'run', whole.work)
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
