"""A made-up data set that a small network learns in a moment."""

import pathlib

import numpy as np

from ns import mixture
from tests.support import idx_files


def pixels_and_labels(count: int, *, classes: int = 4, size: int = 8,
                      seed: int = 0):
  """Images of their class' pattern, half hidden under noise.

  The patterns are the same for every seed: a training and a test set differ in
  the seed alone.

  Returns:
    pixels [count, size, size] uint8, labels [count] uint8: all classes in turn.
  """
  # Coarse, in squares of 4 x 4 pixels: a shift by one leaves most of it.
  coarse = np.random.default_rng(99).random((classes, size, size))
  place = np.arange(size) // 4
  patterns = coarse[:, place][:, :, place]
  labels = (np.arange(count) % classes).astype(np.uint8)
  noise = np.random.default_rng(seed).random((count, size, size))
  return (127 * patterns[labels] + 127 * noise).astype(np.uint8), labels


def idx(folder, name: str = 'made_up', count: int = 60, **how) -> mixture.Idx:
  """The source of such a data set, written to `folder`."""
  pixels, labels = pixels_and_labels(count, **how)
  folder = pathlib.Path(folder)
  return mixture.Idx(
      name=name, classes=how.get('classes', 4),
      images=idx_files.write(folder / f'{name}-images.idx', pixels),
      labels=idx_files.write(folder / f'{name}-labels.idx', labels))


def few_labels(folder, *, train: int = 60, test: int = 20,
               labelled_per_class: int = 3, validation: int = 8,
               split_seed: int = 0, **how) -> mixture.FewLabels:
  """A split of such a data set, written to `folder`."""
  return mixture.FewLabels(
      train=idx(folder, 'train', train, seed=1, **how),
      test=idx(folder, 'test', test, seed=2, **how),
      labelled_per_class=labelled_per_class, validation=validation,
      split_seed=split_seed)
