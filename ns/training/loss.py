"""What the loss of a batch is divided by: two forms of the same sum.

  loss = sum(weight * cross_entropy) / images

over the labelled and the pseudo-labelled images of the whole batch, of all
replicas together. A batch has `labelled` images that count as labelled, and
ratio times as many pseudo-labelled ones. The divisor is that of a whole batch,
always: an image of weight 0 (it does not decode, or a teacher in the step is
unsure of it) lowers the loss and does not make the others count for more.
"""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class PerLabelled:
  """Divided by the labelled images: the released code (main.py, 547 to 550).

  loss = mean over labelled + ratio * mean over pseudo-labelled

  It grows with the ratio, and so does the step, next to the weight decay and
  to the epsilon of RMSProp.
  """

  def images(self, labelled: float, pseudo_labelled: int) -> float:
    """The divisor.

    Args:
      labelled: images of a batch that count as labelled, on average.
      pseudo_labelled: the others.
    """
    del pseudo_labelled
    return labelled


@dataclasses.dataclass(frozen=True, kw_only=True)
class PerImage:
  """Divided by all images: the average that the paper's text describes.

  loss = (mean over labelled + ratio * mean over pseudo-labelled) / (1 + ratio)

  A learning rate, a weight decay and an epsilon then mean the same at every
  ratio, but are not the released ones.
  """

  def images(self, labelled: float, pseudo_labelled: int) -> float:
    """See `PerLabelled`."""
    return labelled + pseudo_labelled
