"""A mixture whose unlabelled images a teacher labels in the training step."""

import dataclasses

from ns.core import checks
from ns.core import seeds
from ns.mixture import batches
from ns.mixture import inputs as inputs_lib


@dataclasses.dataclass(frozen=True, kw_only=True)
class OnTheFly(batches.ExactRatio):
  """Labelled images and images of the whole pool, mixed alike.

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
    made = assembly.Assembly.in_lanes(self, inputs, seed, first_step,
                                      inputs.unlabelled.num_examples)
    return made.in_pieces(made.labelled(), made.unlabelled())
