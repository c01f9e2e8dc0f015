import importlib

import numpy as np
import pyarrow as pa
from pyarrow import parquet
import pytest

from ns.core import errors
from ns.pseudolabel import header as headers
from ns.pseudolabel import rows_writer
from ns.pseudolabel import store
from tests.pseudolabel import fakes

HEADER = headers.Header(classes=3, teacher_fingerprint='t1',
                        source_name='pool', source_digest='d1')


def write(path, keys, probabilities, batch=4, header=HEADER):
  with store.writing_predictions(path, header) as writer:
    for begin in range(0, len(keys), batch):
      writer.write(keys[begin:begin + batch],
                   probabilities[begin:begin + batch])
  return path


@pytest.fixture
def path(tmp_path):
  return str(tmp_path / 'predictions-a.parquet')


@pytest.fixture
def rows():
  return [f'k/{i}' for i in range(10)], fakes.distributions(10, 3)


def test_pyarrow_opens_the_file_and_finds_columns_and_metadata(path, rows):
  keys, probabilities = rows
  write(path, keys, probabilities)
  table = parquet.read_table(path)
  assert [(f.name, str(f.type), f.nullable) for f in table.schema] == [
      ('key', 'string', False), ('label', 'int32', False),
      ('confidence', 'float', False),
      ('probabilities', 'fixed_size_list<element: halffloat not null>[3]',
       False)]
  assert table['key'].to_pylist() == keys
  assert table['label'].to_pylist() == [
      max(range(3), key=lambda c: row[c]) for row in probabilities.tolist()]
  assert table['confidence'].to_pylist() == [
      max(row) for row in probabilities.tolist()]
  assert table['probabilities'].to_pylist() == (
      probabilities.astype(np.float16).tolist())
  metadata = parquet.read_metadata(path).metadata
  assert {name: value for name, value in metadata.items()
          if name.startswith(b'noisy_student.')} == {
              b'noisy_student.format': b'predictions',
              b'noisy_student.version': b'1',
              b'noisy_student.classes': b'3',
              b'noisy_student.teacher_fingerprint': b't1',
              b'noisy_student.source_name': b'pool',
              b'noisy_student.source_digest': b'd1'}


def test_label_and_confidence_are_from_before_rounding(path):
  # Both round to 0.5 in float16, whose spacing there is 2**-11.
  probabilities = np.array([[0.49995, 0.50005, 0.0]], np.float32)
  assert len(set(probabilities[0, :2].astype(np.float16))) == 1
  write(path, ['a'], probabilities)
  row = next(store.read(path, ['label', 'confidence']))
  assert row['label'].tolist() == [1]
  assert row['confidence'] == probabilities[0, 1]


def test_a_tie_is_the_lowest_class(path):
  write(path, ['a', 'b'], np.array([[0.2, 0.4, 0.4], [0.5, 0.5, 0]],
                                   np.float32))
  assert next(store.read(path, ['label']))['label'].tolist() == [1, 0]


@pytest.mark.parametrize('batch_size', [1, 3, 10, 100])
def test_read_gives_the_asked_columns_in_batches_in_order(path, rows,
                                                          batch_size):
  keys, probabilities = rows
  write(path, keys, probabilities)
  batches = list(store.read(path, ['probabilities', 'key'], batch_size))
  assert [set(batch) for batch in batches] == (
      [{'key', 'probabilities'}] * len(batches))
  sizes = [len(batch['key']) for batch in batches]
  assert sizes[:-1] == [batch_size] * (len(sizes) - 1) and sum(sizes) == 10
  assert [key for batch in batches for key in batch['key']] == keys
  read = np.concatenate([batch['probabilities'] for batch in batches])
  assert read.dtype == np.float16
  np.testing.assert_array_equal(read, probabilities.astype(np.float16))


