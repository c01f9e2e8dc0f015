"""What every selection does: decide, write the images, say what it came to."""

from collections.abc import Callable

from etils import epath

from ns.core import errors
from ns.core import manifest
from ns.pseudolabel import choice as choices
from ns.pseudolabel import header as headers
from ns.pseudolabel import materialise as materialise_lib
from ns.pseudolabel import store
from ns.pseudolabel import truth as truths


def run(choose: Callable[[headers.Header, str], choices.Choice],
        materialise: materialise_lib.Materialise, predictions_folder: str,
        source, folder: str, classes: int, num_shards: int,
        on_progress: Callable[[int, int], None] | None) -> dict:
  """Writes `selection.parquet` and the student's records.

  Args:
    choose: given the header of the predictions and a path, decides on the
      selection and writes it there.
    materialise: how the images are written.
    predictions_folder, source, folder, classes, num_shards, on_progress: as of
      `Select.run`.

  Returns:
    As of `Select.run`.

  Raises:
    RunError: as of `Select.run`.
  """
  if num_shards < 1:
    raise ValueError(f'`num_shards` should be at least 1, but is {num_shards}.')
  header = _checked_header(predictions_folder, source, classes)
  source.read()  # What was labelled is what is there now,
  scratch = epath.Path(folder) / manifest.SCRATCH
  choice = choose(header, store.selection_path(scratch))
  final = epath.Path(store.selection_path(folder))
  final.unlink(missing_ok=True)
  counts = materialise.run(
      choice, source, header, folder, num_shards, on_progress)
  source.read()  # and was there all the time.
  epath.Path(store.selection_path(scratch)).replace(final)
  scratch.rmtree()
  for name, per_class in choice.per_class.items():
    counts[name] = int(per_class.sum())
    counts[f'{name}_per_class'] = per_class.tolist()
  counts['most_copies'] = choice.most_copies
  if choice.broken:
    counts['broken'] = choice.broken
  return {**counts, **truths.report(counts, choice.marked)}


def _checked_header(folder, source, classes) -> headers.Header:
  """The header that all files of predictions have in common."""
  first = None
  digest = source.digest()
  for shard in source.shards:
    path = store.predictions_path(folder, shard.name)
    header, rows = store.read_header(path)
    first = first or header
    for what, expected, found in (
        ('classes', classes, header.classes),
        ('source', source.name, header.source_name),
        ('source digest', digest, header.source_digest),
        ('teacher fingerprint', first.teacher_fingerprint,
         header.teacher_fingerprint),
        ('temperature', first.temperature, header.temperature),
        ('number of rows', shard.num_examples, rows)):
      if found != expected:
        raise errors.RunError(
            f'`{path}` should be of {what} {expected!r}, but is of {found!r}; '
            'label the pool again.')
  return first
