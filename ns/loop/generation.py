"""One generation: a model's life, from the labels of its teacher on."""

from collections.abc import Sequence
import dataclasses
import re
from typing import Any

from ns.core import checks
from ns.evaluation import accuracy
from ns.images import crop as crop_lib
from ns.mixture import views
from ns.noise import model_noise as model_noise_lib
from ns.noise import sequence
from ns.pseudolabel import labelling as labelling_lib
from ns.training import start as start_lib


@dataclasses.dataclass(frozen=True, kw_only=True)
class Generation:
  """A teacher or a student, and how it comes about.

  A generation whose mixture has pseudo-labelled images has the generation
  before it as its teacher, or those that `teachers` names: these label the pool
  and the labels are selected first, or one labels in the training step
  (`mixture.OnTheFly`). One that takes its weights from a
  checkpoint is trained on nothing, and has no teacher.

  Attributes:
    name: of the generation, a folder of the run; its gin scope unless bound.
    model: an architecture: an object with `build` (`ns.models`).
    mixture: what a batch is made of (`ns.mixture`).
    training: how its weights come about (`ns.training`): `Training`, or
      `FromCheckpoint`.
    start: what its training begins with: `FromTeacher`, `FromWeights`, or None
      for new weights.
    crop: how an image is cut and resized for training (`ns.images`).
    evaluation_crop: how it is to be labelled or evaluated.
    noise: input noise: an object with `apply` (`ns.noise`).
    batch_noise: noise that mixes images of a batch, after `noise`: an object
      with `mix`, such as `MixUp`.
    model_noise: dropout and stochastic depth.
    fine_tune: the last steps of training at a larger image size (`FineTune`).
    teachers: names of earlier generations that label together; none named, it
      is the one before.
    labelling: how they label the pool for it.
    relabel: the name of an earlier generation, whose selected images they label
      again instead of the pool; None is the pool.
    calibration: what makes their confidences probabilities before: an object
      with `run`, such as `TemperatureScaling`; None leaves them as they are.
      Like all that says how is labelled, it says nothing without a teacher.
    select: which of these labels it is trained on: `Select`, or
      `KeepSelection` with `relabel`; needed with a teacher.
    evaluation: how it is evaluated.
    export: what others get of it: an object with `run`, such as `Export`.
  """
  name: str
  model: Any
  mixture: Any
  training: Any
  start: Any = None
  crop: Any = crop_lib.AsIs()
  evaluation_crop: Any = crop_lib.AsIs()
  noise: Any = sequence.Off()
  batch_noise: Any = None
  model_noise: model_noise_lib.ModelNoise = model_noise_lib.ModelNoise()
  fine_tune: Any = None
  teachers: Sequence[str] = ()
  labelling: labelling_lib.Labelling = labelling_lib.Labelling()
  relabel: str | None = None
  calibration: Any = None
  select: Any = None
  evaluation: accuracy.Accuracy = accuracy.Accuracy()
  export: Any = None

  def __post_init__(self):
    checks.instance(self, 'name', str)
    if not re.fullmatch(r'[A-Za-z_][A-Za-z0-9_]*', self.name):
      raise ValueError(
          '`Generation.name` should be of letters, digits and underscores, '
          f'since a folder and a gin scope have it, but is {self.name!r}.')
    checks.has_methods(self, 'model', 'build')
    checks.has_methods(self, 'mixture', 'batches')
    checks.has_methods(self, 'training', 'run')
    checks.has_methods(self, 'crop', 'apply')
    checks.has_methods(self, 'evaluation_crop', 'apply')
    checks.has_methods(self, 'noise', 'apply')
    checks.instance(self, 'model_noise', model_noise_lib.ModelNoise)
    checks.instance(self, 'teachers', list, tuple)
    if len(set(self.teachers)) < len(self.teachers):
      raise ValueError(
          '`Generation.teachers` should be different generations, but are '
          f'{list(self.teachers)}.')
    checks.has_methods(self, 'labelling', 'run')
    checks.has_methods(self, 'evaluation', 'run')
    for name, method in (('batch_noise', 'mix'), ('fine_tune', 'run'),
                         ('calibration', 'run'), ('export', 'run')):
      if getattr(self, name) is not None:
        checks.has_methods(self, name, method)
    if self.start is not None:
      checks.instance(self, 'start', start_lib.FromTeacher,
                      start_lib.FromWeights)
    if self.start is not None and not self.is_trained:
      raise ValueError(
          '`Generation.start` should be None where `Generation.training` is '
          f'`{type(self.training).__name__}`, which trains nothing, but is '
          f'{self.start!r}.')
    if self.is_labelled_first:
      checks.has_methods(self, 'select', 'run')
      if self.relabel is None and getattr(
          self.select, 'needs_selection', False):
        raise ValueError(
            '`Generation.relabel` should be an earlier generation, whose '
            f'images `{type(self.select).__name__}` keeps, but is None; bind '
            'it, or a `Select`.')
    if self.relabel is not None and self.is_labelled_in_step:
      raise ValueError(
          '`Generation.relabel` should be None where a teacher labels in the '
          'step, which is of the whole pool, but is '
          f'{self.relabel!r}; leave it out, or bind another '
          '`Generation.mixture`.')
    if self.batch_noise and self.is_labelled_in_step:
      raise ValueError(
          '`Generation.batch_noise` should be None where a teacher labels in '
          'the step, which is after images are mixed, but is '
          f'{self.batch_noise!r}; bind None, or another `Generation.mixture`.')
    if self.calibration:
      checks.has_methods(self, 'labelling', 'run', 'ensemble')
    if self.batch_noise and getattr(self.noise, 'on_device', False):
      raise ValueError(
          '`Generation.batch_noise` should be None where `Generation.noise` is '
          f'applied on the device, which is after it, but is '
          f'{self.batch_noise!r}; bind one of the two.')

  @property
  def is_trained(self) -> bool:
    """Whether it is trained here, on images, and not taken from elsewhere."""
    return getattr(self.training, 'uses_images', True)

  @property
  def starts_from_generation(self) -> bool:
    """Whether its training begins with the weights of an earlier one."""
    return isinstance(self.start, start_lib.FromTeacher)

  @property
  def is_labelled_first(self) -> bool:
    """Whether teachers label the pool for it before its training."""
    return self.is_trained and self.mixture.uses_pseudo_labels

  @property
  def is_labelled_in_step(self) -> bool:
    """Whether a teacher labels the pool in the steps of its training."""
    return self.is_trained and getattr(self.mixture, 'labels_in_step', False)

  @property
  def has_teacher(self) -> bool:
    return self.is_labelled_first or self.is_labelled_in_step

  @property
  def image_size(self) -> int:
    """Side in pixels of the images that its finished network takes."""
    return (self.fine_tune.image_size if self.fine_tune
            else self.model.image_size)

  @property
  def training_view(self) -> views.View:
    """What its network sees of an image in training."""
    return views.View(size=self.model.image_size, channels=self.model.channels,
                      crop=self.crop)

  @property
  def evaluation_view(self) -> views.View:
    """What its finished network sees of an image."""
    return views.View(size=self.image_size, channels=self.model.channels,
                      crop=self.evaluation_crop)

  @property
  def last_training(self) -> str:
    """The kind of the stage that its finished network comes from."""
    return 'finetune' if self.fine_tune else 'train'
