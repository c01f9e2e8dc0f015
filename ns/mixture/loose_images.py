"""Sources in files of which each is an image: what is the same for them.

The images are in the order of a checksum of their paths, so that every shard
has images of all folders, and the same in every place.
"""

from collections.abc import Iterator
from concurrent import futures
import dataclasses
import hashlib
import os

from etils import epath
import numpy as np

from ns.core import errors
from ns.core import progress
from ns.mixture import file_source
from ns.mixture import source_manifest
from ns.mixture import sources

# What `ns.images.decode` reads.
SUFFIXES = '.bmp', '.gif', '.jpeg', '.jpg', '.png', '.webp'


@dataclasses.dataclass(frozen=True, kw_only=True)
class LooseImages(file_source.FileSource):
  """Images in files of their own."""
  is_random_access = True

  def listed(self) -> tuple[str, list[tuple[str, int | None]], tuple[str, ...]]:
    """The folder; path below it and class of each image; the class names."""
    raise NotImplementedError

  def look_through(self) -> source_manifest.Manifest:
    root, listed, class_names = self.listed()
    listed = sorted(listed, key=lambda item: _place(item[0]))
    with progress.Progress(f'{self.name}: looking through', len(listed),
                           'images') as shown:
      rows = self._looked_at(root, listed, shown)
    good = [row for row in rows if not row.reason]
    bad = [row for row in rows if row.reason]
    files = []
    for shard in sources.even_shards(len(good)) if good else ():
      rows = good[shard.first:shard.first + shard.num_examples]
      files.append(source_manifest.File(
          name=shard.name, path=root, bytes=sum(row.bytes for row in rows),
          mtime_ns=max(row.mtime_ns for row in rows), num_records=len(rows)))
    placed = [dataclasses.replace(good[begin + row], shard=number, row=row)
              for number, (file, begin) in enumerate(zip(files, _begins(files)))
              for row in range(file.num_records)]
    return source_manifest.Manifest(
        declared=self.declared(), class_names=class_names, files=tuple(files),
        rows=source_manifest.rows([*placed, *bad]))

  def images(self, file, rows):
    # `Manifest.examples` has all of a file's in a row.
    made = self.made
    begin = _begins(made.files)[made.files.index(file)]
    wanted = made.examples.take(begin + np.asarray(rows))
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
        yield from pool.map(read, paths[begin:end], sizes[begin:end])

  def _looked_at(self, root, listed, shown) -> list[source_manifest.Example]:
    check = lambda path: None
    if self.check_images:
      from ns.mixture import image_check
      check = lambda path: image_check.problem(epath.Path(path).read_bytes())

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
        reason = check(full) if found[0] else 'is empty'
      except OSError as error:
        return source_manifest.Example(
            path=path, reason=f'cannot be read: {error.strerror}')
      return source_manifest.Example(
          path=path, bytes=found[0], mtime_ns=found[1], reason=reason,
          label=None if reason else label)

    def look_at_some(items):
      found = [look(item) for item in items]
      shown.advance(len(items))
      return found

    some = [listed[i:i + 256] for i in range(0, len(listed), 256)]
    with futures.ThreadPoolExecutor(source_manifest.AT_ONCE) as pool:
      return [row for rows in pool.map(look_at_some, some) for row in rows]


def below(root: str) -> Iterator[str]:
  """The paths below a folder, with `/`, of all images in it and its folders.

  Links are followed, but for those to a folder in which they are.

  Raises:
    RunError: a folder cannot be listed.
  """
  if '://' in root:
    import tensorflow as tf
    walk = tf.io.gfile.walk(root)
  else:
    walk = os.walk(root, followlinks=True, onerror=_refuse)
  for folder, folders, names in walk:
    if '://' not in root:
      folders[:] = [name for name in folders
                    if not _leads_up(os.path.join(folder, name))]
    for name in names:
      if name.lower().endswith(SUFFIXES) and not name.startswith('.'):
        path = os.path.relpath(os.path.join(folder, name), root)
        yield path.replace(os.sep, '/')


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


def _begins(files) -> list[int]:
  return np.cumsum([0, *(file.num_records for file in files)])[:-1].tolist()
