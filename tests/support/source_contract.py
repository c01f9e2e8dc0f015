"""What every source keeps, whatever its files are (`ns.mixture.sources`)."""

import os

import numpy as np
import pytest

from ns.core import errors


@pytest.fixture(name='cache', autouse=True)
def make_cache(tmp_path, monkeypatch):
  """Where the manifests of a test are, if it imports this fixture."""
  monkeypatch.setenv('NS_CACHE_DIR', str(tmp_path / 'cache'))
  return tmp_path / 'cache'


def error(call) -> str:
  """What the `RunError` says with which a call ends."""
  with pytest.raises(errors.RunError) as caught:
    call()
  return str(caught.value)


def records(source, *where):
  """Key, image and label of each, None where there is no label."""
  return [(r['key'].decode(), r['image'], r.get('label'))
          for r in source.records(*where).as_numpy_iterator()]


def check(source, expected) -> None:
  """Compares all that a source gives with what it should have.

  Args:
    source: of encoded images.
    expected: key, bytes and class of each example in order; the class is None
      where there are no labels.
  """
  keys, _, labels = zip(*expected)
  total = len(expected)
  assert source.num_examples == total
  assert source.keys() == list(keys) and len(set(keys)) == total
  assert all(key.startswith(f'{source.name}/') for key in keys)
  assert source.image_shape is None
  assert records(source) == list(expected)
  assert source.is_labelled == (labels[0] is not None)
  if source.is_labelled:
    assert source.class_ids.dtype == np.int64
    assert source.class_ids.tolist() == list(labels)
    assert source.hidden_labels().tolist() == list(labels)
    assert source.classes == len(source.class_names)
  else:
    assert source.hidden_labels() is None
    with pytest.raises(ValueError, match='is not labelled'):
      _ = source.class_ids
  ends = 0
  random = np.random.default_rng(0)
  for shard in source.shards:
    assert shard.first == ends and shard.num_examples > 0 and shard.name
    ends += shard.num_examples
    part = expected[shard.first:ends]
    assert records(source, shard) == list(part)
    for _ in range(3):
      rows = np.flatnonzero(random.random(shard.num_examples) < 0.5)
      assert records(source, shard, rows) == [part[row] for row in rows]
  assert ends == total
  assert len({shard.name for shard in source.shards}) == len(source.shards)
  columns = source.columns(np.arange(total)[::2])
  assert sorted(columns) == ['image', 'key', *(
      ['label'] if source.is_labelled else [])]
  assert list(zip(columns['key'], columns['image'], columns.get(
      'label', [None] * total))) == [
          (key.encode(), *rest) for key, *rest in expected[::2]]
  none = source.columns(np.arange(0))
  assert {name: (len(values), values.dtype) for name, values in none.items()
          } == {name: (0, values.dtype) for name, values in columns.items()}
  some = np.arange(total)[::2]
  assert source.keys(some) == list(keys[::2])
  found = source.at(some)
  assert {name: spec.dtype.name for name, spec in found.element_spec.items()
          } == {'key': 'string', 'image': 'string',
                **({'label': 'int64'} if source.is_labelled else {})}
  assert [r['image'] for r in found.as_numpy_iterator()] == [
      image for _, image, _ in expected[::2]]
  assert source.canonical() == {'source': source.name,
                                'digest': source.digest()}


def check_restart(make, monkeypatch) -> None:
  """Checks that nothing is listed or counted again where a manifest is.

  Args:
    make: gives the source, a new object at each call.
  """
  before = make()
  keys, digest = before.keys(), before.digest()

  def refuse(*args, **kwargs):
    raise AssertionError(f'listed {args}')

  again = make()
  with monkeypatch.context() as patched:
    for name in 'walk', 'scandir', 'listdir':
      patched.setattr(os, name, refuse)
    patched.setattr('glob.glob', refuse)
    patched.setattr(type(again), 'look_through', refuse)
    again.read()
    assert again.keys() == keys and again.digest() == digest
    assert again.num_examples == len(keys)
    assert len(records(again)) == len(keys)
