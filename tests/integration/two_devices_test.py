"""A whole run on two devices is the run on one."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from ns import models
from ns import pseudolabel
from ns.core import runtime
from tests.support import tiny

# In a program of its own, which may divide its processor.
_PROGRAM = """
import sys
sys.path[:] = {path!r}
from tests.integration import two_devices_test
two_devices_test.main(*sys.argv[1:])
"""


def main(data: str, work: str, devices: str) -> None:
  """Runs a teacher and a student in `work`."""
  model = dataclasses.replace(
      tiny.architecture(), normalization=models.BatchNorm(
          momentum=0.9, replicas='all'))
  select = pseudolabel.Select(min_confidence=None,
                              balance=pseudolabel.Unbalanced())
  common = {'model': model, 'training': tiny.steps(30), 'select': select}
  run = tiny.run(data, changes={'teacher': common, 'student1': common})
  if int(devices) > 1:
    run = dataclasses.replace(run, runtime=runtime.Mirrored(
        devices=int(devices), device='cpu'))
  run.run(work)


def start(folder, devices: int):
  """The summary and the last average of a run on so many devices."""
  work = folder / str(devices)
  done = subprocess.run(
      [sys.executable, '-c', _PROGRAM.format(path=sys.path),
       str(folder / 'data'), str(work), str(devices)],
      capture_output=True, text=True)
  assert done.returncode == 0, done.stderr
  with np.load(work / 'student1' / 'train' / 'average.npz') as arrays:
    return json.loads((work / 'summary.json').read_text()), dict(arrays)


def test_two_devices_train_what_one_trains(tmp_path):
  one, two = start(tmp_path, 1), start(tmp_path, 2)
  assert one[1].keys() == two[1].keys()
  for name, expected in one[1].items():
    np.testing.assert_allclose(two[1][name], expected, rtol=2e-3, atol=2e-4,
                               err_msg=name)
  for ours, theirs in zip(*(summary['generations']
                            for summary, _ in (one, two)), strict=True):
    assert ours['train']['loss'] == pytest.approx(
        theirs['train']['loss'], rel=1e-3)
    assert ours['evaluate']['test'] == theirs['evaluate']['test']
