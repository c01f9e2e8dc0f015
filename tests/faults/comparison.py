"""Whether two runs came to the same: all that a run leaves, bit for bit.

But for what a start has of its own: times, TensorBoard's event files, and in an
exported SavedModel the numbers that TensorFlow gives to functions as it traces
them. Of that, the weights and what it answers are compared.
"""

import hashlib
import json

import numpy as np
import tensorflow as tf

from ns.core import manifest
from tests.faults import dying
from tests.support import data_sets

_EXACT = ('.npz', '.parquet', '.tfrecord', '.png', '.tflite', 'begun.json',
          '.gin')


def names(work) -> set[str]:
  """All files but those of TensorBoard, one of which each start writes."""
  return {str(path.relative_to(work)) for path in work.rglob('*')
          if path.is_file() and manifest.SUMMARIES not in path.parts}


def digests(work) -> dict[str, str]:
  """SHA-256 of all these files."""
  return {name: hashlib.sha256((work / name).read_bytes()).hexdigest()
          for name in names(work)}


def assert_same(work, expected) -> None:
  """Both runs came to the same."""
  assert names(work) == names(expected)
  ours, theirs = digests(work), digests(expected)
  exact = [name for name in theirs if name.endswith(_EXACT)]
  assert len(exact) > 18
  for name in exact:
    assert ours[name] == theirs[name], name
  for name in theirs:
    if name.endswith(('summary.json', 'export.json', manifest.METRICS)):
      found, wanted = (_lasting(list(map(json.loads, _documents(path / name))))
                       for path in (work, expected))
      assert found == wanted, (name, manifest.differences(wanted, found))
    if name.endswith('saved_model.pb'):
      for found, wanted in zip(*(_exported((path / name).parent)
                                 for path in (work, expected)), strict=True):
        np.testing.assert_array_equal(found, wanted, err_msg=name)


def _documents(path) -> list[str]:
  """The texts in JSON of a file: the whole, or its lines."""
  text = path.read_text()
  return text.splitlines() if path.suffix == '.jsonl' else [text]


def _lasting(value):
  """A summary without what a restart may change."""
  if isinstance(value, dict):
    return {name: _lasting(inner) for name, inner in value.items()
            if name not in dying.OF_THE_START}
  return [_lasting(inner) for inner in value] if isinstance(value, list) else (
      value)


def _exported(folder) -> list[np.ndarray]:
  """The weights of a SavedModel, and what it says of some images."""
  weights = tf.train.load_checkpoint(str(folder / 'variables' / 'variables'))
  arrays = [weights.get_tensor(name)
            for name in sorted(weights.get_variable_to_shape_map())
            if not name.startswith('_')]
  assert arrays
  pixels, _ = data_sets.pixels_and_labels(32, seed=7)
  serve = tf.saved_model.load(str(folder)).signatures['images']
  answers = serve(tf.constant(pixels[..., np.newaxis]))
  return [*arrays, *(answers[name].numpy() for name in sorted(answers))]
