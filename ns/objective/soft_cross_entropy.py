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
               divisor: float) -> tf.Tensor:
  """sum(weight * cross_entropy) / divisor.

  Divided by the labelled images, this is the reference's mean over these plus
  ratio times the mean over the pseudo-labelled ones (main.py, lines 547 to
  550); divided by all, the plain mean over the batch (`ns.training.loss`).

  Args:
    logits: [batch, classes] float32.
    label: [batch, classes] float32, distributions.
    weight: [batch] float32.
    divisor: images of the global batch to divide by.

  Returns:
    [] float32.
  """
  return tf.reduce_sum(weight * cross_entropy(logits, label)) / divisor
