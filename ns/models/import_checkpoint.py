"""Weights out of a TensorFlow 1 checkpoint of the reference.

No graph is needed: variables are found by their names (`reference_names`), and
every one of them has to be accounted for. The moving average is what the
reference evaluates and labels with; the weights themselves are worse by
several per cent. What was frozen in a fine-tuning (`fix_layer_num`) has no
moving average but its weights, which did not move; the reference takes those.
"""

from collections.abc import Mapping
import itertools
import re
from typing import Any

from etils import epath
import numpy as np
import tensorflow as tf

from ns.core import errors
from ns.core import files
from ns.models import efficientnet
from ns.models import reference_names

_SHOWN = 8
# Files of a checkpoint, all of whose names begin with the checkpoint's.
_PART = re.compile(r'\.(index|meta|data-\d{5}-of-\d{5})$')


def read(path: epath.PathLike, architecture: efficientnet.EfficientNet,
         classes: int, *, model: str, scope: str | None = None,
         raw: bool = False) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
  """The weights in a checkpoint, and what is to be said of them.

  Args:
    path: of the checkpoint, `…/model.ckpt`, of one of its files, or of a folder
      with a file `checkpoint` that names it.
    architecture: that the weights are of.
    classes: number of classes.
    model: what the reference calls it, e.g. 'b0' or 'l2_475'.
    scope: of the variables where it is not the one of `model`. Whoever gives it
      knows what the checkpoint is: its path is not asked.
    raw: take the weights themselves and not their moving average.

  Returns:
    The value of each of the network's variables, by path; and the origin, of
    JSON's types: `path`, `files` with their SHA-256, `copy`, `scope`, what was
    `left_out`, in numbers of variables, and `without_average`, how many frozen
    variables have no moving average, if any.

  Raises:
    RunError: it is no checkpoint of this network, or not complete.
  """
  given, path = str(path), _prefix(files.user_path(str(path)))
  shapes = _shapes(path)
  found = _Names(path, shapes, raw)
  wanted = found.check_scope(model, scope)
  normalization = next(
      name for name in reference_names.NORMALIZATIONS
      if name == reference_names.NORMALIZATIONS[-1]
      or any(f'/{name}/' in variable for variable in shapes))
  names = {ours: f'{wanted}/{theirs}' for ours, theirs in
           reference_names.of(architecture, normalization).items()}
  found.check_copy()
  frozen = found.find_frozen(names)
  found.check_classes(names['network/classifier/bias'], classes)
  found.check_all(names.values())
  arrays = _arrays(path, {ours: found.stored(name)
                          for ours, name in names.items()})
  _check_trained(path, arrays)
  return arrays, {
      'path': given, 'files': _digests(path), 'scope': wanted,
      'copy': 'weights' if raw else 'moving average',
      'left_out': found.left_out(),
      **({'without_average': frozen} if frozen else {})}


class _Names:
  """The variables of a checkpoint, by what they are."""

  def __init__(self, path: str, shapes: Mapping[str, list[int]], raw: bool):
    self.path = path
    self.shapes = shapes
    self.raw = raw
    self.weights, self.averages = set(), set()
    self.frozen = set()
    self.slots, self.teacher, self.steps = set(), set(), set()
    for name in shapes:
      if name == reference_names.GLOBAL_STEP:
        self.steps.add(name)
      elif name.startswith(reference_names.TEACHER):
        self.teacher.add(name)
      elif name.endswith(reference_names.SLOTS):
        self.slots.add(name)
      elif name.endswith(reference_names.AVERAGE):
        self.averages.add(name.removesuffix(reference_names.AVERAGE))
      else:
        self.weights.add(name)

  def stored(self, name: str) -> str:
    """The name under which the copy of a variable is that is taken."""
    as_it_is = self.raw or name in self.frozen
    return name if as_it_is else name + reference_names.AVERAGE

  def find_frozen(self, names: Mapping[str, str]) -> int:
    """Looks for what has no moving average since it was not trained.

    That is exactly what is trained of the stem and of the first blocks.

    Args:
      names: of the variables here, by their paths in the network.

    Returns:
      How many variables that are.

    Raises:
      RunError: other moving averages are missing.
    """
    missing = set(names.values()) - self.averages
    if self.raw or not missing:
      return 0
    frozen, parts = set(), itertools.groupby(
        (path for path in names if not path.rpartition('/')[2].startswith(
            'moving_')), lambda path: path.split('/')[1])
    for part, paths in parts:
      if part == 'head' or frozen == missing:
        break
      frozen.update(names[path] for path in paths)
    if frozen == missing <= self.weights:
      self.frozen = frozen
      return len(frozen)
    if missing <= self.weights:
      shown = ', '.join(sorted(missing)[:_SHOWN])
      more = len(missing) - _SHOWN
      raise errors.RunError(
          f'`{self.path}` should have the moving average of each variable, or '
          'of all but a frozen stem and first blocks, but has the average of '
          f'{len(names) - len(missing)} of {len(names)} variables; {shown}'
          f'{f" and {more} more" if more > 0 else ""} have none; take the '
          'weights themselves (raw), or save the checkpoint again.')
    return 0

  def check_scope(self, model: str, scope: str | None) -> str:
    """The scope of the variables; raises if it is that of another model."""
    wanted = scope or reference_names.scope(model)
    scopes = sorted({name.partition('/')[0]
                     for name in self.weights | self.averages if '/' in name})
    if wanted not in scopes:
      has = ', '.join(f'`{each}`' for each in scopes[:_SHOWN])
      raise errors.RunError(
          f'`{self.path}` should have variables in `{wanted}`, but '
          f'{f"has {has}" if has else "has no variables of a network"}; give '
          'the model that it is of, or the scope that it has (`--scope=`).')
    if not scope and reference_names.is_another(model, self.path):
      raise errors.RunError(
          f'`{self.path}` should be of `{model}`, but its name is that of '
          'another model with the same variables, trained at another image '
          f'size; give that model, or the scope `{wanted}` to take it as '
          f'`{model}` all the same.')
    return wanted

  def check_copy(self) -> None:
    if not self.raw and not self.averages:
      raise errors.RunError(
          f'`{self.path}` should have the moving average of each variable, but '
          'has none; take the weights themselves (raw), which are less '
          'accurate where they were trained with a moving average.')
    if self.raw and not self.weights:
      raise errors.RunError(
          f'`{self.path}` should have the weights themselves, but has only '
          'their moving average; take that (not raw).')

  def check_classes(self, bias: str, classes: int) -> None:
    shape = self.shapes.get(self.stored(bias))
    if shape and shape != [classes]:
      raise errors.RunError(
          f'`{self.path}` should be of {classes} classes, but `{bias}` is of '
          f'{" x ".join(map(str, shape))}.')

  def check_all(self, names) -> None:
    """Raises unless the copy that is taken has exactly these variables."""
    names = set(names)
    missing = {self.stored(name) for name in names} - self.shapes.keys()
    for kind, found in (('lacks', missing),
                        ('has also', (self.weights | self.averages) - names)):
      if found:
        shown = ', '.join(sorted(found)[:_SHOWN])
        more = len(found) - _SHOWN
        raise errors.RunError(
            f'`{self.path}` should have exactly the variables of the network, '
            f'but {kind} {shown}{f" and {more} more" if more > 0 else ""}; is '
            'it of another model?')

  def left_out(self) -> dict[str, int]:
    """How many variables were known and not needed."""
    other = self.averages if self.raw else self.weights - self.frozen
    kinds = {'moving averages' if self.raw else 'weights': other,
             'optimizer': self.slots, 'teacher': self.teacher,
             'global_step': self.steps}
    return {kind: len(names) for kind, names in kinds.items() if names}