def test_batches_across_groups_of_rows_are_whole(path, monkeypatch, rows):
  monkeypatch.setattr(rows_writer, 'GROUP_ROWS', 4)
  write(path, *rows)
  file = parquet.ParquetFile(path).metadata
  assert [file.row_group(i).num_rows for i in range(file.num_row_groups)] == (
      [4, 4, 2])
  batches = list(store.read(path, ['key', 'label', 'probabilities'], 3))
  assert [len(batch['key']) for batch in batches] == [3, 3, 3, 1]
  assert [key for batch in batches for key in batch['key']] == rows[0]
  np.testing.assert_array_equal(
      np.concatenate([batch['probabilities'] for batch in batches]),
      rows[1].astype(np.float16))


def test_bytes_do_not_depend_on_the_batches(tmp_path):
  keys = [f'k/{i}' for i in range(3000)]
  probabilities = fakes.distributions(3000, 3)
  contents = {
      open(write(tmp_path / f'{batch}', keys, probabilities, batch),
           'rb').read() for batch in (1, 7, 1024, 3000)}
  assert len(contents) == 1


def test_keys_may_be_bytes_of_any_text(path):
  write(path, ['é/1'.encode(), 'a�', ''], fakes.distributions(3, 3))
  assert next(store.read(path, ['key']))['key'].tolist() == [
      'é/1', 'a�', '']


def test_nothing_is_left_when_the_block_fails(tmp_path, rows):
  path = tmp_path / 'predictions-a.parquet'
  with pytest.raises(KeyboardInterrupt):
    with store.writing_predictions(path, HEADER) as writer:
      writer.write(*rows)
      assert not path.exists()
      raise KeyboardInterrupt
  assert not list(tmp_path.iterdir())


def test_a_failed_write_keeps_the_older_file(path, rows):
  write(path, *rows)
  before = open(path, 'rb').read()
  with pytest.raises(ZeroDivisionError):
    with store.writing_predictions(path, HEADER) as writer:
      writer.write(['other'], fakes.distributions(1, 3))
      raise ZeroDivisionError
  assert open(path, 'rb').read() == before


def test_a_file_without_rows_can_be_read(path):
  write(path, [], np.empty((0, 3), np.float32))
  assert store.read_header(path) == (HEADER, 0)
  assert sum(len(b['key']) for b in store.read(path, ['key'])) == 0


def test_header_comes_back(path, rows):
  write(path, *rows)
  assert store.read_header(path) == (HEADER, 10)


def test_selection_has_its_columns(tmp_path):
  path = store.selection_path(tmp_path)
  with store.writing_selection(path, HEADER) as writer:
    writer.write(['a', 'b'], np.array([2, 0]), np.array([0.5, 0.25]),
                 np.array([3, 1]))
  assert parquet.read_table(path).to_pydict() == {
      'key': ['a', 'b'], 'label': [2, 0], 'confidence': [0.5, 0.25],
      'copies': [3, 1]}
  assert store.read_header(path, headers.SELECTION) == (HEADER, 2)
  rows = next(store.read(path, ['copies'], kind=headers.SELECTION))
  assert rows['copies'].tolist() == [3, 1]


def test_predictions_path_names_the_shard():
  assert store.predictions_path('f', '0-of-2') == 'f/predictions-0-of-2.parquet'


@pytest.mark.parametrize('name', ['', 'a/b'])
def test_shard_name_should_stand_in_a_file_name(name):
  with pytest.raises(ValueError) as caught:
    store.predictions_path('f', name)
  assert str(caught.value) == (
      '`shard_name` should be a name that can stand in a file name, without '
      f'`/`, but is {name!r}.')


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_not_finite_names_the_key(path, rows, bad):
  keys, probabilities = rows
  probabilities[5, 1] = bad
  with pytest.raises(errors.RunError) as caught:
    write(path, keys, probabilities)
  assert str(caught.value) == (
      f'The probabilities of `k/5` should be finite, but hold {bad}; look at '
      "the teacher's weights and at that image.")


@pytest.mark.parametrize('row, sentence', [
    ([2, -1, 0], 'go from -1 to 2 and add up to 1'),
    ([0.5, 0.25, 0], 'go from 0 to 0.5 and add up to 0.75')])
def test_not_a_distribution_names_the_key(path, rows, row, sentence):
  keys, probabilities = rows
  probabilities[9] = row
  with pytest.raises(errors.RunError) as caught:
    write(path, [key.encode() for key in keys], probabilities)
  assert str(caught.value) == (
      f'The probabilities of `k/9` should be a distribution, but {sentence}; '
      'end the teacher with a softmax.')


