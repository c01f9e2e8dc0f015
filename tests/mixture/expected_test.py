"""Sources that a plan counts with before their files are there."""

import numpy as np
import pytest

from ns import mixture
from ns.core import errors
from tests.support import source_contract
from tests.support import tf_records

make_cache = source_contract.make_cache


def source(folder, **how):
  return mixture.TfRecord(**{
      'name': 'made', 'files': str(folder / 'train-*'), 'classes': 3,
      'expected': mixture.Expected(examples=100, image_bytes=1500,
                                   preparation='Ask for them.'), **how})


def pool(folder, **how):
  return source(folder, **{'name': 'pool', 'label': '', 'classes': None,
                           'files': str(folder / 'extra-*'), **how})


def sets(folder, **how):
  return mixture.Sets(**{'train': source(folder), 'validation': 10,
                         'pools': [pool(folder, expected=mixture.Expected(
                             examples=300_000_000, image_bytes=4500)),
                                   pool(folder, name='more')],
                         **how})


def write(path, labels=(1, 2, 3)):
  tf_records.write(path, [tf_records.example(**{
      'image/encoded': b'x' * 700, 'image/class/label': label})
                          for label in labels])


def test_a_source_that_is_not_there_is_as_large_as_expected(tmp_path):
  found = source(tmp_path)
  assert found.missing == (
      '`TfRecord.files` should be a pattern of files, but there is none like '
      f'`{tmp_path}/train-*`.')
  assert (found.num_examples, found.image_bytes, found.classes) == (
      100, 1500, 3)


def test_a_repository_that_is_not_there_is_missing_too(tmp_path):
  found = source(tmp_path, files='@nowhere/train-*')
  assert found.num_examples == 100
  assert 'set NS_NOWHERE_DIR to the folder' in found.missing


def test_files_that_are_there_are_counted(tmp_path):
  write(tmp_path / 'train-0')
  found = source(tmp_path)
  assert found.missing is None
  assert found.num_examples == 3
  assert found.image_bytes == pytest.approx(
      (tmp_path / 'train-0').stat().st_size / 3)


def test_what_is_expected_changes_neither_manifest_nor_fingerprint(tmp_path):
  write(tmp_path / 'train-0')
  found, plain = source(tmp_path), source(tmp_path, expected=None)
  assert found.manifest_path == plain.manifest_path
  assert found.canonical() == plain.canonical()


def test_files_that_cannot_be_read_are_not_missing(tmp_path):
  (tmp_path / 'train-0').write_bytes(b'no records')
  with pytest.raises(errors.RunError) as caught:
    source(tmp_path).num_examples
  assert not isinstance(caught.value, errors.Missing)


def test_it_is_missing_without_an_expectation(tmp_path):
  with pytest.raises(errors.Missing):
    source(tmp_path, expected=None).num_examples
  with pytest.raises(errors.Missing):
    mixture.ImageFiles(name='a', path=str(tmp_path / 'a')).num_examples


def test_sets_are_planned_without_their_files(tmp_path):
  data = sets(tmp_path, test=source(tmp_path, name='test'))
  assert [part.name for part in data.missing] == [
      'made', 'test', 'pool', 'more']
  assert data.labelled.num_examples == 90
  assert [part.num_examples for part in data.evaluation_sets] == [10, 100]
  assert data.unlabelled.num_examples == 300_000_100
  assert data.unlabelled.image_bytes == pytest.approx(4499.999)
  assert data.labelled.image_bytes == 1500
  assert data.classes == 3


def test_a_pool_of_unknown_size_has_images_of_unknown_size(tmp_path):
  unknown = pool(tmp_path, expected=mixture.Expected(examples=7))
  data = sets(tmp_path, pools=[unknown, pool(tmp_path, name='more')])
  assert data.unlabelled.image_bytes is None


def test_what_is_read_has_to_be_there(tmp_path):
  with pytest.raises(errors.Missing):
    sets(tmp_path).read()
  with pytest.raises(errors.Missing):
    source(tmp_path).keys(np.arange(1))


@pytest.mark.parametrize('changes, said', [
    ({'examples': 0}, '`Expected.examples` should be a whole number of at '
     'least 1, but is 0.'),
    ({'image_bytes': -1}, '`Expected.image_bytes` should be a number above 0, '
     'but is -1.'),
    ({'preparation': None}, '`Expected.preparation` should be a value of type '
     'str, but is None.')])
def test_wrong_fields(changes, said):
  with pytest.raises((TypeError, ValueError)) as caught:
    mixture.Expected(**{'examples': 1, **changes})
  assert str(caught.value) == said


def test_only_an_expectation_is_one(tmp_path):
  with pytest.raises(TypeError) as caught:
    source(tmp_path, expected=100)
  assert str(caught.value) == (
      '`TfRecord.expected` should be a value of type Expected, but is 100.')
