"""A configuration is built and planned without TensorFlow."""

import subprocess
import sys

PROGRAM = """
import sys
sys.path[:] = {path}
from ns import models
from ns.models import cost
from ns.models import memory
groups = (models.BlockGroup(
    repeats=1, kernel=3, stride=1, expansion=1, filters=8),)
architecture = models.EfficientNet(block_groups=groups)
cost.of(architecture, classes=10)
memory.of(architecture, classes=10, batch_size=8).warning(1)
sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)
"""


def test_importing_and_building_does_not_load_tensorflow():
  program = PROGRAM.format(path=sys.path)  # the child imports what this can
  subprocess.run([sys.executable, '-c', program], check=True)
