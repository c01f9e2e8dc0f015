"""What each kind of stage does, with TensorFlow where the work is.

Every function takes the run, the generation, what is special to its kind, the
run's folder and the stage's own, and gives the stage's results.
"""

import contextlib
import dataclasses
import functools
import sys
from typing import Any

from ns.core import manifest
from ns.core import progress
from ns.core import termination
from ns.loop import networks
from ns.loop import pool as pools
from ns.mixture import inputs as inputs_lib
from ns.mixture import proportions
from ns.training import broken
from ns.training import trainer

# The kinds of stages that all hosts of a run make together; the first host
# makes the others alone.
SHARED = frozenset({'label', 'train', 'finetune'})


def calibrate(run, generation, run_folder, folder, *, teachers):
  """What makes the confidences of the teachers probabilities."""
  labelling, validation = generation.labelling, run.data.evaluation_sets[0]
  ensemble = labelling.ensemble(
      networks.teachers(run, generation, run_folder, teachers))
  with _images(f'{generation.name}/calibrate', validation) as advance:
    return generation.calibration.run(
        ensemble, validation, folder, labelling.batch_size, advance)


def label(run, generation, run_folder, folder, *, teachers):
  """The teachers' moving averages label the pool, without noise."""
  labelling = generation.labelling
  pool = pools.of(run, generation, run_folder)
  more = {}
  if generation.calibration:
    more['temperature'] = networks.temperature(generation, run_folder)
  if run.runtime.workers > 1:
    more['hosts'] = run.runtime.hosts()
  with _images(f'{generation.name}/label', pool) as advance:
    return labelling.run(
        networks.teachers(run, generation, run_folder, teachers), pool,
        str(folder), advance, **more)


@contextlib.contextmanager
def _images(name, source):
  """Shows progress; gives what is called with the images finished."""
  with progress.Progress(name, source.num_examples, 'images') as shown:
    done = 0

    def advance(images: int, total: int) -> None:
      nonlocal done
      del total
      shown.advance(images - done)
      done = images
      termination.check()

    yield advance


def select(run, generation, run_folder, folder):
  """Filters and balances, and writes what training reads."""
  results = generation.select.run(
      str(run_folder / generation.name / 'label'),
      pools.of(run, generation, run_folder), str(folder),
      _seed(run, generation, 'select'), run.data.classes,
      on_progress=lambda done, total: termination.check())
  _tell_of_copies(generation, results)
  return results


def _tell_of_copies(generation, results) -> None:
  """Warns where copies of an image have to meet in a batch."""
  mixture, most = generation.mixture, results['most_copies']
  if most > proportions.copies_apart(mixture, results['copies']):
    print(f'{generation.name}/select: one image is used {most:,} times, but '
          + proportions.meeting(mixture, results['copies']), file=sys.stderr,
          flush=True)


def train(run, generation, run_folder, folder, *, start=None, taught=None):
  """Trains on labelled and, with a teacher, pseudo-labelled images.

  It begins with the weights of `start`, an earlier generation, or as
  `Generation.start` says. `taught`: the one that labels in the step.
  """
  pseudo_labelled, more = None, {}
  if taught:
    more['teacher'] = networks.teacher_in_step(
        run, generation, run_folder, taught)
  if generation.is_labelled_first:
    selected = run_folder / generation.name / 'select'
    pseudo_labelled = inputs_lib.PseudoLabelled.selected(
        selected, manifest.said(selected).results)
  inputs = inputs_lib.Inputs(
      labelled=run.data.labelled, pseudo_labelled=pseudo_labelled,
      **_share(run),
      unlabelled=run.data.unlabelled if taught else None,
      teacher_view=taught.generation.evaluation_view if taught else None,
      view=generation.training_view,
      noise=generation.noise, batch_noise=generation.batch_noise)
  return generation.training.run(job(
      run, generation, 'train', folder, generation.mixture, inputs,
      initial_weights=_initial_weights(generation, start, run_folder), **more))


