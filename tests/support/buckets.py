"""A stand-in for a bucket: TensorFlow's file system in memory, `ram://`.

It is reached as `gs://` is, through `tf.io.gfile`, and no local call does
anything to it. Importing this module makes `epath` know the scheme.
"""

import uuid

from etils import epath
from etils.epath import backend
from etils.epath import gpath
from etils.epath import register

_PREFIX = 'ram://'


def _make_known() -> None:
  if _PREFIX in gpath._URI_PREFIXES:
    return
  gpath._URI_PREFIXES += (_PREFIX,)
  gpath._URI_SCHEMES |= {'ram'}
  gpath._URI_MAP_ROOT[_PREFIX] = '/ram/'
  gpath._PREFIX_TO_BACKEND['ram'] = backend.tf_backend
  register._URI_PREFIXES_TO_CLS[_PREFIX] = gpath.PosixGPath


_make_known()


def new() -> epath.Path:
  """A folder that nobody else has."""
  return epath.Path(f'{_PREFIX}bucket/{uuid.uuid4().hex}')
