"""Tests of ns/config/bound.py."""

import pytest

from ns.config import bound
from ns.config import parser
from ns.config import program
from ns.config import statements
from ns.core import errors
from tests.config import fakes
from tests.config import runs


def _bind(text, partial=False):
  found = parser.parse(runs.HEAD + text, 'a.gin')
  return bound.bind(program.Program(
      files=('a.gin',), flags=(),
      imports=tuple(s for s in found if isinstance(s, statements.Import)),
      bindings=tuple(s for s in found if isinstance(s, statements.Binding))),
                    partial)


def _message(text):
  with pytest.raises(errors.ConfigError) as caught:
    _bind(text)
  return str(caught.value)


def test_the_last_binding_of_a_parameter_is_in_force_under_any_name():
  found, = _bind('noise.Cutout.size = 1\nloop.Cutout.size = 2\n')
  assert found.key == ('', fakes.Cutout, 'size')
  assert found.binding.value == 2


def test_references_are_resolved_wherever_they_stand():
  found, = _bind('noise.Chain.steps = [{1: @noise.Off()}, @s/noise.Cutout]\n')
  assert [(str(reference), target) for reference, target in found.references] \
      == [('@noise.Off()', fakes.Off), ('@s/noise.Cutout', fakes.Cutout)]


def test_what_other_files_will_bind_may_be_missing():
  text = 'noise.Cutout.size = %SIZE\nM = %gin.REQUIRED\n'
  assert len(_bind(text, partial=True)) == 2


def test_an_unknown_parameter():
  assert _message('noise.RandAugment.magntude = 7\n') == (
      'a.gin:5: `noise.RandAugment` has no parameter `magntude`; did you mean '
      '`magnitude`?')


def test_a_parameter_like_no_other():
  assert _message('noise.Cutout.zzz = 7\n') == (
      'a.gin:5: `noise.Cutout` has no parameter `zzz`; there is `size`.')


def test_an_unknown_class_in_a_reference():
  assert _message('noise.Chain.steps = [@noise.Cutuot()]\n') == (
      'a.gin:5: `noise` has no `Cutuot`; did you mean `noise.Cutout`?')


def test_an_undefined_macro():
  assert _message('STEPS = 3\nloop.Generation.steps = %STPES\n') == (
      'a.gin:6: the macro `%STPES` is not defined; did you mean `%STEPS`?')


def test_a_misspelt_required():
  assert _message('noise.Cutout.size = %gin.REQIRED\n') == (
      'a.gin:5: the macro `%gin.REQIRED` is not defined; did you mean '
      '`%gin.REQUIRED`?')


def test_macros_that_are_defined_by_each_other():
  assert _message('A = %B\nB = [1, %A]\n') == (
      'a.gin:5: the macro `A` is defined by itself.')


def test_a_required_parameter():
  assert _message('noise.Cutout.size = %gin.REQUIRED\n') == (
      'a.gin:5: `noise.Cutout.size` is required, and nothing binds it; add '
      '`noise.Cutout.size = …` to the run file.')


def test_a_required_macro():
  assert _message('SIZE = %gin.REQUIRED\nnoise.Cutout.size = %SIZE\n') == (
      'a.gin:5: `SIZE` is required, and nothing binds it; add `SIZE = …` to '
      'the run file.')


def _scopes(text):
  bound.check_scopes(_bind(text))


def test_a_scope_that_binds_anything_is_fine():
  _scopes('loop.Generation.noise = @a/noise.Chain()\na/noise.Cutout.size = 3\n')


def test_a_reference_to_a_row_that_does_not_exist():
  text = 'b0/noise.EfficientNet.width = 2\nb0/noise.Cutout.size = 2\n'
  with pytest.raises(errors.ConfigError) as caught:
    _scopes(text + 'loop.Generation.model = @bo/noise.EfficientNet()\n')
  assert str(caught.value) == (
      'a.gin:7: nothing is bound in the scope `bo` of '
      '`@bo/noise.EfficientNet()`; there is `@b0/noise.EfficientNet()`.')


def test_a_misspelt_row_is_answered_as_it_was_written():
  text = 'micro/noise.EfficientNet.width = 2\nloop.Generation.model = '
  for reference in '@{}/noise.EfficientNet()', '@{}/noise.EfficientNet':
    with pytest.raises(errors.ConfigError) as caught:
      _scopes(text + reference.format('mirco') + '\n')
    assert str(caught.value).endswith(
        f'; did you mean `{reference.format("micro")}`?')


def test_the_scopes_that_apply():
  assert bound.applying('a/b') == ['a/b', 'a', '']
  assert bound.applying('') == ['']
