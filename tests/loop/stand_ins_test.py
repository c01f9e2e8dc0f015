import dataclasses
import itertools

import numpy as np

from ns.images import crop
from ns.loop import stand_ins
from ns.mixture import inputs as inputs_lib
from ns.mixture import views
from tests.support import tiny


def test_random_images_stand_in_for_a_batch(tmp_path):
  run = tiny.run(tmp_path)
  view = views.View(size=8, channels=1, crop=crop.AsIs())
  inputs = inputs_lib.Inputs(labelled=run.data.labelled, view=view)
  first, second = itertools.islice(stand_ins.batches(inputs, 6), 2)
  assert first is second
  assert first['image'].shape == (6, 8, 8, 1)
  assert first['image'].dtype == np.uint8
  np.testing.assert_array_equal(
      np.argmax(first['label'], -1), [0, 1, 2, 3, 0, 1])
  assert set(first) == {'image', 'label', 'weight', 'is_labelled'}


class Absent:
  """A source whose files are not here."""
  missing = 'No files.'


def test_which_images_are_not_here(tmp_path):
  run = tiny.run(tmp_path)
  pool = run.data.unlabelled
  assert not stand_ins.is_missing(pool)
  assert not stand_ins.is_missing(run.data.labelled)
  assert stand_ins.is_missing(dataclasses.replace(pool, source=Absent()))
