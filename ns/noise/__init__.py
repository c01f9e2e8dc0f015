"""Floor 2: the noise of a student, on its input and in its model.

An input noise is a frozen dataclass with `apply(images, seeds)`: a pure
function of a batch of images `[batch, height, width, channels] uint8` and their
seeds `[batch] int64` to images of the same shape and type. What happens to an
image depends on the image and its seed, not on the batch around it.

A batch noise, `MixUp` or `CutMix`, offers `mix(images, labels, weights,
is_labelled, seeds)` instead, and mixes the images of a batch: see `mixing`.

Importing this package does not import TensorFlow.
"""

from ns.noise.auto_augment import AutoAugment
from ns.noise.cut_mix import CutMix
from ns.noise.cutout import Cutout
from ns.noise.flip_and_shift import FlipAndShift
from ns.noise.mix_up import MixUp
from ns.noise.model_noise import ModelNoise
from ns.noise.on_device import OnDevice
from ns.noise.rand_augment import REFERENCE_OPS
from ns.noise.rand_augment import RandAugment
from ns.noise.sequence import Off
from ns.noise.sequence import Sequence
