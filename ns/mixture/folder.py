"""A folder of images by class."""

import collections
from collections.abc import Sequence
import dataclasses

from etils import epath

from ns.core import checks
from ns.core import errors
from ns.core import files as files_lib
from ns.mixture import loose_images


@dataclasses.dataclass(frozen=True, kw_only=True)
class Folder(loose_images.LooseImages):
  """Images in sub-folders, of which each is a class.

  JPEG, PNG, BMP, GIF and WebP, by their suffixes, in the sub-folders and below;
  other files are passed over, and counted.

  Attributes:
    path: of the folder.
    class_folders: the names of the sub-folders in the order of the classes; all
      there are, sorted, if empty.
  """
  path: str
  class_folders: Sequence[str] = ()
  is_labelled = True
  paths = 'path',

  def __post_init__(self):
    super().__post_init__()
    checks.instance(self, 'path', str)
    checks.instance(self, 'class_folders', list, tuple)
    object.__setattr__(self, 'class_folders', tuple(self.class_folders))

  def listed(self):
    root = loose_images.existing_folder(
        self, 'path', str(files_lib.data_path(self.path)))
    found = sorted(path.name for path in epath.Path(root).iterdir()
                   if path.is_dir() and not path.name.startswith('.'))
    names = self.class_folders or tuple(found)
    if len(names) < 2 or set(names) != set(found):
      wanted = (f'the sub-folders {list(names)}' if self.class_folders
                else 'at least two sub-folders, one for each class')
      raise errors.RunError(
          f'`Folder.path` should have {wanted}, but `{root}` has {found}.')
    others = collections.Counter()
    images = [(f'{name}/{path}', label) for label, name in enumerate(names)
              for path in loose_images.below(f'{root}/{name}', others)]
    return loose_images.Listed(root=root, images=images, class_names=names,
                               passed_over=dict(others))
