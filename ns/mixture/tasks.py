"""Labelled, pseudo-labelled and evaluation images as seqio Tasks.

A Task is a sentence: a source, the steps from a record to an example, and the
features that an example has (`ns.core.types`), which seqio checks. The Tasks
are not registered: they depend on a run. Images leave a Task clean; noise is
applied to whole batches (`ns.mixture.batches`). An image that does not decode
keeps its place, black and with weight 0.
"""

from etils import epath
import seqio
import tensorflow as tf

from ns.core import errors
from ns.core import seeds
from ns.core import types
from ns.mixture import labels
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


def labelled(source: sources.Subset, *, view: views.View, smoothing: float,
             buffer_size: int, seed: seeds.Seed, start: int = 0) -> seqio.Task:
  """The Task of labelled images: endless, shuffled, from position `start`.

  Args:
    source: with labels.
    view: what is seen of an image.
    smoothing: of the labels, see `labels.one_hot`.
    buffer_size: see `stream.endless`.
    seed: of the stream.
    start: examples to pass over.
  """
  examples = view.of(stream.endless(
      source.records(), source.num_examples, buffer_size, seed, start))

  def example(record):
    return _example(
        record, is_labelled=True,
        label=labels.one_hot(record['label'], source.classes, smoothing))

  return _task('labelled', examples, example, _TRAINING_FEATURES,
               source.num_examples)


def pseudo_labelled(folder: epath.PathLike, *, num_examples: int, classes: int,
                    policy, view: views.View, buffer_size: int,
                    seed: seeds.Seed, start: int = 0) -> seqio.Task:
  """The Task of pseudo-labelled images, each as often as its `copies` say.

  Args:
    folder: of `pseudo-*.tfrecord`, as selected.
    num_examples: of the folder, counting copies.
    classes: number of classes.
    policy: `labels.SoftLabels` or `labels.HardLabels`.
    view, buffer_size, seed, start: as of `labelled`.

  Raises:
    RunError: the folder has no such files.
  """
  paths = [str(path) for path in pseudo_record.paths(folder)]
  if not paths:  # An endless stream of nothing would wait for ever.
    raise errors.RunError(f'`{folder}` should have pseudo-labelled images in '
                          '`pseudo-*.tfrecord`, but has no such file.')

  def parse(serialised):
    parsed = pseudo_record.parse(serialised, classes)
    return ({'image': parsed['image'], 'key': parsed['key'],
             'label': policy.apply(parsed['probabilities'], parsed['label'])},
            parsed['copies'])

  # Parsed once and kept: an epoch reads every record, and encoded images are
  # small. By the batch, because that is much quicker.
  records = tf.data.TFRecordDataset(paths).batch(_PARSED_AT_ONCE).map(
      parse).unbatch().cache()
  examples = view.of(stream.endless(
      records.flat_map(
          lambda record, copies: tf.data.Dataset.from_tensors(record).repeat(
              copies)),
      num_examples, buffer_size, seed, start))

  def example(record):
    return _example(record, is_labelled=False, label=record['label'])

  return _task('pseudo_labelled', examples, example, _TRAINING_FEATURES,
               num_examples)


def evaluation(source: sources.Subset, view: views.View) -> seqio.Task:
  """The Task of a labelled source, once, in order."""
  def example(record):
    return _example(record, is_labelled=True,
                    label=labels.one_hot(record['label'], source.classes, 0.0))

  return _task(source.name, view.of(source.records()), example, _FEATURES,
               source.num_examples)


def dataset(task_or_mixture, num_epochs: int | None = 1) -> tf.data.Dataset:
  """The examples of a Task or Mixture as seqio gives them, nothing trimmed."""
  return task_or_mixture.get_dataset(
      sequence_length=None, split='train', shuffle=False,
      num_epochs=num_epochs, try_in_mem_cache=False, trim_output_features=False)


def _example(record, *, label, is_labelled):
  return {
      types.IMAGE: record[types.IMAGE], types.LABEL: label,
      types.WEIGHT: tf.cast(record[types.IS_GOOD], tf.float32),
      types.IS_LABELLED: tf.constant(float(is_labelled)),
      **{name: record[name] for name in (types.KEY, types.SEED)
         if name in record},
  }


def _task(name, examples, example, features, num_examples) -> seqio.Task:
  source = seqio.FunctionDataSource(
      dataset_fn=lambda split, shuffle_files, seed=None: examples,
      splits=('train',), num_input_examples={'train': num_examples})
  return seqio.Task(name, source=source, output_features=features,
                    preprocessors=[seqio.map_over_dataset(example)])
