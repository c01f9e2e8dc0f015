import pytest
import tensorflow as tf

from ns.core import graphs


def asking(number):
  return number if number > 1 else -number


def refused():
  return pytest.raises(tf.errors.OperatorNotAllowedInGraphError,
                       match='as a Python `bool`')


def test_a_map_takes_its_function_as_it_is_written():
  numbers = tf.data.Dataset.range(3)
  assert list(numbers.map(asking).as_numpy_iterator()) == [0, -1, 2]
  with refused():
    graphs.mapped(numbers, asking)
  with refused():
    graphs.mapped(numbers, lambda number: asking(number))
  doubled = graphs.mapped(numbers, lambda number: 2 * number,
                          num_parallel_calls=2)
  assert list(doubled.as_numpy_iterator()) == [0, 2, 4]


def test_a_map_of_several_features_and_a_method():
  class Shift:

    def __call__(self, first, second):
      return first + second['by']

    def apply(self, first, second):
      return self(first, second)

  rows = tf.data.Dataset.from_tensors((1, {'by': 2}))
  for function in Shift(), Shift().apply:
    assert list(graphs.mapped(rows, function).as_numpy_iterator()) == [3]


def test_so_do_the_pipelines_that_a_function_builds():
  build = lambda count: tf.data.Dataset.range(count).map(asking)
  assert list(build(3).as_numpy_iterator()) == [0, -1, 2]
  with refused():
    graphs.as_written(build)(3)
