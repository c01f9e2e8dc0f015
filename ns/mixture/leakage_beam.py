"""The search for leaks as an Apache Beam pipeline: one shard at a time.

The list is the one that `leakage.Search.run` writes, row by row, and what one
began the other goes on with: parts that are there are left alone. The
fingerprints of the evaluation images are made before the pipeline, and read by
the workers; a part gets its name when it is whole. So a worker may die, and two
may work at the same shard, as runners have it.

It imports Apache Beam, so nothing but the tool that searches so imports it.
"""

from collections.abc import Sequence
import dataclasses
from typing import Any
import uuid

import apache_beam as beam
from apache_beam.utils import shared

from ns.mixture import leakage
from ns.mixture import leakage_job
from ns.mixture import sources


def run(search: leakage.Search, compared: Sequence[sources.Source],
        evaluation_sets: Sequence[sources.Source], folder: str, options,
        within: Sequence[sources.Source] = ()) -> dict[str, Any]:
  """Compares all, and writes the list into a folder.

  Args:
    search: how images are compared.
    compared: as of `Search.run`.
    evaluation_sets: as of `Search.run`.
    folder: where the workers write and read, too.
    options: `PipelineOptions` of Apache Beam.
    within: as of `Search.run`.

  Returns:
    As of `Search.run`.

  Raises:
    RunError: as of `Search.run`, where it is known before or after the
      pipeline; within, Apache Beam raises what it makes of it.
  """
  job = leakage_job.Job.of(search, compared, evaluation_sets, folder, within)
  if (found := job.finished()) is not None:
    return found
  job.look_at_evaluation_sets()
  todo = [(number, shard) for number, each in enumerate(job.compared)
          for shard in each.source.shards
          if not job.has_part(each.source.name, shard.name)]
  if todo:
    with beam.Pipeline(options=options) as pipeline:
      _ = (pipeline
           | 'Shards' >> beam.Create(todo)
           | 'Spread' >> beam.Reshuffle()
           | 'Compare' >> beam.ParDo(CompareShard(job)))
  return job.join()


class CompareShard(beam.DoFn):
  """Writes the part of a shard."""

  def __init__(self, job: leakage_job.Job):
    self._job = dataclasses.replace(
        job, compared=sources.declared(tuple(job.compared)),
        evaluation_sets=sources.declared(tuple(job.evaluation_sets)))
    # One index for all threads of a process.
    self._shared = shared.Shared()

  def setup(self):
    self._index = self._shared.acquire(self._job.index)

  def process(self, element):
    number, shard = element
    compared = self._job.compared[number]
    path = self._job.part_path(compared.source.name, shard.name)
    # Another worker may be at it too; whoever is last gives it its name.
    own = path.with_name(f'.{uuid.uuid4().hex}-{path.name}')
    self._job.write_part(self._index, compared, shard, path=own)
    own.replace(path)
    beam.metrics.Metrics.counter('noisy_student', 'images_compared').inc(
        shard.num_examples)
