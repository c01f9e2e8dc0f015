"""AutoAugment (arXiv 1805.09501), its policy v0 for ImageNet.

Each image gets one of 25 sub-policies, uniformly; each of a sub-policy's two
operations is applied with its own probability at its own level. The table and
the constants are those of the TPU EfficientNet code (`autoaugment.py`,
`policy_v0`, and `distort_image_with_autoaugment`: translate 250; its cutout of
100 is of no account, since the policy has no Cutout).
"""

import dataclasses
from typing import Any
from typing import NamedTuple

from ns.core import checks
from ns.core import manifest
from ns.noise import op_arguments
from ns.noise import op_names

# Sub-policies of two (operation, probability, level of 10).
POLICY_V0 = (
    (('Equalize', 0.8, 1), ('ShearY', 0.8, 4)),
    (('Color', 0.4, 9), ('Equalize', 0.6, 3)),
    (('Color', 0.4, 1), ('Rotate', 0.6, 8)),
    (('Solarize', 0.8, 3), ('Equalize', 0.4, 7)),
    (('Solarize', 0.4, 2), ('Solarize', 0.6, 2)),
    (('Color', 0.2, 0), ('Equalize', 0.8, 8)),
    (('Equalize', 0.4, 8), ('SolarizeAdd', 0.8, 3)),
    (('ShearX', 0.2, 9), ('Rotate', 0.6, 8)),
    (('Color', 0.6, 1), ('Equalize', 1.0, 2)),
    (('Invert', 0.4, 9), ('Rotate', 0.6, 0)),
    (('Equalize', 1.0, 9), ('ShearY', 0.6, 3)),
    (('Color', 0.4, 7), ('Equalize', 0.6, 0)),
    (('Posterize', 0.4, 6), ('AutoContrast', 0.4, 7)),
    (('Solarize', 0.6, 8), ('Color', 0.6, 9)),
    (('Solarize', 0.2, 4), ('Rotate', 0.8, 9)),
    (('Rotate', 1.0, 7), ('TranslateY', 0.8, 9)),
    (('ShearX', 0.0, 0), ('Solarize', 0.8, 4)),
    (('ShearY', 0.8, 0), ('Color', 0.6, 4)),
    (('Color', 1.0, 0), ('Rotate', 0.6, 2)),
    (('Equalize', 0.8, 4), ('Equalize', 0.0, 8)),
    (('Equalize', 1.0, 4), ('AutoContrast', 0.6, 2)),
    (('ShearY', 0.4, 7), ('SolarizeAdd', 0.6, 7)),
    (('Posterize', 0.8, 2), ('Solarize', 0.6, 10)),
    (('Solarize', 0.6, 8), ('Equalize', 0.6, 1)),
    (('Color', 0.8, 6), ('Rotate', 0.4, 5)),
)
_LAYERS = 2
# Random numbers for one layer: whether, sign. The sub-policy comes first.
_DRAWS = 2


class Choice(NamedTuple):
  """What was drawn.

  Attributes:
    sub_policy: [batch] int32, the place in `POLICY_V0`.
    op: [batch, 2] int32, the place in `op_names.NAMES`, or -1 for no operation.
    sign: [batch, 2] float32, 1 or -1, for the operations that have a sign.
  """
  sub_policy: Any
  op: Any
  sign: Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class AutoAugment:
  """Input noise: one of AutoAugment's sub-policies on each image.

  Attributes:
    translate_size: pixels that TranslateY moves at level 10. It occurs at 9:
      by default 225 pixels, which leave nothing of an image of 224.
    fill: the value that comes in from outside the image.
    overflow, form: as in `RandAugment`. Only Solarize at level 10 leaves its
      range.
  """
  translate_size: float = 250
  fill: int = 128
  overflow: str = 'wrap'
  form: str = manifest.execution(default='auto')

  def __post_init__(self):
    checks.number(self, 'translate_size', at_least=0)
    checks.integer(self, 'fill', at_least=0)
    checks.number(self, 'fill', at_most=255)
    checks.one_of(self, 'overflow', op_names.OVERFLOWS)
    checks.one_of(self, 'form', op_names.FORMS)

  def draw(self, seeds) -> Choice:
    """What happens to each image. Args: seeds: [batch] int64."""
    import tensorflow as tf
    from ns.core import draws

    numbers = draws.uniform(seeds, 1 + _DRAWS * _LAYERS)
    sub_policy = tf.cast(numbers[:, 0] * len(POLICY_V0), tf.int32)
    whether, sign = tf.unstack(
        tf.reshape(numbers[:, 1:], [-1, _LAYERS, _DRAWS]), axis=-1)
    ops = [[op_names.NAMES.index(op) for op, _, _ in sub] for sub in POLICY_V0]
    probabilities = [[p for _, p, _ in sub] for sub in POLICY_V0]
    return Choice(
        sub_policy=sub_policy,
        op=tf.where(whether < tf.gather(probabilities, sub_policy),
                    tf.gather(ops, sub_policy), -1),
        sign=tf.where(sign < 0.5, 1.0, -1.0))

  def apply(self, images, seeds):
    """The images, each after its sub-policy.

    Args:
      images: [batch, height, width, channels] uint8, with 1 or 3 channels.
      seeds: [batch] int64, one for each image.

    Returns:
      The shape of `images`, uint8.
    """
    import tensorflow as tf
    from ns.noise import distort

    choice = self.draw(seeds)
    levels = op_arguments.table(
        op_arguments.OpArguments(
            cutout_size=0, translate_size=self.translate_size,
            overflow=self.overflow),
        tuple((op, level) for sub in POLICY_V0 for op, _, level in sub))
    numbers = tf.gather(
        tf.reshape(levels, [len(POLICY_V0), _LAYERS, 2]), choice.sub_policy)
    nowhere = tf.zeros_like(choice.sign)  # The policy has no Cutout.
    shape = tf.shape(images)
    taken = op_arguments.assemble(choice.op, numbers, choice.sign, nowhere,
                                  nowhere, shape[1], shape[2])
    among = tuple(dict.fromkeys(op for sub in POLICY_V0 for op, _, _ in sub))
    return distort.apply(images, choice.op, taken, fill=self.fill,
                         form=self.form, among=among)
