"""A whole run on pictures of mixed formats and sizes, some of them broken."""

import dataclasses
import json

import numpy as np
from pyarrow import parquet

from ns import images
from ns import loop
from ns import mixture
from ns import pseudolabel
from tests.support import photos
from tests.support import tiny

COLOUR = dataclasses.replace(
    tiny.architecture(size=16), pixel_mean=(127.0,) * 3, pixel_std=(52.0,) * 3)


def plant_broken(folder) -> None:
  """Files that look like pictures and are none."""
  whole = photos.encoded(0, 900, 'JPEG', size=(64, 64))
  for path, content in {
      'ant/cut.jpg': whole[:len(whole) // 2], 'bee/page.png': b'<html>',
      'cow/nothing.jpeg': b'',
      'cow/cut.gif': photos.encoded(1, 901, 'GIF')[:90]}.items():
    photos.write(folder / path, content)


def make_run(folder) -> loop.SelfTraining:
  """24 labelled pictures, two pools of 45, 4 more of each that are broken."""
  for name, per_class, first_seed in (('train', 8, 0), ('checked', 15, 100),
                                      ('pool', 15, 200), ('test', 10, 300)):
    photos.folder(folder / name, per_class=per_class, first_seed=first_seed)
    plant_broken(folder / name)
  at = lambda name: dict(
      name=name, path=str(folder / name), max_excluded=0.2,
      manifest=str(folder / f'{name}.parquet'))
  data = mixture.Sets(
      train=mixture.Folder(**at('train'), check_images=True),
      pools=[mixture.ImageFiles(**at('checked'), check_images=True),
             mixture.ImageFiles(**at('pool'))],
      validation=3, test=mixture.Folder(**at('test')))
  how = dict(
      num_steps=150, model=COLOUR, crop=images.InceptionCrop(min_area=0.5),
      evaluation_crop=images.CentreCrop(fraction=0.875),
      select=pseudolabel.Select(
          balance=pseudolabel.Balance(images_per_class=20)),
      labelling=pseudolabel.Labelling(batch_size=32, max_broken=0.05))
  return loop.SelfTraining(data=data, generations=[
      tiny.generation('teacher', has_teacher=False, **how),
      tiny.generation('student', has_teacher=True, **how)])


def test_broken_pictures_are_left_out_or_weigh_nothing(tmp_path, capsys):
  run = make_run(tmp_path)
  work = tmp_path / 'run'
  run.run(str(work))
  shown = capsys.readouterr().out
  # Of the empty file the size is enough to know.
  assert {source.name: len(source.excluded())
          for source in run.data.all_sources} == {
              'train': 4, 'test': 1, 'checked': 4, 'pool': 1}
  assert 'checked: 45 images in 1 shards, 4 left out; noted in ' in shown
  assert 'pool: 48 images in 1 shards, 1 left out; noted in ' in shown

  summary = json.loads((work / 'summary.json').read_text())
  assert summary['data'] == {
      'labelled': 21, 'unlabelled': 93, 'validation': 3, 'test': 33}
  teacher, student = summary['generations']
  for generation in teacher, student:
    test = generation['evaluate']['test']
    assert test['num_examples'] == 30
    assert (test['broken']['count'], test['broken']['max_share']) == (3, 0.2)
    assert sorted(test['broken']['keys']) == [
        'test/ant/cut.jpg', 'test/bee/page.png', 'test/cow/cut.gif']
  assert student['evaluate']['test']['accuracy'] > 0.8  # Chance is a third.

  predicted = [parquet.read_table(
      work / 'student/label' / f'predictions-{name}-00000-of-00001.parquet')
               for name in ('checked', 'pool')]
  assert [key for table in predicted for key in table['key'].to_pylist()] == (
      run.data.unlabelled.keys())
  selected = parquet.read_table(
      work / 'student/select/selection.parquet').to_pydict()
  assert sum(selected['copies']) == 60
  broken = {'ant/cut.jpg', 'bee/page.png', 'cow/nothing.jpeg', 'cow/cut.gif'}
  assert not broken & {key.partition('/')[2] for key in selected['key']}
  where = parquet.read_table(work / 'splits.parquet').to_pydict()
  names, counts = np.unique(where['split'], return_counts=True)
  assert dict(zip(names.tolist(), counts.tolist())) == summary['data']
