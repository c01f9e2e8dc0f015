import types

import pytest
import tensorflow as tf

from ns.core import errors
from ns.core import op_error


def raised(dataset):
  with pytest.raises(tf.errors.OpError) as caught:
    for _ in dataset.as_numpy_iterator():
      pass
  return caught.value


def from_python(error):
  def rows():
    yield 1
    raise error
  return raised(tf.data.Dataset.from_generator(
      rows, output_signature=tf.TensorSpec([], tf.int32)).batch(3).prefetch(1))


def test_a_sentence_from_within_a_pipeline():
  error = from_python(errors.RunError('`a` should be b, but is c; do d.'))
  assert op_error.run_error(error) == '`a` should be b, but is c; do d.'
  assert op_error.reason(error) == '`a` should be b, but is c; do d'


def test_another_error_of_python():
  error = from_python(OSError('no such thing'))
  assert op_error.run_error(error) is None
  assert op_error.reason(error) == 'OSError: no such thing'


def test_an_assertion_in_a_pipeline():
  def check(number):
    with tf.control_dependencies([tf.debugging.Assert(
        number < 2, ['An image should be small.'])]):
      return tf.identity(number)
  error = raised(tf.data.Dataset.range(5).map(check))
  assert op_error.run_error(error) is None
  assert op_error.reason(error) == 'An image should be small'


def test_an_op_that_fails(tmp_path):
  (tmp_path / 'a').write_bytes(b'x' * 40)
  error = raised(tf.data.TFRecordDataset(str(tmp_path / 'a')))
  assert op_error.reason(error).startswith('corrupted record at ')
  error = types.SimpleNamespace(message='plain.\nand more')
  assert op_error.reason(error) == 'plain'
