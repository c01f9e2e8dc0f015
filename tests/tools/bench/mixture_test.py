"""What the bench of the mixture reads, and what it reports."""

import json

import numpy as np
import pytest
import tensorflow as tf

from tools.bench import mixture


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
  monkeypatch.setattr(mixture, '_DISTINCT', 4)
  monkeypatch.setattr(mixture, '_BATCH', 16)


def test_both_make_batches_of_the_same_images(tmp_path):
  pattern = mixture.write(str(tmp_path), 64)
  records = list(tf.data.TFRecordDataset(tf.io.gfile.glob(pattern)))
  assert len(records) == 64
  batches = {'ours': mixture.ours(pattern, f'{tmp_path}/m.parquet', 64),
             'theirs': mixture.hand_written(pattern, 64)}
  light = {}
  for name, dataset in batches.items():
    some = list(dataset.take(4).as_numpy_iterator())
    assert {batch['image'].shape for batch in some} == {(16, 224, 224, 3)}
    assert some[0]['image'].dtype == np.uint8
    labels = np.concatenate([batch['label'] for batch in some])
    assert labels.shape == (64, 10)
    light[name] = np.mean([batch['image'].mean() for batch in some])
  # The same images in other windows: the same light on the whole.
  assert abs(light['ours'] - light['theirs']) < 12


def test_what_it_reports(capsys):
  mixture.main(['--seconds=0.05', '--rounds=1', '--images=64'])
  told = json.loads(capsys.readouterr().out.splitlines()[-1])
  assert told.pop('bench') == 'mixture' and told.pop('cores') >= 1
  growth = told.pop('peak_bytes_growth')
  assert abs(growth) < 2**30
  assert set(told) == {
      f'{name}{unit}' for unit in ('', '_per_core') for name in (
          'images_per_second', 'hand_written_images_per_second',
          'throughput_ratio')}
  assert all(value > 0 for value in told.values())
  for unit in '', '_per_core':
    assert told[f'throughput_ratio{unit}'] == pytest.approx(
        told[f'images_per_second{unit}']
        / told[f'hand_written_images_per_second{unit}'], rel=0.01)
