"""One generation: a model's life, from the labels of its teacher on."""

import dataclasses
import re
from typing import Any

from ns.core import checks
from ns.evaluation import accuracy
from ns.noise import model_noise as model_noise_lib
from ns.noise import sequence
from ns.pseudolabel import labelling as labelling_lib
from ns.pseudolabel import select as select_lib
from ns.training import trainer


@dataclasses.dataclass(frozen=True, kw_only=True)
class Generation:
  """A teacher or a student, and how it comes about.

  A generation whose mixture has pseudo-labelled images has the generation
  before it as its teacher: that one labels the pool and the labels are selected
  first.

  Attributes:
    name: of the generation, a folder of the run; its gin scope unless bound.
    model: an architecture: an object with `build` (`ns.models`).
    mixture: what a batch is made of (`ns.mixture`).
    training: how it is trained.
    noise: input noise: an object with `apply` (`ns.noise`).
    model_noise: dropout and stochastic depth.
    labelling: how the teacher labels the pool for it.
    select: which of these labels it is trained on; needed with a teacher.
    evaluation: how it is evaluated.
  """
  name: str
  model: Any
  mixture: Any
  training: trainer.Training
  noise: Any = sequence.Off()
  model_noise: model_noise_lib.ModelNoise = model_noise_lib.ModelNoise()
  labelling: labelling_lib.Labelling = labelling_lib.Labelling()
  select: select_lib.Select | None = None
  evaluation: accuracy.Accuracy = accuracy.Accuracy()

  def __post_init__(self):
    checks.instance(self, 'name', str)
    if not re.fullmatch(r'[A-Za-z_][A-Za-z0-9_]*', self.name):
      raise ValueError(
          '`Generation.name` should be of letters, digits and underscores, '
          f'since a folder and a gin scope have it, but is {self.name!r}.')
    checks.has_methods(self, 'model', 'build')
    checks.has_methods(self, 'mixture', 'batches')
    checks.instance(self, 'training', trainer.Training)
    checks.has_methods(self, 'noise', 'apply')
    checks.instance(self, 'model_noise', model_noise_lib.ModelNoise)
    checks.has_methods(self, 'labelling', 'run')
    checks.has_methods(self, 'evaluation', 'run')
    if self.has_teacher:
      checks.has_methods(self, 'select', 'run')

  @property
  def has_teacher(self) -> bool:
    return self.mixture.uses_pseudo_labels
