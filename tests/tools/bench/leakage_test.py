"""The benches of the search for leaks, at their smallest."""

import json

import numpy as np
from PIL import Image
import pytest

from ns import mixture
from tests.support import idx_files
from tools.bench import leakage
from tools.bench import leakage_recall
from tools.bench import made_photos


def test_speed(monkeypatch):
  monkeypatch.setattr(leakage, '_ROUNDS', 1)
  monkeypatch.setattr(leakage, '_ENTRIES', 500)
  found = leakage.measure(images=24, threads=2)
  assert found['bench'] == 'leakage' and found['images'] == 24
  assert 5000 < found['bytes_per_jpeg'] < 50000
  for name in ('images_per_second_jpeg_224', 'images_per_second_idx_28',
               'search_per_second', 'images_per_cpu_second_jpeg_224',
               'images_per_cpu_second_idx_28'):
    assert found[name] > 0
  assert found['minutes_per_million_jpeg_224'] == pytest.approx(
      1e6 / 60 / found['images_per_second_jpeg_224'], rel=0.1, abs=0.1)
  assert json.dumps(found)


def test_recall_of_photographs():
  pictures = [made_photos.photograph(seed, 150 + seed, 190)
              for seed in range(3)]
  found = leakage_recall.recall(pictures)
  limit = leakage_recall.LIMITS.index(0.15)
  shares = {name: values[limit] for name, values in found.items()}
  assert shares.pop('pairs with another one') == '0'
  assert {name for name, share in shares.items() if share != '100.0%'} <= {
      'words over a quarter of the width', '1 % cropped on each side',
      '2 % cropped on each side', '5 % cropped on each side',
      'turned by 2 degrees'}
  assert shares['5 % cropped on each side'] == '0.0%'


def test_what_was_not_planted_is_counted(tmp_path):
  images = np.stack([np.asarray(made_photos.photograph(
      seed, 28, 28).convert('L')) for seed in range(6)])

  def source(name, pixels, labels):
    return mixture.Idx(
        name=name, classes=2,
        images=idx_files.write(tmp_path / f'{name}-images', pixels),
        labels=idx_files.write(tmp_path / f'{name}-labels',
                               np.array(labels, np.uint8)))

  # The first is there as it is, the second mirrored and of another class.
  found = leakage_recall.unplanted(
      source('train', np.stack([images[5], images[0], images[1][:, ::-1]]),
             [0, 1, 1]), source('test', images[:4], [1, 0, 1, 0]))
  assert {name: values[-1] for name, values in found.items()} == {
      'pairs': '2', 'of these mirrored': '1',
      'of these of different classes': '1', 'of 3 training images': '2',
      'of 4 test images': '2'}


def test_photographs_in_a_folder_are_as_large_as_on_a_page(tmp_path):
  for seed, (path, height, width) in enumerate((
      ('a.jpg', 300, 900), ('deep/b.png', 70, 60), ('words.txt', 9, 9))):
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_bytes(made_photos.encoded(
        made_photos.photograph(seed, height, width), 'PNG'))
  assert [picture.size for picture in leakage_recall.in_folder(
      str(tmp_path))] == [(500, 167), (60, 70)]


@pytest.mark.parametrize('begin, flags, text', [
    ('recall', ['--images=7'], '| 7 |'),
    ('recall of photographs', ['--photos=/there'], '| of /there |')])
def test_tables_go_between_the_marks(begin, flags, text, tmp_path, monkeypatch,
                                     capsys):
  path = tmp_path / 'page.md'
  page = ('Before.\n<!-- recall -->\n{}\n<!-- end -->\nBetween.\n'
          '<!-- recall of photographs -->\n{}\n<!-- end -->\nAfter.\n')
  path.write_text(page.format('old', 'old'))
  monkeypatch.setattr(leakage_recall, 'tables', lambda images: f'| {images} |')
  monkeypatch.setattr(leakage_recall, 'table_of_photographs',
                      lambda folder: f'| of {folder} |')
  monkeypatch.setattr('sys.argv', ['program', *flags, f'--write={path}'])
  leakage_recall.main()
  assert path.read_text() == page.format(*(
      [text, 'old'] if begin == 'recall' else ['old', text]))
  told = json.loads(capsys.readouterr().out.splitlines()[-1])
  assert told['bench'] == 'leakage_recall'


def test_made_photographs_are_of_their_size_and_alike_only_to_themselves():
  first, again, other = (np.asarray(made_photos.photograph(seed, 40, 60), float)
                         for seed in (1, 1, 2))
  assert first.shape == (40, 60, 3)
  np.testing.assert_array_equal(first, again)
  assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.5
  data = made_photos.encoded(Image.fromarray(first.astype(np.uint8)), 'PNG')
  assert data.startswith(b'\x89PNG')
