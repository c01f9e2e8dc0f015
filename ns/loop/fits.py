"""Whether a generation fits the data, the runtime and itself.

What can be known of that before anything is made.
"""

from ns.core import errors
from ns.images import crop as crop_lib
from ns.mixture import proportions
from ns.training import replicas


def check(run, generation) -> None:
  """Checks a generation of a `SelfTraining`.

  Raises:
    RunError: the data or the runtime does not fit it.
    ValueError: its parts do not fit each other.
  """
  _check_model(run, generation)
  _check_training(run, generation)
  if generation.is_labelled_first:
    _check_labels(run, generation)


def _check_model(run, generation) -> None:
  """The model takes this noise, these replicas and, where they are taken as
  they are, these images."""
  if hasattr(generation.model, 'check_noise'):
    generation.model.check_noise(generation.model_noise)
  if hasattr(generation.model, 'normalization'):
    generation.model.normalization.group_size(run.runtime.replicas)
  if not any(isinstance(crop, crop_lib.AsIs)
             for crop in (generation.crop, generation.evaluation_crop)):
    return
  size, channels = generation.model.image_size, generation.model.channels
  expected, shape = (size, size, channels), run.data.image_shape
  # Where it is not known, the crop itself looks at every image.
  if shape is not None and tuple(shape) != expected:
    raise errors.RunError(
        f'The model of {generation.name} takes images of {_shape(expected)}, '
        f'but those of the data are {_shape(shape)}; bind '
        "the architecture's `image_size` and `pixel_mean`, or `crop` and "
        '`evaluation_crop` of `Generation`, which resize.')


def _check_labels(run, generation) -> None:
  """The labels and their selection."""
  labelling, select = generation.labelling, generation.select
  if hasattr(labelling, 'check_fits'):
    labelling.check_fits(run.data.classes, len(generation.teachers) or 1,
                         run.data.unlabelled.name)
  if hasattr(select, 'check_fits'):
    select.check_fits(run.data.classes, getattr(labelling, 'scores', ()))


def _check_training(run, generation) -> None:
  """What can be known of a training before any."""
  if generation.start and not generation.starts_from_generation:
    generation.start.check(model=generation.model, classes=run.data.classes)
  trainings = []
  if generation.is_trained:
    trainings.append(('train', generation.training, generation.mixture))
  elif hasattr(generation.training, 'check'):
    generation.training.check(model=generation.model, classes=run.data.classes)
  if generation.is_trained and hasattr(generation.mixture, 'check_pool'):
    pool = run.data.unlabelled
    generation.mixture.check_pool(
        pool.num_examples, f'of the pool `{pool.name}`')
  if generation.fine_tune:
    policy = generation.fine_tune
    trainings.append(('finetune', policy, getattr(policy, 'mixture', policy)))
  for kind, policy, batch in trainings:
    _check_hosts(run, generation, batch)
    if run.runtime.replicas > 1 and hasattr(policy, 'jit_compile'):
      replicas.check(policy, f'{generation.name}/{kind}', batch,
                     run.runtime.replicas)
    if hasattr(policy, 'check'):
      policy.check(model=generation.model,
                   labelled_batch=proportions.counted_labelled(batch),
                   num_labelled=run.data.labelled.num_examples)


def _check_hosts(run, generation, mixture) -> None:
  """Each host can make its part of a batch."""
  workers = run.runtime.workers
  if hasattr(mixture, 'check_workers'):
    mixture.check_workers(run.data.labelled.num_examples, workers)
  if generation.batch_noise and workers > 1:
    raise errors.RunError(
        f'`Generation.batch_noise` of {generation.name} should be None on '
        f'{workers} hosts, since it mixes the images of a whole batch, of '
        'which each host has a part, but is '
        f'`{type(generation.batch_noise).__name__}`; leave it out, or bind one '
        'host.')


def _shape(shape) -> str:
  return ' x '.join(map(str, shape))
