"""What is known of evaluation images, in a file, so that it is made once."""

from collections.abc import Sequence
import json
import zipfile

from etils import epath
import numpy as np

from ns.core import files
from ns.mixture import fingerprinting
from ns.mixture import fingerprints

FORMAT = 2


def write(path: epath.PathLike, digests: Sequence[str],
          seen: fingerprinting.Seen) -> None:
  """Writes it; `digests` are those of the evaluation sets."""
  with files.written_aside(path) as aside:
    with files.opened(aside, 'wb') as file:
      np.savez(
          file, header=np.array(_header(digests)), are_good=seen.are_good,
          contents=_array(seen.contents), waves=seen.prints.waves,
          contrasts=seen.prints.contrasts,
          flat=np.array(list(seen.flat), np.int64),
          flat_contents=_array(list(seen.flat.values())))


def read(path: epath.PathLike, digests: Sequence[str]
         ) -> fingerprinting.Seen | None:
  """What was written for the same sets; None if there is no such file."""
  path = epath.Path(path)
  try:
    with files.opened(path) as file:
      found = dict(np.load(file))
  except (FileNotFoundError, EOFError, ValueError, zipfile.BadZipFile):
    return None
  if str(found['header']) != _header(digests):
    return None
  return fingerprinting.Seen(
      are_good=found['are_good'], contents=_bytes(found['contents']),
      prints=fingerprints.Fingerprints(waves=found['waves'],
                                       contrasts=found['contrasts']),
      flat=dict(zip(found['flat'].tolist(), _bytes(found['flat_contents']))))


def _header(digests) -> str:
  return json.dumps({'format': FORMAT, 'sets': list(digests)})


def _array(contents: Sequence[bytes]) -> np.ndarray:
  return np.frombuffer(b''.join(contents), np.uint8).reshape(
      len(contents), fingerprinting.DIGEST)


def _bytes(array: np.ndarray) -> list[bytes]:
  return [row.tobytes() for row in array]
