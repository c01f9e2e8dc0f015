"""The images of a selection as the files of records that a student reads."""

from collections.abc import Callable
from collections.abc import Sequence
from concurrent import futures
import dataclasses
import hashlib
import json
import multiprocessing

from etils import epath
import numpy as np

from ns.core import checks
from ns.core import child_process
from ns.core import errors
from ns.core import files
from ns.core import manifest
from ns.core import termination
from ns.pseudolabel import choice as choices
from ns.pseudolabel import header as headers
from ns.pseudolabel import shard_content
from ns.pseudolabel import store

# Rows that are joined with their images at a time.
_BATCH = 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class Materialise:
  """Writes `pseudo-00000-of-00008.tfrecord` and so on, part by part.

  A part is some files with the images of some of the pool's shards: of G parts,
  part g has the shards g, g + G, g + 2 G and so on, and its images go to its
  files in turn, so that each file is a sample of the whole pool even where that
  is sorted. Parts are written by several processes, and a part that is finished
  is kept when the stage starts again with the same selection.

  Attributes:
    images_per_part: about how many; a part has at least one shard.
    reencode: encodes images anew, see `Reencode`; None leaves their bytes as
      they are in the pool, and makes PNGs of those that are pixels there.
    workers: processes; 1 is this process alone. Others each load TensorFlow.
  """
  images_per_part: int = 2**18
  reencode: object = None
  workers: int = manifest.execution(default=1)

  def __post_init__(self):
    checks.integer(self, 'images_per_part', at_least=1)
    if self.reencode is not None:
      checks.has_methods(self, 'reencode', 'apply')
    checks.integer(self, 'workers', at_least=1)

  def run(self, choice: choices.Choice, source, header: headers.Header,
          folder: str, num_files: int,
          on_progress: Callable[[int, int], None] | None = None
          ) -> dict[str, dict[str, int]]:
    """Writes the files.

    Args:
      choice: the selection.
      source: of the images.
      header: of the predictions.
      folder: where the files go.
      num_files: files of a part; fewer if a part has fewer images.
      on_progress: called with the number of images written, those of kept parts
        included, and the number of all.

    Returns:
      The files by name, in order: `records`, with their examples, counting
      copies, and `record_images`, with their images.

    Raises:
      RunError: the source is not what the predictions were made of.
    """
    from ns.mixture import pseudo_record
    parts = self._parts(choice, source, header, num_files)
    todo = [part for part in parts if not part.is_finished(folder)]
    finished = {name for part in parts if part not in todo
                for name in part.names}
    for path in pseudo_record.paths(folder):
      if path.name not in finished:
        path.unlink()
    total = int(choice.used.sum())
    done = total - sum(part.images for part in todo)
    report = on_progress or (lambda done, total: None)
    for part in self._written(todo, choice, source, folder):
      done += part.images
      report(done, total)
    joined = lambda counts: {
        name: count for each in counts for name, count in each.items()}
    return {'records': joined(part.examples(folder) for part in parts),
            'record_images': joined(part.images_by_file for part in parts)}

  def _parts(self, choice, source, header, num_files) -> list['_Part']:
    from ns.mixture import pseudo_record
    shards = np.flatnonzero(choice.used)
    number = -(-int(choice.used.sum()) // self.images_per_part)
    number = min(number, len(shards))
    each = [shards[i::number].tolist() for i in range(number)]
    num_files = min(num_files, *(int(choice.used[some].sum()) for some in each))
    form = json.dumps([
        headers.metadata(headers.PREDICTIONS, header), source.digest(),
        None if self.reencode is None else manifest.canonical(self.reencode)])
    return [_Part(
        shards=some, images=int(choice.used[some].sum()), number=i, of=number,
        names=[pseudo_record.path('', i * num_files + file, number * num_files
                                  ).name for file in range(num_files)],
        digest=hashlib.sha256(form.encode() + b''.join(
            choice.digests[shard] for shard in some)).hexdigest())
            for i, some in enumerate(each)]

  def _written(self, todo, choice, source, folder):
    """Yields parts as they are finished."""
    arguments = lambda part: (
        self, part, choice.part(part.shards), source, folder)
    if self.workers == 1 or len(todo) < 2:
      for part in todo:
        yield _write(*arguments(part))
      return
    # A process that has TensorFlow must not fork.
    with futures.ProcessPoolExecutor(
        min(self.workers, len(todo)),
        mp_context=multiprocessing.get_context('spawn'),
        initializer=child_process.end_with_parent) as pool:
      running = [pool.submit(_write, *arguments(part)) for part in todo]
      try:
        for future in futures.as_completed(running):
          yield future.result()
      finally:
        pool.shutdown(cancel_futures=True)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Part:
  """What is written, and kept, together.

  Attributes:
    shards: the places of its shards in the pool.
    images: how many it has.
    number: of the part.
    of: how many parts.
    names: of its files.
    digest: of all that decides on their content.
  """
  shards: Sequence[int]
  images: int
  number: int
  of: int
  names: Sequence[str]
  digest: str

  @property
  def images_by_file(self) -> dict[str, int]:
    """How many images each of its files has: they go to these in turn."""
    each, more = divmod(self.images, len(self.names))
    return {name: each + (place < more)
            for place, name in enumerate(self.names)}

  def is_finished(self, folder) -> bool:
    """Whether its files are there, of this digest and of their sizes."""
    try:
      found = json.loads(self._mark(folder).read_text())
    except (FileNotFoundError, ValueError):
      return False
    found.pop('examples', None)
    return found == {'digest': self.digest, 'files': self._sizes(folder)}

  def examples(self, folder) -> dict[str, int]:
    """Its files, which are finished, with their examples."""
    return json.loads(self._mark(folder).read_text())['examples']

  def finish(self, folder, examples: dict[str, int]) -> None:
    """Says that its files are there: the last thing done for a part."""
    files.write_whole(self._mark(folder), json.dumps({
        'digest': self.digest, 'files': self._sizes(folder),
        'examples': examples}))

  def _mark(self, folder) -> epath.Path:
    return (epath.Path(folder) / manifest.SCRATCH
            / f'part-{self.number:05}-of-{self.of:05}.json')

  def _sizes(self, folder) -> dict[str, int | None]:
    return dict(zip(self.names, files.sizes(
        [epath.Path(folder) / name for name in self.names])))


def _write(materialise, part, choice, source, folder) -> _Part:
  from ns.mixture import pseudo_record
  from ns.pseudolabel import record_files
  reencode = materialise.reencode
  examples = dict.fromkeys(part.names, 0)
  with record_files.writing(
      [epath.Path(folder) / name for name in part.names]) as write_record:
    for shard in part.shards:
      for rows, images, counts in _joined(choice, source, shard):
        termination.check()
        for index, image in enumerate(images):
          key = rows['key'][index]
          if reencode is not None:
            image = reencode.apply(image, key)
          file = write_record(pseudo_record.serialise(
              key=key, image=image,
              probabilities=rows['probabilities'][index],
              label=rows['label'][index], confidence=rows['confidence'][index],
              copies=counts[index]))
          examples[part.names[file]] += int(counts[index])
  part.finish(folder, examples)
  return part


def _joined(choice, source, place):
  """Yields the used rows of a shard with their images and copies."""
  from ns.pseudolabel import shard_batches
  shard = source.shards[place]
  path = store.predictions_path(choice.scan.folder, shard.name)
  predictions = store.read(
      path, ['key', 'label', 'confidence', 'probabilities'], _BATCH,
      classes=choice.scan.classes)
  copies = choice.copies(place)
  records = shard_batches.batches(source, shard, _BATCH)
  begin, content = 0, shard_content.ShardContent()
  for keys, images, _, fingerprints in records:
    content.add(fingerprints)
    rows = next(predictions, None)
    if rows is None or len(rows['key']) != len(keys):
      more = rows is None or len(keys) > len(rows['key'])
      raise errors.RunError(
          f'Shard `{shard.name}` of `{source.name}` has '
          f'{"more" if more else "fewer"} records than the '
          f'{shard.num_examples} that it declares and `{path}` has; count the '
          'source and label the pool again.')
    if [key.encode() for key in rows['key']] != keys.tolist():
      raise errors.RunError(_other_key(path, source, begin, rows['key'], keys))
    counts = copies[begin:begin + len(keys)]
    begin += len(keys)
    used = np.flatnonzero(counts)
    if used.size:
      yield ({name: values[used] for name, values in rows.items()},
             images[used], counts[used])
  if store.read_content(path) not in (None, content.digest()):
    raise errors.RunError(
        f'Shard `{shard.name}` of `{source.name}` should have the images that '
        'it had when it was labelled, but has others; bring them back, or label '
        'the pool again.')


def _other_key(path, source, begin, ours, theirs) -> str:
  row = next(row for row, key in enumerate(ours)
             if key.encode() != theirs[row])
  return (f'Row {begin + row} of `{path}` should have the key of its image in '
          f'`{source.name}`, `{theirs[row].decode(errors="replace")}`, but has '
          f'`{ours[row]}`; label the pool again.')
