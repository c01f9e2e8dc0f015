"""The source that CONTRIBUTING shows is one."""

import io
import pathlib
import sys
import tarfile
import types

import pytest

from tests.support import photos
from tests.support import source_contract

make_cache = source_contract.make_cache

_IMPORTS = """
import dataclasses
import glob
import os
import tarfile
from ns.core import files as files_lib
from ns.mixture import container
from ns.mixture import source_manifest
"""


@pytest.fixture(name='Tar')
def make_tar(monkeypatch):
  """The class, in a module of its own."""
  page = pathlib.Path(__file__).parents[2] / 'CONTRIBUTING.md'
  code, = [block.split('```')[0] for block in
           page.read_text().split('```python\n')[1:] if 'class Tar' in block]
  module = types.ModuleType('own_source')
  monkeypatch.setitem(sys.modules, 'own_source', module)
  exec(_IMPORTS + code, vars(module))
  return module.Tar


def test_it_keeps_the_contract(Tar, tmp_path, monkeypatch):
  expected = []
  for name in 'ab':
    with tarfile.open(tmp_path / f'{name}.tar', 'w') as archive:
      for i in range(3):
        image = photos.encoded(0, i)
        member = tarfile.TarInfo(f'{i}.png')
        member.size = len(image)
        archive.addfile(member, io.BytesIO(image))
        expected.append((f'tars/{name}.tar/{i}', image, None))
  make = lambda: Tar(name='tars', files=f'{tmp_path}/*.tar')
  source_contract.check(make(), expected)
  source_contract.check_restart(make, monkeypatch)


def test_an_archive_that_ends_early_is_left_out(Tar, tmp_path):
  photos.write(tmp_path / 'a.tar', b'no archive')
  source = Tar(name='tars', files=f'{tmp_path}/*.tar')
  assert '`tars/a.tar`: cannot be read: ' in source_contract.error(
      lambda: source.num_examples)
