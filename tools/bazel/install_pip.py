"""Installs a lock file as one folder and one py_library a distribution.

  python install_pip.py --uv=uv --lock=requirements_lock.txt --sdist=promise
      --provide=tensorflow=tensorflow-cpu,tensorflow-tpu --root=.

It writes into the root:

  lib/NAME/...     the files of one distribution: a folder for sys.path
  lock/NAME.txt    the entry of the lock file, so that a change reruns the tests
  BUILD.bazel      a py_library NAME with the folder, and all that it requires;
                   for C++, tensorflow_headers and tensorflow_framework

NAME is the distribution's name in lower case with `-` and `.` turned to `_`.
The folders are what Bazel tracks: globbing their 34,000 files into targets
costs a minute a test.
"""

import argparse
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import importlib.metadata
import os
import pathlib
import re
import shutil
import subprocess
import sys

import registry

# NVIDIA's wheels and TensorFlow's libraries find each other by relative path
# ($ORIGIN/../nvidia/...), so they share a folder.
_SHARES_FOLDER = re.compile(r'nvidia_')
_SHARED_FOLDER = 'tensorflow'

# What the wheels of TensorFlow have for operations in C++, in their folder.
_HEADERS = 'tensorflow/include'
_FRAMEWORK = 'tensorflow/libtensorflow_framework.so.2'

_ENTRY = re.compile(r'(?P<name>[A-Za-z0-9._-]+)(\[(?P<extras>[^]]*)\])?==')


def canonical(name: str) -> str:
  """`Gin-Config` as the name of a Bazel target: `gin_config`."""
  return re.sub(r'[-_.]+', '_', name).lower()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
  """One pinned distribution of a lock file.

  Attributes:
    name: canonical name.
    extras: the extras that are asked for.
    text: the lines of the lock file, hashes included, comments left out.
  """

  name: str
  extras: frozenset[str]
  text: str


def read_lock(text: str) -> dict[str, Entry]:
  """Returns the entries of a lock file by canonical name."""
  lines = [
      line
      for line in text.splitlines()
      if not line.lstrip().startswith('#')
  ]
  entries = {}
  for block in '\n'.join(lines).replace('\\\n', '\0').splitlines():
    if not block.strip():
      continue
    matched = _ENTRY.match(block)
    if not matched:
      sys.exit(
          f'the lock file has a line that pins nothing: `{block[:60]}`,'
          ' expected `name==version` with hashes: make it anew with'
          ' `./bazelw run //tools/bazel:lock`.'
      )
    name = canonical(matched['name'])
    extras = (matched['extras'] or '').split(',')
    entries[name] = Entry(
        name=name,
        extras=frozenset(canonical(e.strip()) for e in extras if e.strip()),
        text=block.replace('\0', '\\\n') + '\n',
    )
  return entries


def _install(
    entries: Iterable[Entry],
    *,
    uv: str,
    site: pathlib.Path,
    scratch: pathlib.Path,
    options: list[str],
) -> None:
  """Installs exactly these entries into `site`."""
  lock = scratch / 'install.txt'
  lock.write_text(''.join(entry.text for entry in entries))
  env = registry.environment(os.environ)
  # A source distribution is built with the setuptools already in `site`.
  env['PYTHONPATH'] = str(site)
  done = subprocess.run(
      [
          uv, 'pip', 'install', '--quiet', '--python', sys.executable,
          '--target', site, '--require-hashes', '--no-deps',
          '--compile-bytecode', *options, '-r', lock,
      ],
      env=env,
      check=False,
  )
  lock.unlink()
  if done.returncode:
    sys.exit('uv could not install the lock file (its reason is above).')


def _link(source: pathlib.Path, target: pathlib.Path) -> None:
  target.parent.mkdir(parents=True, exist_ok=True)
  if not target.exists():
    os.link(source, target)


