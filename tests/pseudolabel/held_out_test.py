import numpy as np
import pytest

from ns.core import errors
from ns.pseudolabel import ensemble
from ns.pseudolabel import held_out
from ns.pseudolabel import teacher
from tests.pseudolabel import fakes

TABLE = fakes.distributions(12, 3)


def ask(table, batch_size=4, on_progress=None):
  source = fakes.Pool((7, 5))
  source.class_ids = np.arange(12) % 3
  who = teacher.Teacher(name='teacher', predict=fakes.Teacher(table),
                        fingerprint='t1')
  return held_out.answers(ensemble.Ensemble(teachers=[who]), source,
                          batch_size, on_progress)


def test_answers_and_labels_of_all_shards():
  told = []
  answers, labels = ask(TABLE, on_progress=lambda *now: told.append(now))
  np.testing.assert_array_equal(answers, TABLE)
  np.testing.assert_array_equal(labels, np.arange(12) % 3)
  assert told == [(4, 12), (7, 12), (11, 12), (12, 12)]


def test_broken_images_are_left_out():
  table = TABLE.copy()
  table[[3, 7]] = 0
  answers, labels = ask(table)
  good = np.delete(np.arange(12), [3, 7])
  np.testing.assert_array_equal(answers, TABLE[good])
  np.testing.assert_array_equal(labels, good % 3)


def test_an_image_is_needed():
  with pytest.raises(errors.RunError) as caught:
    ask(np.zeros((12, 3), np.float32))
  assert str(caught.value) == (
      'No image of `pool` decodes, of 12; look at its files.')
