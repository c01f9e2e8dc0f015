import numpy as np
import pytest
import tensorflow as tf

from ns.pseudolabel import shard_batches
from ns.pseudolabel import shard_content
from tests.pseudolabel import fakes


def content(source, batch_size, view=None):
  found = shard_content.ShardContent()
  for batch in shard_batches.batches(source, source.shards[0], batch_size,
                                     view):
    found.add(batch.fingerprints)
  return found.digest()


@pytest.mark.parametrize('encoded', [False, True])
def test_it_is_of_the_images_as_they_are_stored(encoded):
  source = fakes.Pool((7, 3), encoded=encoded, channels=3)
  expected = content(source, 3)
  # However they are seen, and in whatever batches.
  assert content(source, 7, fakes.View()) == content(source, 1) == expected
  source.images[4, 0, 0, 0] ^= 1
  assert content(source, 3) != expected
  source.images[4, 0, 0, 0] ^= 1
  assert content(source, 3) == expected
  source.images[[2, 3]] = source.images[[3, 2]]
  assert content(source, 3) != expected


def test_a_fingerprint_is_that_of_farmhash():
  """Known beforehand, since files hold what was computed elsewhere."""
  records = tf.data.Dataset.from_tensors({'key': b'k', 'image': b'abc'})
  source = fakes.Pool((1,))
  source.records = lambda shard: records
  batch, = shard_batches.batches(source, source.shards[0], 1)
  assert batch.fingerprints.view('<u8').tolist() == [[2640714258260161385]]
  assert int(tf.strings.to_hash_bucket_fast(['abc'], 2**62)[0]) == (
      2640714258260161385 % 2**62)


def test_of_no_images():
  found = shard_content.ShardContent()
  empty = found.digest()
  found.add(np.empty((0, 8), np.uint8))
  assert found.digest() == empty
