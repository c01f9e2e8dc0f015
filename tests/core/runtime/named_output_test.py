"""Lines with a name."""

import io
import sys

from ns.core.runtime import named_output


def test_every_line_has_the_name_once():
  stream = io.StringIO()
  out = named_output.NamedOutput(stream, 'worker 1: ')
  print('one', file=out)
  print('two\nthree', file=out, flush=True)
  out.write('fo')
  out.write('')
  out.write('ur\n')
  assert stream.getvalue() == (
      'worker 1: one\nworker 1: two\nworker 1: three\nworker 1: four\n')
  assert not out.isatty() and out.getvalue() == stream.getvalue()


def test_both_streams(monkeypatch):
  out, err = io.StringIO(), io.StringIO()
  monkeypatch.setattr(sys, 'stdout', out)
  monkeypatch.setattr(sys, 'stderr', err)
  named_output.begin(3)
  print('a')
  print('b', file=sys.stderr)
  assert (out.getvalue(), err.getvalue()) == ('worker 3: a\n', 'worker 3: b\n')