def test_a_softmax_in_bfloat16_is_near_enough(path):
  import tensorflow as tf
  logits = np.random.default_rng(0).normal(size=(64, 1000)).astype(np.float32)
  rounded = tf.cast(tf.nn.softmax(tf.cast(logits, tf.bfloat16)), tf.float32)
  header = headers.Header(classes=1000, teacher_fingerprint='t',
                          source_name='p', source_digest='d')
  write(path, [str(i) for i in range(64)], rounded.numpy(), 64, header)
  assert store.read_header(path)[1] == 64


def test_shape_should_fit_keys_and_classes(path):
  with pytest.raises(ValueError) as caught:
    write(path, ['a', 'b'], fakes.distributions(2, 4))
  assert str(caught.value) == (
      '`probabilities` should be of shape [rows, classes] = [2, 3], but is of '
      'shape [2, 4].')


def test_key_should_be_text(path):
  with pytest.raises(errors.RunError) as caught:
    write(path, [b'a', b'b\xff'], fakes.distributions(2, 3))
  assert str(caught.value) == (
      f"A key for `{path}` should be UTF-8 text, but is b'b\\xff'; rename that "
      'example.')


def read_all(path, **kwargs):
  return list(store.read(path, ['key'], **kwargs))


def test_missing_file(path):
  with pytest.raises(errors.RunError) as caught:
    read_all(path)
  assert str(caught.value) == (
      f'There is no file of predictions `{path}`; run the stage that writes it '
      'first.')


def test_not_parquet(path, rows):
  write(path, *rows)
  content = open(path, 'rb').read()
  for other in b'key,label\n', b'', content[:-1], content[:100]:
    with open(path, 'wb') as file:
      file.write(other)
    with pytest.raises(errors.RunError) as caught:
      read_all(path)
    assert str(caught.value) == (
        f'`{path}` should be a Parquet file of predictions, but is not Parquet '
        'or is cut off; remove it and run its stage again.')


def test_damaged_pages(path, rows):
  write(path, *rows)
  content = bytearray(open(path, 'rb').read())
  content[4:200] = b'\xff' * 196
  with open(path, 'wb') as file:
    file.write(content)
  with pytest.raises(errors.RunError) as caught:
    read_all(path)
  assert str(caught.value).startswith(f'`{path}` is damaged (')
  assert str(caught.value).endswith(
      '); remove it and run its stage again.')


def rewritten(path, metadata=None, columns=None):
  """The file with other metadata or columns, as another program writes it."""
  table = parquet.read_table(path)
  if columns:
    table = table.select(columns)
  kept = {name: value for name, value in
          ({**table.schema.metadata, **(metadata or {})}).items()
          if value is not None}
  parquet.write_table(table.replace_schema_metadata(kept), path)


def test_other_format(path, rows):
  write(path, *rows)
  with pytest.raises(errors.RunError) as caught:
    read_all(path, kind=headers.SELECTION)
  assert str(caught.value) == (
      f'`{path}` should be a Parquet file of selection, but its metadata says '
      "format 'predictions'; name a file that this system wrote as selection.")
  parquet.write_table(pa.table({'key': ['a']}), path)
  with pytest.raises(errors.RunError, match='says format None; name a file'):
    read_all(path)


def test_other_version(path, rows):
  write(path, *rows)
  rewritten(path, {b'noisy_student.version': b'2'})
  with pytest.raises(errors.RunError) as caught:
    read_all(path)
  assert str(caught.value) == (
      f"`{path}` should be of format version 1, but is of version '2'; write "
      'it again with this version of the system.')


@pytest.mark.parametrize('name, value, sentence', [
    (b'source_digest', None, 'lacks source_digest'),
    (b'classes', b'three', "its classes are 'three'")])
