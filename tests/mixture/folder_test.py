import dataclasses
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from ns import mixture
from ns.core import errors
from ns.mixture import broken
from ns.mixture import source_manifest
from ns.mixture import sources
from ns.mixture import without
from tests.support import photos
from tests.support import source_contract

CLASSES = ['ant', 'bee', 'cow']


make_cache = source_contract.make_cache
error = source_contract.error
in_order = photos.in_order


def folder(tmp_path, **how):
  return mixture.Folder(name='made', path=str(tmp_path / 'photos'), **how)


@pytest.mark.parametrize('check_images', [False, True])
@pytest.mark.parametrize('max_shard', [4, 10**6])
def test_it_keeps_the_contract(tmp_path, monkeypatch, check_images, max_shard):
  monkeypatch.setattr(sources, '_MAX_SHARD', max_shard)
  written = photos.folder(tmp_path / 'photos')
  source = folder(tmp_path, check_images=check_images)
  source_contract.check(source, in_order(written))
  assert len(source.shards) == (4 if max_shard == 4 else 1)
  assert source.class_names == ('ant', 'bee', 'cow')
  assert source.excluded() == []


def test_every_shard_has_images_of_all_classes(tmp_path, monkeypatch):
  monkeypatch.setattr(sources, '_MAX_SHARD', 30)
  for label, name in enumerate(CLASSES):
    for i in range(40):
      photos.write(tmp_path / 'photos' / name / f'{i}.png', b'x%d' % i)
  source = folder(tmp_path)
  for shard in source.shards:
    labels = source.class_ids[shard.first:shard.first + shard.num_examples]
    assert np.bincount(labels, minlength=3).min() >= 4


def test_other_files_are_passed_over(tmp_path):
  written = photos.folder(tmp_path / 'photos')
  for name in 'notes.txt', 'ant/Thumbs.db', 'ant/.hidden.png', '.trash/a.png':
    photos.write(tmp_path / 'photos' / name, b'no picture')
  source = folder(tmp_path)
  source_contract.check(source, in_order(written))
  # Of the folders of the classes, and not what is hidden.
  assert source.passed_over == {'.db': 1}


def test_passed_over_files_are_told_when_the_manifest_is_made(
    tmp_path, capsys):
  photos.folder(tmp_path / 'photos')
  for name in 'ant/a.TIF', 'bee/b.tif', 'cow/readme':
    photos.write(tmp_path / 'photos' / name, b'no picture')
  folder(tmp_path).read()
  assert capsys.readouterr().out.endswith(
      '; passed over: 2 .tif, 1 without suffix\n')
  again = folder(tmp_path)
  again.read()
  assert not capsys.readouterr().out
  assert again.passed_over == {'.tif': 2, '': 1}


def test_suffixes_may_be_upper_case(tmp_path):
  written = photos.folder(tmp_path / 'photos')
  written['ant/A.JPG'] = photos.write(
      tmp_path / 'photos/ant/A.JPG', photos.encoded(0, 99, 'JPEG'))
  source_contract.check(folder(tmp_path), in_order(written))


def test_classes_may_be_in_another_order(tmp_path):
  written = photos.folder(tmp_path / 'photos')
  order = ['cow', 'ant', 'bee']
  source = folder(tmp_path, class_folders=order)
  source_contract.check(source, in_order(written, classes=order))
  assert source.class_names == tuple(order)


