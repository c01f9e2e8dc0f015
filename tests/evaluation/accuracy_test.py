import json

import numpy as np
import pytest
import tensorflow as tf

from ns import mixture
from ns.core import errors
from ns.evaluation import accuracy
from ns.images import encode
from ns.mixture import broken as broken_lib
from ns.mixture import views
from tests.support import idx_files

COUNT, CLASSES = 23, 5
LABELS = np.random.default_rng(1).choice([0, 1, 3], COUNT)  # No 2 and no 4.
ANSWERS = np.random.default_rng(2).random((COUNT, CLASSES)).astype(np.float32)


@pytest.fixture(name='source')
def make_source(tmp_path):
  """Image i is filled with i, so that a predictor knows which one it sees."""
  images = np.empty((COUNT, 3, 3), np.uint8)
  images[...] = np.arange(COUNT).reshape(-1, 1, 1)
  idx = mixture.Idx(
      name='made', classes=CLASSES,
      images=idx_files.write(tmp_path / 'i', images),
      labels=idx_files.write(tmp_path / 'l', LABELS))
  return mixture.Subset(name='test', source=idx, is_labelled=True,
                        indices=np.arange(COUNT))


class Predictor:
  """Gives the rows of ANSWERS; remembers what it was called with."""

  def __init__(self):
    self.calls = []

  def __call__(self, images):
    assert images.dtype == np.uint8 and images.shape[1:] == (3, 3, 1)
    self.calls.append(images[:, 0, 0, 0].tolist())
    return ANSWERS[images[:, 0, 0, 0]]


def run(source, batch_size=8, predict=None):
  return accuracy.Accuracy(batch_size=batch_size).run(
      predict or Predictor(), source, views.View(size=3, channels=1))


def test_it_is_the_share_of_right_answers(source):
  right = ANSWERS.argmax(-1) == LABELS
  found = run(source)
  assert found['accuracy'] == pytest.approx(right.mean())
  assert found['num_examples'] == COUNT
  by_class = [right[LABELS == c].mean() if (LABELS == c).any() else None
              for c in range(CLASSES)]
  assert by_class[2] is None and by_class[4] is None
  assert found['accuracy_by_class'] == pytest.approx(by_class)
  assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize('batch_size', [1, 7, 8, 23, 64])
def test_it_does_not_depend_on_the_batch_size(source, batch_size):
  assert run(source, batch_size) == run(source)


def test_the_tail_is_padded_to_one_shape_and_not_counted(source):
  predict = Predictor()
  run(source, 8, predict)
  assert predict.calls == [
      list(range(8)), list(range(8, 16)), [*range(16, 23), 0]]


def test_all_right_is_1_and_all_wrong_is_0(source):
  sure = lambda which: lambda images: np.eye(CLASSES)[
      which[images[:, 0, 0, 0]]]
  assert run(source, predict=sure(LABELS))['accuracy'] == 1.0
  assert run(source, predict=sure((LABELS + 1) % CLASSES))['accuracy'] == 0.0


def test_a_part_of_a_source_is_evaluated_alone(source):
  part = mixture.Subset(name='part', source=source.source, is_labelled=True,
                        indices=np.array([2, 5, 11]))
  right = (ANSWERS.argmax(-1) == LABELS)[[2, 5, 11]]
  assert run(part)['accuracy'] == pytest.approx(right.mean())
  assert run(part)['num_examples'] == 3


def test_wrong_arguments():
  with pytest.raises(ValueError) as caught:
    accuracy.Accuracy(batch_size=0)
  assert str(caught.value) == (
      '`Accuracy.batch_size` should be a whole number of at least 1, but is 0.')


def encoded(source, broken, max_share=0.1):
  """`source` with its images as PNGs, some of them cut short."""
  class Encoded:
    name, classes, num_examples = 'test', CLASSES, COUNT
    is_labelled = True
    limit = broken_lib.Limit(name='test', images=COUNT, share=max_share,
                             binding='Encoded.max_excluded')

    def records(self):
      images = [encode.png(pixels) for pixels in source.source.pixels]
      images = [image[:30] if i in broken else image
                for i, image in enumerate(images)]
      return tf.data.Dataset.from_tensor_slices({
          'key': source.keys(), 'image': images, 'label': LABELS})
  return Encoded()


def test_images_that_do_not_decode_are_named_and_do_not_count(source):
  good = np.setdiff1d(np.arange(COUNT), [3, 17])
  found = run(encoded(source, {3, 17}))
  assert found['accuracy'] == pytest.approx(
      (ANSWERS.argmax(-1) == LABELS)[good].mean())
  assert found['num_examples'] == COUNT - 2
  assert found['broken'] == {
      'count': 2, 'share': 2 / COUNT, 'max_share': 0.1,
      'keys': ['made/03', 'made/17']}


def test_more_images_are_broken_than_may_be(source):
  with pytest.raises(errors.RunError) as caught:
    run(encoded(source, {3, 17, 20}))
  assert str(caught.value) == (
      'At most 0.1 of the 23 images of `test` should be broken, which is '
      '`Encoded.max_excluded`, but 3 do not decode: `made/03`, `made/17`, '
      '`made/20`; repair them, take them out, or allow more.')


def test_no_image_decodes(source):
  with pytest.raises(errors.RunError) as caught:
    run(encoded(source, set(range(COUNT)), max_share=1.0))
  assert str(caught.value) == (
      f'No image of `test` decodes, of {COUNT}; the first is `made/00`. Look '
      'at its files.')
