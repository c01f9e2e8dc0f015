"""The bench of noise, in its short form: what it prints, not how fast."""

import json

import numpy as np
import pytest

from tools.bench import noise
from tools.bench import noise_input
from tools.bench import peers


def test_the_last_line_has_every_figure(capsys, monkeypatch):
  monkeypatch.setattr(noise, '_BATCH', {224: 4, 32: 4})
  monkeypatch.setattr(noise_input, '_BATCH', 4)
  noise.main(['--seconds=0.05', '--rounds=1'])
  figures = json.loads(capsys.readouterr().out.splitlines()[-1])
  assert figures.pop('bench') == 'noise'
  assert isinstance(figures.pop('native'), bool)
  assert set(figures) >= {
      'cores', 'randaugment_224_images_per_second',
      'randaugment_224_images_per_second_per_core', 'ratio_per_core',
      'randaugment_32_images_per_second', 'reference_images_per_second',
      'ratio', 'pure_tensorflow_images_per_second', 'input_images_per_second',
      'stock_input_without_randaugment_images_per_second', 'input_ratio',
      'input_images_per_second_per_core', 'input_ratio_per_core',
      'stock_input_without_randaugment_images_per_second_per_core'}
  assert all(figure > 0 for figure in figures.values())


@pytest.mark.parametrize('size', [32, 224])
def test_photographs_differ_and_have_many_values(size):
  pictures = noise.photographs(size, 16)
  assert pictures.shape == (16, size, size, 3)
  assert pictures.dtype == np.uint8
  assert len({picture.tobytes() for picture in pictures}) == 16
  assert all(len(np.unique(picture)) > 100 for picture in pictures)


@pytest.fixture
def folder(tmp_path):
  """Site-packages with a timm of our own, and a torchvision without content."""
  (tmp_path / 'timm/data').mkdir(parents=True)
  (tmp_path / 'timm/__init__.py').write_text('raise ImportError("no torch")')
  (tmp_path / 'timm/data/auto_augment.py').write_text(
      'def rand_augment_transform(config, parameters):\n'
      '  assert config == "rand-m15-n2-p1"\n'
      '  return lambda image: image.size')
  (tmp_path / 'torchvision').mkdir()
  (tmp_path / 'torchvision/__init__.py').write_text('')
  return str(tmp_path)


def test_peers_are_those_that_work(folder, capsys, monkeypatch):
  monkeypatch.setattr(peers.sys, 'path', list(peers.sys.path))
  pictures = np.zeros((2, 8, 8, 3), np.uint8)
  beside = peers.found(folder, pictures)
  assert list(beside) == ['timm']
  assert 'torchvision is there, but does not work' in capsys.readouterr().out
  assert min(beside['timm'].rate(0.05)) > 0
  beside['timm'].close()
