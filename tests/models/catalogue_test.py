"""gin/models/: each row against the reference's table, and by being built."""

import glob
import os
import re

import keras
import numpy as np
import pytest

from ns.config import locate
from ns.config import program
from ns.models import cost
from ns.noise import model_noise
from tests.models import catalogue
from tests.support import long_form

FILE = 'gin/models/efficientnet.gin'
ROWS = catalogue.rows(FILE)

# noisystudent's and tensorflow/tpu's efficientnet_builder.py: width, depth,
# size and dropout; then the parameters of the released weights (timm's count of
# its ports), blocks, and the filters of stem and head.
TABLE = {
    'b0': (1.0, 1.0, 224, 0.2, 5288548, 16, 32, 1280),
    'b1': (1.0, 1.1, 240, 0.2, 7794184, 23, 32, 1280),
    'b2': (1.1, 1.2, 260, 0.3, 9109994, 23, 32, 1408),
    'b3': (1.2, 1.4, 300, 0.3, 12233232, 26, 40, 1536),
    'b4': (1.4, 1.8, 380, 0.4, 19341616, 32, 48, 1792),
    'b5': (1.6, 2.2, 456, 0.4, 30389784, 39, 48, 2048),
    'b6': (1.8, 2.6, 528, 0.5, 43040704, 45, 56, 2304),
    'b7': (2.0, 3.1, 600, 0.5, 66347960, 55, 64, 2560),
    'b8': (2.2, 3.6, 672, 0.5, 87413142, 61, 72, 2816),
    'l0': (2.8, 3.7, 380, 0.5, 140764664, 63, 88, 3584),
    'l1': (3.9, 3.7, 380, 0.5, 272630564, 63, 128, 4992),
    'l2': (4.3, 5.3, 800, 0.5, 480309308, 88, 136, 5504),
    'l2_475': (4.3, 5.3, 475, 0.5, 480309308, 88, 136, 5504),
}
SMALL = {'b0_svhn': (32, 3), 'b0_cifar10': (32, 3), 'b0_fashion_mnist': (28, 1)}


def parameters(network):
  """Of variables that were declared and never given memory."""
  return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


def test_the_rows_are_the_table():
  assert ROWS.keys() == TABLE.keys() | SMALL.keys()


@pytest.mark.parametrize('name', TABLE)
def test_a_row(name):
  width, depth, size, _, count, blocks, stem, head = TABLE[name]
  row = ROWS[name]
  assert (row.width, row.depth, row.image_size) == (width, depth, size)
  assert (len(row.blocks), row.scaled_stem_filters,
          row.scaled_head_filters) == (blocks, stem, head)
  assert cost.of(row, 1000).parameters == count
  assert not row.small_images
  assert row.pixel_mean == pytest.approx([123.675, 116.28, 103.53])


@pytest.mark.parametrize('name', long_form.cases(
    [name for name in TABLE if name != 'l2_475'], ['b0', 'b4', 'l2']))
def test_parameters_of_what_is_built(name):
  # Declared in a scope in which Keras allocates nothing: l2 takes 1.9 GB.
  with keras.StatelessScope():
    network = ROWS[name].build(model_noise.ModelNoise(), 1000)
  assert parameters(network) == TABLE[name][4]


@pytest.mark.parametrize('number', long_form.cases(range(8), [0, 4]))
def test_parameters_of_another_implementation(number):
  with keras.StatelessScope():
    theirs = getattr(keras.applications, f'EfficientNetB{number}')(weights=None)
  assert parameters(theirs) == TABLE[f'b{number}'][4]
  assert theirs.input_shape[1] == ROWS[f'b{number}'].image_size


def test_the_head_of_the_file_says_what_a_row_costs():
  with open(os.path.join(locate.root(), FILE), encoding='utf-8') as file:
    told = {line.split()[1]: line.split()[2:] for line in file
            if re.match(r'#   [bl]\d', line)}
  assert told.keys() == TABLE.keys()
  for name, (count, billions, dropout) in told.items():
    made = cost.of(ROWS[name], 1000)
    assert count == f'{made.parameters:,}'
    assert billions == f'{made.multiply_adds / 1e9:.2f}'
    assert float(dropout) == TABLE[name][3]


def test_noise_levels_have_the_dropout_of_the_row_of_their_name():
  files = glob.glob(os.path.join(locate.root(), 'gin/noise/[bl][0-9]*.gin'))
  levels = {os.path.splitext(os.path.basename(path))[0]: path for path in files}
  assert {'b0', 'b4', 'b7', 'l2'} <= levels.keys() <= TABLE.keys()
  for level, path in levels.items():
    bound = {b.value for b in program.read([path]).bindings
             if b.selector.endswith('ModelNoise') and b.parameter == 'dropout'}
    assert bound == {TABLE[level][3]}, level


# Small images.


def sides(row):
  """Of the features after the stem and after each block."""
  made = [-(-row.image_size // row.stem_stride)]
  for block in row.blocks:
    made.append(-(-made[-1] // block.stride))
  return list(dict.fromkeys(made))


@pytest.mark.parametrize('name', SMALL)
def test_a_row_for_small_images(name):
  row = ROWS[name]
  assert (row.image_size, row.channels) == SMALL[name]
  assert sides(row) == ([16, 8, 4] if row.image_size == 32 else [14, 7, 4])
  # Strides change no weights but those of the first layer on grey images.
  missing = (3 - row.channels) * 9 * 32
  assert cost.of(row, 1000).parameters == TABLE['b0'][4] - missing


def test_svhns_pixels_are_normalised_as_in_the_reference():
  # task_info.py, in [0, 1].
  row = ROWS['b0_svhn']
  assert row.pixel_mean == pytest.approx(
      [255 * x for x in (.4376821, .4437697, .47280442)], abs=1e-3)
  assert row.pixel_std == pytest.approx(
      [255 * x for x in (.19803012, .20101562, .19703614)], abs=1e-3)


# The tiny family.


def test_the_tiny_family():
  tiny = catalogue.rows('gin/models/tiny.gin')
  assert tiny.keys() == {'tiny', 'tiny32', 'micro'}
  assert (tiny['tiny'].image_size, tiny['tiny'].channels) == (28, 1)
  assert (tiny['tiny32'].image_size, tiny['tiny32'].channels) == (32, 3)
  assert tiny['tiny32'].block_groups == tiny['tiny'].block_groups
  assert tiny['micro'].normalization.momentum == 0.9
  # By hand: 3x3 kernels and two numbers of normalisation a filter.
  stem, head = 9 * 32 + 64, 128 * 256 + 512
  groups = [(32, 32), (32, 32), (32, 64), (64, 64), (64, 64), (64, 128),
            (128, 128)]
  blocks = sum(9 * i * o + 2 * o for i, o in groups)
  assert cost.of(tiny['tiny'], 10).parameters == (
      stem + blocks + head + 256 * 10 + 10)
  assert 360000 < cost.of(tiny['tiny'], 10).parameters < 375000
