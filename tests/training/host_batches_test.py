import itertools

import pytest
import tensorflow as tf

from ns.core import errors
from ns.training import host_batches


def batch(first, weights):
  numbers = range(first, first + len(weights))
  return {'key': tf.constant([f'pool/{number}' for number in numbers]),
          'weight': tf.constant(weights, tf.float32),
          'is_labelled': tf.constant([float(n % 2) for n in numbers]),
          'label': tf.constant(first)}


def test_keys_stay_on_the_host():
  (made, broken), = host_batches.HostBatches('s/train', [batch(0, [1, 1])])
  assert sorted(made) == ['is_labelled', 'label', 'weight'] and not broken


def test_batches_without_keys_pass():
  given = {'weight': tf.constant([0.0])}
  assert list(host_batches.HostBatches('s/train', [given])) == [(given, [])]


def test_what_is_broken_is_told_with_its_batch():
  told = [broken for _, broken in host_batches.HostBatches(
      's/train', [batch(0, [1, 0]), batch(2, [1, 1]), batch(0, [1, 0]),
                  batch(4, [0, 0])])]
  assert told == [[('labelled', 'pool/1')], [], [('labelled', 'pool/1')],
                  [('pseudo_labelled', 'pool/4'), ('labelled', 'pool/5')]]


def test_names_that_are_no_text_stay_different():
  given = {**batch(0, [0, 0]), 'key': tf.constant([b'a/\xff', b'a/\xfe'])}
  (_, broken), = host_batches.HostBatches('s/train', [given])
  assert [key for _, key in broken] == ['a/\\xff', 'a/\\xfe']


def test_batches_are_made_as_they_are_asked_for():
  endless = (batch(number, [1]) for number in itertools.count())
  first = list(itertools.islice(host_batches.HostBatches('t', endless), 3))
  assert [int(b['label']) for b, _ in first] == [0, 1, 2]


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
