"""The search for leaks as a program: what it writes, prints and refuses."""

import dataclasses
import types

import numpy as np
from PIL import Image
import pytest

from ns import mixture
from tests.support import photos
from tests.support import planted
from tools import command
from tools import find_leakage


@pytest.fixture(name='data', scope='module')
def make_data(tmp_path_factory):
  """Sets in folders; one copy and one broken image in the pool."""
  folder = tmp_path_factory.mktemp('data')
  write = lambda path, seed, **how: photos.write(
      folder / path, planted.jpeg(planted.photograph(seed, **how)))
  for i in range(4):
    write(f'train/c{i % 2}/{i}.jpg', i)
    write(f'test/c{i % 2}/{i}.jpg', 10 + i, size=(60, 70 + i))
    write(f'pool/{i}.jpg', 20 + i)
  photos.write(folder / 'pool/copy.png', planted.encoded(planted.mirrored(
      planted.photograph(12, (60, 72)))))
  photos.write(folder / 'pool/broken.jpg', planted.jpeg(
      planted.photograph(30))[:900])
  with pytest.MonkeyPatch.context() as patched:
    patched.setenv('NS_CACHE_DIR', str(folder / 'cache'))
    yield mixture.Sets(
        train=mixture.Folder(name='train', path=str(folder / 'train')),
        pools=[mixture.ImageFiles(name='pool', path=str(folder / 'pool'))],
        validation=1, test=mixture.Folder(name='test',
                                          path=str(folder / 'test')))


@pytest.fixture(name='call')
def make_call(data, tmp_path, monkeypatch, capsys):
  """Runs the tool as if a gin file said those sets."""
  monkeypatch.setattr(command.config, 'compose', lambda *args: (
      types.SimpleNamespace(root=types.SimpleNamespace(data=data))))

  def call(*argv, given=('--gin_file=a.gin', f'--output={tmp_path}/out')):
    code = find_leakage.main([*given, *argv])
    said = capsys.readouterr()
    return code, said.out, said.err

  return call


def test_it_prints_writes_and_draws(call, data, tmp_path):
  code, out, err = call()
  assert code == 0 and 'error' not in err
  path = f'{tmp_path}/out/leakage.parquet'
  assert out.splitlines()[-5:] == [
      'unlabelled in test: 1 images (0 exact, 1 near) of 1 there; 1 pairs, 1 '
      'mirrored',
      'unlabelled: 1 images do not decode as a whole, and are not compared; '
      'with `check_images = True` their source leaves them out: '
      'pool/broken.jpg',
      f'The list is {path}; to leave out what it names, bind it:',
      '  mixture.Sets.leakage = @mixture.WithoutLeaks()',
      f"  mixture.WithoutLeaks.path = '{path}'"]
  # What it says to bind is what a run takes.
  bound = mixture.Sets(
      train=data.train, pools=data.pools, validation=1, test=data.test,
      leakage=mixture.WithoutLeaks(path=path))
  assert set(data.unlabelled.keys()) - set(bound.unlabelled.keys()) == {
      'pool/copy.png'}
  with Image.open(tmp_path / 'out/leakage.png') as sheet:
    assert sheet.format == 'PNG'
    pixels = np.asarray(sheet.convert('RGB'), int)
  # The pair, one beside the other, on white squares of 96 pixels.
  section, = find_leakage.sections(path, data)
  row, = section.rows
  assert section.heading == 'unlabelled in test'
  assert row.images.shape == (2, 96, 96, 3) and row.label == 'near'
  assert row.captions[0] == 'pool/copy.png'
  assert row.captions[1].startswith('test/c0/2.jpg\n0.0')
  assert row.captions[1].endswith(' mirrored')
  left, right = row.images.mean(-1)  # A JPEG's colours are coarser.
  assert abs(left[:, ::-1] - right).mean() < 8 < 16 < abs(left - right).mean()
  corners = np.argwhere((pixels[:-95, :-95] == 255).all(-1))
  assert any(np.array_equal(pixels[y:y + 96, x:x + 96], row.images[0])
             for y, x in corners)


def test_a_list_that_is_bound_already_does_not_matter(
    call, data, tmp_path, monkeypatch):
  bound = dataclasses.replace(data, leakage=mixture.WithoutLeaks(
      path=str(tmp_path / 'none.parquet')))
  around = mixture.WithForeign(
      data=bound, images=dataclasses.replace(
          data.pools[0], name='foreign'), share=0.2)
  found = find_leakage.unfiltered(around)
  assert found.data.leakage is None and found.data.train is data.train
  assert [source.name for source in found.compared] == [
      'labelled', 'unlabelled', 'foreign']
  monkeypatch.setattr(command.config, 'compose', lambda *args: (
      types.SimpleNamespace(root=types.SimpleNamespace(data=bound))))
  assert call()[0] == 0


def test_what_to_bind_where_a_split_is_around_another(
    call, data, monkeypatch):
  around = mixture.WithForeign(share=0.2, data=data, images=mixture.Textures(
      num_examples=9, image_size=28, channels=3))
  monkeypatch.setattr(command.config, 'compose', lambda *args: (
      types.SimpleNamespace(root=types.SimpleNamespace(data=around))))
  code, out, _ = call()
  assert code == 0
  assert '  mixture.Sets.leakage = @mixture.WithoutLeaks()' in out.splitlines()


def test_labelled_images_among_each_other(call, data, tmp_path, monkeypatch):
  for path, seed in ('c0/0', 2), ('c1/1', 2), ('c1/2', 3):
    photos.write(tmp_path / f'twice/{path}.jpg',
                 planted.jpeg(planted.photograph(seed)))
  twice = dataclasses.replace(
      data, train=mixture.Folder(name='twice', path=str(tmp_path / 'twice'),
                                 manifest=str(tmp_path / 'twice.parquet')),
      validation=data.test, test=None)
  monkeypatch.setattr(command.config, 'compose', lambda *args: (
      types.SimpleNamespace(root=types.SimpleNamespace(data=twice))))
  code, out, _ = call('--within')
  assert code == 0
  assert ('labelled in labelled: 1 images (1 exact, 0 near) of 1 there; 1 pairs,'
          ' 0 mirrored\n') in out
  keys = sorted(['twice/c0/0.jpg', 'twice/c1/1.jpg'],
                key=twice.train.keys().index)
  assert out.endswith('labelled: 1 pairs are of different classes: '
                      f'{keys[0]} and {keys[1]}\n')


def test_with_a_limit_of_nothing_there_is_no_sheet(call, tmp_path):
  code, out, _ = call('--max_difference=0', '--max_distance=0', '--threads=1')
  assert code == 0
  assert out.startswith('No image is in an evaluation set, too.\n')
  assert not (tmp_path / 'out/leakage.png').exists()


@pytest.mark.parametrize('argv, said', [
    (['--max_distance=16'],
     '`Search.max_distance` should be at most 15 bits, but is 16.'),
    (['--max_diference=1'], 'There is no flag `--max_diference`; did you mean '
     '`--max_difference`?')])
def test_what_is_wrong_is_said(call, argv, said):
  assert call(*argv) == (2, '', f'error: {said}\n')


@pytest.mark.parametrize('given, name', [
    (('--output=a',), 'gin_file'), (('--gin_file=a',), 'output')])
def test_what_it_needs(call, given, name):
  assert call(given=given) == (
      2, '', f'error: `--{name}` is needed; write `--gin_file=RUN.gin '
      '--output=FOLDER`.\n')
