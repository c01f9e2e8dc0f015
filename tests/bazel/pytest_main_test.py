"""The main of the tests, run on small test files."""

import os
import subprocess
import sys

import pytest

from tools.bazel import pytest_main

_TWO = 'def test_one():\n  pass\n\n\ndef test_two():\n  pass\n'


def _run(tmp_path, text, **env):
  path = tmp_path / 'small_test.py'
  path.write_text(text)
  kept = {
      name: value
      for name, value in os.environ.items()
      if not name.startswith(('TEST', 'XML', 'BAZEL'))
  }
  report = tmp_path / 'test.xml'
  done = subprocess.run(
      [sys.executable, pytest_main.__file__, str(path)],
      env={
          **kept,
          'PYTHONPATH': os.pathsep.join(sys.path),
          'TEST_TARGET': '//a:b',
          'TEST_TMPDIR': str(tmp_path / 'tmp'),
          'XML_OUTPUT_FILE': str(report),
          **env,
      },
      capture_output=True,
      text=True,
      check=False,
  )
  return done, report.read_text() if report.exists() else ''


def test_tests_that_pass_are_in_the_report(tmp_path):
  done, report = _run(tmp_path, _TWO)
  assert done.returncode == 0
  assert report.count('<testcase') == 2


def test_a_test_that_fails_fails(tmp_path):
  done, report = _run(tmp_path, 'def test_one():\n  assert False\n')
  assert done.returncode == 1
  assert 'failures="1"' in report


@pytest.mark.parametrize('text', ['', 'def one():\n  pass\n'])
def test_a_file_without_a_test_fails(tmp_path, text):
  done, _ = _run(tmp_path, text)
  assert done.returncode == 5
  assert 'no test in' in done.stdout
  assert 'small_test.py: expected at least one.' in done.stdout


def test_a_file_without_a_test_fails_under_a_filter_too(tmp_path):
  done, _ = _run(tmp_path, '', TESTBRIDGE_TEST_ONLY='test_one')
  assert done.returncode == 5


def test_a_filter_chooses(tmp_path):
  done, report = _run(tmp_path, _TWO, TESTBRIDGE_TEST_ONLY='test_two')
  assert done.returncode == 0
  assert report.count('<testcase') == 1
  assert 'test_two' in report


def test_a_filter_may_leave_none(tmp_path):
  done, _ = _run(tmp_path, _TWO, TESTBRIDGE_TEST_ONLY='test_three')
  assert done.returncode == 0


def test_shards_share_the_tests(tmp_path):
  counts = []
  for shard in range(4):
    done, report = _run(
        tmp_path, _TWO, TEST_TOTAL_SHARDS='4', TEST_SHARD_INDEX=str(shard),
        TEST_SHARD_STATUS_FILE=str(tmp_path / 'status'),
    )
    assert done.returncode == 0
    counts.append(report.count('<testcase'))
  assert sum(counts) == 2


def test_a_file_that_does_not_import_fails(tmp_path):
  done, _ = _run(tmp_path, f'import no_such_module\n{_TWO}')
  assert done.returncode == 2
