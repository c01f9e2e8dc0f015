"""A mixture whose unlabelled images a teacher labels in the training step."""

import dataclasses

from ns.core import checks
from ns.core import errors
from ns.core import seeds
from ns.mixture import batches
from ns.mixture import inputs as inputs_lib
from ns.mixture import proportions


@dataclasses.dataclass(frozen=True, kw_only=True)
class OnTheFly(batches.Mixed):
  """Labelled images and images of the whole pool, as `ExactRatio` mixes them.

  The other choice of the reference (`teacher_model_name`): no label and no
  selection are stored. The teacher, which is fixed, sees an image without noise
  in its own size and crop (`teacher_image`) and gives the label for the noisy
  one in the same step. It costs a forward pass of the teacher at every image,
  and there is no balance of classes and no count of copies; nothing has to be
  labelled first, and the labels take no storage.

  Attributes as of `Mixed`; `pseudo_labels` is given what the teacher says in
  float32. And:

    min_confidence: an image of which the teacher is less sure has weight 0. It
      lowers the loss: the divisor is that of a whole batch (`training.loss`).
      None takes all, as the reference does.
  """
  min_confidence: float | None = None
  uses_pseudo_labels = False
  labels_in_step = True

  def __post_init__(self):
    super().__post_init__()
    if self.min_confidence is not None:
      checks.number(self, 'min_confidence', at_least=0, at_most=1)

  def batches(self, inputs: inputs_lib.Inputs, seed: seeds.Seed,
              first_step: int = 0):
    """See `ns.mixture.batches`."""
    from ns.mixture import assembly
    made = assembly.Assembly(
        mixture=self, inputs=inputs, seed=seed, first_step=first_step,
        lanes=proportions.lanes(self, inputs.labelled.num_examples,
                                inputs.unlabelled.num_examples))
    return made.lane_by_lane(made.labelled(), made.unlabelled())

  def check(self, labelled, unlabelled, replicas: int) -> None:
    """Checks that each replica has as many images of each kind.

    A replica labels its own images of the pool.

    Raises:
      RunError: the replicas do not divide the lanes.
    """
    lanes = proportions.lanes(
        self, labelled.num_examples, unlabelled.num_examples)
    if lanes % replicas:
      raise errors.RunError(
          f'The lanes of `OnTheFly` should be a multiple of the {replicas} '
          f'replicas, of which each labels its own images, but are {lanes}: '
          f'at most `OnTheFly.lanes` = {self.lanes}, as many as divide the '
          f'{self.labelled_batch} labelled and the '
          f'{self.pseudo_labelled_batch} other images of a batch; bind other '
          'sizes, or use another number of devices.')
