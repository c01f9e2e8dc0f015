"""A failure inside a graph that becomes a value."""

import tensorflow as tf

from ns.images import attempt


def parsed(text):
  return attempt.attempt(
      lambda: (tf.strings.to_number(text, tf.int32), True),
      (tf.constant(-1), False))


def test_what_succeeds_and_what_fails():
  assert [x.numpy() for x in parsed(tf.constant('12'))] == [12, True]
  assert [x.numpy() for x in parsed(tf.constant('twelve'))] == [-1, False]


def test_inputs_are_given():
  for text, expected in (('12', [12, 7]), ('x', [-1, -1])):
    result = attempt.attempt(
        lambda one, other: (tf.strings.to_number(one, tf.int32), other),
        (tf.constant(-1), tf.constant(-1)), tf.constant(text), tf.constant(7))
    assert [x.numpy() for x in result] == expected


def test_in_a_map_each_element_keeps_its_place():
  texts = ['1', 'x', '', '4', 'y', '6'] * 5
  dataset = tf.data.Dataset.from_tensor_slices(texts).map(
      parsed, num_parallel_calls=4, deterministic=True)
  numbers = [number for number, _ in dataset.as_numpy_iterator()]
  assert numbers == [1, -1, -1, 4, -1, 6] * 5


def test_shapes_may_differ():
  def bytes_of(text):
    return attempt.attempt(
        lambda: tf.io.decode_raw(tf.io.decode_base64(text), tf.uint8),
        tf.zeros([2], tf.uint8))

  dataset = tf.data.Dataset.from_tensor_slices(['YWJj', '!']).map(bytes_of)
  assert dataset.element_spec == tf.TensorSpec([None], tf.uint8)
  assert [x.tolist() for x in dataset.as_numpy_iterator()] == [
      [97, 98, 99], [0, 0]]
