"""Flags of Apache Beam become its options."""

import os
import sys

from apache_beam.options import pipeline_options
import pytest

from tools import beam_options


@pytest.mark.parametrize('flags, runner', [
    ([], 'FnApiRunner'), (['--direct_num_workers=3'], 'FnApiRunner'),
    (['--runner=DataflowRunner', '--project=p'], 'DataflowRunner')])
def test_a_runner_is_always_named(flags, runner, monkeypatch):
  monkeypatch.setenv('PYTHONPATH', '')
  options = beam_options.of(flags)
  assert options.view_as(
      pipeline_options.StandardOptions).runner == runner
  workers = options.view_as(pipeline_options.DirectOptions).direct_num_workers
  assert workers == (3 if flags == ['--direct_num_workers=3'] else 1)
  # What it starts here finds what this process finds.
  assert set(filter(None, sys.path)) <= set(
      os.environ['PYTHONPATH'].split(os.pathsep))
