"""Planted duplicates are found, originals are kept; a search that goes on."""

import collections
import json
import pathlib

import numpy as np
import pyarrow
from pyarrow import parquet
import pytest

from ns import mixture
from ns.core import errors
from ns.mixture import fingerprinting
from ns.mixture import leakage
from ns.mixture import leakage_job
from ns.mixture import leakage_list
from tests.support import idx_files
from tests.support import photos
from tests.support import planted
from tests.support import tf_records

# Some sizes around what makes a JPEG be reduced, and one of few pixels.
SIZES = (224, 224), (120, 160), (80, 96), (48, 48)


def original(kind: str, number: int) -> bytes:
  """An image of the validation or test set, or of neither."""
  seed = {'validation': 0, 'test': 100, 'neither': 200}[kind] + number
  picture = planted.photograph(seed, SIZES[number % len(SIZES)])
  return planted.encoded(picture) if number == 1 else planted.jpeg(picture)


@pytest.fixture(name='data', scope='module')
def make_data(tmp_path_factory):
  """Sets of image files: half a pool of copies, and of others."""
  folder = tmp_path_factory.mktemp('data')
  with pytest.MonkeyPatch.context() as patched:
    patched.setenv('NS_CACHE_DIR', str(folder / 'cache'))
    for kind in 'validation', 'test':
      for number in range(4):
        photos.write(folder / kind / f'c{number % 2}' / f'{number}.jpg',
                     original(kind, number))
    for number in range(24):
      photos.write(folder / 'pool' / f'other{number}.jpg',
                   original('neither', number))
    for number in range(4):
      for how, copy in planted.copies(original('test', number)).items():
        photos.write(folder / 'pool' / f'{how}-{number}.jpg', copy)
    photos.write(folder / 'pool' / 'same-of-validation.jpg',
                 original('validation', 2))
    photos.write(folder / 'pool' / 'broken.jpg', original('test', 0)[:800])
    for number in range(4):
      photos.write(folder / 'train' / f'c{number % 2}' / f'{number}.jpg',
                   original('neither', 100 + number))
    photos.write(folder / 'train' / 'c1' / 'png.png', planted.encoded(
        planted.decoded(original('validation', 3))))
    made = mixture.Sets(
        train=mixture.Folder(name='train', path=str(folder / 'train')),
        pools=[mixture.ImageFiles(name='pool', path=str(folder / 'pool'))],
        validation=mixture.Folder(name='validation',
                                  path=str(folder / 'validation')),
        test=mixture.Folder(name='test', path=str(folder / 'test')))
    made.read()
    yield made


@pytest.fixture(name='found', scope='module')
def search_once(data, tmp_path_factory):
  """The list of those sets, and what the search returned."""
  folder = tmp_path_factory.mktemp('found')
  told = leakage.Search().run(data.compared, data.evaluation_sets, folder)
  return folder, told


def rows(folder):
  return parquet.read_table(folder / leakage_list.NAME).to_pylist()


def test_all_planted_copies_are_found(found):
  kinds = {(row['key'], row['evaluation_key']): row for row in rows(found[0])
           if row['set'] == 'unlabelled'}
  expected = {(f'pool/{how}-{number}.jpg', f'test/c{number % 2}/{number}.jpg')
              for how in planted.copies(original('test', 0))
              for number in range(4)}
  expected.add(('pool/same-of-validation.jpg', 'validation/c0/2.jpg'))
  assert set(kinds) == expected
  for (key, _), row in kinds.items():
    how = key.split('/')[1].split('-')[0]
    assert row['kind'] == ('exact' if how in ('same', 'png') else 'near'), key
    assert row['mirrored'] == (how in ('mirrored', 'all')), key
    assert row['difference'] < 0.08, key
    if how == 'same':
      assert row['difference'] == 0 and row['distance'] == 0


def test_all_originals_are_kept(data, found):
  leaks = {row['key'] for row in rows(found[0]) if row['set'] == 'unlabelled'}
  kept = set(data.unlabelled.keys()) - leaks
  assert kept == {f'pool/other{number}.jpg' for number in range(24)} | {
      'pool/broken.jpg'}


