import subprocess
import sys

PROGRAM = """
import sys
sys.path[:] = {path}
from ns import noise
noise.Sequence(steps=[noise.RandAugment(magnitude=9), noise.Off(),
                      noise.FlipAndShift(), noise.Cutout(size=3),
                      noise.AutoAugment()])
noise.OnDevice(noise=noise.FlipAndShift())
noise.MixUp()
noise.CutMix()
sys.exit('tensorflow' in sys.modules)
"""


def test_importing_and_building_does_not_load_tensorflow():
  program = PROGRAM.format(path=sys.path)  # the child imports what this can
  subprocess.run([sys.executable, '-c', program], check=True)
