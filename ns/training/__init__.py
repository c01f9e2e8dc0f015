"""Floor 4: how a network is trained. Free of TensorFlow until `run`."""

from ns.training.average import MovingAverage
from ns.training.fine_tune import FineTune
from ns.training.from_checkpoint import FromCheckpoint
from ns.training.guard import LossGuard
from ns.training.learning_rate import Constant
from ns.training.learning_rate import Cosine
from ns.training.learning_rate import Exponential
from ns.training.learning_rate import Horizon
from ns.training.loss import PerImage
from ns.training.loss import PerLabelled
from ns.training.optimizer import AdamW
from ns.training.optimizer import Lars
from ns.training.optimizer import RmsProp
from ns.training.optimizer import Sgd
from ns.training.selection import BestOnValidation
from ns.training.start import FromTeacher
from ns.training.start import FromWeights
from ns.training.trainer import Job
from ns.training.trainer import Training
