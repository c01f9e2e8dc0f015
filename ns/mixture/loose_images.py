"""Sources in files of which each is an image: what is the same for them.

The images are in the order of a checksum of their paths, so that every shard
has images of all folders, and the same in every place.
"""

import collections
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent import futures
import dataclasses
import functools
import hashlib
import os

from etils import epath
import numpy as np

from ns.core import errors
from ns.core import files as files_lib
from ns.core import progress
from ns.mixture import contents
from ns.mixture import file_source
from ns.mixture import source_manifest
from ns.mixture import sources

# What `ns.images.decode` reads.
SUFFIXES = '.bmp', '.gif', '.jpeg', '.jpg', '.png', '.webp'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listed:
  """The images of a source.

  Attributes:
    root: their folder.
    images: of each the path below the folder, and its class, if there are any.
    class_names: empty where there are no labels.
    passed_over: by suffix, how many files are not taken for images.
  """
  root: str
  images: Sequence[tuple[str, int | None]]
  class_names: tuple[str, ...] = ()
  passed_over: dict[str, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LooseImages(file_source.FileSource):
  """Images in files of their own."""
  is_random_access = True

  def listed(self) -> Listed:
    """The images that there are."""
    raise NotImplementedError

  def look_through(self) -> source_manifest.Manifest:
    contents.forget(self.manifest_path)
    found = self.listed()
    listed = sorted(found.images, key=lambda item: _place(item[0]))
    with progress.Progress(f'{self.name}: looking through', len(listed),
                           'images') as shown:
      rows = self._looked_at(found.root, listed, shown)
    good = [row for row in rows if not row.reason]
    bad = [row for row in rows if row.reason]
    files = []
    for shard in sources.even_shards(len(good)) if good else ():
      rows = good[shard.first:shard.first + shard.num_examples]
      files.append(source_manifest.File(
          name=shard.name, path=found.root,
          bytes=sum(row.bytes for row in rows),
          mtime_ns=max(row.mtime_ns for row in rows), num_records=len(rows)))
    places = ((number, row) for number, file in enumerate(files)
              for row in range(file.num_records))
    placed = [dataclasses.replace(example, shard=number, row=row)
              for example, (number, row) in zip(good, places)]
    return source_manifest.Manifest(
        declared=self.declared(), class_names=found.class_names,
        files=tuple(files), rows=source_manifest.rows([*placed, *bad]),
        passed_over=found.passed_over)

  def images(self, file, rows):
    # `Manifest.examples` has all of a file's in a row.
    made, rows = self.made, np.asarray(rows)
    number = made.files.index(file)
    wanted = made.examples.take(made.begins[number] + rows)
    paths, sizes = (wanted[name].to_pylist() for name in ('path', 'bytes'))

    def read(path, size):
      full = source_manifest.join(file.path, path)
      try:
        image = epath.Path(full).read_bytes()
      except FileNotFoundError:
        image = None
      except OSError as error:
        raise errors.RunError(
            f'`{full}` cannot be read: {error.strerror}.') from error
      if image is None or len(image) != size:
        now = None if image is None else (len(image), 0)
        raise source_manifest.changed(
            full, (size, None), now, str(self.manifest_path))
      return image

    with futures.ThreadPoolExecutor(source_manifest.AT_ONCE) as pool:
      for begin in range(0, len(paths), 4 * source_manifest.AT_ONCE):
        end = begin + 4 * source_manifest.AT_ONCE
        images = list(pool.map(read, paths[begin:end], sizes[begin:end]))
        others = self._contents.note(number, rows[begin:end], images)
        if len(others):
          raise self._other_content(
              source_manifest.join(file.path, paths[begin + others[0]]))
        if end >= len(paths):
          self._contents.save(number)
        yield from images

  @functools.cached_property
  def _contents(self) -> contents.Contents:
    return contents.Contents(self.made, self.manifest_path)

  def shard_digests(self) -> dict[str, str]:
    """See `FileSource`; of a shard of which all images were read."""
    return {file.name: self._contents.digest(number)
            for number, file in enumerate(self.made.files)}

  def _same_content(self, number: int) -> bool:
    shard = int(np.searchsorted(self.made.begins, number, side='right')) - 1
    row = number - int(self.made.begins[shard])
    if not self._contents.knows(shard, row):
      return False
    for _ in self.images(self.made.files[shard], [row]):
      pass  # It says what is wrong.
    return True

  def _with_times(self, times: dict[int, int]) -> source_manifest.Manifest:
    import pyarrow
    rows = self.made.rows
    column = rows['mtime_ns'].to_pylist()
    places = np.flatnonzero(rows['reason'].is_null().to_numpy())
    for number, time in times.items():
      column[places[number]] = time
    return dataclasses.replace(self.made, rows=rows.set_column(
        rows.schema.get_field_index('mtime_ns'), 'mtime_ns',
        pyarrow.array(column, pyarrow.int64())))

  def _other_content(self, path: str) -> errors.RunError:
    return errors.RunError(
        f'`{path}` should have the content that it had when it was first read, '
        'but has another of the same size; bring it back, or remove '
        f'`{self.manifest_path}` to look through the source again.')

  def _looked_at(self, root, listed, shown) -> list[source_manifest.Example]:
    def check(path):
      """The checksum of an image, if it is read, and why it is of no use."""
      if not self.check_images:
        return None, None
      from ns.mixture import image_check
      image = epath.Path(path).read_bytes()
      return int(contents.of_images([image])[0]), image_check.problem(image)

    def look(item):
      path, label = item
      shown_path = path.encode(errors='backslashreplace').decode()
      if path != shown_path:
        return source_manifest.Example(
            path=shown_path, reason='has a name that is not UTF-8')
      full = source_manifest.join(root, path)
      try:
        found = source_manifest.look_at(full)
        if found is None:
          return source_manifest.Example(path=path, reason='does not exist')
        content, reason = check(full) if found[0] else (None, 'is empty')
      except OSError as error:
        return source_manifest.Example(
            path=path, reason=f'cannot be read: {error.strerror}')
      return source_manifest.Example(
          path=path, bytes=found[0], mtime_ns=found[1], content=content,
          reason=reason, label=None if reason else label)

    def look_at_some(items):
      found = [look(item) for item in items]
      shown.advance(len(items))
      return found

    # A request each, on a bucket.
    length = 1 if files_lib.is_remote(root) else 256
    some = [listed[i:i + length] for i in range(0, len(listed), length)]
    with futures.ThreadPoolExecutor(source_manifest.AT_ONCE) as pool:
      return [row for rows in pool.map(look_at_some, some) for row in rows]


def below(root: str, passed_over: collections.Counter) -> Iterator[str]:
  """The paths below a folder, with `/`, of all images in it and its folders.

  Links are followed, but for those to a folder in which they are.

  Args:
    root: the folder.
    passed_over: counts by their suffixes the files that are not taken for
      images, but for hidden ones.

  Raises:
    RunError: a folder cannot be listed.
  """
  is_remote = files_lib.is_remote(root)
  walk = (files_lib.walk(root) if is_remote
          else os.walk(root, followlinks=True, onerror=_refuse))
  for folder, folders, names in walk:
    if not is_remote:
      folders[:] = [name for name in folders
                    if not _leads_up(os.path.join(folder, name))]
    for name in names:
      if name.startswith('.'):
        continue
      if name.lower().endswith(SUFFIXES):
        path = os.path.relpath(os.path.join(folder, name), root)
        yield path.replace(os.sep, '/')
      else:
        passed_over[os.path.splitext(name)[1].lower()] += 1


def _leads_up(folder: str) -> bool:
  """Whether it is a link to a folder in which it is."""
  if not os.path.islink(folder):
    return False
  place, end = os.path.realpath(os.path.dirname(folder)), os.path.realpath(
      folder)
  return os.path.commonpath([place, end]) == end


def _refuse(error: OSError) -> None:
  raise errors.RunError(
      f'`{error.filename}` cannot be listed: {error.strerror}.') from error


def existing_folder(source, field: str, root: str) -> str:
  """The folder, which a field of a source names, if it is one."""
  if not epath.Path(root).is_dir():
    raise errors.Missing(
        f'`{type(source).__name__}.{field}` should be a folder, but `{root}` '
        'is none.')
  return root


def _place(path: str) -> tuple[bytes, str]:
  name = path.encode(errors='surrogateescape')
  return hashlib.blake2b(name, digest_size=8).digest(), path

