import subprocess
import sys

PROGRAM = """
import sys
from tests.support import tiny
work = sys.argv[1]
run = tiny.run(work + '/data', students=2)
text = run.plan(work + '/run')
assert 'student2/evaluate' in text, text
loaded = {'tensorflow', 'keras', 'seqio', 'pyarrow', 'gin'} & set(sys.modules)
sys.exit(f'loaded: {sorted(loaded)}' if loaded else 0)
"""


def test_a_plan_loads_no_tensorflow(tmp_path):
  path = repr(sys.path)
  subprocess.run(
      [sys.executable, '-c', f'import sys; sys.path[:] = {path}\n{PROGRAM}',
       str(tmp_path)], check=True)
