import subprocess
import sys


def test_importing_and_building_does_not_load_tensorflow():
  program = '\n'.join([
      'import sys',
      'from ns import noise',
      'noise.Sequence(steps=[noise.RandAugment(magnitude=9), noise.Off(),',
      '    noise.FlipAndShift(), noise.Cutout(size=3)])',
      'sys.exit("tensorflow" in sys.modules)'])
  # The child imports from where this test does.
  subprocess.run([sys.executable, '-c', f'import sys; sys.path[:] = {sys.path}\n'
                  + program], check=True)
