"""RandAugment as other libraries have it, where they can be imported.

Each works on single images in two processes of its own, as data loaders do. The
images are in memory and stay where they are made: what moving them costs is not
counted. All apply two operations to an image, at magnitude 15 where they have a
scale of it, with nearest neighbour, the cheapest geometry.
"""

from collections.abc import Callable
from concurrent import futures
import importlib.util
import multiprocessing
import os
import sys
import time
from typing import Any

import numpy as np

_PROCESSES = 2
_LAYERS, _MAGNITUDE, _FILL = 2, 15, 128


def torchvision() -> Callable[[np.ndarray], Any]:
  """`RandAugment` on PIL images: 14 operations, one of them the identity."""
  from PIL import Image
  from torchvision import transforms
  augment = transforms.RandAugment(
      num_ops=_LAYERS, magnitude=_MAGNITUDE, num_magnitude_bins=31,
      interpolation=transforms.InterpolationMode.NEAREST, fill=[_FILL] * 3)
  return _on_pil(augment, Image)


def timm() -> Callable[[np.ndarray], Any]:
  """`rand-m15-n2` on PIL images: 15 operations, always applied."""
  from PIL import Image
  # The file alone: the package would import torch, which this does not need.
  folder, = importlib.util.find_spec('timm').submodule_search_locations
  spec = importlib.util.spec_from_file_location(
      'timm_auto_augment', os.path.join(folder, 'data/auto_augment.py'))
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  augment = module.rand_augment_transform(
      f'rand-m{_MAGNITUDE}-n{_LAYERS}-p1',
      dict(translate_const=100, img_mean=(_FILL,) * 3,
           interpolation=Image.Resampling.NEAREST))
  return _on_pil(augment, Image)


def albumentations() -> Callable[[np.ndarray], Any]:
  """Two of fifteen comparable operations, by OpenCV."""
  import albumentations as a
  import cv2
  cv2.setNumThreads(0)
  nearest = dict(interpolation=cv2.INTER_NEAREST, fill=_FILL, p=1)
  augment = a.SomeOf([
      a.AutoContrast(p=1),
      a.Equalize(p=1),
      a.InvertImg(p=1),
      a.Rotate(limit=(-45, 45), border_mode=cv2.BORDER_CONSTANT, **nearest),
      a.Posterize(num_bits=6, p=1),
      a.Solarize(threshold_range=(0.5, 0.5), p=1),
      a.ColorJitter(brightness=(1, 1), contrast=(1, 1), saturation=(2.8, 2.8),
                    hue=(0, 0), p=1),
      a.RandomBrightnessContrast(brightness_limit=0, contrast_limit=1.8, p=1),
      a.RandomBrightnessContrast(brightness_limit=1.8, contrast_limit=0, p=1),
      a.Sharpen(p=1),
      a.Affine(shear={'x': (-24, 24)}, **nearest),
      a.Affine(shear={'y': (-24, 24)}, **nearest),
      a.Affine(translate_px={'x': (-150, 150)}, **nearest),
      a.Affine(translate_px={'y': (-150, 150)}, **nearest),
      a.CoarseDropout(num_holes_range=(1, 1), hole_height_range=(120, 120),
                      hole_width_range=(120, 120), fill=_FILL, p=1),
  ], n=_LAYERS, p=1)
  return lambda image: augment(image=image)


_PEERS = {peer.__name__: peer for peer in (torchvision, timm, albumentations)}


def found(folder: str | None, pictures: np.ndarray) -> dict[str, 'Peer']:
  """The peers that can be imported, by name.

  Args:
    folder: site-packages to look in as well, after those that are there.
    pictures: [number, height, width, 3] uint8, what they work on.
  """
  if folder:
    # `bazel run` starts programs elsewhere, and says where the person is.
    sys.path.append(os.path.join(
        os.environ.get('BUILD_WORKING_DIRECTORY', os.getcwd()), folder))
  peers = {}
  for name in _PEERS:
    if importlib.util.find_spec(name) is None:
      continue
    peer = Peer(name, pictures)
    try:
      peer.rate(0)
    except Exception as error:  # pylint: disable=broad-except
      # Whatever another library says: of another version, or half installed.
      print(f'{name} is there, but does not work: {error!r}')
      peer.close()
    else:
      peers[name] = peer
  return peers


class Peer:
  """One library at work."""

  def __init__(self, name: str, pictures: np.ndarray):
    context = multiprocessing.get_context('spawn')
    self._workers = [
        futures.ProcessPoolExecutor(
            1, context, _start, (name, pictures, sys.path))
        for _ in range(_PROCESSES)]

  def rate(self, seconds: float) -> tuple[float, float]:
    """Images a second, of all processes, and a second of one core."""
    work = [worker.submit(_work, seconds) for worker in self._workers]
    rates, rates_of_core = zip(*(each.result() for each in work), strict=True)
    return sum(rates), sum(rates_of_core) / len(rates_of_core)

  def close(self) -> None:
    """Ends the processes."""
    for worker in self._workers:
      worker.shutdown()


def _on_pil(augment, pil) -> Callable[[np.ndarray], Any]:
  return lambda image: augment(pil.fromarray(image))


# In a worker: what it applies, to what. A process has one peer.
_state: dict[str, Any] = {}


def _start(name: str, pictures: np.ndarray, path: list[str]) -> None:
  sys.path[:] = path
  _state.update(augment=_PEERS[name], pictures=pictures)


def _work(seconds: float) -> tuple[float, float]:
  if 'made' not in _state:  # Here and not at the start, where errors get lost.
    _state['made'] = _state['augment']()
  augment, pictures = _state['made'], _state['pictures']
  done, start, start_of_core = 0, time.perf_counter(), time.process_time()
  while True:
    augment(pictures[done % len(pictures)])
    done += 1
    passed = time.perf_counter() - start
    if passed >= seconds:
      return done / passed, done / (time.process_time() - start_of_core)
