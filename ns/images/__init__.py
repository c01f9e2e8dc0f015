"""Floor 1: image bytes to pixels and back.

The crops are for gin and load without TensorFlow; import the modules that do
the work (`ns.images.decode`, `ns.images.encode`) by name.
"""

from ns.images.crop import AsIs
from ns.images.crop import CentreCrop
from ns.images.crop import InceptionCrop