def finetune(run, generation, run_folder, folder):
  """Trains on, on labelled images without noise, at another size."""
  policy = generation.fine_tune
  inputs = inputs_lib.Inputs(labelled=run.data.labelled, **_share(run),
                          view=generation.evaluation_view)
  return policy.run(job(
      run, generation, 'finetune', folder, policy.mixture, inputs,
      initial_weights=run_folder / generation.name / 'train' / 'average.npz'))


def evaluate(run, generation, run_folder, folder):
  """Accuracy of the moving average; no decision reads that on test."""
  del folder
  predict = networks.predictor(run, generation, run_folder)

  def predict_unless_ended(images):
    termination.check()
    return predict(images)

  return {source.name: generation.evaluation.run(
              predict_unless_ended, source, generation.evaluation_view)
          for source in run.data.evaluation_sets}


def export(run, generation, run_folder, folder):
  """The moving average in a form that others use."""
  kind = generation.last_training
  made = manifest.said(run_folder / generation.name / kind)
  return export_network(
      run, generation, networks.trained(run, generation, run_folder), folder,
      {'stage': f'{generation.name}/{kind}', 'fingerprint': made.fingerprint,
       'contents': made.contents})


def export_network(run, generation, network, folder, provenance):
  """Writes a network of a generation in the forms that it is exported to."""
  return generation.export.run(
      network, folder, class_names=run.data.class_names,
      image_size=generation.image_size, channels=generation.model.channels,
      crop=generation.evaluation_crop, provenance=provenance)


def _share(run):
  """Which of all hosts this is: each makes a part of every batch."""
  return {'worker': run.runtime.worker, 'workers': run.runtime.workers}


def _initial_weights(generation, start, run_folder):
  if start:
    return start.trained.folder(run_folder) / 'average.npz'
  if generation.start:
    return generation.start.unchanged_path()
  return None


def job(run, generation, kind, folder, mixture, inputs, **more):
  data_seed = _seed(run, generation, 'data')
  return trainer.Job(
      name=f'{generation.name}/{kind}',
      build=lambda seed, **how: generation.model.build(
          generation.model_noise, run.data.classes, seed=seed,
          image_size=inputs.view.size, **how),
      batches=lambda first_step, attempt=0: mixture.batches(
          inputs, data_seed.of_attempt(attempt), first_step),
      labelled_batch=mixture.labelled_batch, batch_size=mixture.batch_size,
      label_data_sample_prob=getattr(mixture, 'label_data_sample_prob', 1.0),
      num_labelled=run.data.labelled.num_examples,
      noise=inputs.noise if inputs.noise_is_left else None,
      seed=_seed(run, generation, kind), strategy=run.runtime.strategy(),
      hosts=run.runtime.hosts(), folder=folder,
      max_broken=_max_broken(generation, inputs),
      description=_description(folder.parent.parent),
      accuracy=_on_validation(run, generation, inputs.view.size), **more)


def _max_broken(generation, inputs):
  """How many images of a training may be broken, by kind.

  One that a teacher has labelled was decoded for it. Where the student sees
  more of it, it can be broken yet: within the limit of the labelling.
  """
  limits = {broken.LABELLED: inputs.labelled.limit}
  limit = getattr(generation.labelling, 'limit', None)
  if limit and inputs.pseudo_labelled:
    limits[broken.PSEUDO_LABELLED] = limit(
        f'{generation.name}/select', inputs.pseudo_labelled.images)
  elif limit and inputs.unlabelled:
    limits[broken.PSEUDO_LABELLED] = limit(
        inputs.unlabelled.name, inputs.unlabelled.num_examples)
  return limits


def _on_validation(run, generation, size):
  """The accuracy of a network in training, which takes images of that size."""
  @functools.cache  # Compiled once.
  def predictor(network):
    from ns.models import inference
    return inference.predictor(network, is_trained=False)

  seen = dataclasses.replace(generation.evaluation_view, size=size)
  return lambda network: generation.evaluation.run(
      predictor(network), run.data.evaluation_sets[0], seen)['accuracy']


def _description(run_folder) -> str:
  """The configuration of a run, where it is there as a text."""
  path = run_folder / manifest.CONFIG
  return path.read_text() if path.exists() else ''


def _seed(run, generation, *path):
  return run.root_seed.child(generation.name, *path)
