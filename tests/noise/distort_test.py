"""Drawn operations applied: every form, by hand, at all magnitudes."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from ns.noise import distort
from ns.noise import image_ops
from ns.noise import op_arguments
from tests.noise import by_hand
from tests.support import long_form

SIZES = {'cutout_size': 5, 'translate_size': 4}
NAMES = image_ops.NAMES
FORMS = ('tensorflow', 'xla', 'compiled')


def run(images, ops, arguments, form, **options):
  if form == 'compiled':
    return tf.function(distort.apply, jit_compile=True)(
        tf.constant(images), tf.constant(ops), tf.constant(arguments),
        form='xla', **options)
  return distort.apply(images, ops, arguments, form=form, **options)


def every_operation(magnitude, channels):
  """Images, operations with both signs, what they take, and the results."""
  rng = np.random.default_rng(round(10 * magnitude))
  count = 2 * len(NAMES)
  low = rng.integers(0, 120, (count, 1, 1, channels))
  images = low + rng.integers(0, 136, (count, 12, 15, channels))
  images = images.astype(np.uint8)
  sign = np.float32([1, -1] * len(NAMES))[:, None]
  row, column = rng.random((2, count, 1), np.float32)
  ops = np.repeat(np.arange(len(NAMES), dtype=np.int32), 2)[:, None]
  table = op_arguments.table(
      op_arguments.OpArguments(overflow='wrap', **SIZES),
      tuple((name, magnitude) for name in NAMES))
  arguments = op_arguments.assemble(
      ops, table[ops], sign, row, column, 12, 15).numpy()
  expected = np.stack([
      by_hand.rand_augment_op(
          NAMES[ops[n, 0]], images[n], magnitude=magnitude, sign=sign[n, 0],
          row=row[n, 0], column=column[n, 0], **SIZES) for n in range(count)])
  return images, ops, arguments, expected


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('channels', [1, 3])
def test_equals_plain_loops_at_all_magnitudes(form, channels):
  compiled = tf.function(
      lambda *tensors: distort.apply(*tensors, form='xla'), jit_compile=True)
  for magnitude in range(31):
    *drawn, expected = every_operation(magnitude, channels)
    if form == 'compiled':
      result = compiled(*map(tf.constant, drawn)).numpy()
    else:
      result = run(*drawn, form).numpy()
    for n, name in enumerate(np.repeat(NAMES, 2)):
      np.testing.assert_array_equal(
          result[n], expected[n], f'{name} at {magnitude}')


# XLA compiles seconds for each shape, so the short form has few of them.
@pytest.mark.parametrize('form', long_form.cases(FORMS, FORMS[:2]))
def test_layers_one_after_the_other_and_nothing(form):
  images, ops, arguments, _ = every_operation(9, 3)
  shuffled = np.random.default_rng(0).permutation(len(ops))
  ops = np.concatenate([ops, ops[shuffled], 0 * ops - 1], axis=1)
  arguments = np.concatenate(
      [arguments, arguments[shuffled], arguments + 3], axis=1)
  expected = images
  for layer in range(2):
    at = slice(layer, layer + 1)
    expected = run(expected, ops[:, at], arguments[:, at], form)
  np.testing.assert_array_equal(run(images, ops, arguments, form), expected)
  np.testing.assert_array_equal(
      run(images, ops[:, 2:], arguments[:, 2:], form), images)


@pytest.mark.parametrize('form', FORMS)
def test_fill_and_contrast_are_handed_on(form):
  images, ops, arguments, _ = every_operation(15, 3)
  options = {'fill': 7, 'contrast': 'correct'}
  result = run(images, ops, arguments, form, **options).numpy()
  for n, name in enumerate(np.repeat(NAMES, 2)):
    image, taken = tf.constant(images[n]), arguments[n, 0]
    if name == 'Contrast':
      expected = image_ops.contrast(image, taken[0], kind='correct')
    elif name == 'Cutout':
      expected = image_ops.cutout(image, taken[1], taken[2], int(taken[0]), 7)
    elif name == 'TranslateX':
      expected = image_ops.translate_x(image, taken[2], 7)
    else:
      continue
    np.testing.assert_array_equal(result[n], expected)


@pytest.mark.parametrize('form', FORMS)
def test_empty_batch_and_other_channels(form):
  images, ops, arguments, _ = every_operation(9, 3)
  if form == 'tensorflow':
    empty = run(images[:0], ops[:0], arguments[:0], form)
    assert empty.shape == (0, 12, 15, 3)
  four = np.concatenate([images, images[..., :1]], axis=-1)
  among = [name for name in NAMES if name != 'Color']
  some = ops[:, 0] != NAMES.index('Color')
  result = run(four[some], ops[some], arguments[some], form, among=among)
  three = run(images[some], ops[some], arguments[some], form, among=among)
  np.testing.assert_array_equal(result[..., :3], three)


def test_the_form_auto_is_native_where_that_loads(monkeypatch):
  images, ops, arguments, expected = every_operation(9, 3)
  calls = []

  class Native:

    def noisy_student_distort(self, images, **inputs):
      calls.append(inputs)
      return images

  monkeypatch.setattr(distort.kernel, 'load', Native)
  run(images, ops, arguments, 'auto', fill=3, contrast='correct')
  assert [(c['fill'], c['contrast']) for c in calls] == [(3, 'correct')]
  run(images, ops, arguments, 'tensorflow')
  four = np.concatenate([images, images[..., :1]], axis=-1)[:6]  # No Color.
  run(four, ops[:6], arguments[:6], 'auto', among=NAMES[:3])
  assert len(calls) == 1
  monkeypatch.setattr(distort.kernel, 'load', lambda: None)
  np.testing.assert_array_equal(
      run(images, ops, arguments, 'auto'), expected)


def test_numbers_of_another_operation_do_no_harm():
  # In the XLA form every operation sees them, also those it does not take.
  images, ops, arguments, _ = every_operation(9, 3)
  for number in (-1e30, 1e30, 3.7):
    odd = np.where(arguments == 0, np.float32(number), arguments)
    plain = np.isin(ops[:, 0], [NAMES.index(n) for n in (
        'Invert', 'Equalize', 'AutoContrast', 'Brightness')])
    np.testing.assert_array_equal(
        run(images[plain], ops[plain], odd[plain], 'compiled'),
        run(images[plain], ops[plain], arguments[plain], 'tensorflow'))


SHAPES = [(1, 1), (1, 7), (7, 1), (2, 2), (2, 7)]
QUICK_FORMS = 'native', 'tensorflow', 'xla'


@pytest.mark.parametrize('shape, form', long_form.cases(
    list(itertools.product(SHAPES, ('native', *FORMS))),
    [*itertools.product(SHAPES, QUICK_FORMS), ((2, 7), 'compiled')]))
def test_sharpness_leaves_images_without_an_inside(shape, form):
  if form == 'native' and distort.kernel.load() is None:
    pytest.skip('there is no C++ compiler')
  images = np.random.default_rng(0).integers(
      0, 256, (3, *shape, 3)).astype(np.uint8)
  ops = np.full((3, 1), NAMES.index('Sharpness'), np.int32)
  arguments = np.full((3, 1, 6), 1.9, np.float32)
  np.testing.assert_array_equal(run(images, ops, arguments, form), images)


@pytest.mark.parametrize('shape', long_form.cases(SHAPES, [(1, 7)]))
def test_forms_agree_on_images_of_few_pixels(shape):
  _, ops, arguments, _ = every_operation(9, 3)
  images = np.random.default_rng(0).integers(
      0, 256, (len(ops), *shape, 3)).astype(np.uint8)
  expected = run(images, ops, arguments, 'tensorflow')
  assert expected.shape == images.shape
  for form in ('auto', 'xla', 'compiled'):
    np.testing.assert_array_equal(
        run(images, ops, arguments, form), expected)


@pytest.mark.parametrize('images', [
    np.full((5, 6, 7, 3), 0.5, np.float32), tf.zeros([5, 6, 7, 3])])
def test_values_that_are_not_bytes_are_an_error(images):
  with pytest.raises(TypeError) as raised:
    distort.apply(images, np.zeros((5, 1), np.int32), np.zeros((5, 1, 6)))
  assert str(raised.value) == (
      '`images` should be of type uint8, but is of float32; noise comes '
      'before values are scaled.')


@pytest.mark.parametrize('changes, sentence', [
    ({'form': 'fast'},
     "`form` should be one of 'auto', 'native', 'tensorflow', 'xla', but is "
     "'fast'."),
    ({'contrast': 'right'},
     "`contrast` should be one of 'released', 'correct', but is 'right'."),
    ({'ops': tf.zeros([5], tf.int32)},
     '`ops` should be of shape [batch, layers] with a known number of layers, '
     'but is of shape (5,).'),
])
def test_error_sentences(changes, sentence):
  drawn = {'images': tf.zeros([5, 6, 7, 3], tf.uint8),
           'ops': tf.zeros([5, 1], tf.int32), 'arguments': tf.zeros([5, 1, 6])}
  with pytest.raises(ValueError) as raised:
    distort.apply(**{**drawn, **changes})
  assert str(raised.value) == sentence
