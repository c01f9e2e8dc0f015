"""Bytes that stages write, as far as they can be told before they do.

The figures of files of predictions are those measured in docs/pseudo_labels.md;
those of weights are exact, up to the headers of a file.
"""

from collections.abc import Iterable

from ns.models import memory as memory_lib

# Of a row of predictions: key, label and confidence; and a class of its
# `top_k`, of which there are a number, two bytes of probability and Parquet's.
_ROW = 11
_TOP_CLASS = 4.8
_SCORE = 4
# Of a row of a selection.
_SELECTED = 12
# Of a record beside the image and the distribution: names of features and key.
_RECORD = 160

# Of a network's weights in float32, by format (`ns.models.exporting`).
_EXPORTED = {'tflite_int8': 0.25}


def prediction(labelling, classes: int) -> float:
  """Of one image of the pool."""
  top_k = getattr(labelling, 'top_k', None)
  distribution = 2 * classes if top_k is None else _TOP_CLASS * top_k
  return _ROW + _SCORE * len(getattr(labelling, 'scores', ())) + distribution


def selected(policy, labelling, pool, classes: int) -> float | None:
  """Of one image of a selection; None if it is not known how large they are."""
  materialise = getattr(policy, 'materialise', None)
  if pool.image_bytes is None or getattr(materialise, 'reencode', None):
    return None
  # What is kept of `top_k` classes is spread over all again.
  each = 2 if getattr(labelling, 'top_k', None) is None else 4
  return _SELECTED + pool.image_bytes + each * classes + _RECORD


def weights(run, generation) -> int | None:
  """Of a network and of its average, in a file each."""
  a_network = _network(run, generation)
  return a_network and 2 * a_network


def checkpoints(policy, needed: Iterable[memory_lib.Memory]) -> int:
  """Of those that a training has as long as it lasts, the last ones."""
  kept = getattr(policy, 'checkpoints_to_keep', 2)
  return sum(kept * (part.parameters + part.average + part.optimizer)
             for part in needed)


def exported(run, generation) -> int | None:
  """Of the formats that a network is exported to."""
  a_network = _network(run, generation)
  formats = getattr(generation.export, 'formats', None)
  if a_network is None or formats is None:
    return None
  return round(sum(_EXPORTED.get(name, 1) * a_network for name in formats))


def _network(run, generation) -> int | None:
  """Of all variables of a network whose layers are known."""
  if not hasattr(generation.model, 'blocks'):
    return None
  return memory_lib.in_inference(
      generation.model, run.data.classes, batch_size=1).parameters