def _prefix(path: str) -> str:
  """The checkpoint that the user means by one of its files or its folder."""
  if epath.Path(path).is_dir():
    try:
      found = tf.train.latest_checkpoint(path)
    except (tf.errors.OpError, ValueError):
      found = None
    if found is None:
      raise errors.RunError(
          f'`{path}` should be a checkpoint, but is a folder without a file '
          '`checkpoint` that names one in it; give the checkpoint itself, '
          f'`{path}/model.ckpt`.')
    return found
  return _PART.sub('', path)


def _shapes(path: str) -> dict[str, list[int]]:
  if not (epath.Path(f'{path}.index').exists() or epath.Path(path).exists()):
    raise errors.RunError(
        f'`{path}` should be a checkpoint of TensorFlow, but there is neither '
        'it nor an index of it; give the path without `.index` or `.data-…`.')
  try:
    return tf.train.load_checkpoint(path).get_variable_to_shape_map()
  except (tf.errors.OpError, ValueError, IndexError, RuntimeError) as error:
    raise _unreadable(path, error) from error


def _arrays(path: str, names: Mapping[str, str]) -> dict[str, np.ndarray]:
  """The values, in the shapes that the network has them in."""
  reader = tf.train.load_checkpoint(path)
  arrays = {}
  for ours, theirs in names.items():
    try:
      value = reader.get_tensor(theirs)
    except (tf.errors.OpError, ValueError, IndexError, RuntimeError) as error:
      raise _unreadable(path, error) from error
    # Squeeze and excitation is of 1x1 convolutions there.
    is_dense = '/squeeze_excite/' in ours and value.shape[:-2] == (1, 1)
    arrays[ours] = value[0, 0] if is_dense else value
  return arrays


def _unreadable(path: str, error: Exception) -> errors.RunError:
  reason = ' '.join(str(error).split())
  return errors.RunError(
      f'`{path}` should be a checkpoint of TensorFlow, but cannot be read '
      f'({reason}); copy all of its files again.')


def _check_trained(path: str, arrays: Mapping[str, np.ndarray]) -> None:
  """Raises for numbers that no training gives."""
  for name, value in arrays.items():
    if not np.isfinite(value).all():
      raise errors.RunError(
          f'`{path}` should have finite numbers, but those of `{name}` are not '
          'all finite; this training failed.')
  if all((value == name.endswith('moving_variance')).all()
         for name, value in arrays.items() if '/norm/moving_' in name):
    raise errors.RunError(
        f'`{path}` should have trained weights, but its moving statistics are '
        'those of a new network, 0 and 1; it is of before the training.')


def _digests(path: str) -> dict[str, str]:
  """SHA-256 of each file that holds variables, by name."""
  whole = epath.Path(path)
  parts = [file for file in whole.parent.iterdir()
           if file.name == whole.name or (
               file.name.startswith(f'{whole.name}.')
               and _PART.sub('', file.name) == whole.name
               and not file.name.endswith('.meta'))]
  return {file.name: files.sha256(file)
          for file in sorted(parts, key=lambda file: file.name)}
