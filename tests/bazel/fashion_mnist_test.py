"""Where the files of Fashion-MNIST come from, with small stand-ins."""

import gzip
import hashlib
import os

import pytest

from tools.bazel import fashion_mnist

_CONTENTS = {name: name.encode() * 3 for name in fashion_mnist.SHA256}


@pytest.fixture(autouse=True)
def _checksums(monkeypatch):
  for name, contents in _CONTENTS.items():
    monkeypatch.setitem(
        fashion_mnist.SHA256, name, hashlib.sha256(contents).hexdigest()
    )


def _fill(folder, packed=True):
  folder.mkdir(parents=True)
  for name, contents in _CONTENTS.items():
    if packed:
      (folder / f'{name}.gz').write_bytes(gzip.compress(contents, mtime=0))
    else:
      (folder / name).write_bytes(contents)
  return folder


def _bring(tmp_path, folder=''):
  target = tmp_path / 'target'
  target.mkdir()
  fashion_mnist.bring(
      folder=str(folder), target=target, system=tmp_path / 'system'
  )
  return {path.name: path.read_bytes() for path in target.iterdir()}


def _packed():
  return {
      f'{name}.gz': gzip.compress(contents, mtime=0)
      for name, contents in _CONTENTS.items()
  }


@pytest.mark.parametrize('packed', [True, False])
def test_they_come_from_a_given_folder(tmp_path, packed):
  folder = _fill(tmp_path / 'given', packed)
  assert _bring(tmp_path, folder) == _packed()


def test_they_come_from_the_installed_package(tmp_path):
  _fill(tmp_path / 'system/usr/share/datasets/fashion-mnist')
  assert _bring(tmp_path) == _packed()


def _fake_debian(tmp_path, monkeypatch, script):
  """apt-get that runs `script`, dpkg-deb that copies the folder `deb`."""
  programs = tmp_path / 'bin'
  programs.mkdir()
  log = tmp_path / 'log'
  for name, text in {
      'apt-get': f'echo "$@" >> {log}\n{script}',
      'dpkg-deb': f'mkdir -p "$3" && cp -r {tmp_path}/deb/* "$3"',
  }.items():
    (programs / name).write_text(f'#!/bin/sh\n{text}\n')
    (programs / name).chmod(0o755)
  monkeypatch.setenv('PATH', f'{programs}:{os.environ["PATH"]}')
  _fill(tmp_path / 'deb/usr/share/datasets/fashion-mnist')
  return log


def test_they_come_from_the_downloaded_package(tmp_path, monkeypatch):
  log = _fake_debian(
      tmp_path, monkeypatch, 'touch dataset-fashion-mnist_1_all.deb'
  )
  assert _bring(tmp_path) == _packed()
  assert [line.split()[-2:] for line in log.read_text().splitlines()] == [
      ['download', 'dataset-fashion-mnist']
  ]


def test_missing_package_lists_are_fetched_without_root(tmp_path, monkeypatch):
  log = _fake_debian(
      tmp_path,
      monkeypatch,
      'case "$*" in *State::Lists*) touch dataset-fashion-mnist_1_all.deb;;'
      ' *) exit 100;; esac',
  )
  assert _bring(tmp_path) == _packed()
  calls = log.read_text().splitlines()
  assert len(calls) == 3
  assert calls[1].endswith('update')
  assert f'{tmp_path}/target/' in calls[1]


def _refusal(tmp_path, folder=''):
  with pytest.raises(SystemExit) as raised:
    _bring(tmp_path, folder)
  return raised.value.code


def test_a_package_that_apt_does_not_have_is_said(tmp_path, monkeypatch):
  _fake_debian(tmp_path, monkeypatch, 'exit 100')
  said = _refusal(tmp_path)
  assert 'apt-get could not download dataset-fashion-mnist' in said
  assert 'NS_FASHION_MNIST_DIR' in said


def test_a_machine_without_apt_is_said(tmp_path, monkeypatch):
  monkeypatch.setenv('PATH', str(tmp_path))
  assert 'apt-get could not download' in _refusal(tmp_path)


def test_a_missing_file_is_named(tmp_path):
  folder = _fill(tmp_path / 'given')
  (folder / 'train-labels-idx1-ubyte.gz').unlink()
  said = _refusal(tmp_path, folder)
  assert f'{folder} has neither train-labels-idx1-ubyte.gz nor' in said


def test_a_wrong_checksum_names_file_expected_and_found(tmp_path):
  folder = _fill(tmp_path / 'given', packed=False)
  (folder / 'train-labels-idx1-ubyte').write_bytes(b'other')
  said = _refusal(tmp_path, folder)
  assert f'{folder}/train-labels-idx1-ubyte is not the file' in said
  assert fashion_mnist.SHA256['train-labels-idx1-ubyte'] in said
  assert hashlib.sha256(b'other').hexdigest() in said


def test_a_broken_gzip_file_is_named(tmp_path):
  folder = _fill(tmp_path / 'given')
  path = folder / 't10k-images-idx3-ubyte.gz'
  path.write_bytes(path.read_bytes()[:-9])
  assert f'{path} is not a whole gzip file' in _refusal(tmp_path, folder)


def test_a_relative_folder_is_refused(tmp_path):
  assert 'expected an absolute path' in _refusal(tmp_path, 'data')
