"""Labelling as an Apache Beam pipeline: many machines, one shard at a time.

The teachers are exported networks, which decode and crop by themselves. What
comes out are the files that `Labelling.run` writes, with the same header and,
apart from the rounding of floats, the same bytes, so that a run goes on with
them as with its own. A shard whose file is finished is left alone.

An element of the pipeline is a shard of the source, and its result a file that
gets its name when it is whole. So a worker may die, and two may work at the
same shard, as runners have it.

It imports Apache Beam, so nothing but the tool that labels so imports it.
"""

from collections.abc import Sequence
import uuid

import apache_beam as beam
from apache_beam.utils import shared
from etils import epath

from ns.core import errors
from ns.mixture import sources
from ns.pseudolabel import ensemble as ensembles
from ns.pseudolabel import exported as exported_lib
from ns.pseudolabel import header as headers
from ns.pseudolabel import labelled_shard
from ns.pseudolabel import labelling as labelling_lib
from ns.pseudolabel import store
from ns.pseudolabel import tally as tallies


def run(labelling: labelling_lib.Labelling,
        teachers: Sequence[exported_lib.Exported], source, folder: str,
        options, temperature: float = 1.0) -> dict:
  """Labels a pool; the bounds of `labelling` are looked at when it is over.

  Args:
    labelling: as of a run; without what an exported network does not offer:
      `augment`, the score `energy`, and another precision than float32.
    teachers: one, or several that label together.
    source: the pool (`ns.mixture.sources`), which the workers read.
    folder: where the files go, which the workers write.
    options: `PipelineOptions` of Apache Beam.
    temperature: what the logits of the teachers' mean are divided by.

  Returns:
    As of `Labelling.run`.

  Raises:
    RunError: as of `Labelling.run`, where it is known before or after the
      pipeline; within, Apache Beam raises what it makes of it.
  """
  _check(labelling, teachers, source)
  # Of what they are, not of what they say: no network is loaded here.
  fingerprint = ensembles.Ensemble(
      teachers=teachers, weights=labelling.weights).fingerprint
  header = labelling.header(fingerprint, source, temperature)
  shards = labelling_lib.spread(source)
  paths = [store.predictions_path(folder, shard.name) for shard in shards]
  todo = [shard for path, shard in zip(paths, shards)
          if not labelled_shard.is_finished(path, header, shard)]
  if todo:
    with beam.Pipeline(options=options) as pipeline:
      _ = (pipeline
           | 'Shards' >> beam.Create(todo)
           | 'Spread' >> beam.Reshuffle()
           | 'Label' >> beam.ParDo(LabelShard(
               labelling, teachers, source, folder, header)))
  tally = tallies.Tally(header.classes)
  for path in paths:
    tally.add(path)
  labelling.check(tally, source)
  source.read()  # All that was labelled is what was counted.
  return {**labelling.results(tally, source),
          'images_labelled': sum(shard.num_examples for shard in todo),
          'shards_kept': len(shards) - len(todo)}


class LabelShard(beam.DoFn):
  """Writes the predictions of a shard."""

  def __init__(self, labelling, teachers, source, folder: str,
               header: headers.Header):
    self._labelling = labelling
    self._teachers = tuple(teachers)
    self._source = sources.declared(source)
    self._folder = str(folder)
    self._header = header
    # One copy of the networks for all threads of a process.
    self._shared = shared.Shared()

  def setup(self):
    self._ensemble = self._shared.acquire(self._load)

  def _load(self) -> ensembles.Ensemble:
    return ensembles.Ensemble(
        teachers=[exported.teacher() for exported in self._teachers],
        weights=self._labelling.weights, temperature=self._header.temperature)

  def process(self, shard):
    path = epath.Path(store.predictions_path(self._folder, shard.name))
    # Another worker may be at it too; whoever is last gives it its name.
    # Its name is that of a file aside, if the worker dies before it has that.
    own = path.with_name(f'.{uuid.uuid4().hex}-{path.name}.aside')
    labelled_shard.write(
        self._ensemble.answers(self._source, shard, self._labelling.batch_size),
        str(own), self._header)
    own.replace(path)
    beam.metrics.Metrics.counter('noisy_student', 'images_labelled').inc(
        shard.num_examples)


def _check(labelling, teachers, source) -> None:
  labelling.check_accuracies(teachers)
  for name, value, expected in (
      ('augment', labelling.augment, None),
      ('precision', labelling.precision, 'float32')):
    if value != expected:
      raise errors.RunError(
          f'`Labelling.{name}` should be {expected!r} for exported networks, '
          f'but is {value!r}; label within the run, or leave it out.')
  if 'energy' in labelling.scores:
    raise errors.RunError(
        "`Labelling.scores` should be without 'energy' for exported networks, "
        'which give no logits; label within the run, or leave it out.')
  for exported in teachers:
    if exported.classes != source.classes:
      raise errors.RunError(
          f'The teacher `{exported.name}` should tell the {source.classes} '
          f'classes of `{source.name}` apart, but has {exported.classes}; take '
          f'a teacher of {source.classes} classes.')
