"""Networks for 8 x 8 images that have every kind of block."""

from ns.models import efficientnet


def row(repeats, kernel, stride, expansion, filters, **fields):
  return dict(repeats=repeats, kernel=kernel, stride=stride,
              expansion=expansion, filters=filters, **fields)


# Without expansion, with it, strided, residual, without squeeze and excitation,
# and fused of each kind.
MIXED_ROWS = (
    row(2, 3, 1, 1, 8), row(2, 5, 2, 3, 12), row(1, 3, 1, 2, 12),
    row(2, 3, 1, 2, 16, squeeze_excite=0), row(2, 3, 1, 1, 16, fused=True),
    row(2, 3, 2, 2, 8, fused=True),
    row(1, 3, 1, 4, 8, fused=True, squeeze_excite=0))


def mixed(**fields):
  fields = {'stem_stride': 1, **fields}
  return efficientnet.EfficientNet(
      block_groups=MIXED_ROWS, image_size=8, stem_filters=8, head_filters=20,
      **fields)


def narrow(**fields):
  """Grey images, and four equal blocks, each of them residual."""
  return efficientnet.EfficientNet(
      block_groups=[row(4, 3, 1, 2, 8)], image_size=8, stem_filters=8,
      head_filters=64, pixel_mean=(100.0,), pixel_std=(50.0,), **fields)


def short(**fields):
  """Three blocks, two of them residual: what XLA compiles soon."""
  return efficientnet.EfficientNet(
      block_groups=[row(1, 3, 1, 1, 8), row(1, 3, 1, 2, 8),
                    row(1, 3, 2, 2, 8, fused=True)],
      image_size=8, stem_filters=8, head_filters=16, **fields)
