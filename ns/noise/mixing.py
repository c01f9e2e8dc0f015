"""What MixUp and CutMix share: who is mixed with whom, and what comes of it.

A batch noise offers `mix(images, labels, weights, is_labelled, seeds)` and,
unlike an input noise, mixes the images of a batch. Labelled images are mixed
with labelled ones and pseudo-labelled with pseudo-labelled, so that both kinds
keep their part in the loss. An image of weight 0, such as a broken one, stays
as it is and is mixed into none.
"""

from typing import Any
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ns.core import draws
from ns.noise import beta

# A stream of its own in each example's, for its other noise has the same seed.
_MIXING = 2**33


class Pair(NamedTuple):
  """Each image and the one that is mixed into it.

  Attributes:
    partner: [batch] int32, its place; the image's own where none is mixed in.
    part: [batch] int32, the place of the image's part in `beta.quantiles`.
    numbers: [batch, extra] float32 in [0, 1).
  """
  partner: tf.Tensor
  part: tf.Tensor
  numbers: tf.Tensor


def draw(seeds: tf.Tensor, weights: tf.Tensor, is_labelled: tf.Tensor,
         probability: float, extra: int = 0) -> Pair:
  """Draws partners and parts.

  Args:
    seeds: [batch] int64.
    weights: [batch] float32.
    is_labelled: [batch] float32, 1 or 0.
    probability: of an image having another mixed into it.
    extra: how many more random numbers are needed.
  """
  stream = draws.members(seeds, tf.constant(_MIXING, tf.int64))
  numbers = draws.uniform(stream, 2 + extra)
  # Number 2**32 of the stream: far from those above.
  order = draws.members(stream, tf.constant(2**32, tf.int64))
  partner = partners(order, weights, is_labelled)
  own = tf.range(tf.shape(partner)[0])
  return Pair(
      partner=tf.where(numbers[:, 0] < probability, partner, own),
      part=tf.cast(numbers[:, 1] * beta.COUNT, tf.int32),
      numbers=numbers[:, 2:])


def partners(order: tf.Tensor, weights: tf.Tensor,
             is_labelled: tf.Tensor) -> tf.Tensor:
  """Each image's partner: the next one of its kind, in a random order.

  So each image of a kind is the partner of exactly one, never its own where
  there is another.

  Args:
    order: [batch] int64, random: images of a kind are put in order by it.
    weights: [batch] float32; those of weight 0 are their own partners.
    is_labelled: [batch] float32, 1 or 0.

  Returns:
    [batch] int32.
  """
  kind = tf.where(weights > 0, tf.cast(is_labelled > 0, tf.int64), 2)
  # By kind first. Ascending order of numbers of 63 bits, none negative.
  low = tf.bitwise.bitwise_and(order, tf.constant(2**60 - 1, tf.int64))
  places = tf.argsort(kind * 2**60 + low, stable=True)
  kinds = tf.gather(kind, places)
  batch = tf.shape(places)[0]
  sizes = tf.reduce_sum(
      tf.cast(kind[:, tf.newaxis] == tf.range(3, dtype=tf.int64), tf.int32), 0)
  ends = tf.gather(tf.cumsum(sizes), kinds)
  after = tf.range(batch) + 1
  following = tf.where(after < ends, after, ends - tf.gather(sizes, kinds))
  following = tf.where(kinds == 2, tf.range(batch), following)
  back = tf.argsort(places, stable=True)
  return tf.gather(places, tf.gather(following, back))


def parts(alpha: float, pair: Pair) -> tf.Tensor:
  """Each image's part in its mixture, of Beta(alpha, alpha): [batch] float32.

  1 where nothing is mixed in.
  """
  table = beta.quantiles(alpha).astype(np.float32)
  own = tf.range(tf.shape(pair.partner)[0])
  return tf.where(pair.partner == own, 1.0, tf.gather(table, pair.part))


def mix_labels(labels: tf.Tensor, weights: tf.Tensor, partner: tf.Tensor,
               part: tf.Tensor) -> tuple[Any, Any]:
  """Labels and weights with which the loss is that of both images.

  The weighted cross-entropy of a mixture is `part` times that of the image's
  label and `1 - part` times that of its partner's, each with its own weight.

  Args:
    labels: [batch, classes] float32, distributions.
    weights: [batch] float32.
    partner: [batch] int32.
    part: [batch] float32.

  Returns:
    The same of the mixtures.
  """
  own = part * weights
  other = (1.0 - part) * tf.gather(weights, partner)
  mixed = own + other
  share = tf.where(part < 1.0, tf.math.divide_no_nan(own, mixed), 1.0)
  share = share[:, tf.newaxis]
  return (share * labels + (1.0 - share) * tf.gather(labels, partner), mixed)
