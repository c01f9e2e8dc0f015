"""The declaration: B0 after scaling, rows of mappings, each sentence."""

import dataclasses

import pytest

from ns.models import efficientnet

EfficientNet = efficientnet.EfficientNet

# Of B0, worked by hand from the reference's block strings: kernel, stride,
# expansion, input filters, filters, squeezed filters (a quarter of the input).
B0 = [
    (3, 1, 1, 32, 16, 8),
    (3, 2, 6, 16, 24, 4), (3, 1, 6, 24, 24, 6),
    (5, 2, 6, 24, 40, 6), (5, 1, 6, 40, 40, 10),
    (3, 2, 6, 40, 80, 10), (3, 1, 6, 80, 80, 20), (3, 1, 6, 80, 80, 20),
    (5, 1, 6, 80, 112, 20), (5, 1, 6, 112, 112, 28), (5, 1, 6, 112, 112, 28),
    (5, 2, 6, 112, 192, 28), (5, 1, 6, 192, 192, 48), (5, 1, 6, 192, 192, 48),
    (5, 1, 6, 192, 192, 48),
    (3, 1, 6, 192, 320, 48),
]
ROW = {'repeats': 1, 'kernel': 3, 'stride': 1, 'expansion': 2, 'filters': 8}


def test_blocks_of_b0():
  blocks = EfficientNet().blocks
  assert [b.index for b in blocks] == list(range(16))
  assert [(b.kernel, b.stride, b.expansion, b.input_filters, b.filters,
           b.squeezed_filters) for b in blocks] == B0
  assert not any(b.fused for b in blocks)


def test_hidden_filters_and_residuals_of_b0():
  blocks = EfficientNet().blocks
  assert [b.hidden_filters for b in blocks] == [
      32, 96, 144, 144, 240, 240, 480, 480, 480, 672, 672, 672, 1152, 1152,
      1152, 1152]
  # The repeats after the first of each group, and no other.
  assert [b.index for b in blocks if b.is_residual] == [
      2, 4, 6, 7, 9, 10, 12, 13, 14]


def test_a_stride_or_other_filters_make_no_residual():
  groups = [{**ROW, 'filters': 32}, {**ROW, 'filters': 32, 'stride': 2}, ROW]
  blocks = EfficientNet(block_groups=groups).blocks
  assert [b.is_residual for b in blocks] == [True, False, False]


def test_stem_head_and_channels():
  b0 = EfficientNet()
  assert (b0.scaled_stem_filters, b0.scaled_head_filters) == (32, 1280)
  b3 = EfficientNet(width=1.2, depth=1.4)
  assert (b3.scaled_stem_filters, b3.scaled_head_filters) == (40, 1536)
  assert b3.blocks[0].input_filters == 40
  assert (len(b3.blocks), b0.channels) == (26, 3)
  grey = EfficientNet(pixel_mean=[72.94], pixel_std=[90.02])
  assert grey.channels == 1


def test_pixels_are_normalised_as_imagenets():
  b0 = EfficientNet()
  assert b0.pixel_mean == pytest.approx([123.675, 116.28, 103.53])
  assert b0.pixel_std == pytest.approx([58.395, 57.12, 57.375])


def test_squeezed_filters():
  squeezed = lambda share, **row: EfficientNet(
      stem_filters=32,
      block_groups=[{**ROW, 'squeeze_excite': share, **row}]
  ).blocks[0].squeezed_filters
  assert squeezed(0) == 0
  assert squeezed(0.25) == 8
  assert squeezed(0.1) == 3  # 3.2
  assert squeezed(0.001) == 1  # never none, once asked for
  assert squeezed(0.25, fused=True) == 8
  assert squeezed(0.25, fused=True, expansion=1) == 0


def test_small_images_keep_their_size_in_the_second_and_third_group():
  # The reference's strides for 32 pixels: 1 1 1 2 1 2 1.
  plain, small = EfficientNet(), EfficientNet(small_images=True)
  assert [b.index for b in small.blocks if b.stride == 2] == [5, 11]
  assert [b.index for b in plain.blocks if b.stride == 2] == [1, 3, 5, 11]
  assert [dataclasses.replace(b, stride=1) for b in small.blocks] == [
      dataclasses.replace(b, stride=1) for b in plain.blocks]
  assert small.stem_stride == 2
  # Of two groups there is only the second.
  rows = [{**ROW, 'stride': 2}] * 2
  blocks = EfficientNet(block_groups=rows, small_images=True).blocks
  assert [b.stride for b in blocks] == [2, 1]


def test_rows_may_be_mappings():
  rows = [{**ROW, 'fused': True}, ROW]
  groups = (efficientnet.BlockGroup(**ROW, fused=True),
            efficientnet.BlockGroup(**ROW))
  made = EfficientNet(block_groups=rows)
  assert made.block_groups == groups
  assert made == EfficientNet(block_groups=groups)
  assert hash(made) == hash(EfficientNet(block_groups=(groups[0], ROW)))


