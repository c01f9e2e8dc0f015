"""Run files made of fakes, for tests of the config."""

import pathlib

import pytest

from ns import config
from ns.core import errors

HEAD = """# A run made of fakes.
from __gin__ import dynamic_registration
from tests.config import fakes as loop
from tests.config import fakes as noise
"""

# Eight lines: what a test adds begins at line 9.
RUN = HEAD + """
loop.SelfTraining.generations = [
    @teacher/loop.Generation, @student1/loop.Generation]
loop.Generation.noise = @noise.RandAugment()
"""

# A catalogue.
MODELS = HEAD + """
b0/noise.EfficientNet.width = 1.0
b1/noise.EfficientNet.width = 1.1
b2/noise.EfficientNet.width = 1.2
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
  """The user is in an empty folder; give a test module this as `here`."""
  monkeypatch.delenv('BUILD_WORKING_DIRECTORY', raising=False)
  monkeypatch.chdir(tmp_path)
  return tmp_path


def write(folder: pathlib.Path, **texts: str) -> None:
  """Writes NAME.gin for each name and text."""
  for name, text in texts.items():
    (folder / f'{name}.gin').write_text(text, encoding='utf-8')


def compose(text: str, *flags: str, files=(), **others: str):
  """Composes `text` as run.gin, then `files`; `others` are written too."""
  write(pathlib.Path.cwd(), run=text, **others)
  return config.compose(['run.gin', *files], flags)


def message(text: str, *flags: str, **others) -> str:
  """What the ConfigError says for which `compose` fails: one line."""
  with pytest.raises(errors.ConfigError) as caught:
    compose(text, *flags, **others)
  assert '\n' not in str(caught.value)
  return str(caught.value)


def code(text: str) -> list[str]:
  """The lines of a gin text that are not comments."""
  return [line for line in text.splitlines()
          if line and not line.startswith('#')]
