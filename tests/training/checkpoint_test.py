import dataclasses
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from ns.core import errors
from ns.training import checkpoint
from ns.training import train_step
from tests.support import tiny


class Training:
  """A state, its step and its checkpoints, as the trainer has them."""

  def __init__(self, folder, seed=5):
    training, job = tiny.steps(), tiny.job(folder, seed=seed)
    self.state = train_step.State.create(training, job)
    self.checkpoints = checkpoint.Checkpoints(folder / 'checkpoints',
                                              self.state)
    self._step = train_step.compiled(training, job, self.state)

  def take(self, step):
    self._step({n: tf.constant(v) for n, v in tiny.batch(step).items()}, step,
               0.05)

  def values(self):
    state = self.state
    return [v.numpy() for v in (*state.network.variables,
                                *state.average.variables,
                                *state.optimizer.variables)]


def position(step, **changes):
  return checkpoint.Position(step=step, **changes)


def assert_equal(found, expected):
  for ours, theirs in zip(found, expected, strict=True):
    np.testing.assert_array_equal(ours, theirs)


def steps_kept(folder):
  return sorted(p.stem for p in (folder / 'checkpoints').glob('step-*.index'))


@pytest.fixture(name='stopped', scope='module')
def make_stopped(tmp_path_factory):
  """A training with checkpoints after 2, 3 and 4 steps."""
  folder = tmp_path_factory.mktemp('stopped')
  training = Training(folder)
  for step in range(4):
    training.take(step)
    if step:
      training.checkpoints.save(position(
          step + 1, seconds=10.5 * (step + 1), recent=[{'loss': 0.1 * step}]))
  return folder, training


def test_without_a_checkpoint_nothing_is_read(tmp_path):
  training = Training(tmp_path)
  before = training.values()
  assert training.checkpoints.restore() == checkpoint.Position()
  assert_equal(training.values(), before)


def test_all_of_the_last_state_comes_back(stopped):
  folder, first = stopped
  # Another seed: all of it has to come from the file.
  again = Training(folder, seed=6)
  assert again.checkpoints.restore() == position(
      4, seconds=42.0, recent=[{'loss': 0.1 * 3}], returns=[])
  assert_equal(again.values(), first.values())


def test_of_an_earlier_form(tmp_path, monkeypatch):
  """Before broken images were a part of it."""
  training = Training(tmp_path)
  asdict = dataclasses.asdict

  def earlier(position):
    form = asdict(position)
    del form['broken']
    return form

  monkeypatch.setattr(checkpoint.dataclasses, 'asdict', earlier)
  training.checkpoints.save(position(3, seconds=1.5))
  monkeypatch.undo()
  found = Training(tmp_path, seed=6).checkpoints.restore()
  assert (found.step, found.seconds, found.broken) == (3, 1.5, {})


def test_going_on_is_the_same_as_not_stopping(stopped):
  folder, _ = stopped
  whole, again = Training(folder), Training(folder)
  for step in range(6):
    whole.take(step)
  first = again.checkpoints.restore()
  for step in range(first.step, 6):
    again.take(step)
  assert_equal(again.values(), whole.values())


def test_variables_are_found_by_their_paths(stopped):
  """And not by their number, which changes when there is one more."""
  folder, training = stopped
  reader = tf.train.load_checkpoint(str(folder / 'checkpoints'))
  # TensorFlow writes `.S` for a slash within a name.
  stored = {name.split('/.ATTRIBUTES')[0].replace('.S', '/')
            for name in reader.get_variable_to_shape_map()}
  state = training.state
  expected = {f'{part}/{variable.path}'
              for part in ('network', 'average', 'optimizer')
              for variable in getattr(state, part).variables}
  own = {'position'}
  assert expected | own <= stored
  assert stored - expected == own | {'save_counter',
                                     '_CHECKPOINTABLE_OBJECT_GRAPH'}


def test_paths_that_are_there_twice(tmp_path):
  variables = [keras.Variable(0.0, name='kernel') for _ in range(2)]
  nothing = types.SimpleNamespace(variables=[])
  state = train_step.State(
      network=types.SimpleNamespace(variables=variables), average=nothing,
      optimizer=nothing)
  with pytest.raises(ValueError) as caught:
    checkpoint.Checkpoints(tmp_path, state)
  assert str(caught.value) == (
      '`SimpleNamespace` should have variables of distinct paths, but has '
      '`kernel` twice.')


