"""Finds and loads the native kernel: the TensorFlow op of kernel.cc.

It lies beside this file where Bazel runs the program. Elsewhere, in a
developer's own environment, it is the one that was built last:

  ./bazelw build //ns/noise/native:all

which leaves it in bazel-bin. There is none where Bazel found no C++ compiler.
"""

import functools
import pathlib
from typing import Any

from absl import logging
import tensorflow as tf

_LIBRARY = 'distort.so'
_FOLDER = pathlib.Path(__file__).parent
_BUILT = 'bazel-bin/ns/noise/native'
_HOW = 'build it with `./bazelw build //ns/noise/native:all`'


def load() -> Any | None:
  """The op's module, or None, with one warning, where it cannot be had.

  Returns:
    A module with the function `noisy_student_distort(images, ops, arguments,
    fill, contrast)`, see kernel.cc.
  """
  module, reason = _load()
  if module is None:
    _warn(reason)
  return module


def require() -> Any:
  """The op's module.

  Raises:
    RuntimeError: if it cannot be had; the sentence says why.
  """
  module, reason = _load()
  if module is None:
    raise RuntimeError(
        f'`form` is \'native\', but the native kernel is not there: {reason}; '
        'or choose the form \'auto\', which does without it.')
  return module


@functools.cache
def _load() -> tuple[Any | None, str]:
  """The module, else why there is none. An op can be registered only once."""
  path = _find(_FOLDER)
  if path is None:
    return None, (f'there is no {_LIBRARY} in {_FOLDER} or {_BUILT}; {_HOW}, '
                  'which needs a C++ compiler')
  try:
    return tf.load_op_library(str(path)), ''
  except (tf.errors.OpError, OSError) as error:
    # Such as that of another TensorFlow, which has other symbols.
    cause = str(error).splitlines()[0]
    return None, (f'{path} does not load into TensorFlow {tf.__version__} '
                  f'({cause}); {_HOW}')


def _find(folder: pathlib.Path) -> pathlib.Path | None:
  workspace = folder.parents[2]
  places = (folder / _LIBRARY, workspace / _BUILT / _LIBRARY)
  return next((place for place in places if place.is_file()), None)


@functools.cache
def _warn(reason: str) -> None:
  """Once for each reason, however many noises ask."""
  logging.warning(
      'Image operations run as TensorFlow ops, several times slower than the '
      'native kernel would: %s.', reason)
