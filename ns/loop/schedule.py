"""From a run's configuration to its stages, in order."""

import functools

from ns.core import errors
from ns.core import manifest
from ns.loop import stages as stages_lib
from ns.loop import steps
from ns.models import cost


def stages(run) -> tuple[stages_lib.Stage, ...]:
  """The stages of a `SelfTraining`: label, select, train, evaluate, and again.

  Raises:
    RunError: the data does not fit a model.
  """
  made = []
  train = teacher = None
  for generation in run.generations:
    _check_images(run, generation)
    add = functools.partial(_add, made, generation)
    select = None
    if generation.has_teacher:
      label = add('label', _label_form(run, generation, train),
                  functools.partial(steps.label, run, generation, teacher,
                                    train),
                  f'{run.data.unlabelled.num_examples:,} images, labelled by '
                  f'{teacher.name}', train)
      select = add('select', _select_form(run, generation, label),
                   functools.partial(steps.select, run, generation),
                   _select_size(generation.select), label)
    train = add('train', _train_form(run, generation, select),
                functools.partial(steps.train, run, generation),
                _train_size(run, generation), select)
    add('evaluate', _evaluate_form(run, generation, train),
        functools.partial(steps.evaluate, run, generation),
        ', '.join(f'{s.num_examples:,} {s.name} images'
                  for s in run.data.evaluation_sets), train)
    teacher = generation
  return tuple(made)


def _add(made, generation, kind, form, make, size, reads) -> stages_lib.Stage:
  made.append(stages_lib.Stage(generation=generation.name, kind=kind, form=form,
                               make=make, size=size, reads=reads))
  return made[-1]


def _label_form(run, generation, train):
  return {'teacher': train.fingerprint,
          'labelling': manifest.canonical(generation.labelling),
          'pool': manifest.canonical(run.data.unlabelled)}


def _select_form(run, generation, label):
  return {'label': label.fingerprint, 'seed': run.seed,
          'generation': generation.name,
          'select': manifest.canonical(generation.select)}


def _train_form(run, generation, select):
  parts = {name: manifest.canonical(getattr(generation, name)) for name in (
      'model', 'mixture', 'training', 'noise', 'model_noise')}
  return {**parts, 'select': select and select.fingerprint, 'seed': run.seed,
          'generation': generation.name,
          'labelled': manifest.canonical(run.data.labelled)}


def _evaluate_form(run, generation, train):
  return {'train': train.fingerprint,
          'evaluation': manifest.canonical(generation.evaluation),
          'sets': [manifest.canonical(s) for s in run.data.evaluation_sets]}


def _check_images(run, generation) -> None:
  size, channels = generation.model.image_size, generation.model.channels
  expected = (size, size, channels)
  if tuple(run.data.image_shape) != expected:
    raise errors.RunError(
        f'The model of {generation.name} takes images of {_shape(expected)}, '
        f'but those of the data are {_shape(run.data.image_shape)}; bind '
        "the architecture's `image_size` and `pixel_mean`.")


def _shape(shape) -> str:
  return ' x '.join(map(str, shape))


def _select_size(select) -> str:
  rule = ('all' if select.min_confidence is None
          else f'confidence of at least {select.min_confidence:g}')
  per_class = getattr(select.balance, 'images_per_class', None)
  return f'{rule}, ' + (f'{per_class:,} images a class' if per_class
                        else 'not balanced')


def _train_size(run, generation) -> str:
  mixture, steps_ = generation.mixture, generation.training.num_steps
  parts = []
  if hasattr(generation.model, 'blocks'):
    network = cost.of(generation.model, run.data.classes)
    parts.append(f'{network.parameters:,} parameters')
  pseudo = mixture.batch_size - mixture.labelled_batch
  batch = f'{mixture.labelled_batch}' + (f' + {pseudo}' if pseudo else '')
  epochs = steps_ * mixture.labelled_batch / run.data.labelled.num_examples
  parts.append(f'{steps_:,} steps of {batch} images')
  parts.append(f'{epochs:.1f} epochs of {run.data.labelled.num_examples:,} '
               'labelled')
  return ', '.join(parts)
