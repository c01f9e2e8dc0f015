"""From gin files to one finished object: reads, checks, builds, explains.

`compose` is the whole interface. Beside `ns/main.py` this package alone imports
gin. What it adds to gin: every binding keeps its file and line; a binding that
no part of the run uses is an error; all failures are one sentence with the
nearest valid name. Its rules: dynamic registration only, one name means one
module over a whole run, the last binding of a name is in force.
"""

import importlib.util  # gin 0.5.0 uses it without importing it.

from ns.config.composition import Composition
from ns.config.composition import compose