def test_metadata_should_be_whole(path, rows, name, value, sentence):
  write(path, *rows)
  rewritten(path, {b'noisy_student.' + name: value})
  with pytest.raises(errors.RunError) as caught:
    read_all(path)
  assert str(caught.value) == (
      f'The metadata of `{path}` should give classes, teacher_fingerprint, '
      f'source_name, source_digest, but {sentence}; write it again.')


def test_columns_should_be_as_written(path, rows):
  write(path, *rows)
  rewritten(path, columns=['key', 'label'])
  with pytest.raises(errors.RunError) as caught:
    read_all(path)
  assert str(caught.value) == (
      f'`{path}` should have the columns `key` string, `label` int32, '
      '`confidence` float, `probabilities` fixed_size_list<element: halffloat '
      'not null>[3], but has `key` string, `label` int32; write it again.')


def test_other_classes(path, rows):
  write(path, *rows)
  assert read_all(path, classes=3)
  with pytest.raises(errors.RunError) as caught:
    read_all(path, classes=10)
  assert str(caught.value) == (
      f'`{path}` should be of 10 classes, but is of 3; label the pool again '
      'with a teacher of this run.')


def test_unknown_column(path, rows):
  write(path, *rows)
  with pytest.raises(ValueError) as caught:
    list(store.read(path, ['key', 'copies']))
  assert str(caught.value) == (
      '`columns` should be among key, label, confidence, probabilities, but '
      "has 'copies'.")


def top(k, classes=6, **more):
  return headers.Header(classes=classes, teacher_fingerprint='t1',
                        source_name='pool', source_digest='d1', top_k=k, **more)


@pytest.mark.parametrize('k', [1, 2, 5])
def test_the_highest_classes_and_the_rest_spread_evenly(path, k):
  probabilities = fakes.distributions(40, 6)
  probabilities[:4] = [[.2, .3, .3, .1, .05, .05], [.5, .5, 0, 0, 0, 0],
                       [1, 0, 0, 0, 0, 0], [.1, .1, .2, .2, .2, .2]]
  keys = [f'k/{i}' for i in range(40)]
  write(path, keys, probabilities, batch=7, header=top(k))
  table = parquet.read_table(path).to_pydict()
  assert list(table) == ['key', 'label', 'confidence', 'top_classes',
                         'top_probabilities', 'rest']
  expected = np.empty((40, 6), np.float32)
  for i, row in enumerate(probabilities.tolist()):
    order = sorted(range(6), key=lambda c: (-row[c], c))
    assert table['top_classes'][i] == order[:k]
    assert table['top_probabilities'][i] == [
        float(np.float16(row[c])) for c in order[:k]]
    rest = 1 - sum(row[c] for c in order[:k])
    assert table['rest'][i] == pytest.approx(rest, abs=1e-6)
    expected[i] = rest / (6 - k)
    expected[i, order[:k]] = table['top_probabilities'][i]
    assert (table['label'][i], table['confidence'][i]) == (order[0],
                                                           row[order[0]])
  batches = list(store.read(path, ['probabilities', 'key'], 9))
  found = np.concatenate([batch['probabilities'] for batch in batches])
  assert found.dtype == np.float32 and set(batches[0]) == {
      'probabilities', 'key'}
  np.testing.assert_allclose(found, expected, atol=1e-6)
  np.testing.assert_allclose(found.sum(axis=1), 1, atol=2e-3)


def test_classes_are_as_narrow_as_can_be(path):
  write(path, ['a'], fakes.distributions(1, 6), header=top(2))
  assert str(parquet.read_schema(path).field('top_classes').type) == (
      'fixed_size_list<element: int16 not null>[2]')
  wide = np.zeros((1, 2**15 + 1), np.float32)
  wide[0, [2**15, 7]] = 0.75, 0.25
  write(path, ['a'], wide, header=top(2, 2**15 + 1))
  row = next(store.read(path, ['top_classes', 'rest', 'probabilities']))
  assert row['top_classes'].tolist() == [[2**15, 7]]
  assert row['top_classes'].dtype == np.int32 and row['rest'].tolist() == [0]
  np.testing.assert_array_equal(row['probabilities'], wide)