def test_labelled_images_are_compared_too(found):
  row, = [row for row in rows(found[0]) if row['set'] == 'labelled']
  assert (row['key'], row['evaluation_set'], row['evaluation_key'],
          row['kind']) == ('train/c1/png.png', 'validation',
                           'validation/c1/3.jpg', 'exact')


def test_places_are_those_of_the_keys(data, found):
  sets = {source.name: source.keys()
          for source in (*data.compared, *data.evaluation_sets)}
  for row in rows(found[0]):
    assert sets[row['set']][row['index']] == row['key']
    assert (sets[row['evaluation_set']][row['evaluation_index']]
            == row['evaluation_key'])


def test_what_it_came_to_is_counted(data, found):
  folder, told = found
  assert told['broken'] == {
      'unlabelled': {'count': 1, 'keys': ['pool/broken.jpg']}}
  copies = len(planted.copies(original('test', 0)))
  assert told['found'] == [
      {'set': 'labelled', 'evaluation_set': 'validation', 'images': 1,
       'exact': 1, 'evaluation_images': 1, 'pairs': 1, 'mirrored': 0},
      {'set': 'unlabelled', 'evaluation_set': 'validation', 'images': 1,
       'exact': 1, 'evaluation_images': 1, 'pairs': 1, 'mirrored': 0},
      {'set': 'unlabelled', 'evaluation_set': 'test', 'images': 4 * copies,
       'exact': 8, 'evaluation_images': 4, 'pairs': 4 * copies, 'mirrored': 8}]
  heading = leakage_list.heading(folder / leakage_list.NAME)
  assert heading.told == told
  assert [(each.name, each.digest) for each in heading.header.sets] == [
      (source.name, source.digest())
      for source in (*data.compared, data.evaluation_sets[0])]
  assert [each.digest for each in heading.header.evaluation_sets] == [
      source.digest() for source in data.evaluation_sets]
  assert sorted(path.name for path in pathlib.Path(folder).iterdir()) == [
      leakage_list.NAME]


def test_one_thread_finds_the_same(data, found, tmp_path):
  leakage.Search(threads=1).run(data.compared, data.evaluation_sets, tmp_path)
  assert (tmp_path / leakage_list.NAME).read_bytes() == (
      found[0] / leakage_list.NAME).read_bytes()


def test_a_finished_list_is_not_made_again(data, found, monkeypatch):
  monkeypatch.setattr(fingerprinting, 'see', None)
  again = leakage.Search().run(data.compared, data.evaluation_sets, found[0])
  assert again == found[1]


# Pixels, in shards.


def pixels(count, seed):
  return np.stack([
      np.asarray(planted.photograph(seed + i, (28, 28)).convert('L'))
      for i in range(count)])


def idx(folder, name, images):
  return mixture.Idx(
      name=name, classes=2,
      images=idx_files.write(folder / f'{name}-images', images),
      labels=idx_files.write(folder / f'{name}-labels',
                             np.arange(len(images), dtype=np.uint8) % 2))


@pytest.fixture(name='sharded')
def make_sharded(tmp_path, monkeypatch):
  """A pool of three shards with two copies, and an evaluation set."""
  monkeypatch.setattr(mixture.sources, '_MAX_SHARD', 10)
  test, pool = pixels(12, 0), pixels(30, 50)
  pool[5], pool[25] = test[3], test[7][:, ::-1]
  return idx(tmp_path, 'pool', pool), idx(tmp_path, 'test', test)


def pairs(folder):
  return [(row['key'], row['evaluation_key'], row['kind'], row['mirrored'])
          for row in rows(folder)]


EXPECTED = [('pool/05', 'test/03', 'exact', False),
            ('pool/25', 'test/07', 'near', True)]


