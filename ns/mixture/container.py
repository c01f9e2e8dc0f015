"""Sources in files of many records: what is the same for all their formats."""

from collections.abc import Iterator
from concurrent import futures
import dataclasses
import hashlib
import os

import numpy as np

from ns.core import checks
from ns.core import errors
from ns.core import files as files_lib
from ns.core import progress
from ns.mixture import file_source
from ns.mixture import source_manifest
from ns.mixture import sources


class EndsEarly(Exception):
  """A file cannot be read on, for the reason that is its text."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Container(file_source.FileSource):
  """Files of records, each a shard.

  A subclass says which files there are and how one is read; which records are
  of no use is found out here.
  """
  is_random_access = False

  def listed(self) -> tuple[list[source_manifest.File], tuple[str, ...]]:
    """The files, their number of records not yet known, and class names."""
    raise NotImplementedError

  def examples(self, file: source_manifest.File, rows: np.ndarray | None = None
               ) -> Iterator[tuple[bytes | str | None, int | None]]:
    """The image and the label, from 0, of records of a file.

    Args:
      file: one of `listed`.
      rows: which, an array of rising numbers; None for all.

    Yields:
      image: None if the record has none; a text if that says why.
      label: None if it has none or, where `rows` are asked for, always.

    Raises:
      EndsEarly: the file cannot be read, or not on.
    """
    raise NotImplementedError

  def placed(self, file: source_manifest.File
             ) -> Iterator[tuple[bytes | str | None, int | None, int | None]]:
    """All `examples` of a file, and where each begins in it, in bytes.

    That is None where the format finds a record without being told.
    """
    for image, label in self.examples(file):
      yield image, label, None

  def look_through(self) -> source_manifest.Manifest:
    listed, class_names = self.listed()
    files, rows = [], []
    with (futures.ThreadPoolExecutor(source_manifest.AT_ONCE) as pool,
          progress.Progress(f'{self.name}: looking through', len(listed),
                            'files') as shown):
      for shard, (file, found) in enumerate(pool.map(
          lambda file: self._look_through(file, len(class_names)), listed)):
        files.append(file)
        rows += [dataclasses.replace(row, shard=shard) for row in found]
        shown.advance(1)
    return source_manifest.Manifest(
        declared=self.declared(), class_names=class_names, files=tuple(files),
        rows=source_manifest.rows(rows))

  def images(self, file, rows):
    try:
      for image, _ in self.examples(file, rows):
        yield image
    except EndsEarly:
      return  # Who asked says what is missing.

  def shard_digests(self):
    return {file.name: file.digest for file in self.made.files}

  def _same_content(self, number: int) -> bool:
    file = self.made.files[number]
    return bool(file.digest) and file.digest == self._look_through(
        file, len(self.class_names))[0].digest

  def _with_times(self, times: dict[int, int]) -> source_manifest.Manifest:
    return dataclasses.replace(self.made, files=tuple(
        dataclasses.replace(file, mtime_ns=times.get(number, file.mtime_ns))
        for number, file in enumerate(self.made.files)))

  def _look_through(self, file, classes: int) -> tuple[
      source_manifest.File, list[source_manifest.Example]]:
    """A file with what its records come to, and what is said of these."""
    found, marks, count = [], [], 0
    digest = hashlib.blake2b(digest_size=16)
    try:
      for image, label, begin in self.placed(file):
        if begin is not None and not count % source_manifest.MARKED:
          marks.append(begin)
        content = image if isinstance(image, bytes) else repr(image).encode()
        digest.update(f'{len(content)} {label} '.encode())
        digest.update(content)
        reason = self._problem(image, label, classes)
        if reason or self.is_labelled:
          found.append(source_manifest.Example(
              row=file.first + count, label=None if reason else label,
              reason=reason))
        count += 1
    except EndsEarly as error:
      found.append(source_manifest.Example(reason=str(error)))
    else:
      if not count:
        found.append(source_manifest.Example(reason='has no records'))
    return dataclasses.replace(
        file, num_records=count, digest=digest.hexdigest(), marks=marks), found

  def _problem(self, image, label, classes) -> str | None:
    if isinstance(image, str):
      return image
    if not image:
      return f'has no `{self.image}`'
    if self.is_labelled:
      if label is None:
        return f'has no `{self.label}`'
      if not 0 <= label < classes:
        return (f'is of class {label}, counted from 0, where there are '
                f'{classes}')
    if self.check_images:
      from ns.mixture import image_check
      return image_check.problem(image)
    return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeclaredFiles(Container):
  """Files that a pattern names, with classes that are declared.

  Attributes:
    files: their path, in which `*`, `?` and `[…]` stand for several.
    image: what the encoded image is called in a record.
    label: what its class is called, a whole number; empty if there are none.
    label_offset: the number of the first class.
    classes: how many, where there is a label.
    class_names: what they are called, for people; their numbers if empty.
  """
  files: str
  image: str
  label: str
  label_offset: int = 0
  classes: int | None = None
  class_names: tuple[str, ...] = ()
  paths = 'files',

  def __post_init__(self):
    super().__post_init__()
    for name in ('files', 'image', 'label'):
      checks.instance(self, name, str)
    checks.integer(self, 'label_offset')
    if self.is_labelled:
      checks.integer(self, 'classes', at_least=2)
      sources.name_classes(self)
    elif self.classes is not None or self.class_names:
      kind = type(self).__name__
      raise ValueError(
          f'`{kind}.label` should name the classes\' feature, since '
          f'`{kind}.classes` or `{kind}.class_names` is given, but is empty.')

  @property
  def is_labelled(self) -> bool:
    return bool(self.label)

  def listed(self):
    pattern = str(files_lib.data_path(self.files))
    found = _matching(pattern)
    if not found:
      raise errors.Missing(
          f'`{type(self).__name__}.files` should be a pattern of files, but '
          f'there is none like `{pattern}`.')
    root = os.path.commonpath([os.path.dirname(path) for path in found])
    listed, paths = [], {}
    for path in found:
      size, time = source_manifest.look_at(path)
      name = os.path.relpath(path, root).replace(os.sep, '-')
      if paths.setdefault(name, path) != path:
        raise errors.RunError(
            f'`{paths[name]}` and `{path}` would both be called `{name}` in '
            'the keys; rename one, or make two sources of them.')
      listed.append(source_manifest.File(
          name=name, path=path, bytes=size, mtime_ns=time, num_records=0))
    return listed, self.class_names if self.is_labelled else ()


def _matching(pattern: str) -> list[str]:
  """The files like a pattern, sorted; local ones without TensorFlow."""
  if not files_lib.is_remote(pattern):
    import glob
    return sorted(path for path in glob.glob(pattern, recursive=True)
                  if os.path.isfile(path))
  import tensorflow as tf
  return sorted(tf.io.gfile.glob(pattern))
