import numpy as np
import pytest
import tensorflow as tf

from ns.images import decode
from ns.mixture import pseudo_record

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 4, 3), np.uint8)
FIELDS = dict(key='é/1', image=PIXELS, probabilities=[0.25, 0.5, 0.25],
              label=1, confidence=0.5, copies=3)


def record(**changes):
  return pseudo_record.serialise(**{**FIELDS, **changes})


def test_features_are_those_of_the_table():
  example = tf.train.Example.FromString(record(image=b'encoded'))
  feature = example.features.feature
  assert set(feature) == {'image/encoded', 'probabilities', 'label',
                          'confidence', 'copies', 'key'}
  assert feature['image/encoded'].bytes_list.value == [b'encoded']
  assert feature['probabilities'].float_list.value == [0.25, 0.5, 0.25]
  assert feature['label'].int64_list.value == [1]
  assert feature['confidence'].float_list.value == [0.5]
  assert feature['copies'].int64_list.value == [3]
  assert feature['key'].bytes_list.value == ['é/1'.encode()]


def test_parse_gives_back_one_record():
  parsed = pseudo_record.parse(record(), 3)
  assert {name: (value.dtype, value.shape.as_list())
          for name, value in parsed.items()} == {
              'image': (tf.string, []), 'probabilities': (tf.float32, [3]),
              'label': (tf.int64, []), 'confidence': (tf.float32, []),
              'copies': (tf.int64, []), 'key': (tf.string, [])}
  np.testing.assert_array_equal(decode.decode(parsed['image']), PIXELS)
  np.testing.assert_array_equal(parsed['probabilities'], [0.25, 0.5, 0.25])
  assert parsed['label'] == 1 and parsed['confidence'] == 0.5
  assert parsed['copies'] == 3 and parsed['key'] == 'é/1'.encode()


def test_parse_takes_batches_in_tf_data():
  records = [record(label=label, image=PIXELS[..., :1]) for label in (0, 2, 1)]
  batch = next(iter(tf.data.Dataset.from_tensor_slices(records).batch(3).map(
      lambda serialised: pseudo_record.parse(serialised, 3))))
  assert batch['label'].numpy().tolist() == [0, 2, 1]
  assert batch['probabilities'].shape == [3, 3]
  np.testing.assert_array_equal(decode.decode(batch['image'][2]),
                                PIXELS[..., :1])


def test_encoded_bytes_pass_through():
  assert pseudo_record.parse(record(image=b'\xff\xd8 any'), 3)['image'] == (
      b'\xff\xd8 any')


def test_numpy_scalars_and_half_floats_are_taken():
  halves = np.array([0.1, 0.7, 0.2], np.float16)
  parsed = pseudo_record.parse(record(
      probabilities=halves, label=np.int32(1), confidence=np.float32(0.7),
      copies=np.int64(2), key=b'raw'), 3)
  np.testing.assert_array_equal(parsed['probabilities'],
                                halves.astype(np.float32))
  assert parsed['confidence'] == np.float32(0.7)


def test_halves_take_half_and_come_back_exactly():
  halves = np.random.default_rng(1).dirichlet(
      np.full(100, 0.1), 20).astype(np.float16)
  assert len(record(probabilities=halves[0])) < (
      len(record(probabilities=halves[0].astype(np.float32))) - 180)
  # Of both kinds in one batch.
  records = [record(probabilities=row if number % 2 else row.astype(np.float32))
             for number, row in enumerate(halves)]
  parse = lambda serialised: pseudo_record.parse(serialised, 100)
  singles = tf.data.Dataset.from_tensor_slices(records)
  for dataset in singles.batch(20).map(parse), singles.map(parse).batch(20):
    np.testing.assert_array_equal(
        next(iter(dataset))['probabilities'], halves.astype(np.float32))


def test_a_record_without_a_distribution_is_no_number():
  example = tf.train.Example.FromString(record())
  del example.features.feature['probabilities']
  parsed = pseudo_record.parse(example.SerializeToString(), 3)
  assert np.isnan(parsed['probabilities']).all()


def test_equal_records_are_equal_bytes():
  assert record() == record()
  assert record() != record(copies=4)


@pytest.mark.parametrize('dtype', [np.float16, np.float32])
@pytest.mark.parametrize('classes', [1, 2, 4, 6])
def test_another_number_of_classes_is_refused(dtype, classes):
  one = record(probabilities=np.array([0.25, 0.5, 0.25], dtype))
  dataset = tf.data.Dataset.from_tensors(one)
  for records in dataset, dataset.batch(1):
    with pytest.raises(tf.errors.InvalidArgumentError):
      next(iter(records.map(
          lambda record: pseudo_record.parse(record, classes))))
