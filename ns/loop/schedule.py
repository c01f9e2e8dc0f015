"""From a run's configuration to its stages, in order."""

import functools

from ns.core import errors
from ns.core import manifest
from ns.images import crop as crop_lib
from ns.loop import sizes
from ns.loop import stages as stages_lib
from ns.loop import steps
from ns.loop import work
from ns.mixture import proportions
from ns.training import replicas


def stages(run) -> tuple[stages_lib.Stage, ...]:
  """The stages of a `SelfTraining`, generation after generation.

  Of each: calibrate (where it says so), label and select where it has a
  teacher, train, finetune and export where it says so, evaluate.

  Raises:
    RunError: the data does not fit a model.
  """
  made, finished = [], {}
  for generation in run.generations:
    _check_model(run, generation)
    _check_training(run, generation)
    add = functools.partial(_add, made, run, generation)
    teachers = calibrate = select = None
    if generation.has_teacher:
      names = generation.teachers or list(finished)[-1:]
      teachers = tuple(finished[name] for name in names)
      generations = [teacher.generation for teacher in teachers]
      _check_labels(run, generation, len(teachers))
      if generation.calibration:
        calibrate = add('calibrate', _calibrate_form(run, generation, teachers),
                        sizes.calibrate(run, generation.calibration),
                        [teacher.trained for teacher in teachers],
                        work.calibrate(run, generation, generations),
                        teachers=teachers)
    if generation.is_labelled_first:
      # The selection that is labelled again, if it is one.
      pool = generation.relabel and finished[generation.relabel].selected
      label = add('label', _label_form(run, generation, teachers, calibrate,
                                       pool),
                  sizes.label(generation, generations),
                  _label_reads(generation, teachers, calibrate, pool),
                  work.label(run, generation, generations), teachers=teachers)
      select = add('select', _select_form(run, generation, label),
                   sizes.select(generation.select), (label,),
                   work.select(run, generation))
    taught = None
    if generation.is_labelled_in_step:
      taught = _teacher_in_step(run, generation, teachers)
    start = _start(generation, finished)
    trained = add(
        'train',
        _train_form(run, generation, select, start, taught, calibrate),
        sizes.train(run, generation, start, taught),
        _train_reads(generation, select, start, taught, calibrate),
        work.train(run, generation, taught and taught.generation), start=start,
        taught=taught)
    if generation.fine_tune:
      trained = add('finetune', _finetune_form(run, generation, trained),
                    sizes.finetune(run, generation), (trained,),
                    work.finetune(run, generation))
    evaluated = add('evaluate', _evaluate_form(run, generation, trained),
                    '', (trained,), work.evaluate(run, generation))
    if generation.export:
      add('export', _export_form(generation, trained),
          sizes.export(generation), (trained,), work.export(run, generation))
    finished[generation.name] = steps.Finished(
        generation=generation, trained=trained, evaluated=evaluated,
        selected=select)
  return tuple(made)


def _add(made, run, generation, kind, form, size, reads, work, **more
         ) -> stages_lib.Stage:
  """The next stage, which the function of `steps` named `kind` makes."""
  make = functools.partial(getattr(steps, kind), run, generation, **more)
  made.append(stages_lib.Stage(generation=generation.name, kind=kind, form=form,
                               make=make, size=size, reads=reads, work=work,
                               is_shared=kind in steps.SHARED))
  return made[-1]


def _calibrate_form(run, generation, teachers):
  """What of the labelling decides on their answers is in it, and no more."""
  validation = run.data.evaluation_sets[0]
  return {'teachers': _teachers_form(teachers),
          'calibration': manifest.canonical(generation.calibration),
          'labelling': {name: manifest.canonical(value) for name, value
                        in generation.labelling.answering.items()},
          'validation': manifest.canonical(validation)}


def _label_form(run, generation, teachers, calibrate, pool):
  return {'teachers': _teachers_form(teachers),
          'labelling': manifest.canonical(generation.labelling),
          'pool': ({'selected': pool.fingerprint} if pool else
                   manifest.canonical(run.data.unlabelled)),
          **({'calibrate': calibrate.fingerprint} if calibrate else {})}


def _teachers_form(teachers):
  return [{'trained': teacher.trained.fingerprint,
           **_parts(teacher.generation, 'evaluation_crop')}
          for teacher in teachers]


def _label_reads(generation, teachers, calibrate, pool):
  """What the teachers are and, where it asks how good they are, that too."""
  reads = [teacher.trained for teacher in teachers]
  reads += filter(None, (calibrate, pool))
  if steps.asks_for_accuracy(generation.labelling):
    reads += [teacher.evaluated for teacher in teachers]
  return tuple(reads)


