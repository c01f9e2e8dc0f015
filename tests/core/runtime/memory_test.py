"""How much memory there is, as far as the machine tells."""

import os

import pytest

from ns.core.runtime import memory


def test_the_hosts_memory(monkeypatch, tmp_path):
  monkeypatch.setattr(memory, '_LIMITS', (str(tmp_path / 'none'),))
  whole = memory.host_bytes()
  assert whole == os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
  limits = tmp_path / 'two', tmp_path / 'one'
  monkeypatch.setattr(memory, '_LIMITS', tuple(map(str, limits)))
  limits[0].write_text('max\n')
  assert memory.host_bytes() == whole
  limits[1].write_text('1234567\n')
  assert memory.host_bytes() == 1234567
  # The one of version 1 where there is no limit.
  limits[1].write_text('9223372036854771712\n')
  assert memory.host_bytes() == whole


def test_a_system_that_does_not_tell(monkeypatch):
  monkeypatch.setattr(memory, '_LIMITS', ())
  monkeypatch.delattr(os, 'sysconf')
  assert memory.host_bytes() is None


@pytest.mark.parametrize('told, expected', [
    ('81559\n40960\n', 40960 * 2**20), ('81559\n', 81559 * 2**20), ('', None),
    ('[N/A]\n', None)])
def test_the_smallest_gpu_counts(monkeypatch, tmp_path, told, expected):
  program = tmp_path / 'nvidia-smi'
  program.write_text(f'#!/bin/sh\nprintf "{told}"\n')
  program.chmod(0o755)
  monkeypatch.setenv('PATH', f'{tmp_path}:/bin:/usr/bin')
  assert memory.gpu_bytes() == expected


def test_without_a_driver_the_memory_of_a_gpu_is_not_known(
    monkeypatch, tmp_path):
  monkeypatch.setenv('PATH', str(tmp_path))
  assert memory.gpu_bytes() is None
