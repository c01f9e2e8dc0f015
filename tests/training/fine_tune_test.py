import dataclasses

import numpy as np
import pytest

from ns import mixture
from ns import models
from ns import noise
from ns import training
from ns.core import errors
from ns.models import weights
from ns.training import learning_rate
from tests.support import tiny


class Killed(BaseException):
  """Stands for the end of the program: nothing catches it."""


def larger(step, batch):
  """The same images at twice the size."""
  del step
  return {**batch, 'image': batch['image'].repeat(2, 1).repeat(2, 2)}


def killing(at):
  def change(step, batch):
    if step == at:
      raise Killed
    return larger(step, batch)
  return change


# Moving statistics that move at once, so that a test sees it.
ARCHITECTURE = dataclasses.replace(
    tiny.architecture(), normalization=models.BatchNorm(momentum=0.5))


def build(seed):
  return ARCHITECTURE.build(
      noise.ModelNoise(dropout=0.1, stochastic_depth=0.5), 4, image_size=16,
      seed=seed)


def job(folder, trained, *, change=larger, **changes):
  return dataclasses.replace(tiny.job(folder, change=change), **{
      'name': 'student/finetune', 'build': build, 'labelled_batch': 16,
      'num_labelled': 64, 'initial_weights': trained, **changes})


def fine_tune(**changes):
  return training.FineTune(**{
      'image_size': 16, 'num_steps': 4, 'schedule_steps': 40,
      'labelled_batch': 16, 'weight_decay': 0.0,
      'learning_rate': training.Constant(rate=0.01),
      'average': training.MovingAverage(decay=0.5), **changes})


def arrays(path):
  with np.load(path) as file:
    return dict(file)


@pytest.fixture(name='trained', scope='module')
def make_trained(tmp_path_factory):
  """A moving average and another network, as training leaves them."""
  folder = tmp_path_factory.mktemp('trained')
  for name, seed in (('average', 1), ('network', 2)):
    network = build(seed)
    weights.save(network, folder / f'{name}.npz')
  return folder / 'average.npz'


def test_it_starts_from_the_initial_weights(tmp_path, trained):
  """Both the network and its average, as the reference from a checkpoint."""
  fine_tune(num_steps=1, learning_rate=training.Constant(rate=1e-12)).run(
      job(tmp_path, trained))
  start = arrays(trained)
  for name in 'network', 'average':
    found = arrays(tmp_path / f'{name}.npz')
    assert found.keys() == start.keys()
    for path in start:
      if 'moving_' not in path:
        np.testing.assert_allclose(found[path], start[path], atol=1e-6)
  other = arrays(trained.parent / 'network.npz')
  assert any(not np.allclose(other[path], start[path]) for path in start)


def test_rates_are_the_last_of_the_schedule(tmp_path, trained):
  seen = []

  @dataclasses.dataclass(frozen=True)
  class Noting:

    def at(self, step, horizon):
      seen.append((step, horizon))
      return 0.01

  fine_tune(learning_rate=Noting()).run(job(tmp_path, trained))
  assert [step for step, _ in seen] == [36, 37, 38, 39]
  assert {horizon for _, horizon in seen} == {learning_rate.Horizon(
      num_steps=40, labelled_batch=16, num_labelled=64)}


def test_the_references_schedule_does_not_warm_up_again():
  """70 epochs of 1,024 images, of which the last two are taken."""
  tuning = fine_tune(num_steps=128, schedule_steps=4480,
                     learning_rate=training.Exponential())
  horizon = tuning.check(model=ARCHITECTURE, labelled_batch=16,
                         num_labelled=1024)
  first = tuning.schedule_steps - tuning.num_steps
  assert first == 4352
  rates = [tuning.learning_rate.at(first + step, horizon)
           for step in range(tuning.num_steps)]
  # 4352 / (64 * 2.4) = 28.3; 4479 / (64 * 2.4) = 29.2.
  peak = 0.016 * 16 / 256
  assert rates[0] == pytest.approx(peak * 0.97**28)
  assert rates[-1] == pytest.approx(peak * 0.97**29)


def test_a_schedule_shorter_than_its_warm_up(tmp_path, trained):
  with pytest.raises(errors.RunError, match='^`Exponential.warmup_epochs` '
                     'should be below the 5 epochs of the training'):
    fine_tune(schedule_steps=20, learning_rate=training.Exponential()).run(
        job(tmp_path, trained, num_labelled=64))


@pytest.mark.parametrize('blocks, frozen', [
    (0, ['stem']), (1, ['stem', 'block_0'])])
def test_the_stem_and_the_first_blocks_stay(tmp_path, trained, blocks, frozen):
  # The statistics of the last normalisations would be those of a network that
  # computes in another way, were the frozen blocks to have model noise.
  fine_tune(frozen_blocks=blocks).run(job(tmp_path, trained))
  start = arrays(trained)
  for name in 'network', 'average':
    found = arrays(tmp_path / f'{name}.npz')
    for path in start:
      same = np.array_equal(found[path], start[path])
      assert same == (path.split('/')[1] in frozen), path


def test_nothing_is_frozen_unless_told(tmp_path, trained):
  fine_tune().run(job(tmp_path, trained))
  found, start = arrays(tmp_path / 'network.npz'), arrays(trained)
  assert not [path for path in start
              if np.array_equal(found[path], start[path])]


