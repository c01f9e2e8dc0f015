from ns.mixture import sources


def test_even_shards_cover_all_by_brute_force(monkeypatch):
  monkeypatch.setattr(sources, '_MAX_SHARD', 5)
  for examples in range(1, 60):
    shards = sources.even_shards(examples)
    fewest = next(n for n in range(1, 60) if n * 5 >= examples)
    assert len(shards) == fewest
    sizes = [shard.num_examples for shard in shards]
    assert max(sizes) <= 5 and max(sizes) - min(sizes) <= 1
    covered = [i for shard in shards
               for i in range(shard.first, shard.first + shard.num_examples)]
    assert covered == list(range(examples))
    assert [shard.name for shard in shards] == [
        f'{i:05}-of-{fewest:05}' for i in range(fewest)]


def test_a_shard_has_16384_examples_at_most():
  assert [s.num_examples for s in sources.even_shards(16384)] == [16384]
  assert [s.num_examples for s in sources.even_shards(16385)] == [8192, 8193]
  assert [s.num_examples for s in sources.even_shards(0)] == [0]
