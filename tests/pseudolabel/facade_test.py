import subprocess
import sys


def test_import_is_free_of_tensorflow_and_pyarrow():
  program = (
      'import sys; from ns import pseudolabel; '
      'pseudolabel.Select(balance=pseudolabel.Balance(images_per_class=3)); '
      'pseudolabel.Labelling(); pseudolabel.Unbalanced(); '
      'pseudolabel.ThresholdGrid(images_per_class=3); '
      'pseudolabel.Materialise(reencode=pseudolabel.Reencode()); '
      'pseudolabel.ScoreBound(score="margin", at_least=0); '
      'pseudolabel.TemperatureScaling(); pseudolabel.KeepSelection(); '
      'print([m for m in ("tensorflow", "pyarrow", "seqio", "PIL", '
      '"apache_beam") if m in sys.modules])')
  # The tests' import path, wherever it came from.
  program = f'import sys; sys.path[:] = {sys.path!r}; {program}'
  done = subprocess.run([sys.executable, '-c', program], check=True,
                        capture_output=True, text=True)
  assert done.stdout.strip() == '[]'
