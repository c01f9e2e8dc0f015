import pytest

from ns.mixture import batches
from ns.mixture import proportions


@pytest.mark.parametrize('kind', [batches.ExactRatio, batches.Sampled])
@pytest.mark.parametrize('labelled_batch, ratio, product, way_out', [
    (5, 0.5, '2.5', 'the nearest that come out whole are 4 and 6'),
    (7, 1.25, '8.75', 'the nearest that come out whole are 4 and 8'),
    (1, 0.75, '0.75', 'the nearest that come out whole are 4 and 8'),
    (10, 0.33, '3.3', 'the nearest that come out whole are 100 and 200'),
    (64, 0.3, '19.2', 'the nearest that come out whole are 60 and 70'),
    (1, 1e-10, '1e-10',
     'none up to 1001 comes out whole, so take another ratio')])
def test_a_ratio_that_does_not_come_out_whole(
    kind, labelled_batch, ratio, product, way_out):
  with pytest.raises(ValueError) as caught:
    kind(labelled_batch=labelled_batch, ratio=ratio)
  assert str(caught.value) == (
      f'`{kind.__name__}.labelled_batch` times `ratio` should be a whole '
      f'number of at least 1, but {labelled_batch} x {ratio:g} is {product}; '
      f'of batches, {way_out}.')


@pytest.mark.parametrize('labelled_batch, ratio, pseudo', [
    (100, 1.1, 110), (10, 0.7, 7), (100, 0.57, 57), (3, 7 / 3, 7)])
def test_a_ratio_may_be_rounded_as_floats_are(labelled_batch, ratio, pseudo):
  mixture = batches.ExactRatio(labelled_batch=labelled_batch, ratio=ratio)
  assert mixture.pseudo_labelled_batch == pseudo


def test_others_are_in_proportion_to_the_labelled_images_that_count():
  mixture = batches.ExactRatio(labelled_batch=8, ratio=3,
                               label_data_sample_prob=0.5)
  assert (mixture.labelled_batch, mixture.batch_size) == (8, 8 + 12)
  assert proportions.counted_labelled(mixture) == 4
  assert repr(proportions.counted_labelled(
      batches.Labelled(labelled_batch=4))) == '4'
  with pytest.raises(ValueError) as caught:
    batches.ExactRatio(labelled_batch=8, ratio=3, label_data_sample_prob=0.3)
  assert str(caught.value) == (
      '`ExactRatio.labelled_batch` times `label_data_sample_prob` times '
      '`ratio` should be a whole number of at least 1, but 8 x 0.3 x 3 is 7.2; '
      'of batches, the nearest that come out whole are 10 and 20.')


@pytest.mark.parametrize('mixture, most, expected', [
    (batches.Labelled(labelled_batch=12), [100], 6),
    (batches.Labelled(labelled_batch=12), [5], 4),
    (batches.ExactRatio(labelled_batch=8, ratio=1.5), [100, 100], 4),
    (batches.ExactRatio(labelled_batch=8, ratio=2), [100, 3], 2),
    (batches.ExactRatio(labelled_batch=8, ratio=2, lanes=5), [100, 99], 4)])
def test_as_many_lanes_as_divide_the_parts_of_a_batch(mixture, most, expected):
  assert proportions.lanes(mixture, *most) == expected
  assert proportions.lanes_of_hosts(mixture, 2, *most) == expected
