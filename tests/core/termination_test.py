import os
import signal

import pytest

from ns.core import errors
from ns.core import termination


def ask():
  os.kill(os.getpid(), signal.SIGTERM)


def test_a_request_is_heard_where_it_is_looked_for():
  with termination.heard():
    termination.check()
    assert not termination.is_requested()
    ask()
    assert termination.is_requested()
    with pytest.raises(errors.Terminated):
      termination.check()
    # Until the program ends.
    assert termination.is_requested()
  assert not termination.is_requested()


def test_outside_it_is_what_it_was():
  calls = []
  before = signal.signal(signal.SIGTERM, lambda *_: calls.append(1))
  try:
    with termination.heard():
      ask()
      assert not calls
    ask()
    assert calls == [1]
  finally:
    signal.signal(signal.SIGTERM, before)


def test_a_library_that_takes_the_signal_for_itself():
  calls = []
  with termination.heard():
    signal.signal(signal.SIGTERM, lambda *_: calls.append(1))
    termination.hear_again()
    ask()
    assert termination.is_requested() and not calls
  # Nobody listens any more, so it is left to whoever has it.
  before = signal.signal(signal.SIGTERM, lambda *_: calls.append(2))
  try:
    termination.hear_again()
    ask()
    assert calls == [2]
  finally:
    signal.signal(signal.SIGTERM, before)