def test_a_file_of_the_highest_classes_without_rows(path):
  write(path, [], np.empty((0, 6), np.float32), header=top(2))
  with store.writing_predictions(path, top(2)) as writer:
    writer.write([], np.empty((0, 6), np.float32))
  assert list(store.read(path, ['probabilities'])) == []


def test_scores_are_from_before_rounding(path):
  from ns.pseudolabel import scores
  logits = np.random.default_rng(0).normal(0, 3, (20, 6)).astype(np.float32)
  probabilities = np.exp(logits)
  probabilities /= probabilities.sum(axis=1, keepdims=True)
  names = ('energy', 'entropy', 'margin')
  for header in top(None, scores=names), top(2, scores=names):
    with store.writing_predictions(path, header) as writer:
      writer.write([str(i) for i in range(20)], probabilities, logits)
    rows = next(store.read(path, names))
    for name in names:
      assert rows[name].dtype == np.float32
      np.testing.assert_array_equal(rows[name], scores.of(
          name, probabilities, logits))
    assert parquet.read_schema(path).names[:6] == [
        'key', 'label', 'confidence', *names]
    assert store.read_header(path) == (header, 20)


def test_a_broken_image_is_of_a_teacher_that_knows_nothing(path, rows):
  header = top(None, scores=('entropy', 'margin', 'energy'))
  table = fakes.distributions(3, 6)
  logits = np.log(table) + 4
  bad = table.copy()
  bad[1] = np.nan  # Whatever it says.
  with store.writing_predictions(path, header) as writer:
    writer.write(['a', 'b', 'c'], bad, logits, np.array([True, False, True]))
  found, = store.read(path, ['label', 'confidence', 'probabilities',
                             'entropy', 'margin', 'energy'])
  expected = table.max(axis=1)
  expected[1] = 0
  np.testing.assert_array_equal(found['confidence'], expected)
  assert found['label'][1] == 0
  np.testing.assert_array_equal(found['probabilities'][1], np.float16(1 / 6))
  np.testing.assert_array_equal(found['probabilities'][::2],
                                table[::2].astype(np.float16))
  np.testing.assert_allclose(found['entropy'][1], np.log(6), rtol=1e-6)
  np.testing.assert_allclose(found['energy'], [4, np.log(6), 4], rtol=1e-5)
  assert found['margin'][1] == 0


def test_energy_needs_logits_of_the_shape(path):
  with pytest.raises(ValueError, match='`logits` should be given for the score'
                     ' `energy`'):
    write(path, ['a'], fakes.distributions(1, 6), header=top(2, scores=(
        'energy',)))
  with pytest.raises(ValueError) as caught:
    with store.writing_predictions(path, top(2)) as writer:
      writer.write(['a'], fakes.distributions(1, 6), np.zeros((1, 5)))
  assert str(caught.value) == (
      '`logits` should be of shape [rows, classes] = [1, 6], but is of shape '
      '[1, 5].')


def test_the_header_says_all_of_it_and_a_selection_what_is_its_own(tmp_path):
  header = top(2, temperature=1.3, scores=('entropy', 'margin'))
  path = tmp_path / 'predictions-a.parquet'
  write(path, ['a'], fakes.distributions(1, 6), header=header)
  assert store.read_header(path) == (header, 1)
  metadata = parquet.read_metadata(path).metadata
  assert {name: metadata[b'noisy_student.' + name] for name in (
      b'top_k', b'temperature', b'scores')} == {
          b'top_k': b'2', b'temperature': b'1.3', b'scores': b'entropy margin'}
  selection = store.selection_path(tmp_path)
  with store.writing_selection(selection, header) as writer:
    writer.write(['a'], [0], [1.0], [1])
  assert store.read_header(selection, headers.SELECTION)[0] == (
      headers.Header(classes=6, teacher_fingerprint='t1', source_name='pool',
                     source_digest='d1', temperature=1.3))


@pytest.mark.parametrize('name, value, sentence', [
    (b'top_k', b'two', "invalid literal for int() with base 10: 'two'"),
    (b'top_k', b'6', '`Header.top_k` should be below the 6 classes, but is 6; '
     'None keeps whole distributions'),
    (b'temperature', b'0', '`Header.temperature` should be a number above 0, '
     'but is 0.0'),
    (b'scores', b'margin loss', '`Header.scores` should be different ones of '
     "entropy, margin, energy, but is ('margin', 'loss')")])
