import subprocess
import sys

PROGRAM = """
import sys
sys.path[:] = {path}
from ns import images
images.AsIs(), images.CentreCrop(padding=32), images.CentreCrop(fraction=0.875)
images.InceptionCrop(min_area=0.25)
sys.exit('tensorflow' in sys.modules)
"""


def test_importing_and_building_does_not_load_tensorflow():
  program = PROGRAM.format(path=sys.path)  # the child imports what this can
  subprocess.run([sys.executable, '-c', program], check=True)