def lay_out(
    distribution: importlib.metadata.Distribution,
    *, site: pathlib.Path, folder: pathlib.Path,
) -> None:
  """Links the files of one installed distribution into a folder of its own.

  Args:
    distribution: what is installed in `site`.
    site: the folder where everything is installed.
    folder: the folder to fill, importable and with the metadata.
  """
  folder.mkdir(parents=True, exist_ok=True)
  for path in distribution.files or ():
    # Scripts lie in bin or outside the folder: nothing imports them.
    if path.is_absolute() or path.parts[0] in ('..', 'bin'):
      continue
    source = site / path
    if not source.exists():
      continue
    _link(source, folder / path)
    if path.suffix == '.py':
      cached = f'__pycache__/{path.stem}.{sys.implementation.cache_tag}.pyc'
      compiled = pathlib.Path(path).parent / cached
      if (site / compiled).exists():
        _link(site / compiled, folder / compiled)


def requirements(
    distributions: Mapping[str, importlib.metadata.Distribution],
    *,
    entries: Mapping[str, Entry],
    providers: Mapping[str, str],
) -> dict[str, frozenset[str]]:
  """What each distribution needs, directly, of those that are installed.

  Args:
    distributions: what is installed, by canonical name.
    entries: the lock file, which names the first extras.
    providers: which distribution stands in for one that is not installed.

  Returns:
    Canonical names by canonical name. A marker counts for this interpreter; an
    extra counts when any requirement in the set asks for it.
  """
  # pylint: disable=g-import-not-at-top (it is one of those just installed)
  from packaging import requirements as packaging_requirements

  extras = {name: set(entries[name].extras) for name in distributions}
  needs = {name: set() for name in distributions}
  changed = True
  while changed:
    changed = False
    for name, distribution in distributions.items():
      for line in distribution.requires or ():
        wanted = packaging_requirements.Requirement(line)
        needed = canonical(wanted.name)
        needed = providers.get(needed, needed)
        if needed not in distributions:
          continue
        if wanted.marker and not any(
            wanted.marker.evaluate({'extra': extra.replace('_', '-')})
            for extra in ('', *extras[name])
        ):
          continue
        new_extras = {canonical(extra) for extra in wanted.extras}
        if needed not in needs[name] or not new_extras <= extras[needed]:
          needs[name].add(needed)
          extras[needed] |= new_extras
          changed = True
  # An extra may ask for another of the same distribution: `etils[epath-gcs]`.
  return {name: frozenset(needed - {name}) for name, needed in needs.items()}


def folders(names: Collection[str]) -> dict[str, str]:
  """Returns the folder of each distribution, relative to the repository."""
  shared = _SHARED_FOLDER if _SHARED_FOLDER in names else None
  return {
      name: f'lib/{shared if shared and _SHARES_FOLDER.match(name) else name}'
      for name in names
  }


def closure(name: str, needs: Mapping[str, Collection[str]]) -> list[str]:
  """Returns all that `name` needs, itself left out, in order of name."""
  found = set()
  ahead = [name]
  while ahead:
    for needed in needs[ahead.pop()]:
      if needed not in found:
        found.add(needed)
        ahead.append(needed)
  return sorted(found - {name})


_LIBRARY = """
py_library(
    name = "{name}",
    data = ["{folder}", "lock/{name}.txt"],
    imports = ["{folder}"],
    deps = {deps},
)
"""
_FILES = """
py_library(
    name = "{name}__files",
    data = ["{folder}", "lock/{name}.txt"],
    imports = ["{folder}"],
)
"""
_CC = """
# One label for all 16,000 headers. As `includes` they are system headers, of
# which Bazel does not ask that each be declared.
cc_library(
    name = "tensorflow_headers",
    hdrs = ["{folder}/{headers}"],
    includes = ["{folder}/{headers}"],
)

filegroup(
    name = "tensorflow_framework",
    srcs = ["{folder}/{framework}"],
)
"""
_ALIAS = """
alias(
    name = "{name}",
    actual = "{actual}",
)
"""