def test_an_interrupted_search_goes_on(sharded, tmp_path, monkeypatch):
  pool, test = sharded
  seen = collections.Counter()
  see = fingerprinting.see

  def fail_at_the_third(images):
    seen['calls'] += 1
    if seen['calls'] == 5:  # Two of the evaluation set, two of the pool.
      raise KeyboardInterrupt
    return see(images)

  monkeypatch.setattr(fingerprinting, 'see', fail_at_the_third)
  search = leakage.Search(threads=1)
  with pytest.raises(KeyboardInterrupt):
    search.run([pool], [test], tmp_path / 'out')
  assert not (tmp_path / 'out' / leakage_list.NAME).exists()
  search.run([pool], [test], tmp_path / 'out')
  assert seen['calls'] == 6  # The last shard only.
  assert pairs(tmp_path / 'out') == EXPECTED


def test_parts_of_another_search_are_made_again(sharded, tmp_path):
  pool, test = sharded
  job = leakage_job.Job.of(leakage.Search(max_difference=0.001), [pool], [test],
                       tmp_path / 'out')
  for shard in pool.shards:
    job.write_part(job.index(), job.compared[0], shard)
  found = [job.part_path('pool', shard.name) for shard in pool.shards]
  assert sum(parquet.read_table(path).num_rows for path in found) == 2
  leakage.Search().run([pool], [test], tmp_path / 'out')
  heading = leakage_list.heading(tmp_path / 'out' / leakage_list.NAME)
  assert heading.header.search['max_difference'] == 0.15


def test_another_test_set_makes_another_list(sharded, tmp_path):
  pool, test = sharded
  search = leakage.Search()
  search.run([pool], [test], tmp_path / 'out')
  other = idx(tmp_path, 'other', pixels(8, 50))  # Of the pool, four replaced.
  search.run([pool], [other], tmp_path / 'out')
  assert [pair[:2] for pair in pairs(tmp_path / 'out')] == [
      (f'pool/{i:02}', f'other/{i}') for i in range(8) if i != 5]


def test_pixels_and_files_are_compared(tmp_path, monkeypatch):
  monkeypatch.setenv('NS_CACHE_DIR', str(tmp_path / 'cache'))
  images = pixels(3, 0)
  test = idx(tmp_path, 'test', images)
  tf_records.write(tmp_path / 'r0', [
      tf_records.example(**{'image/encoded': planted.encoded(
          planted.Image.fromarray(image))}) for image in images[[2, 0]]])
  pool = mixture.TfRecord(name='pool', files=f'{tmp_path}/r*', label='')
  leakage.Search().run([pool], [test], tmp_path / 'out')
  assert pairs(tmp_path / 'out') == [
      ('pool/r0/0', 'test/2', 'exact', False),
      ('pool/r0/1', 'test/0', 'exact', False)]


def test_empty_images_are_found_only_if_they_are_equal(tmp_path, monkeypatch):
  monkeypatch.setenv('NS_CACHE_DIR', str(tmp_path / 'cache'))
  white, grey = (planted.Image.new('RGB', (64, 64), 3 * (level,))
                 for level in (255, 128))
  photos.write(tmp_path / 'pool/white.jpg', planted.jpeg(white))
  photos.write(tmp_path / 'pool/grey.png', planted.encoded(grey))
  photos.write(tmp_path / 'test/white.png', planted.encoded(white))
  source = lambda name: mixture.ImageFiles(
      name=name, path=str(tmp_path / name))
  leakage.Search().run([source('pool')], [source('test')], tmp_path / 'out')
  assert pairs(tmp_path / 'out') == [
      ('pool/white.jpg', 'test/white.png', 'exact', False)]


