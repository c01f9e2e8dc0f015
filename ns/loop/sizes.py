"""What there is to do in each kind of stage, in words; `work` has figures."""

from ns.mixture import proportions
from ns.models import cost


def label(generation, teachers) -> str:
  again = ('' if generation.relabel is None else
           f'what was selected for {generation.relabel}, ')
  return f'{again}labelled by ' + ' and '.join(
      teacher.name for teacher in teachers)


def calibrate(run, policy) -> str:
  return f'{type(policy).__name__} on {run.data.evaluation_sets[0].name}'


def select(policy) -> str:
  if not hasattr(policy, 'balance'):
    return 'the images and copies as they were selected'
  least = policy.min_confidence
  rule = ('all' if least is None else
          'confidence of at least ' + (
              f'{min(least):g} to {max(least):g} by class'
              if isinstance(least, (list, tuple)) else f'{least:g}'))
  per_class = getattr(policy.balance, 'images_per_class', None)
  return f'{rule}, ' + (f'{per_class:,} images a class' if per_class
                        else 'not balanced')


def train(run, generation, start=None, taught=None) -> str:
  """`start`: the finished generation that it begins with, or None; `taught`:
  the one that labels in its steps."""
  parts = _parameters(run, generation)
  if not generation.is_trained:
    return ', '.join([*parts, f'weights of {generation.training.path}'])
  if generation.start:
    parts.append('from the weights of ' + (
        start.generation.name if start else generation.start.path))
  mixture = generation.mixture
  pseudo = mixture.batch_size - mixture.labelled_batch
  counted = proportions.counted_labelled(mixture)
  batch = (f'{mixture.labelled_batch:,}'
           + (f' (of which {counted:g} count)'
              if counted < mixture.labelled_batch else '')
           + (f' + {pseudo:,}' if pseudo else ''))
  by_whom = ([f'labelled in the step by {taught.generation.name}'] if taught
             else [])
  return ', '.join([*parts, *_batches(generation.training, batch,
                                      generation.model.image_size), *by_whom])


def finetune(run, generation) -> str:
  policy = generation.fine_tune
  frozen = policy.frozen_blocks
  parts = [] if frozen is None else [
      'the stem frozen' + (f' and {frozen} blocks' if frozen else '')]
  return ', '.join([
      *_parameters(run, generation, frozen), *parts,
      *_batches(policy, f'{policy.labelled_batch:,}', policy.image_size)])


def export(generation) -> str:
  side = generation.image_size
  return f'{type(generation.export).__name__}, images of {side} x {side}'


def _parameters(run, generation, frozen_blocks=None) -> list[str]:
  if not hasattr(generation.model, 'blocks'):
    return []
  network = cost.of(generation.model, run.data.classes,
                    frozen_blocks=frozen_blocks)
  return [f'{network.parameters:,} parameters']


def _batches(policy, batch: str, side: int) -> list[str]:
  in_a_call = getattr(policy, 'steps_per_call', 1)
  return [f'batches of {batch} images of {side} x {side}',
          *([f'{in_a_call:,} steps in a call'] if in_a_call > 1 else [])]
