import numpy as np
import pytest

from ns.core import errors
from ns.pseudolabel import ensemble
from ns.pseudolabel import teacher
from tests.pseudolabel import fakes

TABLE, OTHER = (fakes.distributions(12, 3, seed) for seed in (0, 1))


def logits(table):
  predict = fakes.Teacher(table)
  # Their softmax is the table, their energy the number of the image.
  predict.logits = fakes.Teacher(
      np.log(table) + np.arange(len(table), dtype=np.float32)[:, np.newaxis])
  return predict


def make(predict, fingerprint='t1', name='teacher', **more):
  return teacher.Teacher(name=name, predict=predict, fingerprint=fingerprint,
                         **more)


def answers(teachers, source=None, with_logits=False, **policy):
  source = source or fakes.Pool((7, 5))
  found = list(ensemble.Ensemble(teachers=teachers, **policy).answers(
      source, source.shards[1], 4, with_logits))
  assert [len(batch.keys) for batch in found] == [4, 1]
  return [None if getattr(found[0], name) is None else
          np.concatenate([getattr(batch, name) for batch in found])
          for name in ('keys', 'probabilities', 'logits', 'is_good')]


def test_one_teacher_answers_as_it_is():
  keys, probabilities, logits_, is_good = answers([make(fakes.Teacher(TABLE))])
  assert keys.tolist() == [f'pool/{i}'.encode() for i in range(7, 12)]
  np.testing.assert_array_equal(probabilities, TABLE[7:])
  assert logits_ is None and is_good.all()


def test_logits_of_one_teacher():
  _, probabilities, found, _ = answers([make(logits(TABLE))], with_logits=True)
  np.testing.assert_allclose(probabilities, TABLE[7:], rtol=1e-5)
  np.testing.assert_allclose(
      found, np.log(TABLE[7:]) + np.arange(7, 12)[:, np.newaxis], rtol=1e-6)


@pytest.mark.parametrize('temperature', [0.5, 3.0])
def test_the_temperature_is_one_of_the_mean(temperature):
  _, probabilities, found, _ = answers(
      [make(logits(TABLE)), make(logits(OTHER))], with_logits=True,
      temperature=temperature)
  powers = ((TABLE[7:] + OTHER[7:]) / 2) ** (1 / temperature)
  np.testing.assert_allclose(
      probabilities, powers / powers.sum(axis=1, keepdims=True), rtol=1e-5)
  np.testing.assert_allclose(
      np.log(np.exp(found * temperature).sum(axis=1)), np.arange(7, 12),
      rtol=1e-5)
  softmax = np.exp(found - found.max(axis=1, keepdims=True))
  np.testing.assert_allclose(
      softmax / softmax.sum(axis=1, keepdims=True), probabilities, rtol=1e-5)


def test_a_broken_image_has_no_temperature():
  table = TABLE.copy()
  table[8] = 0  # As networks answer that decode by themselves.
  with np.errstate(all='raise'):
    _, probabilities, _, is_good = answers([make(fakes.Teacher(table))],
                                           temperature=2.0)
  assert is_good.tolist() == [True, False, True, True, True]
  assert np.isfinite(probabilities).all()


@pytest.mark.parametrize('weights, share', [
    (None, 0.5), ((3, 1), 0.75), ([0.2, 0.8], 0.2)])
def test_several_teachers_answer_in_the_mean(weights, share):
  _, probabilities, _, _ = answers(
      [make(fakes.Teacher(TABLE)), make(fakes.Teacher(OTHER))],
      weights=weights)
  assert probabilities.dtype == np.float32
  np.testing.assert_allclose(
      probabilities, share * TABLE[7:] + (1 - share) * OTHER[7:], rtol=1e-6)


def test_logits_of_a_mean_have_its_softmax_and_the_mean_energy():
  second = logits(OTHER)
  second.logits.table = second.logits.table + 10
  _, probabilities, found, _ = answers(
      [make(logits(TABLE)), make(second)], with_logits=True, weights=(3, 1))
  powers = np.exp(found.astype(np.float64))
  np.testing.assert_allclose(powers / powers.sum(axis=1, keepdims=True),
                             0.75 * TABLE[7:] + 0.25 * OTHER[7:], rtol=1e-4)
  np.testing.assert_allclose(np.log(powers.sum(axis=1)),
                             np.arange(7, 12) + 2.5, rtol=1e-5)
  np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_a_mirror_image_is_asked_too():
  source = fakes.Pool((7, 5))
  source.images[:, :, 2] = 0  # The right edge, which the mirror has left.

  def predict(images):
    is_mirrored = images[:, 0, 0, 0] == 0
    return np.where(is_mirrored[:, np.newaxis], OTHER[images[:, 0, 2, 0]],
                    TABLE[images[:, 0, 0, 0]])

  _, probabilities, _, _ = answers([make(predict)], source, augment='flip')
  np.testing.assert_allclose(probabilities, (TABLE[7:] + OTHER[7:]) / 2,
                             rtol=1e-6)


def test_each_teacher_has_its_view():
  class Brighter(fakes.View):
    def of(self, records):
      return super().of(records).map(lambda record: {
          **record, 'image': record['image'] - 7,
          'is_good': record['key'] != 'pool/9'})

  _, probabilities, _, is_good = answers(
      [make(fakes.Teacher(TABLE)),
       make(fakes.Teacher(OTHER), view=Brighter())])
  np.testing.assert_allclose(probabilities, (TABLE[7:] + OTHER[:5]) / 2,
                             rtol=1e-6)
  # An image that one of them does not see is broken.
  assert is_good.tolist() == [True, True, False, True, True]


def test_a_fingerprint_is_that_of_all_that_decides():
  first, second = make(None, 'a'), make(None, 'b')
  made = [ensemble.Ensemble(teachers=teachers, **policy).fingerprint
          for teachers, policy in (
              ([first], {}), ([first], {'augment': 'flip'}),
              ([first, second], {}), ([second, first], {}),
              ([first, second], {'weights': (1, 2)}),
              ([first, second], {'augment': 'flip'}))]
  assert made[0] == 'a' and len(set(made)) == len(made)


def test_energy_needs_logits():
  with pytest.raises(errors.RunError) as caught:
    answers([make(fakes.Teacher(TABLE))], with_logits=True)
  assert str(caught.value) == (
      'The teacher `teacher` should give logits for the score `energy`, but '
      'gives probabilities only; leave `energy` out of `Labelling.scores`.')


def test_a_weight_for_each():
  with pytest.raises(errors.RunError) as caught:
    ensemble.Ensemble(teachers=[make(None)], weights=(1, 2))
  assert str(caught.value) == (
      '`Labelling.weights` should be one for each of the 1 teachers, but are '
      '2.')


def test_the_teacher_of_another_class_count_is_named():
  four = fakes.Teacher(fakes.distributions(12, 4))
  with pytest.raises(errors.RunError, match='^The teacher `other` should give '
                     'probabilities of shape .* take a teacher of 3 classes.$'):
    answers([make(fakes.Teacher(TABLE)), make(four, name='other')])
