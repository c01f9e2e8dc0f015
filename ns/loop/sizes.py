"""What there is to do in each kind of stage, as text for the plan."""

from ns.mixture import batches
from ns.models import cost


def label(run, teachers) -> str:
  return f'{run.data.unlabelled.num_examples:,} images, labelled by ' + (
      ' and '.join(teacher.name for teacher in teachers))


def calibrate(run, policy) -> str:
  validation = run.data.evaluation_sets[0]
  return (f'{type(policy).__name__} on {validation.num_examples:,} '
          f'{validation.name} images')


def select(policy) -> str:
  least = policy.min_confidence
  rule = ('all' if least is None else
          'confidence of at least ' + (
              f'{min(least):g} to {max(least):g} by class'
              if isinstance(least, (list, tuple)) else f'{least:g}'))
  per_class = getattr(policy.balance, 'images_per_class', None)
  return f'{rule}, ' + (f'{per_class:,} images a class' if per_class
                        else 'not balanced')


def train(run, generation, start=None) -> str:
  """`start`: the finished generation that it begins with, or None."""
  parts = _parameters(run, generation)
  if not generation.is_trained:
    return ', '.join([*parts, f'weights of {generation.training.path}'])
  if generation.start:
    parts.append('from the weights of ' + (
        start.generation.name if start else generation.start.path))
  mixture = generation.mixture
  pseudo = mixture.batch_size - mixture.labelled_batch
  counted = batches.counted_labelled(mixture)
  batch = (f'{mixture.labelled_batch}'
           + (f' (of which {counted:g} count)'
              if counted < mixture.labelled_batch else '')
           + (f' + {pseudo}' if pseudo else ''))
  return ', '.join([*parts, *_steps(run, generation.training, batch,
                                    batches.counted_labelled(mixture))])


def finetune(run, generation) -> str:
  policy = generation.fine_tune
  side = policy.image_size
  return ', '.join([f'images of {side} x {side}', *_steps(
      run, policy, policy.labelled_batch, policy.labelled_batch)])


def evaluate(run) -> str:
  return ', '.join(f'{source.num_examples:,} {source.name} images'
                   for source in run.data.evaluation_sets)


def export(generation) -> str:
  side = generation.image_size
  return f'{type(generation.export).__name__}, images of {side} x {side}'


def _parameters(run, generation) -> list[str]:
  if not hasattr(generation.model, 'blocks'):
    return []
  network = cost.of(generation.model, run.data.classes)
  return [f'{network.parameters:,} parameters']


def _steps(run, policy, batch, labelled_batch: float) -> list[str]:
  images, steps = run.data.labelled.num_examples, policy.num_steps
  in_a_call = getattr(policy, 'steps_per_call', 1)
  return [f'{steps:,} steps of {batch} images',
          *([f'{in_a_call:,} in a call'] if in_a_call > 1 else []),
          f'{steps * labelled_batch / images:.1f} epochs of {images:,} '
          'labelled']
