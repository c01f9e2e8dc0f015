import pytest

from ns.core import table


def test_the_first_column_is_to_the_left_the_others_to_the_right():
  assert table.lines([('stage', 'images'), ('a/train', '9'), ('b', '1,000')]
                     ) == ['stage    images',
                           'a/train       9',
                           'b         1,000']


def test_other_columns_may_be_to_the_left():
  assert table.lines([('a', '1', 'x'), ('b', '10', 'xyz'), ('c', '', 'y')],
                     left=(0, 2)) == ['a   1  x', 'b  10  xyz', 'c      y']


def test_a_column_without_anything_goes():
  assert table.lines([('a', 'empty', 'b'), ('1', '', '2'), ('', '', '3')]) == [
      'a  b', '1  2', '   3']


def test_nothing_stands_behind_a_row():
  assert table.lines([('a', 'b'), ('1', ''), ('2', '3')])[1] == '1'


@pytest.mark.parametrize('value, text', [
    (0, '0'), (0.012345, '0.0123'), (1.5, '1.5'), (99.94, '99.9'),
    (100, '100'), (123456.7, '123,457')])
def test_numbers(value, text):
  assert table.number(value) == text


@pytest.mark.parametrize('count, text', [
    (0, '0.0 kB'), (999, '1.0 kB'), (12_345, '12 kB'), (2_500_000, '2.5 MB'),
    (855e6, '855 MB'), (1.6e9, '1.6 GB'), (6.02e11, '602 GB'),
    (3.1e13, '31 TB'), (4.2e15, '4.2 PB')])
def test_sizes(count, text):
  assert table.size(count) == text
