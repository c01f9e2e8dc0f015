import numpy as np
from pyarrow import parquet
import pytest

from ns.core import errors
from ns.core import seeds
from ns.pseudolabel import header as headers
from ns.pseudolabel import keep_selection
from ns.pseudolabel import labelling
from ns.pseudolabel import materialise
from ns.pseudolabel import store
from tests.pseudolabel import fakes

SIZES = (70, 30)
TABLE = fakes.distributions(100, 3, seed=4)
COPIES = np.random.default_rng(5).integers(1, 6, 100)


class Selected(fakes.Pool):
  """Images of an earlier selection."""

  def copies(self, shard):
    return COPIES[shard.first:shard.first + shard.num_examples]


def keep(folder, source, labels, **how):
  return keep_selection.KeepSelection(
      materialise=materialise.Materialise(**how)).run(
          str(labels), source, str(folder), seeds.Seed(0), 3)


def rows(folder):
  return parquet.read_table(folder / 'selection.parquet').to_pydict()


@pytest.mark.parametrize('images_per_part', [20, 1000])
def test_all_images_as_often_as_before(tmp_path, images_per_part):
  source = Selected(SIZES)
  labelling.Labelling(batch_size=32).run(
      fakes.teachers(TABLE), source, str(tmp_path / 'labels'))
  counts = keep(tmp_path / 'kept', source, tmp_path / 'labels',
                images_per_part=images_per_part)
  found = rows(tmp_path / 'kept')
  assert found['key'] == source.keys
  assert found['copies'] == COPIES.tolist()
  assert found['label'] == TABLE.argmax(axis=1).tolist()
  assert sum(counts['records'].values()) == counts['copies'] == COPIES.sum()
  assert sum(counts['record_images'].values()) == counts['used'] == 100
  assert counts['copies_per_class'] == np.bincount(
      TABLE.argmax(axis=1), COPIES).tolist()


def test_an_image_that_does_not_decode_any_more(tmp_path):
  source, good = Selected(SIZES), np.arange(100) != 40
  header = headers.Header(classes=3, teacher_fingerprint='t1',
                          source_name='pool', source_digest='d1')
  for shard in source.shards:
    some = slice(shard.first, shard.first + shard.num_examples)
    with store.writing_predictions(
        store.predictions_path(tmp_path, shard.name), header) as writer:
      writer.write(source.keys[some], TABLE[some], is_good=good[some])
  counts = keep(tmp_path / 'kept', source, tmp_path)
  assert (counts['used'], counts['broken']) == (99, 1)
  found = rows(tmp_path / 'kept')
  assert found['key'] == source.keys[:40] + source.keys[41:]
  assert found['copies'] == COPIES[good].tolist()


def test_a_pool_is_no_selection(tmp_path):
  with pytest.raises(errors.RunError) as caught:
    keep(tmp_path, fakes.Pool(SIZES), tmp_path)
  assert str(caught.value) == (
      '`KeepSelection` should be for an earlier selection, but `pool` is none; '
      'bind `Generation.relabel`, or a `Select`.')


def test_materialise_has_to_be_built():
  with pytest.raises(TypeError, match='`KeepSelection.materialise` should be a '
                     'value of type Materialise'):
    keep_selection.KeepSelection(materialise=3)
