"""Finds and loads native TensorFlow ops, built by Bazel from C++.

A library lies in its folder where Bazel runs the program. Elsewhere, in a
developer's own environment, it is the one that was built last, which Bazel
leaves in bazel-bin. There is none where Bazel found no C++ compiler, and none
that loads on a machine of another kind. So native ops have a form in pure
TensorFlow beside them, and one warning says that it is taken.
"""

import dataclasses
import functools
import pathlib
from typing import Any

from absl import logging

_ROOT = pathlib.Path(__file__).parents[2]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Library:
  """A library of ops.

  Attributes:
    folder: in the workspace, such as 'ns/images/native'.
    name: of the file there, such as 'images.so'.
    without: what is so without it; the warning begins with it.
    root: of the workspace.
  """
  folder: str
  name: str
  without: str
  root: pathlib.Path = _ROOT

  def load(self) -> Any | None:
    """The module of the ops; None, with one warning, if it cannot be had."""
    module, reason = _load(self)
    if module is None:
      _warn(self.without, reason)
    return module

  def require(self) -> Any:
    """The module of the ops.

    Raises:
      RuntimeError: if it cannot be had; the sentence says why.
    """
    module, reason = _load(self)
    if module is None:
      raise RuntimeError(
          f'`form` is \'native\', but `{self.name}` is not there: {reason}; or '
          'choose the form \'auto\', which does without it.')
    return module

  def path(self) -> pathlib.Path | None:
    """The file: that beside the program, else that in bazel-bin."""
    places = (self.root / self.folder / self.name,
              self.root / 'bazel-bin' / self.folder / self.name)
    return next((place for place in places if place.is_file()), None)


@functools.cache  # An op can be registered only once.
def _load(library: Library) -> tuple[Any | None, str]:
  """The module, else why there is none."""
  import tensorflow as tf

  how = f'build it with `./bazelw build //{library.folder}:all`'
  path = library.path()
  if path is None:
    return None, (f'it is neither in {library.folder} nor in '
                  f'bazel-bin/{library.folder}; {how}, which needs a C++ '
                  'compiler')
  try:
    return tf.load_op_library(str(path)), ''
  except (tf.errors.OpError, OSError) as error:
    # Such as that of another TensorFlow, which has other symbols.
    cause = str(error).splitlines()[0]
    return None, (f'{path} does not load into TensorFlow {tf.__version__} '
                  f'({cause}); {how}')


@functools.cache
def _warn(without: str, reason: str) -> None:
  """Once, however many ask."""
  logging.warning('%s: %s.', without, reason)
