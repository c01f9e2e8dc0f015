"""Images without labels, in a folder or in a list of files."""

import collections
import dataclasses
import os

from etils import epath

from ns.core import checks
from ns.core import errors
from ns.core import files as files_lib
from ns.mixture import loose_images


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageFiles(loose_images.LooseImages):
  """Images without labels.

  Attributes:
    path: of a folder, of which all images in it and below are taken, by their
      suffixes; or of a text file with the path of an image on each line,
      relative to that file's folder.
  """
  path: str
  is_labelled = False
  paths = 'path',

  def __post_init__(self):
    super().__post_init__()
    checks.instance(self, 'path', str)

  def listed(self):
    path = epath.Path(files_lib.data_path(self.path))
    if path.is_dir():
      others = collections.Counter()
      images = [(name, None) for name in loose_images.below(str(path), others)]
      return loose_images.Listed(root=str(path), images=images,
                                 passed_over=dict(others))
    if not path.exists():
      raise errors.Missing(
          '`ImageFiles.path` should be a folder or a list of files, but '
          f'`{path}` is not there.')
    try:
      # Some programs put a mark in front, which is no part of a path.
      lines = path.read_text().removeprefix('\ufeff').splitlines()
    except UnicodeDecodeError as error:
      raise errors.RunError(
          '`ImageFiles.path` should be a folder or a text with a path on each '
          f'line, but `{path}` is no text.') from error
    names = [os.path.normpath(line) for line in lines if line.strip()]
    if len(set(names)) < len(names):
      twice = next(name for name in names if names.count(name) > 1)
      raise errors.RunError(
          f'`{path}` should have every image once, but has `{twice}` '
          f'{names.count(twice)} times.')
    return loose_images.Listed(root=str(path.parent),
                               images=[(name, None) for name in names])