def build_file(
    needs: Mapping[str, Collection[str]],
    *,
    folders: Mapping[str, str],
    providers: Mapping[str, str],
    cc_folder: str | None = None,
) -> str:
  """Returns the text of BUILD.bazel.

  Distributions may need each other in a circle and targets may not, so each
  target lists all it needs as targets that need nothing.

  Args:
    needs: from `requirements`.
    folders: the folder of each distribution, relative to the repository.
    providers: the other names under which a distribution can be asked for.
    cc_folder: the folder with TensorFlow's headers and library, if any.
  """
  parts = [
      '"""Made by tools/bazel/install_pip.py from a lock file."""\n',
      '\npackage(default_visibility = ["//visibility:public"])\n',
  ]
  for name in sorted(needs):
    deps = [f':{needed}__files' for needed in closure(name, needs)]
    quoted = '[' + ', '.join(f'"{dep}"' for dep in deps) + ']'
    for template in (_FILES, _LIBRARY):
      parts.append(
          template.format(name=name, folder=folders[name], deps=quoted)
      )
  if cc_folder:
    parts.append(_CC.format(
        folder=cc_folder, headers=_HEADERS, framework=_FRAMEWORK))
  for name, actual in sorted(providers.items()):
    parts.append(_ALIAS.format(name=name, actual=actual))
  return ''.join(parts)


def install(
    *,
    uv: str,
    lock: pathlib.Path,
    root: pathlib.Path,
    sdists: Collection[str],
    provided: Mapping[str, Collection[str]],
) -> None:
  """Fills `root` with the distributions of `lock`.

  Args:
    uv: the installer.
    lock: a requirements file with hashes.
    root: the folder of the external repository.
    sdists: canonical names of those that exist as source only.
    provided: for a distribution that other distributions require, those that
      stand in for it where the lock file has one of them instead.
  """
  entries = read_lock(lock.read_text())
  providers = {
      name: stand_in
      for name, stand_ins in provided.items()
      for stand_in in stand_ins
      if name not in entries and stand_in in entries
  }
  site = root / 'site'
  print(f'installing {len(entries)} distributions of {lock.name}', flush=True)
  wheels = [e for e in entries.values() if e.name not in sdists]
  sources = [e for e in entries.values() if e.name in sdists]
  _install(
      wheels, uv=uv, site=site, scratch=root,
      options=['--only-binary', ':all:'],
  )
  if sources:
    _install(
        sources, uv=uv, site=site, scratch=root,
        options=['--no-build-isolation'],
    )
  sys.path.insert(0, str(site))
  distributions = {
      canonical(distribution.metadata['Name']): distribution
      for distribution in importlib.metadata.distributions(path=[str(site)])
  }
  places = folders(distributions)
  needs = requirements(distributions, entries=entries, providers=providers)
  (root / 'lock').mkdir()
  for name, distribution in distributions.items():
    lay_out(distribution, site=site, folder=root / places[name])
    (root / 'lock' / f'{name}.txt').write_text(entries[name].text)
  cc_folders = sorted(
      {place for place in places.values() if (root / place / _HEADERS).is_dir()}
  )
  (root / 'BUILD.bazel').write_text(
      build_file(
          needs, folders=places, providers=providers,
          cc_folder=cc_folders[0] if cc_folders else None,
      )
  )
  shutil.rmtree(site)


def _provided(text: str) -> tuple[str, list[str]]:
  name, _, stand_ins = text.partition('=')
  return canonical(name), [canonical(each) for each in stand_ins.split(',')]


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--uv', required=True)
  parser.add_argument('--lock', type=pathlib.Path, required=True)
  parser.add_argument('--root', type=pathlib.Path, required=True)
  parser.add_argument('--sdist', type=canonical, action='append', default=[])
  parser.add_argument('--provide', type=_provided, action='append', default=[])
  args = parser.parse_args()
  install(
      uv=args.uv,
      lock=args.lock,
      root=args.root.resolve(),
      sdists=args.sdist,
      provided=dict(args.provide),
  )


if __name__ == '__main__':
  main()