def test_broken_images_are_left_out_where_images_are_checked(tmp_path):
  written = photos.folder(tmp_path / 'photos')
  whole = photos.encoded(0, 50, 'JPEG', size=(64, 64))
  planted = {'ant/cut.jpg': whole[:len(whole) // 2], 'bee/text.png': b'text',
             'cow/cut.png': photos.encoded(1, 51, 'PNG')[:60],
             'cow/empty.gif': b''}
  for path, content in planted.items():
    photos.write(tmp_path / 'photos' / path, content)
  source = folder(tmp_path, check_images=True, max_excluded=0.25)
  source_contract.check(source, in_order(written))
  assert dict(source.excluded()) == {
      'made/ant/cut.jpg': 'does not decode',
      'made/bee/text.png': 'does not decode',
      'made/cow/cut.png': 'does not decode', 'made/cow/empty.gif': 'is empty'}
  unchecked = folder(tmp_path, max_excluded=0.25)
  assert dict(unchecked.excluded()) == {'made/cow/empty.gif': 'is empty'}
  assert unchecked.num_examples == len(written) + 3


def test_too_many_broken_images(tmp_path, cache):
  photos.folder(tmp_path / 'photos')
  for i in range(5):
    photos.write(tmp_path / f'photos/ant/bad{i}.png', b'')
  source = folder(tmp_path, max_excluded=0.2)
  said = error(lambda: source.num_examples)
  manifest, = cache.iterdir()
  begin, end = said.split(' (`made/')
  assert begin == ('Of `made` a share of 0.2 may be left out at most '
                   '(`Folder.max_excluded`), but 0.25 is')
  assert end.endswith(
      f': is empty; and 2 more); repair these and remove `{manifest}` to look '
      'through the source again, or allow more.')
  assert end.count(': is empty') == 3
  assert folder(tmp_path, max_excluded=0.25).num_examples == 15


def test_how_many_may_turn_out_not_to_decode(tmp_path):
  photos.folder(tmp_path / 'photos')
  source = folder(tmp_path, max_excluded=0.1)
  limit = broken.Limit(
      name='made', images=15, share=0.1, binding='Folder.max_excluded',
      leave_out='leave them out with `Folder.check_images = True`')
  assert source.limit == limit
  checked = folder(tmp_path, max_excluded=0.1, check_images=True)
  assert checked.limit == dataclasses.replace(limit, leave_out='take them out')
  part = mixture.Subset(name='labelled', source=source, is_labelled=True,
                        indices=np.arange(7))
  assert part.limit == dataclasses.replace(limit, name='labelled', images=7)
  rest = without.Without(source=part, left_out=np.array([0, 3]))
  assert rest.limit == dataclasses.replace(limit, name='labelled', images=5)
  with pytest.raises(errors.RunError) as caught:
    rest.limit.check(1, rest.keys()[:1])
  assert str(caught.value).endswith(
      'repair them, leave them out with `Folder.check_images = True`, or allow '
      'more.')


def test_a_restart_lists_nothing(tmp_path, monkeypatch):
  photos.folder(tmp_path / 'photos')
  source_contract.check_restart(lambda: folder(tmp_path), monkeypatch)


def test_nothing_is_listed_where_listing_is_forbidden(tmp_path):
  """In another process, by the system: the folders may be entered only."""
  photos.folder(tmp_path / 'photos')
  keys = folder(tmp_path).keys()
  if os.geteuid() == 0:
    pytest.skip('root may list every folder')
  folders = [tmp_path / 'photos', *(tmp_path / 'photos').glob('*/')]
  for each in folders:
    each.chmod(0o311)
  try:
    assert folder(tmp_path).keys() == keys
    folder(tmp_path).read()
  finally:
    for each in folders:
      each.chmod(0o755)


def test_a_changed_image(tmp_path, cache):
  written = photos.folder(tmp_path / 'photos')
  keys = folder(tmp_path).keys()
  path = tmp_path / 'photos' / keys[2].removeprefix('made/')
  size = len(written[keys[2].removeprefix('made/')])
  path.write_bytes(b'other')
  manifest, = cache.iterdir()
  expected = (
      f'`{path}` should have the {size:,} bytes that it had when its source '
      f'was looked through, but has 5; bring it back, or remove `{manifest}` '
      'to look through the source again.')
  source = folder(tmp_path)
  assert error(source.read) == expected
  with pytest.raises(Exception, match='but has 5; bring it back'):
    source_contract.records(source)


def test_a_missing_image(tmp_path):
  photos.folder(tmp_path / 'photos')
  key = folder(tmp_path).keys()[4]
  (tmp_path / 'photos' / key.removeprefix('made/')).unlink()
  source = folder(tmp_path)
  assert 'looked through, but is not there; bring it back' in error(source.read)
  with pytest.raises(Exception, match='but is not there'):
    source_contract.records(source)


def test_an_image_written_again_with_the_same_size(tmp_path):
  photos.folder(tmp_path / 'photos')
  key = folder(tmp_path).keys()[0]
  path = tmp_path / 'photos' / key.removeprefix('made/')
  os.utime(path, ns=(1, 1_000_000_001))
  assert ' and has, but was written since, at 1000000001 for ' in error(
      folder(tmp_path).read)


def other_content(path):
  """Writes other bytes, of the same size, at the same time; the old ones."""
  found, old = os.stat(path), path.read_bytes()
  path.write_bytes(old[:-1] + bytes([old[-1] ^ 1]))
  os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
  return old


@pytest.mark.parametrize('check_images, how', [
    (False, 'columns'), (False, 'records'), (True, 'columns')])
def test_other_content_of_the_same_size_and_time(
    tmp_path, cache, check_images, how):
  photos.folder(tmp_path / 'photos')
  make = lambda: folder(tmp_path, check_images=check_images)
  read = {'columns': lambda: make().columns(np.arange(1, 15, 2)),
          'records': lambda: source_contract.records(make())}[how]
  read()  # In another start, that is, by another object.
  before, key = make().digest(), make().keys()[5]
  path = tmp_path / 'photos' / key.removeprefix('made/')
  other_content(path)
  make().read()  # Nothing is to be seen.
  manifest, = cache.glob('*.parquet')
  expected = (
      f'`{path}` should have the content that it had when it was first read, '
      'but has another of the same size; bring it back, or remove '
      f'`{manifest}` to look through the source again.')
  with pytest.raises(Exception) as caught:
    read()
  assert expected in str(caught.value)
  source_contract.records(make(), make().shards[0], np.arange(5))  # Not of it.
  manifest.unlink()
  read()
  # What was read for the manifest is in the digest.
  assert (make().digest() != before) == check_images


def test_an_image_that_changes_within_a_start(tmp_path):
  photos.folder(tmp_path / 'photos')
  source = folder(tmp_path)
  source.columns(np.arange(15))
  other_content(tmp_path / 'photos' / source.keys()[3].removeprefix('made/'))
  assert 'when it was first read' in error(lambda: source.columns([2, 3]))
  source.columns([2, 4])


@pytest.mark.parametrize('check_images', [False, True])
def test_an_image_that_was_only_touched(tmp_path, cache, check_images):
  photos.folder(tmp_path / 'photos')
  photos.write(tmp_path / 'photos/ant/empty.png', b'')
  make = lambda: folder(
      tmp_path, check_images=check_images, max_excluded=0.1)
  keys = make().keys()
  if not check_images:
    make().columns([0, 1, 2])
  paths = [tmp_path / 'photos' / key.removeprefix('made/') for key in keys]
  for path in paths[:2]:
    os.utime(path, ns=(1, 1_000_000_001))
  make().read()
  manifest, = cache.glob('*.parquet')
  made = source_manifest.read(manifest).examples
  assert [time == 1_000_000_001 for time in made['mtime_ns'].to_pylist()] == (
      [True] * 2 + [False] * 13)
  assert make().keys() == keys and len(make().excluded()) == 1
  old = other_content(paths[2])
  os.utime(paths[2], ns=(1, 1_000_000_001))
  assert f'`{paths[2]}` should have the content that it had' in error(
      make().read)
  paths[2].write_bytes(old)  # It is brought back, which changes its time.
  make().read()


def test_the_digest_of_a_shard_is_there_once_all_of_it_was_read(
    tmp_path, monkeypatch):
  monkeypatch.setattr(sources, '_MAX_SHARD', 8)
  photos.folder(tmp_path / 'photos')
  make = lambda **how: folder(tmp_path, **how)
  assert set(make().shard_digests().values()) == {''}
  make().columns(np.arange(9))
  first, second = make().shard_digests().values()
  assert first and not second
  make().columns(np.arange(9, 15))
  digests = make().shard_digests()
  assert digests['00000-of-00002'] == first and digests['00001-of-00002']
  assert make(check_images=True).shard_digests() == digests


def test_the_digest_is_of_contents_and_not_of_places(tmp_path):
  for name in 'a', 'b', 'c', 'd':
    photos.folder(tmp_path / name / 'photos')
  first = folder(tmp_path / 'a').digest()
  assert folder(tmp_path / 'b').digest() == first
  photos.write(tmp_path / 'c/photos/ant/more.png', b'x')
  (tmp_path / 'd/photos/ant').rename(tmp_path / 'd/photos/ape')
  others = [folder(tmp_path / 'c').digest(), folder(tmp_path / 'd').digest(),
            mixture.Folder(name='else', path=str(tmp_path / 'a/photos')
                           ).digest(),
            folder(tmp_path / 'b', class_folders=CLASSES[::-1]).digest()]
  assert len({first, *others}) == 5


def test_it_goes_to_another_process_without_its_manifest(tmp_path):
  photos.folder(tmp_path / 'photos')
  source = folder(tmp_path)
  keys = source.keys()
  sent = pickle.loads(pickle.dumps(source))
  assert 'made' not in sent.__dict__ and sent == source
  assert sent.keys() == keys


def test_the_second_start_loads_no_tensorflow(tmp_path):
  photos.folder(tmp_path / 'photos')
  count = folder(tmp_path).num_examples
  program = (f'import sys; sys.path[:] = {sys.path!r}\n'
             'from ns import mixture\n'
             f'source = mixture.Folder(name="made", path={str(tmp_path)!r} + '
             '"/photos")\n'
             f'assert source.num_examples == {count}; source.read()\n'
             'source.digest(), source.class_ids, source.shards\n'
             'sys.exit("tensorflow" in sys.modules)')
  subprocess.run([sys.executable, '-c', program], check=True)


def test_the_manifest_may_be_elsewhere(tmp_path, cache):
  photos.folder(tmp_path / 'photos')
  path = tmp_path / 'here' / 'made.parquet'
  folder(tmp_path, manifest=str(path)).read()
  assert path.exists() and not cache.exists()


def test_a_manifest_of_another_source(tmp_path):
  photos.folder(tmp_path / 'photos')
  path = tmp_path / 'made.parquet'
  folder(tmp_path, manifest=str(path)).read()
  other = folder(tmp_path, manifest=str(path), check_images=True)
  assert error(lambda: other.num_examples) == (
      f'`{path}` is the manifest of another source than `made` (check_images: '
      'False -> True); give another path, or remove it.')


def test_a_manifest_that_is_a_folder(tmp_path):
  photos.folder(tmp_path / 'photos')
  assert error(lambda: folder(tmp_path, manifest=str(tmp_path)).num_examples
               ) == ('`Folder.manifest` should be the path of a file, but '
                     f'`{tmp_path}` is a folder.')


def test_no_folder(tmp_path):
  assert error(lambda: folder(tmp_path).num_examples) == (
      f'`Folder.path` should be a folder, but `{tmp_path}/photos` is none.')


@pytest.mark.parametrize('found, class_folders, wanted', [
    (['ant'], (), 'at least two sub-folders, one for each class'),
    (['ant', 'bee'], ['ant', 'cow'], "the sub-folders ['ant', 'cow']"),
    (['ant', 'bee', 'cow'], ['ant', 'bee'], "the sub-folders ['ant', 'bee']")])
def test_other_sub_folders(tmp_path, found, class_folders, wanted):
  photos.folder(tmp_path / 'photos', classes=found)
  source = folder(tmp_path, class_folders=class_folders)
  assert error(lambda: source.num_examples) == (
      f'`Folder.path` should have {wanted}, but `{tmp_path}/photos` has '
      f'{found}.')


def test_no_images(tmp_path, cache):
  for name in 'ab':
    (tmp_path / 'photos' / name).mkdir(parents=True)
  said = error(lambda: folder(tmp_path).num_examples)
  manifest, = cache.iterdir()
  assert said == (
      '`made` should have images, but has none; look at `Folder.path`, and '
      f'remove `{manifest}` to look through the source again.')


def test_no_images_but_other_files(tmp_path):
  for name in 'ant/a.tif', 'bee/b.tif', 'bee/c.heic':
    photos.write(tmp_path / 'photos' / name, b'no picture')
  assert error(lambda: folder(tmp_path).num_examples).startswith(
      '`made` should have images, but has none, only files that are passed '
      'over (2 .tif, 1 .heic); look at `Folder.path`, and remove `')


def test_a_name_that_is_not_utf_8(tmp_path):
  written = photos.folder(tmp_path / 'photos')
  with open(os.fsencode(tmp_path / 'photos/ant/') + b'/\xff.png', 'wb') as file:
    file.write(b'x')
  source = folder(tmp_path, max_excluded=0.1)
  source_contract.check(source, in_order(written))
  assert source.excluded() == [
      (r'made/ant/\udcff.png', 'has a name that is not UTF-8')]


@pytest.mark.parametrize('field, value, said', [
    ('name', '', "a short name without `/`, but is ''."),
    ('name', 'a/b', "a short name without `/`, but is 'a/b'."),
    ('path', 3, 'a value of type str, but is 3.'),
    ('check_images', 1, 'one of True, False, but is 1.'),
    ('max_excluded', 1.5, 'a number at least 0 and at most 1, but is 1.5.'),
    ('manifest', None, 'a value of type str, but is None.'),
    ('class_folders', 'ab', "a value of type list or tuple, but is 'ab'.")])
def test_wrong_fields(field, value, said):
  with pytest.raises((TypeError, ValueError)) as caught:
    mixture.Folder(**{'name': 'made', 'path': 'a', field: value})
  assert str(caught.value) == f'`Folder.{field}` should be {said}'


def test_links_that_lead_up_are_not_followed(tmp_path):
  photos.folder(tmp_path / 'photos', per_class=2)
  (tmp_path / 'elsewhere').mkdir()
  photos.write(tmp_path / 'elsewhere/x.png', photos.encoded(0, 99))
  (tmp_path / 'photos/ant/up').symlink_to(tmp_path / 'photos')
  (tmp_path / 'photos/ant/self').symlink_to('.')
  (tmp_path / 'photos/bee/other').symlink_to(tmp_path / 'elsewhere')
  (tmp_path / 'photos/bee/one.png').symlink_to(tmp_path / 'elsewhere/x.png')
  keys = folder(tmp_path).keys()
  assert len(keys) == 6 + 2
  assert {'made/bee/other/x.png', 'made/bee/one.png'} < set(keys)


def test_a_folder_that_cannot_be_listed(tmp_path, monkeypatch):
  photos.folder(tmp_path / 'photos', per_class=2)
  scandir = os.scandir

  def refuse(path):
    if str(path).endswith('bee'):
      raise PermissionError(13, 'Permission denied', str(path))
    return scandir(path)

  monkeypatch.setattr(os, 'scandir', refuse)
  assert error(lambda: folder(tmp_path).num_examples) == (
      f'`{tmp_path}/photos/bee` cannot be listed: Permission denied.')


def test_an_image_that_cannot_be_read_is_left_out(tmp_path, monkeypatch):
  photos.folder(tmp_path / 'photos', per_class=2)
  look_at = source_manifest.look_at

  def refuse(path):
    if path.endswith('0.jpeg'):
      raise PermissionError(13, 'Permission denied', path)
    return look_at(path)

  monkeypatch.setattr(source_manifest, 'look_at', refuse)
  source = folder(tmp_path, max_excluded=0.5)
  assert source.num_examples == 5
  assert source.excluded() == [
      ('made/ant/0.jpeg', 'cannot be read: Permission denied')]


def test_an_image_that_cannot_be_read_any_more(tmp_path):
  photos.folder(tmp_path / 'photos', per_class=2)
  source = folder(tmp_path)
  source.read()
  path = tmp_path / 'photos/ant/0.jpeg'
  path.unlink()
  path.mkdir()
  assert error(lambda: source.columns(np.arange(6))) == (
      f'`{path}` cannot be read: Is a directory.')