def test_lists_become_tuples_and_numbers_floats():
  made = EfficientNet(pixel_mean=[100], pixel_std=[50])
  assert made == EfficientNet(pixel_mean=(100.0,), pixel_std=(50.0,))
  assert isinstance(made.pixel_mean[0], float)


def test_a_declaration_does_not_change():
  with pytest.raises(dataclasses.FrozenInstanceError):
    EfficientNet().width = 2.0


def whole(owner, name, came='0'):
  return (f'`{owner}.{name}` should be a whole number of at least 1, but is '
          f'{came}.')


@pytest.mark.parametrize('fields, sentence', [
    *[({name: 0}, whole('BlockGroup', name))
      for name in ('repeats', 'kernel', 'expansion', 'filters')],
    ({'kernel': 3.0}, whole('BlockGroup', 'kernel', '3.0')),
    ({'stride': 3}, '`BlockGroup.stride` should be one of 1, 2, but is 3.'),
    ({'squeeze_excite': 1.5},
     '`BlockGroup.squeeze_excite` should be a number at least 0 and at most 1, '
     'but is 1.5.'),
    ({'fused': 1},
     '`BlockGroup.fused` should be one of False, True, but is 1.'),
])
def test_what_is_no_block_group(fields, sentence):
  with pytest.raises(ValueError) as raised:
    efficientnet.BlockGroup(**{**ROW, **fields})
  assert str(raised.value) == sentence
  # In a row of a mapping too.
  with pytest.raises(ValueError) as raised:
    EfficientNet(block_groups=[{**ROW, **fields}])
  assert str(raised.value) == sentence


@pytest.mark.parametrize('fields, sentence', [
    ({'width': 0},
     '`EfficientNet.width` should be a number above 0, but is 0.'),
    ({'depth': -1},
     '`EfficientNet.depth` should be a number above 0, but is -1.'),
    *[({name: 0}, whole('EfficientNet', name))
      for name in ('image_size', 'stem_filters', 'head_filters')],
    ({'stem_stride': 4},
     '`EfficientNet.stem_stride` should be one of 1, 2, but is 4.'),
    ({'small_images': 1},
     '`EfficientNet.small_images` should be one of False, True, but is 1.'),
    ({'block_groups': []},
     '`EfficientNet.block_groups` should have at least one group, but is '
     'empty.'),
    ({'pixel_mean': (), 'pixel_std': ()},
     '`EfficientNet.pixel_mean` should have one number for each channel, but '
     'is empty.'),
    ({'pixel_std': (1.0,)},
     '`EfficientNet.pixel_std` should have one positive number for each of the '
     '3 of `pixel_mean`, but is (1.0,).'),
    ({'pixel_std': (1, 2, 0)},
     '`EfficientNet.pixel_std` should have one positive number for each of the '
     '3 of `pixel_mean`, but is (1.0, 2.0, 0.0).'),
    ({'pixel_std': (1, 2, float('nan'))},
     '`EfficientNet.pixel_std` should have one positive number for each of the '
     '3 of `pixel_mean`, but is (1.0, 2.0, nan).'),
    ({'block_groups': [{**ROW, 'filter': 8}]},
     '`EfficientNet.block_groups` has a row with `filter`; the fields of a row '
     'are `expansion`, `filters`, `fused`, `kernel`, `repeats`, '
     '`squeeze_excite`, `stride`.'),
])
def test_what_is_no_network(fields, sentence):
  with pytest.raises(ValueError) as raised:
    EfficientNet(**fields)
  assert str(raised.value) == sentence


@pytest.mark.parametrize('fields, sentence', [
    ({'normalization': 0.9},
     '`EfficientNet.normalization` should be a value of type BatchNorm, but is '
     '0.9.'),
    ({'pixel_mean': 72.94},
     '`EfficientNet.pixel_mean` should be a value of type list or tuple, but '
     'is 72.94.'),
    ({'pixel_std': None},
     '`EfficientNet.pixel_std` should be a value of type list or tuple, but is '
     'None.'),
    ({'block_groups': ROW},
     '`EfficientNet.block_groups` should be a value of type list or tuple, but '
     f'is {ROW!r}.'),
    ({'block_groups': [(1, 3, 1, 2, 8)]},
     '`EfficientNet.block_groups` should be of `BlockGroup` or mappings of its '
     'fields, but has (1, 3, 1, 2, 8).'),
    ({'block_groups': [{'repeats': 1, 'kernel': 3, 'stride': 1,
                        'filters': 8}]},
     "`EfficientNet.block_groups` has an incomplete row {'repeats': 1, "
     "'kernel': 3, 'stride': 1, 'filters': 8}: BlockGroup.__init__() missing 1 "
     "required keyword-only argument: 'expansion'."),
])
def test_what_has_another_type(fields, sentence):
  with pytest.raises(TypeError) as raised:
    EfficientNet(**fields)
  assert str(raised.value) == sentence
