"""The loss of a batch of labelled and pseudo-labelled images."""

import tensorflow as tf


def cross_entropy(logits: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
  """-sum(label * log_softmax(logits)) of each example.

  Args:
    logits: [batch, classes] float32.
    label: [batch, classes] float32, distributions.

  Returns:
    [batch] float32.
  """
  return tf.nn.softmax_cross_entropy_with_logits(labels=label, logits=logits)


def batch_loss(logits: tf.Tensor, label: tf.Tensor, weight: tf.Tensor,
               labelled_batch: int) -> tf.Tensor:
  """sum(weight * cross_entropy) / labelled_batch.

  This is the reference's mean over the labelled images plus ratio times the
  mean over the pseudo-labelled ones (main.py, lines 547 to 550), and not the
  plain mean over the batch: it grows with the ratio.

  Args:
    logits: [batch, classes] float32.
    label: [batch, classes] float32, distributions.
    weight: [batch] float32.
    labelled_batch: labelled images in the global batch.

  Returns:
    [] float32.
  """
  return tf.reduce_sum(weight * cross_entropy(logits, label)) / labelled_batch
