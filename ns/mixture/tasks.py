"""Labelled, pseudo-labelled and evaluation images as seqio Tasks.

A Task is a sentence: a source, the steps from a record to an example, and the
features that an example has (`ns.core.types`), which seqio checks. The Tasks
are not registered, since they depend on a run, unless `ns.mixture.registry` is
asked to. Images leave a Task clean; noise is applied to whole batches
(`ns.mixture.assembly`). An image that does not decode keeps its place, black and
with weight 0.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses

import seqio
import tensorflow as tf

from ns.core import graphs
from ns.core import seeds
from ns.core import types
from ns.mixture import division
from ns.mixture import labels
from ns.mixture import lane
from ns.mixture import pseudo_record
from ns.mixture import sources
from ns.mixture import stream
from ns.mixture import views

_feature = lambda dtype, rank: seqio.ContinuousFeature(dtype=dtype, rank=rank)
_FEATURES = {
    types.IMAGE: _feature(tf.uint8, 3),
    types.LABEL: _feature(tf.float32, 1),
    types.WEIGHT: _feature(tf.float32, 0),
    types.IS_LABELLED: _feature(tf.float32, 0),
    types.KEY: _feature(tf.string, 0),
}
_TRAINING_FEATURES = {**_FEATURES, types.SEED: _feature(tf.int64, 0)}

_PARSED_AT_ONCE = 256


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
  """Where a stream of a mixture begins, and how it is shuffled.

  Attributes:
    seed: of the mixture.
    lanes: of its streams.
    per_lane: examples that a lane gives in a step.
    shuffle_buffer: examples of all lanes that are shuffled among each other.
    first_step: steps to pass over.
    own: the lanes of this host, which follow each other; None for all.
  """
  seed: seeds.Seed
  lanes: int
  per_lane: int
  shuffle_buffer: int
  first_step: int = 0
  own: Sequence[int] | None = None

  @property
  def block_examples(self) -> int:
    return -(-self.shuffle_buffer // self.lanes)

  def stream(self, blocks, spec, name: str) -> tf.data.Dataset:
    return stream.dataset(blocks, spec, self.seed.child(name),
                          per_lane=self.per_lane, first_step=self.first_step,
                          own=self.own)


def labelled(source: sources.Source, *, view: views.View, smoothing: float,
             place: Place) -> seqio.Task:
  """The Task of labelled images: endless, shuffled.

  Args:
    source: with labels.
    view: what is seen of an image.
    smoothing: of the labels, see `labels.one_hot`.
    place: where the stream begins.
  """
  blocks = division.of_source(source, place.lanes, place.block_examples)
  spec = source.records(source.shards[0]).element_spec
  examples = view.of(place.stream(blocks, spec, 'labelled'))

  def example(record):
    return _example(
        record, is_labelled=True,
        label=labels.one_hot(record['label'], source.classes, smoothing))

  return _task('labelled', lambda split: examples, example, _TRAINING_FEATURES,
               {'train': source.num_examples})


def pseudo_labelled(files: Sequence[tuple[str, int]], *, classes: int, policy,
                    view: views.View, place: Place) -> seqio.Task:
  """The Task of pseudo-labelled images, each as often as its `copies` say.

  Args:
    files: paths of records, as selected, each with its number of examples,
      counting copies.
    classes: number of classes.
    policy: `labels.SoftLabels` or `labels.HardLabels`.
    view, place: as of `labelled`.
  """
  records = lambda path: _records(path, classes, policy)
  blocks = division.of_files(files, place.lanes, place.block_examples,
                             lambda path: lane.joined(list(
                                 records(path).as_numpy_iterator())))
  spec = {name: tf.TensorSpec(part.shape[1:], part.dtype)
          for name, part in records('').element_spec.items()
          if name != 'copies'}
  examples = view.of(place.stream(blocks, spec, 'pseudo_labelled'))

  def example(record):
    return _example(record, is_labelled=False, label=record['label'])

  return _task('pseudo_labelled', lambda split: examples, example,
               _TRAINING_FEATURES, {'train': sum(count for _, count in files)})


def unlabelled(source: sources.Source, *, classes: int, view: views.View,
               teacher_view: views.View, place: Place) -> seqio.Task:
  """The Task of a pool that a teacher labels in the step: endless, shuffled.

  Args:
    source: whose labels, if it has any, nobody sees.
    classes: number of classes; the labels are zeros until the step.
    view, place: as of `labelled`.
    teacher_view: what the teacher sees of the same image.
  """
  blocks = division.of_source(source, place.lanes, place.block_examples)
  spec = source.records(source.shards[0]).element_spec
  examples = views.each_of(
      {types.TEACHER_IMAGE: teacher_view, types.IMAGE: view},
      place.stream(blocks, spec, 'unlabelled'))

  def example(record):
    return {**_example(record, is_labelled=False, label=tf.zeros([classes])),
            types.TEACHER_IMAGE: record[types.TEACHER_IMAGE]}

  features = {**_TRAINING_FEATURES,
              types.TEACHER_IMAGE: _feature(tf.uint8, 3)}
  return _task('unlabelled', lambda split: examples, example, features,
               {'train': source.num_examples})


def evaluation(source: sources.Source, view: views.View) -> seqio.Task:
  """The Task of a labelled source, once, in order."""
  return sets(source.name, {'train': source}, classes=source.classes, view=view)


def sets(name: str, parts: Mapping[str, sources.Source], *, classes: int,
         view: views.View) -> seqio.Task:
  """The Task of sources, each once, in order.

  Args:
    name: of the Task.
    parts: the sources by split, all with labels or all without.
    classes: number of classes; labels that there are not are zeros.
    view: what is seen of an image.
  """
  is_labelled = all(part.is_labelled for part in parts.values())

  def example(record):
    label = (labels.one_hot(record['label'], classes, 0.0) if is_labelled
             else tf.zeros([classes]))
    return _example(record, is_labelled=is_labelled, label=label)

  return _task(name, lambda split: view.of(parts[split].records()), example,
               _FEATURES, {split: part.num_examples
                           for split, part in parts.items()})


def selected(name: str, files: Mapping[str, int], *, classes: int, policy,
             view: views.View) -> seqio.Task:
  """The Task of pseudo-labelled images in order, each as its `copies` say.

  Args:
    name: of the Task.
    files, classes, policy, view: as of `pseudo_labelled`.
  """
  def examples(split):
    del split
    copied = tf.data.Dataset.from_tensor_slices(list(files)).flat_map(
        lambda path: _records(path, classes, policy).unbatch()).flat_map(
            lambda record: tf.data.Dataset.from_tensors(record).repeat(
                record['copies']))
    return view.of(copied)

  def example(record):
    return _example(record, is_labelled=False, label=record['label'])

  return _task(name, examples, example, _FEATURES,
               {'train': sum(files.values())})


def dataset(task_or_mixture, num_epochs: int | None = 1) -> tf.data.Dataset:
  """The examples of a Task or Mixture as seqio gives them, nothing trimmed."""
  # seqio's own functions ask no tensors either.
  return graphs.as_written(task_or_mixture.get_dataset)(
      sequence_length=None, split='train', shuffle=False,
      num_epochs=num_epochs, try_in_mem_cache=False, trim_output_features=False)


def _records(path, classes: int, policy) -> tf.data.Dataset:
  """Pseudo-labelled records of a file, some at a time: that is much quicker."""
  def parse(serialised):
    parsed = pseudo_record.parse(serialised, classes)
    return {'key': parsed['key'], 'image': parsed['image'],
            'copies': parsed['copies'],
            'label': policy.apply(parsed['probabilities'], parsed['label'])}

  return graphs.mapped(
      tf.data.TFRecordDataset(path).batch(_PARSED_AT_ONCE), parse)


def _example(record, *, label, is_labelled):
  return {
      types.IMAGE: record[types.IMAGE], types.LABEL: label,
      types.WEIGHT: tf.cast(record[types.IS_GOOD], tf.float32),
      types.IS_LABELLED: tf.constant(float(is_labelled)),
      **{name: record[name] for name in (types.KEY, types.SEED)
         if name in record},
  }


def _task(name, examples, example, features, num_examples) -> seqio.Task:
  """A Task of `num_examples` by split, that `examples` gives for a split."""
  source = seqio.FunctionDataSource(
      dataset_fn=lambda split, shuffle_files, seed=None: examples(split),
      splits=tuple(num_examples), num_input_examples=num_examples)
  return seqio.Task(name, source=source, output_features=features,
                    preprocessors=[seqio.map_over_dataset(example)])
