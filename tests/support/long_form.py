"""Cases that only the long form of a test has.

A test target with `long_form = True` has a second one, `NAME_long`, which is
run when it is asked for (`bazel test //tests/models:catalogue_test_long`) and
takes all cases; in the form that `//...` runs, a few stand for them.
"""

from collections.abc import Sequence
import os
from typing import Any


def cases(every: Sequence[Any], short: Sequence[Any]) -> list[Any]:
  """The cases of a test: `every` one in the long form, else those of `short`."""
  missing = [case for case in short if case not in every]
  if missing:
    raise ValueError(f'`short` should be some of `every`, but has {missing}.')
  return list(every if os.environ.get('NS_LONG_TESTS') else short)
