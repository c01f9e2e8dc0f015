"""Every check: what it lets through, and each sentence word for word."""

import types

import pytest

from ns.core import checks


class Owner:
  """Stands for a component; its name is in each sentence."""

  def __init__(self, value):
    self.field = value


class Noise:

  def apply(self, images, seeds):
    """Part of the contract."""

  def close(self):
    """Part of the contract."""


def noise_function():
  """A reference without its brackets, for `has_methods`."""


def sentence(check, value, *args, kind=ValueError, **kwargs):
  with pytest.raises(kind) as raised:
    check(Owner(value), 'field', *args, **kwargs)
  assert raised.type is kind
  return str(raised.value)


@pytest.mark.parametrize('value, at_least', [
    (0, None), (-5, None), (2**70, None), (3, 3), (4, 3)])
def test_whole_numbers_pass(value, at_least):
  checks.integer(Owner(value), 'field', at_least=at_least)


@pytest.mark.parametrize('value, came', [
    (1.0, '1.0'), ('1', "'1'"), (True, 'True'), (None, 'None')])
def test_what_is_no_whole_number(value, came):
  assert sentence(checks.integer, value) == (
      f'`Owner.field` should be a whole number, but is {came}.')
  assert sentence(checks.integer, value, at_least=0) == (
      f'`Owner.field` should be a whole number of at least 0, but is {came}.')


def test_a_whole_number_below_its_bound():
  assert sentence(checks.integer, 1, at_least=2) == (
      '`Owner.field` should be a whole number of at least 2, but is 1.')


@pytest.mark.parametrize('value, bounds', [
    (3, {}),
    (-2.5, {}),
    (0, {'at_least': 0}),
    (1.0, {'at_most': 1}),
    (1e-9, {'above': 0}),
    (0.999, {'below': 1}),
    (0.5, {'above': 0, 'below': 1, 'at_least': 0.5, 'at_most': 0.5}),
])
def test_numbers_inside_their_bounds_pass(value, bounds):
  checks.number(Owner(value), 'field', **bounds)


@pytest.mark.parametrize('value, bounds, expected', [
    ('3', {}, 'a number'),
    (None, {}, 'a number'),
    (True, {}, 'a number'),
    (float('nan'), {}, 'a number'),
    (float('inf'), {}, 'a number'),
    (-float('inf'), {'at_most': 0}, 'a number at most 0'),
    (-0.1, {'at_least': 0}, 'a number at least 0'),
    (0, {'above': 0}, 'a number above 0'),
    (1.5, {'at_most': 1.25}, 'a number at most 1.25'),
    (1, {'below': 1}, 'a number below 1'),
    (1, {'at_least': 0, 'below': 1}, 'a number at least 0 and below 1'),
    (3, {'above': 0, 'at_most': 2}, 'a number above 0 and at most 2'),
])
def test_what_is_no_such_number(value, bounds, expected):
  assert sentence(checks.number, value, **bounds) == (
      f'`Owner.field` should be {expected}, but is {value!r}.')


def test_a_choice_passes():
  checks.one_of(Owner('cpu'), 'field', ('cpu', 'gpu'))
  checks.one_of(Owner(2), 'field', iter((1, 2)))


@pytest.mark.parametrize('value, came', [
    (3, '3'), ('1', "'1'"), ([1], '[1]'), (1.0, '1.0'), (True, 'True')])
def test_what_is_no_choice(value, came):
  assert sentence(checks.one_of, value, (1, 2)) == (
      f'`Owner.field` should be one of 1, 2, but is {came}.')


def test_choices_are_shown_as_python_writes_them():
  assert sentence(checks.one_of, 'tpu', ('cpu', 'gpu')) == (
      "`Owner.field` should be one of 'cpu', 'gpu', but is 'tpu'.")
  assert sentence(checks.one_of, 0, (False, True)) == (
      '`Owner.field` should be one of False, True, but is 0.')


def test_an_instance_passes():
  checks.instance(Owner(3), 'field', str, int)


def test_what_is_no_instance():
  assert sentence(checks.instance, 3, str, kind=TypeError) == (
      '`Owner.field` should be a value of type str, but is 3.')
  assert sentence(checks.instance, None, str, dict, kind=TypeError) == (
      '`Owner.field` should be a value of type str or dict, but is None.')


def test_a_class_in_place_of_its_instance_is_a_reference_without_brackets():
  assert sentence(checks.instance, Noise, Noise, kind=TypeError) == (
      '`Owner.field` should be a value of type Noise, but is '
      f'{Noise!r}; write `@…Noise()` with brackets to build one.')
  # Another class is no hint that brackets are missing.
  assert sentence(checks.instance, Owner, Noise, kind=TypeError) == (
      f'`Owner.field` should be a value of type Noise, but is {Owner!r}.')


def test_methods_pass():
  checks.has_methods(Owner(Noise()), 'field', 'apply', 'close')
  checks.has_methods(
      Owner(types.SimpleNamespace(apply=len)), 'field', 'apply')


def test_what_lacks_a_method():
  assert sentence(checks.has_methods, 3, 'apply', kind=TypeError) == (
      '`Owner.field` should be an object with `apply()`, but is 3.')
  closed = types.SimpleNamespace(apply=len, close=None)
  assert sentence(
      checks.has_methods, closed, 'apply', 'close', kind=TypeError) == (
          '`Owner.field` should be an object with `apply()` and `close()`, '
          f'but is {closed!r}.')


@pytest.mark.parametrize('value', [Noise, noise_function])
def test_a_reference_in_place_of_an_object_has_no_brackets(value):
  assert sentence(checks.has_methods, value, 'apply', kind=TypeError) == (
      f'`Owner.field` should be an object with `apply()`, but is {value!r}; '
      'write a gin reference with brackets, `@module.Name()`.')
