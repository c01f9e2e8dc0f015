"""Options of Apache Beam out of the flags that a tool does not know."""

from collections.abc import Sequence
import logging
import os
import sys

# Beam's own default looks for a program on the network first.
_RUNNER = '--runner=FnApiRunner'


def of(flags: Sequence[str]):
  """The `PipelineOptions` of these flags; the direct runner if none is named.

  Workers that Beam starts on this machine will find what this process finds.
  """
  os.environ['PYTHONPATH'] = os.pathsep.join(filter(None, sys.path))
  # It says on loading what it does not find, to those who use it or not.
  logging.disable(logging.WARNING)
  try:
    from apache_beam.options import pipeline_options
  finally:
    logging.disable(logging.NOTSET)
  if not any(flag.split('=')[0] == '--runner' for flag in flags):
    flags = [_RUNNER, *flags]
  return pipeline_options.PipelineOptions(list(flags))
