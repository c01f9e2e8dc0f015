"""Programs on a bucket: killed, asked to end, two at once, and two hosts.

Manual: it starts a dozen programs, and one waits a minute for a lease to end.
"""

import json
import time

from etils import epath
import numpy as np
import pytest

from ns.core import manifest
from tests.integration import on_runtimes
from tests.support import buckets

_SECONDS = 600


@pytest.fixture(name='local', scope='module')
def make_local(tmp_path_factory):
  """The folder of the data, and a run on the disk."""
  folder = tmp_path_factory.mktemp('local')
  on_runtimes.run(folder / 'data', on_runtimes.DEVICES['one'])
  assert ended(on_runtimes.start(folder / 'data', folder / 'run', 'one'))[0] == 0
  return folder


def ended(program):
  """Its exit code, and what it said."""
  said = program.communicate(timeout=_SECONDS)[0]
  return program.returncode, said


def losses(folder):
  return {name: [(line['step'], line['loss']) for line in map(
      json.loads, (epath.Path(folder) / name / 'train/metrics.jsonl'
                   ).read_text().splitlines())]
          for name in ('teacher', 'student1')}


def until_there(path):
  end = time.monotonic() + _SECONDS
  while not path.exists():
    assert time.monotonic() < end, path
    time.sleep(0.1)


def test_a_run_that_is_killed_and_asked_to_end(local):
  work = buckets.new()

  def start(*where):
    return on_runtimes.start(local / 'data', work, 'one', *where)

  for where in (('teacher/train', 7), ('student1/label', 1),
                ('student1/select', 0), ('student1/train', 8)):
    code, said = ended(start(*where))
    assert code == -9, said
    # Its lease is there still, and on this machine nobody waits for it.
    assert (work / 'lease.json').exists()
  code, said = ended(start('-student1/train', 3))
  assert code == 42, said
  assert list((work / 'student1/train/scratch/checkpoints/ended').iterdir())
  assert not (work / 'lease.json').exists()
  code, said = ended(start())
  assert code == 0, said
  for name in 'teacher/train', 'student1/label', 'student1/train':
    assert (manifest.read(work / name).contents
            == manifest.read(local / 'run' / name).contents)
  assert losses(work) == losses(local / 'run')


def test_two_programs_and_one_of_another_machine(local):
  work = buckets.new()
  lease = work / 'lease.json'
  first = on_runtimes.start(local / 'data', work, 'one')
  until_there(lease)
  code, said = ended(on_runtimes.start(local / 'data', work, 'one'))
  assert code == 1 and 'works on the run in' in said, said
  assert first.poll() is None
  first.kill()
  first.communicate()

  # As if another machine had begun it, which cannot be asked.
  found = json.loads(lease.read_text())
  lease.write_text(json.dumps({**found, 'machine': 'another'}).ljust(1024))
  begin = time.monotonic()
  code, said = ended(on_runtimes.start(local / 'data', work, 'one'))
  assert code == 0 and 'it is taken over' in said, said
  assert time.monotonic() - begin > 60
  assert losses(work) == losses(local / 'run')


def test_two_hosts(local):
  work = buckets.new()
  # Both die while they label, and go on from what is on the bucket.
  for program in on_runtimes.start_hosts(
      local / 'data', work, [('student1/label', 1)] * 2):
    assert ended(program)[0] != 0
  said = [ended(program) for program in on_runtimes.start_hosts(
      local / 'data', work)]
  assert [code for code, _ in said] == [0, 0], said
  ours, expected = losses(work), losses(local / 'run')
  for name in expected:
    assert [step for step, _ in ours[name]] == list(range(1, 13))
    np.testing.assert_allclose([loss for _, loss in ours[name]],
                               [loss for _, loss in expected[name]], rtol=1e-5)
