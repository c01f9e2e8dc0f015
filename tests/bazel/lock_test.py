"""The locks that are committed, and the command that makes them."""

import pathlib
import re

import pytest

from tools.bazel import install_pip
from tools.bazel import lock

_LOCKS = (
    'requirements_lock.txt', 'requirements_gpu_lock.txt',
    'requirements_tpu_lock.txt',
)


def _entries(name):
  return install_pip.read_lock(pathlib.Path(name).read_text())


def _version(entry):
  return re.search(r'==([^ ;]+)', entry.text)[1]


@pytest.mark.parametrize('name', [*_LOCKS, 'tools/bazel/uv_lock.txt'])
def test_every_pin_has_a_hash_and_none_an_address(name):
  text = pathlib.Path(name).read_text()
  assert '://' not in text
  assert '--index' not in text and '--find-links' not in text
  for entry in _entries(name).values():
    assert '--hash=sha256:' in entry.text, entry.name


@pytest.mark.parametrize(
    'name, tensorflow, others',
    [
        ('requirements_lock.txt', 'tensorflow_cpu',
         {'tensorflow', 'tensorflow_tpu', 'libtpu'}),
        ('requirements_gpu_lock.txt', 'tensorflow',
         {'tensorflow_cpu', 'tensorflow_tpu', 'libtpu'}),
        ('requirements_tpu_lock.txt', 'tensorflow_tpu',
         {'tensorflow', 'tensorflow_cpu'}),
    ],
)
def test_each_platform_has_one_tensorflow_of_the_same_version(
    name, tensorflow, others
):
  entries = _entries(name)
  assert _version(entries[tensorflow]) == '2.20.0'
  assert not others & set(entries)


def test_libtpu_is_pinned_to_the_age_of_the_wheel():
  assert _version(_entries('requirements_tpu_lock.txt')['libtpu']) == '0.0.17'


def test_the_gpu_lock_has_nvidias_libraries():
  entries = _entries('requirements_gpu_lock.txt')
  assert entries['tensorflow'].extras == {'and_cuda'}
  assert {'nvidia_cudnn_cu12', 'nvidia_nccl_cu12'} <= set(entries)


def test_what_all_platforms_have_is_of_one_version():
  locks = [_entries(name) for name in _LOCKS]
  for name in set(locks[0]) & set(locks[1]) & set(locks[2]):
    assert len({_version(entries[name]) for entries in locks}) == 1, name


def test_every_direct_pin_is_in_each_lock_with_a_reason():
  lines = [
      line
      for line in pathlib.Path('requirements.in').read_text().splitlines()
      if line and not line.startswith('#')
  ]
  assert len(lines) > 10
  for line in lines:
    pin, _, reason = line.partition('#')
    assert reason.strip(), line
    name, _, version = pin.strip().partition('==')
    for each in _LOCKS:
      found = _entries(each)[install_pip.canonical(name)]
      assert _version(found) == version, (each, name)


def test_the_command_depends_on_no_setting_of_the_machine():
  command = lock.command(
      uv='uv', sources=['a.in', 'b.in'], lock='c.txt', options=['--upgrade']
  )
  assert command[:5] == ['uv', 'pip', 'compile', 'a.in', 'b.in']
  assert '--generate-hashes' in command
  assert '--python-version=3.11' in command
  assert any(each.startswith('--python-platform=') for each in command)
  assert command[-1] == '--upgrade'
