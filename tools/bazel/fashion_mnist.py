"""Brings the four IDX files of Fashion-MNIST into a folder.

  python fashion_mnist.py --folder=$NS_FASHION_MNIST_DIR --target=.

They come from the folder that is given, else from Debian's installed package
dataset-fashion-mnist, else from that package, downloaded by apt and unpacked
without being installed, for which root is not needed. There they may be gzipped
or not; in the target they are, and the SHA-256 of their contents is checked.
"""

import argparse
import gzip
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zlib

# Of the contents: these are the same, whoever compressed them.
SHA256 = {
    't10k-images-idx3-ubyte': (
        '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b'
    ),
    't10k-labels-idx1-ubyte': (
        '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34'
    ),
    'train-images-idx3-ubyte': (
        'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888'
    ),
    'train-labels-idx1-ubyte': (
        'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9'
    ),
}

_PACKAGE = 'dataset-fashion-mnist'
_IN_PACKAGE = 'usr/share/datasets/fashion-mnist'
_WAYS = (
    f"install Debian's package {_PACKAGE}, or set NS_FASHION_MNIST_DIR to a"
    ' folder with its four IDX files.'
)


def read(folder: pathlib.Path, name: str) -> bytes:
  """Returns the file `name` of `folder`, gzipped, once its contents are right.

  Raises:
    SystemExit: it is missing, is not gzip though it is called so, or another.
  """
  path = folder / f'{name}.gz'
  if not path.exists():
    path = folder / name
  if not path.exists():
    sys.exit(
        f'{folder} has neither {name}.gz nor {name}, expected the four IDX'
        f' files of Fashion-MNIST: {_WAYS}'
    )
  data = path.read_bytes()
  if path.suffix == '.gz':
    packed = data
    try:
      data = gzip.decompress(packed)
    except (EOFError, OSError, zlib.error) as error:
      sys.exit(f'{path} is not a whole gzip file ({error}): {_WAYS}')
  else:
    packed = gzip.compress(data, mtime=0)
  found = hashlib.sha256(data).hexdigest()
  if found != SHA256[name]:
    sys.exit(
        f'{path} is not the file of Fashion-MNIST: expected SHA-256'
        f' {SHA256[name]} of its contents, found {found}: {_WAYS}'
    )
  return packed


def _run(*command: str, folder: pathlib.Path) -> bool:
  """Returns whether the command succeeded; what it said stays in the log."""
  print('+', *command, flush=True)
  try:
    done = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, check=False
    )
  except FileNotFoundError:
    return False
  return done.returncode == 0


def download(folder: pathlib.Path) -> pathlib.Path:
  """Downloads Debian's package, unpacks it in `folder`, returns where to.

  The machine's package lists are used and, where these are missing or stale,
  lists of its own: an `apt-get update` of the machine's would need root.

  Raises:
    SystemExit: there is no apt, no network or no such package.
  """
  lists = folder / 'apt'
  (lists / 'lists/partial').mkdir(parents=True)
  (lists / 'archives/partial').mkdir(parents=True)
  # apt's own user may not write here.
  apt = ('apt-get', '--quiet', '-o', 'APT::Sandbox::User=root')
  own = ('-o', f'Dir::State::Lists={lists}/lists', '-o', f'Dir::Cache={lists}')
  fetched = _run(*apt, 'download', _PACKAGE, folder=folder) or (
      _run(*apt, *own, 'update', folder=folder)
      and _run(*apt, *own, 'download', _PACKAGE, folder=folder)
  )
  archives = list(folder.glob(f'{_PACKAGE}_*.deb'))
  if not fetched or not archives:
    sys.exit(f'apt-get could not download {_PACKAGE}: {_WAYS}')
  if not _run('dpkg-deb', '-x', archives[0].name, 'unpacked', folder=folder):
    sys.exit(f'dpkg-deb could not unpack {archives[0].name}: {_WAYS}')
  return folder / 'unpacked' / _IN_PACKAGE


def bring(
    *, folder: str, target: pathlib.Path, system: pathlib.Path
) -> None:
  """Writes the four files to `target`, from the first place that has them.

  Args:
    folder: where the files are, or '' for Debian's package.
    target: the folder to write to.
    system: the root of the file system with Debian's installed packages.

  Raises:
    SystemExit: a file is missing or not what it should be, or `folder` is
      relative.
  """
  if folder and not os.path.isabs(folder):
    sys.exit(
        f'NS_FASHION_MNIST_DIR={folder} is relative, expected an absolute path:'
        ' Bazel runs in another folder than you.'
    )
  scratch = pathlib.Path(tempfile.mkdtemp(dir=target))
  if folder:
    source = pathlib.Path(folder)
  elif (system / _IN_PACKAGE).is_dir():
    source = system / _IN_PACKAGE
  else:
    source = download(scratch)
  for name in SHA256:
    (target / f'{name}.gz').write_bytes(read(source, name))
  shutil.rmtree(scratch)


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--folder', default='')
  parser.add_argument('--target', type=pathlib.Path, required=True)
  parser.add_argument('--system', type=pathlib.Path, default='/')
  bring(**vars(parser.parse_args()))


if __name__ == '__main__':
  main()
