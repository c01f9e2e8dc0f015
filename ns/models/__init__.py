"""Floor 3: architectures. The names here are free of TensorFlow."""

from ns.models.batch_norm import BatchNorm
from ns.models.efficientnet import BlockGroup
from ns.models.efficientnet import EfficientNet
from ns.models.exporting import Export
from ns.models.keras_application import KerasApplication
