import itertools

import pytest
import tensorflow as tf

from ns.core import errors
from ns.training import host_batches


def batch(first, weights):
  keys = [f'pool/{number}' for number in range(first, first + len(weights))]
  return {'key': tf.constant(keys), 'weight': tf.constant(weights, tf.float32),
          'label': tf.constant(first)}


def test_keys_stay_on_the_host():
  made = list(host_batches.HostBatches('s/train', [batch(0, [1, 1])]))
  assert [sorted(b) for b in made] == [['label', 'weight']]


def test_batches_without_keys_pass():
  given = {'weight': tf.constant([0.0])}
  assert list(host_batches.HostBatches('s/train', [given])) == [given]


def test_broken_images_are_named_once(capsys):
  batches = host_batches.HostBatches(
      's/train', [batch(0, [1, 0]), batch(2, [1, 1]), batch(0, [1, 0]),
                  batch(4, [0, 1])])
  assert len(list(batches)) == 4
  assert batches.broken == {b'pool/1', b'pool/4'}
  assert capsys.readouterr().err == ''.join(
      f's/train: the image `pool/{number}` does not decode, and counts for '
      'nothing\n' for number in (1, 4))


def test_many_broken_images_are_counted(capsys):
  batches = host_batches.HostBatches('s/train', [batch(0, [0] * 30)])
  assert len(list(batches)) == 1 and len(batches.broken) == 30
  lines = capsys.readouterr().err.splitlines()
  assert len(lines) == 20
  assert lines[-1].endswith('counts for nothing; no more are named')


def test_batches_are_made_as_they_are_asked_for():
  endless = (batch(number, [1]) for number in itertools.count())
  first = list(itertools.islice(host_batches.HostBatches('t', endless), 3))
  assert [int(b['label']) for b in first] == [0, 1, 2]


def test_a_batch_that_cannot_be_made():
  def check(value):
    with tf.control_dependencies([tf.debugging.Assert(
        value < 1, ['`AsIs` needs images of 4 x 4 pixels.'])]):
      return {'label': tf.identity(value)}
  batches = host_batches.HostBatches(
      's/train', tf.data.Dataset.range(3).map(check))
  with pytest.raises(errors.RunError) as caught:
    list(batches)
  assert str(caught.value) == (
      'A batch of s/train cannot be made: `AsIs` needs images of 4 x 4 pixels.')


def test_an_error_of_the_source_is_its_sentence():
  def records():
    yield 1
    raise errors.RunError('`a.idx` has 3 examples; it changed.')
  batches = host_batches.HostBatches(
      's/train', tf.data.Dataset.from_generator(
          records, output_signature=tf.TensorSpec((), tf.int64)).map(
              lambda value: {'label': value}))
  with pytest.raises(errors.RunError) as caught:
    list(batches)
  assert str(caught.value) == (
      'A batch of s/train cannot be made: `a.idx` has 3 examples; it changed.')
