"""Floor 3: images from a source to a batch. Free of TensorFlow until used."""

from ns.mixture.batches import ExactRatio
from ns.mixture.batches import Labelled
from ns.mixture.batches import Sampled
from ns.mixture.declared_sets import Sets
from ns.mixture.expected import Expected
from ns.mixture.folder import Folder
from ns.mixture.foreign import Foreign
from ns.mixture.foreign import WithForeign
from ns.mixture.idx import Idx
from ns.mixture.image_files import ImageFiles
from ns.mixture.inputs import Inputs
from ns.mixture.inputs import PseudoLabelled
from ns.mixture.labels import HardLabels
from ns.mixture.labels import SoftLabels
from ns.mixture.on_the_fly import OnTheFly
from ns.mixture.parquet import Parquet
from ns.mixture.pools import Pools
from ns.mixture.registry import register
from ns.mixture.sources import Shard
from ns.mixture.splits import FewLabels
from ns.mixture.subset import Subset
from ns.mixture.textures import Textures
from ns.mixture.tf_record import TfRecord
from ns.mixture.tfds import Tfds
from ns.mixture.without_leaks import WithoutLeaks