def test_of_many_similar_ones_the_closest_are_noted(tmp_path):
  image = pixels(1, 0)[0].astype(float)
  noise = np.random.default_rng(0).standard_normal((9, 28, 28))
  # The first is the same, the others ever less similar.
  test = np.clip(image + 2 * np.arange(9)[:, None, None] * noise, 0, 255)
  order = np.random.default_rng(1).permutation(9)
  pool = idx(tmp_path, 'pool', image[np.newaxis].astype(np.uint8))
  evaluation = idx(tmp_path, 'test', test[order].astype(np.uint8))
  for most in 3, 5:
    leakage.Search(most_per_image=most, max_difference=0.9,
                   max_distance=15).run([pool], [evaluation], tmp_path / 'out')
    found = {row['evaluation_index'] for row in rows(tmp_path / 'out')}
    assert found == set(np.flatnonzero(order < most).tolist())


def test_evaluation_sets_are_compared_with_each_other_once(tmp_path):
  images = pixels(6, 0)
  first, second = (idx(tmp_path, name, images[part])
                   for name, part in (('validation', slice(0, 4)),
                                      ('test', slice(3, 6))))
  told = leakage.Search().run([], [first, second], tmp_path / 'out')
  assert pairs(tmp_path / 'out') == [
      ('validation/3', 'test/0', 'exact', False)]
  assert told['found'][0]['set'] == 'validation'


def test_a_set_is_compared_with_itself_where_that_is_asked(sharded, tmp_path):
  pool, test = sharded
  images = pool.pixels[..., 0].copy()
  # In its first shard and its last, and within its last.
  images[22] = images[2]
  images[28] = images[27][:, ::-1]
  pool = idx(tmp_path, 'again', images)
  told = leakage.Search().run([pool], [test], tmp_path / 'out', within=[pool])
  assert sorted(pairs(tmp_path / 'out')) == [
      ('again/02', 'again/22', 'exact', False),
      ('again/05', 'test/03', 'exact', False),
      ('again/25', 'test/07', 'near', True),
      ('again/27', 'again/28', 'near', True)]
  assert [(row['set'], row['evaluation_set'], row['pairs'])
          for row in told['found']] == [
              ('again', 'test', 2), ('again', 'again', 2)]


@pytest.mark.parametrize('bound, said', [
    ({'max_distance': 16},
     '`Search.max_distance` should be at most 15 bits, but is 16.'),
    ({'max_difference': -1},
     '`Search.max_difference` should be a number at least 0 and at most 1, but '
     'is -1.'),
    ({'most_per_image': 0}, '`Search.most_per_image` should be a whole number '
     'of at least 1, but is 0.'),
    ({'threads': 0}, '`Search.threads` should be a whole number of at least 1, '
     'but is 0.')])
def test_wrong_searches(bound, said):
  with pytest.raises(ValueError) as caught:
    leakage.Search(**bound)
  assert str(caught.value) == said


def test_sets_of_one_name(sharded, tmp_path):
  with pytest.raises(ValueError) as caught:
    leakage.Search().run([sharded[0], sharded[0]], [sharded[1]], tmp_path)
  assert str(caught.value) == (
      'The sets that are compared should have distinct names, but 2 are '
      "'pool'.")


def test_what_is_no_list(tmp_path):
  with pytest.raises(errors.RunError, match='but does not exist; make it with'):
    leakage_list.heading(tmp_path / 'none.parquet')
  parquet.write_table(pyarrow.table({'key': ['a']}), tmp_path / 'a.parquet')
  with pytest.raises(errors.RunError, match='does not say what it is of'):
    leakage_list.heading(tmp_path / 'a.parquet')
  (tmp_path / 'b.parquet').write_text(json.dumps({}))
  with pytest.raises(errors.RunError, match='is no list of leaks'):
    leakage_list.heading(tmp_path / 'b.parquet')


def test_rows_that_are_damaged(sharded, tmp_path):
  """Its end, which says what it is of, may be whole."""
  leakage.Search().run([sharded[0]], [sharded[1]], tmp_path)
  path = tmp_path / leakage_list.NAME
  content = bytearray(path.read_bytes())
  content[4:60] = bytes(56)
  path.write_bytes(content)
  assert leakage_list.heading(path).told['found']
  with pytest.raises(errors.RunError, match='no list of leaks that can be read'
                     '.*; remove it and make it anew with `bazel run'):
    leakage_list.read(path)
