"""The main of every ns_py_test: runs pytest on the files it is given.

pytest-bazel adds what Bazel asks of a test: `--test_filter`, the XML report,
the temporary folder, shards. A test target without a single test fails.
"""

import os
import sys

import pytest
from pytest_bazel.main import main as pytest_bazel_main


class _Counter:
  """A pytest plugin: counts tests before a filter or shard drops any."""

  def __init__(self):
    self.tests = 0

  @pytest.hookimpl(tryfirst=True)
  def pytest_collection_modifyitems(self, items):
    self.tests += len(items)


def main(arguments: list[str]) -> int:
  """Returns the exit code of the tests in the files of `arguments`."""
  if 'TEST_TARGET' in os.environ:
    # Bazel 4 does not set it, and pytest-bazel goes by it.
    os.environ.setdefault('BAZEL_TEST', '1')
  counter = _Counter()
  code = pytest_bazel_main(
      # Strict markers: a misspelt `parametrize` is an error, not no test.
      ['--import-mode=importlib', '--strict-markers', *arguments],
      pytest_main=lambda args: pytest.main(args, plugins=[counter]),
  )
  if code in (0, pytest.ExitCode.NO_TESTS_COLLECTED):
    if counter.tests:
      return 0  # A filter or a shard may leave none of them to run.
    print(f'no test in {" ".join(arguments)}: expected at least one.')
    return int(pytest.ExitCode.NO_TESTS_COLLECTED)
  return int(code)


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