def _select_form(run, generation, label):
  return {'label': label.fingerprint, 'seed': run.seed,
          'generation': generation.name,
          'select': manifest.canonical(generation.select)}


def _start(generation, finished):
  """The earlier generation that a training begins with, or None."""
  if not generation.starts_from_generation:
    return None
  named = generation.start.generation
  names = ([named] if named is not None
           else generation.teachers or list(finished)[-1:])
  if not finished:
    raise errors.RunError(
        f'`Generation.start` of {generation.name} should be None or '
        '`FromWeights`, since no generation is before it, but is '
        f'{generation.start!r}.')
  if len(names) != 1 or names[0] not in finished:
    raise errors.RunError(
        '`FromTeacher.generation` should be one generation before '
        f'{generation.name}, of {list(finished)}, but is '
        f'{named if named is not None else list(names)!r}; name one, or bind '
        'None to `Generation.start`.')
  start = finished[names[0]]
  generation.start.check_architectures(
      generation.name, generation.model, names[0], start.generation.model)
  return start


def _teacher_in_step(run, generation, teachers):
  """The one that labels in the steps of a training.

  Raises:
    RunError: it cannot, as the generation asks for it.
  """
  if len(teachers) > 1:
    raise errors.RunError(
        f'`Generation.teachers` of {generation.name} should be one generation, '
        'since one teacher labels in the step, but are '
        f'{list(generation.teachers)}; name one, or bind a mixture that is '
        'labelled for first.')
  augment = getattr(generation.labelling, 'augment', None)
  if augment is not None:
    raise errors.RunError(
        f'`Labelling.augment` should be None for {generation.name}, since a '
        'teacher in the step sees each image once, but is '
        f'{augment!r}; leave it out, or bind a mixture that is labelled for '
        'first.')
  if hasattr(generation.mixture, 'check'):
    generation.mixture.check(run.data.labelled, run.data.unlabelled,
                             run.runtime.replicas)
  return teachers[0]


def _train_reads(generation, select, start, taught, calibrate):
  reads = [stage for stage in (select, start and start.trained) if stage]
  if taught:
    reads += [taught.trained, *([calibrate] if calibrate else [])]
    if steps.asks_for_accuracy(generation.labelling):
      reads.append(taught.evaluated)
  return tuple({stage.name: stage for stage in reads}.values())


def _train_form(run, generation, select, start, taught, calibrate):
  if not generation.is_trained:
    return _parts(generation, 'model', 'training')
  form = {**_parts(generation, 'model', 'mixture', 'training', 'crop', 'noise',
                   'batch_noise', 'model_noise'),
          'select': select and select.fingerprint, 'seed': run.seed,
          'generation': generation.name,
          'labelled': manifest.canonical(run.data.labelled),
          **_selection_form(run, generation, generation.training)}
  if generation.start:
    form['start'] = (start.trained.fingerprint if start
                     else manifest.canonical(generation.start))
  if taught:
    form['teacher'] = {
        **_teachers_form([taught])[0],
        'precision': getattr(generation.labelling, 'precision', 'float32'),
        'calibrate': calibrate and calibrate.fingerprint,
        'pool': manifest.canonical(run.data.unlabelled)}
  return form


def _finetune_form(run, generation, train):
  return {**_parts(generation, 'fine_tune', 'evaluation_crop', 'model_noise'),
          'train': train.fingerprint, 'seed': run.seed,
          'labelled': manifest.canonical(run.data.labelled),
          **_selection_form(run, generation, generation.fine_tune)}


def _selection_form(run, generation, policy):
  """What else decides which weights a training gives, if it selects them."""
  if not getattr(policy, 'selection', None):
    return {}
  return {**_parts(generation, 'evaluation', 'evaluation_crop'),
          'validation': manifest.canonical(run.data.evaluation_sets[0])}


def _evaluate_form(run, generation, trained):
  return {**_parts(generation, 'evaluation', 'evaluation_crop'),
          'train': trained.fingerprint,
          'sets': [manifest.canonical(s) for s in run.data.evaluation_sets]}


def _export_form(generation, trained):
  return {**_parts(generation, 'export', 'evaluation_crop'),
          'train': trained.fingerprint}


def _parts(generation, *names):
  return {name: manifest.canonical(getattr(generation, name))
          for name in names}


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


def _check_labels(run, generation, teachers: int) -> None:
  """What can be known of labels and their selection before any teacher."""
  if not generation.is_labelled_first:
    return
  labelling, select = generation.labelling, generation.select
  if hasattr(labelling, 'check_fits'):
    labelling.check_fits(run.data.classes, teachers, run.data.unlabelled.name)
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
