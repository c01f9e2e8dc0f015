"""Tests of ns/config/nearest.py."""

from ns.config import nearest


def test_nearest_ignores_capitals():
  assert nearest.nearest('randaugment', ['Cutout', 'RandAugment']) == (
      'RandAugment')


def test_nothing_is_near():
  assert nearest.nearest('steps', ['magnitude', 'layers']) is None


def test_a_near_name_is_suggested():
  assert nearest.suggest('STPES', ['STEPS', 'SIZE'], '%{}') == (
      '; did you mean `%STEPS`?')


def test_one_option_is_told():
  assert nearest.suggest('x', ['magnitude']) == '; there is `magnitude`.'


def test_options_are_listed_up_to_six():
  assert nearest.suggest('x', 'hgfedcba') == (
      '; there are `a`, `b`, `c`, `d`, `e`, `f` and 2 more.')


def test_no_option_ends_the_sentence():
  assert nearest.suggest('x', []) == '.'
