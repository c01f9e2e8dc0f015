"""The file of what is known of evaluation images."""

import numpy as np

from ns.mixture import fingerprinting
from ns.mixture import prints_file
from tests.support import planted


def test_it_is_read_as_it_was_written(tmp_path):
  images = np.full([3, 28, 28, 1], 255, np.uint8)
  images[1] = np.asarray(planted.photograph(0, (28, 28)).convert('L'))[..., None]
  seen = fingerprinting.see(images)
  path = tmp_path / 'deep/prints.npz'
  prints_file.write(path, ['a', 'b'], seen)
  found = prints_file.read(path, ['a', 'b'])
  for name in 'are_good', 'contents', 'flat':
    assert list(getattr(found, name)) == list(getattr(seen, name))
  assert found.flat == seen.flat and len(found.flat) == 2
  np.testing.assert_array_equal(found.prints.waves, seen.prints.waves)
  np.testing.assert_array_equal(found.prints.contrasts,
                                seen.prints.contrasts)
  # Of other sets, or damaged, it is as if it were not there.
  assert prints_file.read(path, ['a', 'c']) is None
  path.write_bytes(path.read_bytes()[:300])
  assert prints_file.read(path, ['a', 'b']) is None
  path.write_bytes(b'')
  assert prints_file.read(path, ['a', 'b']) is None
  assert prints_file.read(tmp_path / 'none.npz', []) is None
