"""What each kind of stage does, with TensorFlow where the work is.

Every function takes the run, the generation, what is special to its kind, the
run's folder and the stage's own, and gives the stage's results.
"""

from ns.core import manifest
from ns.core import progress
from ns.mixture import batches
from ns.training import trainer


def label(run, generation, teacher, teacher_stage, run_folder, folder):
  """The teacher's moving average labels the pool, without noise."""
  predict = _predictor(run, teacher, run_folder)
  pool = run.data.unlabelled
  with progress.Progress(f'{generation.name}/label', pool.num_examples,
                         'images') as shown:
    done = 0

    def advance(images: int, total: int) -> None:
      nonlocal done
      shown.advance(images - done)
      done = images

    return generation.labelling.run(
        predict, pool, str(folder), teacher_stage.fingerprint, advance)


def select(run, generation, run_folder, folder):
  """Filters and balances, and writes what training reads."""
  return generation.select.run(
      str(run_folder / generation.name / 'label'), run.data.unlabelled,
      str(folder), _seed(run, generation, 'select'), run.data.classes)


def train(run, generation, run_folder, folder):
  """Trains on labelled and, with a teacher, pseudo-labelled images."""
  pseudo_labelled = None
  if generation.has_teacher:
    selected = run_folder / generation.name / 'select'
    pseudo_labelled = batches.PseudoLabelled(
        folder=str(selected),
        num_examples=manifest.read(selected).results['copies'])
  inputs = batches.Inputs(
      labelled=run.data.labelled, image_shape=run.data.image_shape,
      pseudo_labelled=pseudo_labelled)
  data_seed = _seed(run, generation, 'data')
  return generation.training.run(trainer.Job(
      name=f'{generation.name}/train',
      build=lambda seed: generation.model.build(
          generation.model_noise, run.data.classes, seed=seed),
      batches=lambda first_step: generation.mixture.batches(
          inputs, generation.noise, data_seed, first_step),
      labelled_batch=generation.mixture.labelled_batch,
      batch_size=generation.mixture.batch_size,
      seed=_seed(run, generation, 'train'),
      strategy=run.runtime.strategy(), folder=folder))


def evaluate(run, generation, run_folder, folder):
  """Accuracy of the moving average; no decision reads that on test."""
  del folder
  predict = _predictor(run, generation, run_folder)
  return {source.name: generation.evaluation.run(predict, source,
                                                 run.data.image_shape)
          for source in run.data.evaluation_sets}


def _seed(run, generation, *path):
  return run.root_seed.child(generation.name, *path)


def _predictor(run, generation, run_folder):
  """The trained moving average of a generation, as a function of images."""
  from ns.models import inference
  from ns.models import weights
  with run.runtime.strategy().scope():
    network = generation.model.build(generation.model_noise, run.data.classes)
  weights.load(network, run_folder / generation.name / 'train' / 'average.npz')
  return inference.predictor(network)
