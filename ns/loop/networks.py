"""The finished networks of a run: as teachers, and as what is evaluated.

Each is the moving average of a generation. Every function takes the run, and
the run's folder where it reads the weights.
"""

import types

from ns.core import manifest
from ns.pseudolabel import teacher as teacher_lib


def temperature(generation, run_folder) -> float:
  """What the stage `calibrate` of a generation found."""
  made = manifest.said(run_folder / generation.name / 'calibrate')
  return made.results['temperature']


def asks_for_accuracy(labelling) -> bool:
  """Whether a labelling wants to know how good its teachers are."""
  return getattr(labelling, 'min_accuracy', None) is not None


def teachers(run, generation, run_folder, taught_by):
  """Those that label for a generation, each a `lineage.Finished`."""
  labelling = generation.labelling
  return [teacher_lib.Teacher(
      name=taught.generation.name,
      predict=predictor(run, taught.generation, run_folder,
                        labelling.precision),
      fingerprint=taught.trained.fingerprint,
      view=taught.generation.evaluation_view,
      accuracy=_accuracy(run, labelling, taught, run_folder))
          for taught in taught_by]


def teacher_in_step(run, generation, run_folder, taught):
  """The network that labels while another is trained.

  Raises:
    RunError: it is not accurate enough.
  """
  labelling = generation.labelling
  if asks_for_accuracy(labelling):
    labelling.check_accuracies([types.SimpleNamespace(
        name=taught.generation.name,
        accuracy=_accuracy(run, labelling, taught, run_folder))])
  return step_teacher(
      generation,
      lambda **how: trained(run, taught.generation, run_folder, **how),
      temperature(generation, run_folder) if generation.calibration else 1.0)


def step_teacher(generation, build, temperature: float = 1.0):
  """What labels in the steps of a generation's training.

  Args:
    generation: that it labels for.
    build: gives its network; takes `precision` where that is not 'float32'.
    temperature: what its logits are divided by.
  """
  from ns.training import step_teacher as step_teacher_lib
  mixture = generation.mixture
  precision = getattr(generation.labelling, 'precision', 'float32')
  how = {} if precision == 'float32' else {'precision': precision}
  return step_teacher_lib.StepTeacher(
      build=lambda: build(**how), pseudo_labels=mixture.pseudo_labels,
      min_confidence=mixture.min_confidence, temperature=temperature)


def _accuracy(run, labelling, taught, run_folder) -> float | None:
  """Of a teacher on validation, where it is asked for and known."""
  if not asks_for_accuracy(labelling):
    return None
  made = manifest.read(taught.evaluated.folder(run_folder))
  validation = run.data.evaluation_sets[0]
  return made and made.results[validation.name].get('accuracy')


def predictor(run, generation, run_folder, precision='float32'):
  """The trained moving average of a generation, as a function of images."""
  from ns.models import inference
  strategy = run.runtime.local_strategy()
  with strategy.scope():
    network = trained(run, generation, run_folder)
  return inference.predictor(network, precision, strategy)


def trained(run, generation, run_folder, **how):
  """The network of a finished generation, with its moving average."""
  from ns.models import weights
  network = generation.model.build(
      generation.model_noise, run.data.classes,
      image_size=generation.image_size, **how)
  weights.load(network, run_folder / generation.name /
               generation.last_training / 'average.npz')
  return network