def flipped(content):
  content = bytearray(content)
  content[len(content) // 2] ^= 255
  return bytes(content)


def damage(folder, step, by=flipped, part='data-*'):
  path, = (folder / 'checkpoints').glob(f'step-{step}.{part}')
  path.write_bytes(by(path.read_bytes()))


@pytest.mark.parametrize('how', [
    (flipped, 'data-*'), (lambda content: content[:100], 'data-*'),
    (lambda content: b'', 'data-*'), (flipped, 'index'),
    (lambda content: content[:100], 'index'), (lambda content: b'', 'index')])
def test_a_damaged_checkpoint_is_passed_over(tmp_path, capsys, how):
  training = Training(tmp_path)
  for step in range(2):
    training.take(step)
    training.checkpoints.save(position(step + 1))
    if not step:
      kept = training.values()
  damage(tmp_path, 2, *how)
  again = Training(tmp_path, seed=6)
  assert again.checkpoints.restore().step == 1
  assert_equal(again.values(), kept)
  assert capsys.readouterr().err.startswith(
      f'The checkpoint `{tmp_path}/checkpoints/step-2` cannot be read and is '
      'passed over: ')


@pytest.mark.parametrize('content', [None, b'', b'model_check', b'{{\0'])
def test_the_list_of_checkpoints_is_lost(tmp_path, content):
  training = Training(tmp_path)
  for step in 2, 10:
    training.checkpoints.save(position(step))
  path = tmp_path / 'checkpoints' / 'checkpoint'
  path.unlink()
  if content is not None:
    path.write_bytes(content)
  again = Training(tmp_path).checkpoints
  assert not again.is_empty
  assert again.restore().step == again.go_back().step == 10
  again.save(position(12))
  assert Training(tmp_path).checkpoints.restore().step == 12


def test_no_checkpoint_can_be_read(tmp_path):
  training = Training(tmp_path)
  training.checkpoints.save(position(1))
  damage(tmp_path, 1)
  with pytest.raises(errors.RunError) as caught:
    Training(tmp_path).checkpoints.restore()
  assert str(caught.value) == (
      f'No checkpoint in `{tmp_path}/checkpoints` can be read: they are '
      'damaged or of another version of this program; remove that folder to '
      'train from the start.')


def test_two_are_kept(stopped):
  folder, _ = stopped
  assert steps_kept(folder) == ['step-3', 'step-4']


def test_saves_after_a_restart_still_keep_two(tmp_path):
  first = Training(tmp_path)
  for step in 1, 2:
    first.checkpoints.save(position(step))
  again = Training(tmp_path)
  again.checkpoints.restore()
  again.checkpoints.save(position(3))
  assert steps_kept(tmp_path) == ['step-2', 'step-3']


def test_one_of_a_program_that_ends_is_not_gone_back_to(tmp_path):
  first = Training(tmp_path)
  for step in 10, 20:
    first.checkpoints.save(position(step, attempt=1))
  for step in 23, 24:
    first.checkpoints.save(position(step, attempt=1), ends=True)
  again = Training(tmp_path).checkpoints
  assert again.restore().step == 24
  assert again.go_back() == position(20, attempt=1, recent=[], returns=[])
  # One of the cadence is newer than it.
  again.save(position(30, attempt=1))
  assert again.restore().step == 30
  assert not (tmp_path / 'checkpoints/ended').exists()


def test_a_later_attempt_is_newer(tmp_path):
  first = Training(tmp_path).checkpoints
  assert first.is_empty
  first.save(position(20))
  first.save(position(10, attempt=1))
  again = Training(tmp_path).checkpoints
  assert not again.is_empty
  assert again.restore() == position(10, attempt=1, recent=[], returns=[])


def test_more_than_the_state(tmp_path):
  state = Training(tmp_path).state
  more = {'best': {'network/kernel': tf.Variable([1.0, 2.0])}}
  first = checkpoint.Checkpoints(tmp_path, state, 2, more)
  first.save(position(5, best={'step': 3, 'accuracy': 0.5}))
  more['best']['network/kernel'].assign([0.0, 0.0])
  assert checkpoint.Checkpoints(tmp_path, state, 2, more).restore().best == {
      'step': 3, 'accuracy': 0.5}
  assert more['best']['network/kernel'].numpy().tolist() == [1.0, 2.0]


def test_a_first_checkpoint_that_was_not_finished_is_none(tmp_path):
  """It is on no list, and its index ends before its end."""
  training = Training(tmp_path)
  training.checkpoints.save(position(1))
  (tmp_path / 'checkpoints/checkpoint').unlink()
  index = tmp_path / 'checkpoints/step-1.index'
  content = index.read_bytes()
  for size in 0, len(content) // 2, len(content) - 1:
    index.write_bytes(content[:size])
    assert Training(tmp_path).checkpoints.restore() == checkpoint.Position()
  index.write_bytes(content)
  assert Training(tmp_path).checkpoints.restore().step == 1
