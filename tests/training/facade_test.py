import subprocess
import sys

PROGRAM = """
import sys
from ns import evaluation, training
training.Training(num_steps=3, learning_rate=training.Cosine(peak=0.1))
evaluation.Accuracy()
loaded = {'tensorflow', 'keras', 'seqio', 'pyarrow', 'gin'} & set(sys.modules)
sys.exit(f'loaded: {sorted(loaded)}' if loaded else 0)
"""


def test_declarations_load_no_tensorflow():
  path = repr(sys.path)
  subprocess.run(
      [sys.executable, '-c', f'import sys; sys.path[:] = {path}\n{PROGRAM}'],
      check=True)
