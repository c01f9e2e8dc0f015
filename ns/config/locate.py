"""Where gin files are, and their text.

A path is looked for in each search path, then under the root (the folder that
holds `gin/` and `ns/`: the workspace, or the run files under Bazel), then in
the user's folder: BUILD_WORKING_DIRECTORY under `bazel run`, which itself runs
somewhere else, else the current one.
"""

from collections.abc import Sequence
import dataclasses
import os

from etils import epath

from ns.config import nearest
from ns.config import statements
from ns.core import errors
from ns.core import files

_GIN_FOLDER = 'gin'


def root() -> str:
  """The folder that holds `gin/` and `ns/`; links are not followed."""
  return os.path.dirname(os.path.dirname(os.path.dirname(
      os.path.abspath(__file__))))


def _is_absolute(path: str) -> bool:
  return os.path.isabs(path) or '://' in path


def _gin_files(folder: str) -> list[str]:
  """Gin files directly in `folder`, by name; none if it cannot be read."""
  try:
    names = [child.name for child in epath.Path(folder).iterdir()]
  except OSError:
    return []
  return [name for name in names if name.endswith('.gin')]


@dataclasses.dataclass(frozen=True, kw_only=True)
class File:
  """A gin file.

  Attributes:
    path: where it is.
    shown: how messages name it: as the user or the include did, or, for an
      absolute path under the root, relative to the root.
  """
  path: str
  shown: str

  def read(self) -> str:
    """The text; raises ConfigError if it is not text."""
    try:
      text = epath.Path(self.path).read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
      raise errors.ConfigError(
          f'The gin file `{self.shown}` cannot be read: {error}.') from error
    return text.removeprefix('\ufeff')  # epath knows no `utf-8-sig`.


@dataclasses.dataclass(frozen=True)
class Locator:
  """Finds gin files; `search_paths` come first, in their order.

  Raises:
    ConfigError: a search path is no folder.
  """
  search_paths: tuple[str, ...] = ()

  def __post_init__(self):
    for path in self.search_paths:
      if not epath.Path(files.user_path(path)).is_dir():
        raise errors.ConfigError(
            f'The search path `{files.user_path(path)}` is not a folder.')

  def _places(self) -> list[str]:
    paths = [files.user_path(path) for path in self.search_paths]
    return list(dict.fromkeys([*paths, root(), files.user_path('.')]))

  def find(self, name: str, included: statements.Where | None = None) -> File:
    """The file called `name`.

    Args:
      name: relative to one of the places searched, absolute, or a URL.
      included: where it is included, None for a file of the command line.

    Raises:
      ConfigError: there is no such file; names the nearest that exists.
    """
    absolute = _is_absolute(name)
    places = [''] if absolute else self._places()
    for place in places:
      path = os.path.join(place, name)
      if epath.Path(path).is_file():
        return File(path=path, shown=_shown(name))
    what = (f'{included}: the included file' if included else 'The gin file')
    searched = '' if absolute else (
        f' (searched {", ".join(f"`{place}`" for place in places)})')
    raise errors.ConfigError(
        f'{what} `{name}` does not exist{searched}{_nearest(name, places)}')


def _shown(name: str) -> str:
  below = os.path.join(root(), '')
  return name[len(below):] if name.startswith(below) else name


def _nearest(name: str, places: Sequence[str]) -> str:
  """Ends the sentence: a like name in the same folder, else in all of gin/."""
  folder, base = os.path.split(name)
  siblings = {sibling for place in places
              for sibling in _gin_files(os.path.join(place, folder))}
  best = nearest.nearest(base, siblings)
  if best is not None:
    return f'; did you mean `{os.path.join(folder, best)}`?'
  known = [os.path.relpath(os.path.join(parent, file), root())
           for parent, _, names in os.walk(os.path.join(root(), _GIN_FOLDER))
           for file in names if file.endswith('.gin')]
  best = nearest.nearest(name, known)
  return f'; did you mean `{best}`?' if best is not None else '.'
