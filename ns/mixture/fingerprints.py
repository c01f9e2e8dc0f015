"""What of an image is compared with others: its 64 lowest frequencies.

The fingerprint of a grey image of any size is the 64 coefficients of lowest
frequency, apart from the mean, of its two-dimensional cosine transform, taken
over the whole image however wide or high it is, and weighted by their
frequency: photographs have about that much less of the higher ones, so that
each now counts as much. Resizing and recompression leave them nearly what they
are, and a mirrored image has those of odd horizontal frequency negated. They
are brought to a length of 1, so that an image that is brighter or darker, or of
more or less contrast, has those that it had.

Two images differ by the distance of their fingerprints: 0 for the same image,
about 1.4 for two that have nothing in common. The signs of the 64 coefficients
are the image's hash, by which candidates are found.

NumPy only.
"""

from collections.abc import Sequence
import dataclasses
import functools

import numpy as np

BITS = 64
# An image with fewer pixels across does not have all these frequencies.
SIDE = 28
# Grey levels, weighted: below it an image is as good as empty, and its signs
# are those of noise.
_FLAT = 10.0


def _frequencies() -> np.ndarray:
  pairs = [(u, v) for u in range(SIDE) for v in range(SIDE) if u or v]
  pairs.sort(key=lambda pair: (pair[0]**2 + pair[1]**2, pair))
  return np.array(pairs[:BITS])


# [64, 2]: vertical and horizontal, in half periods over the image.
FREQUENCIES = _frequencies()
_WEIGHTS = np.hypot(*FREQUENCIES.T).astype(np.float32)
_MIRROR = np.where(FREQUENCIES[:, 1] % 2, -1, 1).astype(np.float32)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Fingerprints:
  """Those of some images.

  Attributes:
    waves: [images, 64] float32, weighted, of length 1 (or 0).
    contrasts: [images] float32: the length that they had, in grey levels.
  """
  waves: np.ndarray
  contrasts: np.ndarray

  def __len__(self) -> int:
    return len(self.contrasts)

  def __getitem__(self, rows) -> 'Fingerprints':
    return Fingerprints(waves=self.waves[rows], contrasts=self.contrasts[rows])

  @property
  def are_flat(self) -> np.ndarray:
    """[images] bool: they show nothing, so nothing is similar to them."""
    return self.contrasts < _FLAT

  @property
  def hashes(self) -> np.ndarray:
    """[images] uint64."""
    bits = np.packbits(self.waves > 0, axis=1, bitorder='little')
    return np.ascontiguousarray(bits).view('<u8')[:, 0].astype(np.uint64)

  @property
  def mirrored(self) -> 'Fingerprints':
    """Those of the images mirrored, left to right."""
    return dataclasses.replace(self, waves=self.waves * _MIRROR)

  def differences(self, others: 'Fingerprints') -> np.ndarray:
    """[images] float32: how much each differs from the other at its place."""
    apart = self.waves - others.waves
    return np.sqrt(np.einsum('ij,ij->i', apart, apart))


def of(images: np.ndarray, height: float | None = None,
       width: float | None = None) -> Fingerprints:
  """The fingerprints of images of one size.

  Args:
    images: [images, rows, columns] of numbers, 0 to 255.
    height: of the images, in pixels, above rows - 1 and at most rows: the last
      row may be of less than a pixel. That of all rows if None.
    width: as the height.
  """
  _, rows, columns = images.shape
  found = np.matmul(
      np.matmul(_cosines(rows, height or rows), images.astype(np.float32)),
      _cosines(columns, width or columns).T)
  vertical, horizontal = FREQUENCIES.T
  waves = found[:, vertical, horizontal] * _WEIGHTS
  contrasts = np.sqrt(np.einsum('ij,ij->i', waves, waves))
  waves /= np.maximum(contrasts, np.float32(1e-6))[:, np.newaxis]
  return Fingerprints(waves=waves, contrasts=contrasts)


def of_all(images: Sequence[tuple[np.ndarray, float, float]]) -> Fingerprints:
  """The fingerprints of images of any sizes.

  Args:
    images: of each, its pixels, [rows, columns], its height and its width.
  """
  places = {}
  for place, (pixels, height, width) in enumerate(images):
    places.setdefault((pixels.shape, height, width), []).append(place)
  together = Fingerprints(waves=np.empty([len(images), BITS], np.float32),
                          contrasts=np.empty(len(images), np.float32))
  for (_, height, width), own in places.items():
    found = of(np.stack([images[place][0] for place in own]), height, width)
    together.waves[own], together.contrasts[own] = found.waves, found.contrasts
  return together


def joined(parts: Sequence[Fingerprints]) -> Fingerprints:
  """All of several, in their order."""
  return Fingerprints(
      waves=np.concatenate([np.empty([0, BITS], np.float32),
                            *(part.waves for part in parts)]),
      contrasts=np.concatenate([np.empty(0, np.float32),
                                *(part.contrasts for part in parts)]))


@functools.lru_cache(maxsize=1024)
def _cosines(pixels: int, extent: float) -> np.ndarray:
  """[frequencies, pixels] float32: what gives the coefficients of a line.

  They are amplitudes in grey levels. A pixel is the average over its width,
  which flattens a wave of frequency f by sin(x) / x, where x is the angle of
  half a pixel: this is made up for, so that an image has the same coefficients
  in whatever size. A line of few pixels has no more frequencies than pixels;
  the others are 0.

  Args:
    pixels: of the line.
    extent: of the image, in pixels; the last one may be partly outside.
  """
  ends = np.minimum(np.arange(pixels + 1), extent)
  frequencies = np.arange(FREQUENCIES.max() + 1)[:, np.newaxis]
  rows = np.cos(np.pi / extent * frequencies * (ends[1:] + ends[:-1]) / 2)
  rows *= (ends[1:] - ends[:-1]) * 2 / extent
  rows /= np.sinc(frequencies / (2 * extent))  # NumPy's is sin(pi x) / (pi x).
  rows[0] /= 2
  rows[pixels:] = 0
  return rows.astype(np.float32)