def test_killed_and_restarted_gives_the_same(tmp_path, trained):
  """A course as any other's, from weights and with blocks that stay."""
  tuning = fine_tune(checkpoint_every_steps=2, frozen_blocks=1,
                     optimizer=training.RmsProp())
  whole = tuning.run(job(tmp_path / 'whole', trained))
  with pytest.raises(Killed):
    tuning.run(job(tmp_path / 'again', trained, change=killing(3)))
  again = tuning.run(job(tmp_path / 'again', trained))
  assert again['loss'] == whole['loss']
  for name in 'average', 'network':
    found, expected = (arrays(tmp_path / folder / f'{name}.npz')
                       for folder in ('again', 'whole'))
    for path in expected:
      np.testing.assert_array_equal(found[path], expected[path])


def test_its_batches_are_labelled_images():
  tuning = fine_tune(label_smoothing=0.2, shuffle_buffer=99)
  assert tuning.mixture == mixture.Labelled(
      labelled_batch=16, label_smoothing=0.2, shuffle_buffer=99)


def test_without_weights_to_start_from(tmp_path):
  with pytest.raises(errors.RunError) as caught:
    fine_tune().run(job(tmp_path, None))
  assert str(caught.value) == (
      '`Job.initial_weights` should be the weights of a trained network for '
      'student/finetune, but is None; fine-tuning follows training.')


class Unfreezable:
  """A team's own network, without `freeze`."""
  variables = trainable_variables = ()


def test_a_network_that_cannot_be_frozen(tmp_path, monkeypatch, trained):
  monkeypatch.setattr(weights, 'load', lambda network, path: None)
  with pytest.raises(errors.RunError) as caught:
    fine_tune(frozen_blocks=2).run(
        job(tmp_path, trained, build=lambda seed: Unfreezable()))
  assert str(caught.value) == (
      '`FineTune.frozen_blocks` should be None for a network without '
      '`freeze(blocks)` such as Unfreezable, but is 2.')


def test_more_blocks_than_there_are_is_said_before_training():
  images = {'labelled_batch': 16, 'num_labelled': 64}
  fine_tune(frozen_blocks=2).check(model=ARCHITECTURE, **images)
  # Who knows how many blocks a team's own network has.
  fine_tune(frozen_blocks=3).check(model=Unfreezable(), **images)
  with pytest.raises(errors.RunError) as caught:
    fine_tune(frozen_blocks=3).check(model=ARCHITECTURE, **images)
  assert str(caught.value) == (
      '`FineTune.frozen_blocks` should be at most 2, the blocks of the model, '
      'but is 3.')


def test_a_model_that_cannot_freeze_is_said_before_training():
  model = models.KerasApplication(name='VGG16', image_size=32)
  images = {'labelled_batch': 16, 'num_labelled': 64}
  fine_tune(image_size=32).check(model=model, **images)
  with pytest.raises(errors.RunError) as caught:
    fine_tune(image_size=32, frozen_blocks=0).check(model=model, **images)
  assert str(caught.value) == (
      '`FineTune.frozen_blocks` should be None for `KerasApplication`, whose '
      'networks have no `freeze(blocks)`, but is 0.')


def test_images_smaller_than_those_of_the_training():
  images = {'labelled_batch': 16, 'num_labelled': 64}
  fine_tune(image_size=8).check(model=ARCHITECTURE, **images)
  with pytest.raises(errors.RunError) as caught:
    fine_tune(image_size=7).check(model=ARCHITECTURE, **images)
  assert str(caught.value) == (
      '`FineTune.image_size` should be at least 8, the `image_size` of the '
      'model, but is 7.')


@pytest.mark.parametrize('schedule, name', [
    (training.Cosine(peak=0.1, warmup_steps=20), 'Cosine'),
    # 64 images in batches of 16 are 4 steps an epoch.
    (training.Exponential(warmup_epochs=5), 'Exponential')])
def test_a_schedule_whose_warm_up_is_not_over(schedule, name):
  check = lambda **steps: fine_tune(learning_rate=schedule, **steps).check(
      model=ARCHITECTURE, labelled_batch=16, num_labelled=64)
  check(num_steps=4, schedule_steps=24)
  check(num_steps=21, schedule_steps=21)  # A schedule of its own.
  with pytest.raises(errors.RunError) as caught:
    check(num_steps=4, schedule_steps=23)
  assert str(caught.value) == (
      '`FineTune.schedule_steps` should be at least 24, since the warm-up of '
      f'`{name}` takes 20 steps and the last 4 are taken here, but is 23; bind '
      'the steps of the whole schedule, or a shorter warm-up.')
  with pytest.raises(errors.RunError):
    check(num_steps=20, schedule_steps=20)


@pytest.mark.parametrize('field, value, said', [
    ('image_size', 0, 'a whole number of at least 1, but is 0.'),
    ('num_steps', 0, 'a whole number of at least 1, but is 0.'),
    ('schedule_steps', 3, 'a whole number of at least 4, but is 3.'),
    ('labelled_batch', None, 'a whole number of at least 1, but is None.'),
    ('shuffle_buffer', 0, 'a whole number of at least 1, but is 0.'),
    ('frozen_blocks', -1, 'a whole number of at least 0, but is -1.'),
    ('label_smoothing', 1, 'a number at least 0 and below 1, but is 1.'),
    ('weight_decay', -1, 'a number at least 0, but is -1.'),
    ('precision', 'half',
     "one of 'float32', 'mixed_bfloat16', but is 'half'."),
    ('jit_compile', 1, 'one of False, True, but is 1.'),
    ('learning_rate', 0.1, 'an object with `at()`, but is 0.1.')])
def test_wrong_arguments(field, value, said):
  with pytest.raises((TypeError, ValueError)) as caught:
    fine_tune(**{field: value})
  assert str(caught.value) == f'`FineTune.{field}` should be {said}'
