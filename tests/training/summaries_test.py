import pytest
from tensorboard.backend.event_processing import event_accumulator

from ns.training import summaries


def read(folder):
  """{name: [(step, value)]}, as TensorBoard reads the folder."""
  accumulator = event_accumulator.EventAccumulator(
      str(folder), size_guidance={event_accumulator.TENSORS: 0})
  accumulator.Reload()
  from tensorboard.util import tensor_util
  return {
      name: [(event.step, float(tensor_util.make_ndarray(event.tensor_proto)))
             for event in accumulator.Tensors(name)]
      for name in accumulator.Tags()['tensors']}


def test_tensorboard_reads_what_was_written(tmp_path):
  with summaries.Writer(tmp_path / 'summaries') as writer:
    writer.write(10, {'loss': 1.5, 'learning_rate': 0.25})
    writer.write(20, {'loss': 0.5, 'learning_rate': 0.125})
  assert read(tmp_path / 'summaries') == {
      'loss': [(10, 1.5), (20, 0.5)],
      'learning_rate': [(10, 0.25), (20, 0.125)]}


def test_what_is_written_is_there_before_the_end(tmp_path):
  """A killed training keeps its curves."""
  with summaries.Writer(tmp_path) as writer:
    writer.write(1, {'loss': 2.0})
    assert read(tmp_path) == {'loss': [(1, 2.0)]}


def test_a_restart_adds_to_the_curves(tmp_path):
  for step in 1, 2:
    with summaries.Writer(tmp_path) as writer:
      writer.write(step, {'loss': float(step)})
  assert read(tmp_path) == {'loss': [(1, 1.0), (2, 2.0)]}


def test_an_error_inside_is_not_swallowed(tmp_path):
  with pytest.raises(KeyError):
    with summaries.Writer(tmp_path):
      raise KeyError
