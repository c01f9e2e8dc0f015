import numpy as np
import pytest
import tensorflow as tf

from ns.core import errors
from ns.pseudolabel import shard_batches
from tests.pseudolabel import fakes

VIEW = fakes.View()


def read(source, number, batch_size, view=VIEW):
  return [(batch.keys.tolist(), batch.images)
          for batch in shard_batches.batches(
              source, source.shards[number], batch_size, view)]


@pytest.mark.parametrize('encoded', [False, True])
def test_batches_are_the_shards_records_in_order(encoded):
  source = fakes.Pool((3, 5), encoded=encoded, channels=3)
  batches = read(source, 1, 2)
  assert [keys for keys, _ in batches] == [
      [b'pool/3', b'pool/4'], [b'pool/5', b'pool/6'], [b'pool/7']]
  for first, (_, images) in zip((3, 5, 7), batches):
    assert (images == source.images[first:first + 2][:len(images)]).all()
    assert images.dtype == 'uint8' and images.shape[1:] == (4, 3, 3)


def test_encoded_images_come_as_bytes_unless_decoded():
  source = fakes.Pool((2,), encoded=True)
  (_, images), = read(source, 0, 8, view=None)
  assert all(image.startswith(b'\x89PNG') for image in images)


def test_what_does_not_decode_is_not_good():
  class Doubtful(fakes.View):
    def of(self, records):
      return super().of(records).map(lambda record: {
          **record, 'is_good': record['key'] != 'pool/3'})

  source = fakes.Pool((2, 3))
  found = [batch.is_good.tolist() for batch in shard_batches.batches(
      source, source.shards[1], 2, Doubtful())]
  assert found == [[True, False], [True]]
  found = [batch.is_good.tolist() for batch in shard_batches.batches(
      source, source.shards[1], 2)]
  assert found == [[True, True], [True]]


def test_images_of_several_sizes_are_an_error():
  source = fakes.Pool((3,))
  images = [tf.io.encode_png(tf.zeros([size, 4, 1], tf.uint8)).numpy()
            for size in (4, 4, 5)]
  source.records = lambda shard: tf.data.Dataset.from_tensor_slices(
      {'key': source.keys, 'image': images})
  with pytest.raises(errors.RunError) as caught:
    read(source, 0, 2 + 1)
  assert str(caught.value).startswith(
      'The images of shard `00000-of-00001` of `pool` cannot be read as '
      'batches of one size after record 0: ')
  assert str(caught.value).endswith('; repair or resize them.')


def test_what_a_source_says_is_said_as_it_is():
  sentence = 'The file `a` changed since it was looked through; do b.'

  def rows():
    yield {'key': b'pool/0', 'image': np.zeros([4, 4, 1], np.uint8)}
    raise errors.RunError(sentence)

  source = fakes.Pool((3,))
  source.records = lambda shard: tf.data.Dataset.from_generator(
      rows, output_signature={'key': tf.TensorSpec([], tf.string),
                              'image': tf.TensorSpec([4, 4, 1], tf.uint8)})
  with pytest.raises(errors.RunError) as caught:
    read(source, 0, 2)
  assert str(caught.value) == sentence


@pytest.mark.parametrize('extra, found', [(2, 6), (-1, 3)])
def test_number_of_records_should_be_as_declared(extra, found):
  source = fakes.Pool((4, 5))
  source.extra_records = extra
  with pytest.raises(errors.RunError) as caught:
    read(source, 0, 2)
  assert str(caught.value) == (
      'Shard `00000-of-00002` of `pool` should have 4 records, but has '
      f'{found}; the source changed since it was counted, so count it again.')
