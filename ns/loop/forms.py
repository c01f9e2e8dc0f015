"""What decides the result of each kind of stage: its canonical form.

A stage's fingerprint is its form's. Stages that it builds on are in it by their
fingerprints, images by their sources' digests.
"""

from ns.core import manifest


def calibrate(run, generation, teachers):
  """What of the labelling decides on their answers is in it, and no more."""
  validation = run.data.evaluation_sets[0]
  return {'teachers': _teachers(teachers),
          'calibration': manifest.canonical(generation.calibration),
          'labelling': {name: manifest.canonical(value) for name, value
                        in generation.labelling.answering.items()},
          'validation': manifest.canonical(validation)}


def label(run, generation, teachers, calibrate, pool):
  """`pool`: the stage with the selection that is labelled again, or None."""
  return {'teachers': _teachers(teachers),
          'labelling': manifest.canonical(generation.labelling),
          'pool': ({'selected': pool.fingerprint} if pool else
                   manifest.canonical(run.data.unlabelled)),
          **({'calibrate': calibrate.fingerprint} if calibrate else {})}


def select(run, generation, label):
  return {'label': label.fingerprint, 'seed': run.seed,
          'generation': generation.name,
          'select': manifest.canonical(generation.select)}


def train(run, generation, select, start, taught, calibrate):
  """`start` and `taught` are as of `lineage.Before`."""
  if not generation.is_trained:
    return _parts(generation, 'model', 'training')
  form = {**_parts(generation, 'model', 'mixture', 'training', 'crop', 'noise',
                   'batch_noise', 'model_noise'),
          'select': select and select.fingerprint, 'seed': run.seed,
          'generation': generation.name,
          'labelled': manifest.canonical(run.data.labelled),
          **_selection(run, generation, generation.training)}
  if generation.start:
    form['start'] = (start.trained.fingerprint if start
                     else manifest.canonical(generation.start))
  if taught:
    form['teacher'] = {
        **_teachers([taught])[0],
        'precision': getattr(generation.labelling, 'precision', 'float32'),
        'calibrate': calibrate and calibrate.fingerprint,
        'pool': manifest.canonical(run.data.unlabelled)}
  return form


def finetune(run, generation, train):
  return {**_parts(generation, 'fine_tune', 'evaluation_crop', 'model_noise'),
          'train': train.fingerprint, 'seed': run.seed,
          'labelled': manifest.canonical(run.data.labelled),
          **_selection(run, generation, generation.fine_tune)}


def evaluate(run, generation, trained):
  return {**_parts(generation, 'evaluation', 'evaluation_crop'),
          'train': trained.fingerprint,
          'sets': [manifest.canonical(s) for s in run.data.evaluation_sets]}


def export(generation, trained):
  return {**_parts(generation, 'export', 'evaluation_crop'),
          'train': trained.fingerprint}


def _teachers(teachers):
  return [{'trained': teacher.trained.fingerprint,
           **_parts(teacher.generation, 'evaluation_crop')}
          for teacher in teachers]


def _selection(run, generation, policy):
  """What else decides which weights a training gives, if it selects them."""
  if not getattr(policy, 'selection', None):
    return {}
  return {**_parts(generation, 'evaluation', 'evaluation_crop'),
          'validation': manifest.canonical(run.data.evaluation_sets[0])}


def _parts(generation, *names):
  return {name: manifest.canonical(getattr(generation, name))
          for name in names}
