import types

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing import plugin_event_accumulator
from tensorboard.util import tensor_util

from ns.training import summaries


def accumulated(folder):
  """The folder as TensorBoard reads it."""
  accumulator = plugin_event_accumulator.EventAccumulator(
      str(folder), size_guidance={plugin_event_accumulator.TENSORS: 0})
  accumulator.Reload()
  return accumulator


def tensors(folder, name):
  return [(event.step, tensor_util.make_ndarray(event.tensor_proto))
          for event in accumulated(folder).Tensors(name)]


def read(folder):
  """{name: [(step, value)]} of scalars."""
  return {name: [(step, float(value)) for step, value in tensors(folder, name)]
          for name in accumulated(folder).Tags()['tensors']}


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
    with summaries.Writer(tmp_path, step) as writer:
      writer.write(step, {'loss': float(step)})
  assert read(tmp_path) == {'loss': [(1, 1.0), (2, 2.0)]}


PIXELS = np.zeros((1, 2, 2, 1), np.uint8)


def write_all_kinds(writer, steps, of):
  """A text and images at step 0, scalars and histograms at each step."""
  for step in steps:
    if not step:
      writer.write_text('config', f'of {of}')
      writer.write_images({'image': PIXELS + of, 'is_labelled': np.ones(1)})
    writer.write(step, {'loss': of})
    writer.write_histograms(step, [types.SimpleNamespace(
        path='kernel', numpy=lambda: np.full(3, of))])


def test_what_is_taken_again_is_there_once(tmp_path):
  with summaries.Writer(tmp_path) as writer:
    write_all_kinds(writer, [0, 1, 2, 3], 1)
  with summaries.Writer(tmp_path, 2) as writer:
    write_all_kinds(writer, [2, 3, 4, 5], 2)
    writer.forget(4)
    assert [step for step, _ in tensors(tmp_path, 'loss')] == [0, 1, 2, 3]
    write_all_kinds(writer, [4], 3)
  assert tensors(tmp_path, 'loss') == [(0, 1), (1, 1), (2, 2), (3, 2), (4, 3)]
  assert [(step, buckets[-1, 1]) for step, buckets in tensors(
      tmp_path, 'kernel')] == [(0, 1), (1, 1), (2, 2), (3, 2), (4, 3)]
  for name in 'config', 'images/labelled':
    assert [step for step, _ in tensors(tmp_path, name)] == [0]


def test_nothing_is_left_where_it_is_all_taken_again(tmp_path):
  for of in 1, 2:
    with summaries.Writer(tmp_path) as writer:
      write_all_kinds(writer, [0, 1] if of == 1 else [0], of)
  assert tensors(tmp_path, 'loss') == [(0, 2)]
  (_, text), = tensors(tmp_path, 'config')
  assert text.item().decode() == '    of 2\n'
  (_, (*_, png)), = tensors(tmp_path, 'images/labelled')
  assert tf.io.decode_png(png).numpy().max() == 2


def test_files_are_in_the_order_of_their_names(tmp_path, monkeypatch):
  """Whenever they are begun, and whatever another version wrote before."""
  now = 1_799_999_999_999_999_998
  (tmp_path / 'events.out.tfevents.1799999998.host.1.9.v2').touch()
  for _ in range(4):  # Across a second.
    monkeypatch.setattr(summaries.time, 'time_ns', lambda: now)
    summaries.Writer(tmp_path).__exit__()
    now += 1
    monkeypatch.undo()
  names = sorted(path.name for path in tmp_path.iterdir())
  assert [name.split('tfevents.')[1][:20] for name in names] == [
      '1799999998.host.1.9.', '1799999999.999999998', '1799999999.999999999',
      '1800000000.000000000', '1800000000.000000001']


def test_a_text_stands_as_it_is(tmp_path):
  with summaries.Writer(tmp_path) as writer:
    writer.write_text('config', '# Run: *all*\n\na.b = 1\n')
  (step, text), = tensors(tmp_path, 'config')
  assert (step, text.item().decode()) == (
      0, '    # Run: *all*\n    \n    a.b = 1\n')


def test_images_of_both_kinds(tmp_path):
  pixels = np.arange(3 * 2 * 2, dtype=np.uint8).reshape(3, 2, 2, 1)
  with summaries.Writer(tmp_path) as writer:
    writer.write_images({'image': tf.constant(pixels),
                         'is_labelled': tf.constant([0.0, 1.0, 0.0])})
  for name, chosen in ('labelled', [1]), ('pseudo_labelled', [0, 2]):
    (_, (width, height, png)), = tensors(tmp_path, f'images/{name}')
    shown = tf.io.decode_png(png.tobytes() if hasattr(png, 'tobytes') else png)
    assert (int(width), int(height)) == (16, 2)
    np.testing.assert_array_equal(shown, summaries.sheet(pixels[chosen]))


def test_labelled_images_alone(tmp_path):
  with summaries.Writer(tmp_path) as writer:
    writer.write_images({'image': np.zeros((2, 2, 2, 3), np.uint8),
                         'is_labelled': np.ones(2)})
  assert accumulated(tmp_path).Tags()['tensors'] == ['images/labelled']


def test_a_sheet_has_its_images_in_rows():
  images = np.arange(1, 41, dtype=np.uint8)[:, None, None, None] * np.ones(
      (1, 2, 3, 1), np.uint8)
  found = summaries.sheet(images)
  assert found.shape == (4 * 2, 8 * 3, 1)  # 32 of them.
  np.testing.assert_array_equal(
      found[::2, ::3, 0], np.arange(1, 33).reshape(4, 8))
  np.testing.assert_array_equal(
      summaries.sheet(images[:9])[::2, ::3, 0],
      [range(1, 9), [9] + 7 * [0]])


def test_histograms_of_weights(tmp_path):
  variable = types.SimpleNamespace(
      path='network/kernel', numpy=lambda: np.array([0.0, 0.0, 1.0, 3.0]))
  with summaries.Writer(tmp_path) as writer:
    writer.write_histograms(7, [variable])
  (step, buckets), = tensors(tmp_path, 'network/kernel')
  assert step == 7
  # Left, right and count of each.
  assert (buckets[0, 0], buckets[-1, 1]) == (0.0, 3.0)
  assert (buckets[0, 2], buckets[:, 2].sum()) == (2, 4)


def test_an_error_inside_is_not_swallowed(tmp_path):
  with pytest.raises(KeyError):
    with summaries.Writer(tmp_path):
      raise KeyError
