"""The bench of networks, in its short form: what it prints, not how fast."""

import functools
import json

import keras
from keras.src.applications import efficientnet as keras_efficientnet
import numpy as np

from ns import models
from tools.bench import model


def test_the_last_line_has_every_figure(capsys, monkeypatch):
  # Shallow networks, which are traced sooner.
  monkeypatch.setattr(models, 'EfficientNet', functools.partial(
      models.EfficientNet, depth=0.1))
  monkeypatch.setattr(keras.applications, 'EfficientNetB0', functools.partial(
      keras_efficientnet.EfficientNet, 1.0, 0.1, 32, weights_name=None))
  model.main(['--rounds=1', '--batch=2', '--image_size=32'])
  figures = json.loads(capsys.readouterr().out.splitlines()[-1])
  assert figures.pop('bench') == 'model'
  assert set(figures) == {
      'b0_train_ratio', 'b0_infer_ratio', 'b0_infer_bfloat16_ratio',
      'keras_train_images_per_second', 'b0_train_images_per_second',
      'keras_infer_images_per_second', 'b0_infer_images_per_second',
      'b0_infer_bfloat16_images_per_second', 'b0_bfloat16_logit_error',
      'b0_bfloat16_top1_agreement', 'tiny_train_images_per_second'}
  assert 0 <= figures.pop('b0_bfloat16_top1_agreement') <= 1
  assert 0 < figures.pop('b0_bfloat16_logit_error') < 0.5
  assert all(figure > 0 for figure in figures.values())


def test_rates_and_ratios(monkeypatch):
  # Work takes the seconds that it says; the first round is not measured.
  clock = [0.0]
  monkeypatch.setattr(model.time, 'perf_counter', lambda: clock[0])

  def work(*seconds):
    left = list(seconds)
    return lambda: clock.__setitem__(0, clock[0] + left.pop(0))

  measured = model.rates({'one': work(9, 1, 2, 4), 'two': work(9, 2, 8, 4)},
                         8, 3)
  assert measured == {'one': [8, 4, 2], 'two': [4, 1, 2]}
  assert model.ratio(measured, 'one', 'two') == 2  # of 2, 4 and 1


def test_images_differ_and_have_many_values():
  pictures = model.images(4, 32)
  assert pictures.shape == (4, 32, 32, 3) and pictures.dtype == np.uint8
  assert len({picture.tobytes() for picture in pictures}) == 4
  assert all(len(np.unique(picture)) > 100 for picture in pictures)
