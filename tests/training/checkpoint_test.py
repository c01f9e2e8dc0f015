import dataclasses
import json
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
  return sorted(p.stem for p in (folder / 'checkpoints').glob('step-*.npz'))


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


def test_it_is_plain_numpy_by_the_paths_of_the_variables(stopped):
  """And not by their number, which changes when there is one more."""
  folder, training = stopped
  with np.load(folder / 'checkpoints/step-4.npz') as file:
    stored = dict(file)
  said = json.loads(stored.pop('metadata').item())
  assert said == {**json.loads(json.dumps(dataclasses.asdict(position(4)))),
                  'seconds': 42.0, 'recent': [{'loss': 0.1 * 3}]}
  state = training.state
  expected = {f'{part}/{variable.path}': variable.numpy()
              for part in ('network', 'average', 'optimizer')
              for variable in getattr(state, part).variables}
  assert stored.keys() == expected.keys()
  for name, value in expected.items():
    assert stored[name].dtype == value.dtype
    np.testing.assert_array_equal(stored[name], value)


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


def damage(folder, step, by):
  path = folder / f'checkpoints/step-{step}.npz'
  path.write_bytes(by(path.read_bytes()))


def flipped(content, at=None):
  """One byte changed: of an array, or at a place."""
  at = content.index(b'\x93NUMPY') + 200 if at is None else at
  return content[:at] + bytes([content[at] ^ 255]) + content[at + 1:]


@pytest.mark.parametrize('how, said', [
    (flipped, "Bad CRC-32 for file '"),
    (lambda content: content[:100], 'File is not a zip file'),
    (lambda content: content[:-100], 'File is not a zip file'),
    (lambda content: b'', 'File is not a zip file')])
def test_a_damaged_checkpoint_is_passed_over(tmp_path, capsys, how, said):
  training = Training(tmp_path)
  for step in range(2):
    training.take(step)
    training.checkpoints.save(position(step + 1))
    if not step:
      kept = training.values()
  damage(tmp_path, 2, how)
  again = Training(tmp_path, seed=6)
  assert again.checkpoints.restore().step == 1
  assert_equal(again.values(), kept)
  assert capsys.readouterr().err.startswith(
      f'The checkpoint `{tmp_path}/checkpoints/step-2.npz` cannot be read and '
      f'is passed over: {said}')


def test_a_damaged_checkpoint_pushes_out_no_good_one(tmp_path):
  """One that goes on from before it has taken fewer steps."""
  training = Training(tmp_path)
  for step in 10, 20:
    training.checkpoints.save(position(step))
  damage(tmp_path, 20, flipped)
  again = Training(tmp_path).checkpoints
  assert again.restore().step == 10
  again.save(position(12))
  assert steps_kept(tmp_path) == ['step-10', 'step-12']


def test_no_checkpoint_can_be_read(tmp_path):
  training = Training(tmp_path)
  training.checkpoints.save(position(1))
  damage(tmp_path, 1, flipped)
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


def test_one_that_was_not_finished_is_none(tmp_path):
  """It does not have its name, and goes with the next one."""
  folder = tmp_path / 'checkpoints'
  folder.mkdir()
  (folder / '.step-2.npz.aside').write_bytes(b'half')
  training = Training(tmp_path)
  assert training.checkpoints.is_empty
  assert training.checkpoints.restore() == checkpoint.Position()
  training.checkpoints.save(position(4))
  assert [path.name for path in folder.iterdir()] == ['step-4.npz']


def few():
  """A state of a few numbers."""
  numbers = keras.Variable(np.arange(3, dtype=np.float32), name='numbers')
  nothing = types.SimpleNamespace(variables=[])
  return train_step.State(network=types.SimpleNamespace(variables=[numbers]),
                          average=nothing, optimizer=nothing)


@pytest.mark.parametrize('arrays, said', [
    ({'network/numbers': np.zeros(3)},
     'A position should have `step` and no more than {fields}, but has '
     'nothing.'),
    ({'network/numbers': np.zeros(3), 'metadata': np.array('{"steps": 1}')},
     'A position should have `step` and no more than {fields}, but has '
     'steps.'),
    ({'metadata': np.array(json.dumps(dataclasses.asdict(position(3))))},
     '`{path}` should have exactly the variables of the network, but lacks '
     'network/numbers (1 in all); is the architecture the one that was '
     'trained?')])
def test_one_of_another_program_is_told(tmp_path, capsys, arrays, said):
  state, path = few(), tmp_path / 'step-3.npz'
  fields = ', '.join(sorted(dataclasses.asdict(position(0))))
  np.savez(path, **arrays)
  with pytest.raises(errors.RunError):
    checkpoint.Checkpoints(tmp_path, state).restore()
  assert state.network.variables[0].numpy().tolist() == [0, 1, 2]
  assert capsys.readouterr().err == (
      f'The checkpoint `{path}` cannot be read and is passed over: '
      f'{said.format(path=path, fields=fields)}\n')