def test_metadata_should_make_sense(path, name, value, sentence):
  write(path, ['a'], fakes.distributions(1, 6), header=top(2))
  rewritten(path, {b'noisy_student.' + name: value})
  with pytest.raises(errors.RunError) as caught:
    read_all(path)
  assert str(caught.value) == (
      f'The metadata of `{path}` should describe its columns, but does not: '
      f'{sentence}; write it again.')


def test_scores_should_be_different():
  with pytest.raises(ValueError, match='should be different ones of'):
    top(2, scores=('margin', 'margin'))


def test_what_float16_keeps(path):
  small = [2.0**-24, 2.0**-25 * 1.01, 2.0**-25, 1e-9]
  row = np.array([[1 - sum(small), *small, 0]], np.float32)
  write(path, ['a'], row, header=top(None))
  found = next(store.read(path, ['probabilities']))['probabilities'][0]
  assert found.tolist() == [1, 2.0**-24, 2.0**-24, 0, 0, 0]


def test_all_float16_come_about_as_numpy_rounds(path):
  # Every float16 in [0, 1], the middles between them, and next to these.
  halves = np.arange(0x3c01, dtype=np.uint16).view(np.float16).astype(
      np.float32)
  middles = (halves[1:] + halves[:-1]) / 2
  values = np.concatenate([
      halves, middles, np.nextafter(middles, np.float32(0)),
      np.nextafter(middles, np.float32(1))])
  rows = np.stack([values, 1 - values], axis=1)
  header = headers.Header(classes=2, teacher_fingerprint='t1',
                          source_name='pool', source_digest='d1')
  write(path, ['k'] * len(rows), rows, 4096, header)
  found = np.concatenate([batch['probabilities'] for batch in store.read(
      path, ['probabilities'])])
  np.testing.assert_array_equal(found, rows.astype(np.float16))


def test_what_float16_loses_at_a_temperature(path):
  # The bound of the module: (2^-25)^(1 / T) for each class below 2^-25.
  generator = np.random.default_rng(0)
  rows = np.exp(generator.normal(0, 9, (50, 1000)))
  rows /= rows.sum(axis=1, keepdims=True)
  header = top(None, 1000)
  write(path, [str(i) for i in range(50)], rows, 50, header)
  found = np.concatenate([batch['probabilities'] for batch in store.read(
      path, ['probabilities'])]).astype(float)
  for temperature in 1.0, 1.1, 2.0:
    lost = np.where(found == 0, rows ** (1 / temperature), 0).sum(axis=1)
    assert 0 < lost.max() <= 1000 * 2 ** (-25 / temperature)
  assert 1000 * 2 ** (-25 / 1.1) < 2e-4 and 0.1 < 1000 * 2 ** -12.5 < 1 / 5


@pytest.mark.parametrize('k', [None, 2])
@pytest.mark.parametrize('program', ['pandas', 'duckdb'])
def test_other_programs_open_the_file(path, k, program):
  module = importlib.import_module(program)
  probabilities = fakes.distributions(20, 6)
  keys = [f'k/{i}' for i in range(20)]
  write(path, keys, probabilities, header=top(k, scores=('margin',)))
  if program == 'duckdb':
    columns = dict(zip(
        parquet.read_schema(path).names,
        zip(*module.sql(f"SELECT * FROM '{path}'").fetchall())))
  else:
    frame = module.read_parquet(path)
    columns = {name: list(frame[name]) for name in frame.columns}
  assert list(columns['key']) == keys
  assert list(columns['label']) == probabilities.argmax(axis=1).tolist()
  np.testing.assert_array_equal(columns['confidence'],
                                probabilities.max(axis=1))
  lists = columns['probabilities' if k is None else 'top_probabilities']
  expected = probabilities if k is None else np.sort(probabilities)[:, :-3:-1]
  np.testing.assert_array_equal(
      np.array([list(row) for row in lists], np.float16),
      expected.astype(np.float16))
