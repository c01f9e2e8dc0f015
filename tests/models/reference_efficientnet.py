"""An EfficientNet in TensorFlow 1, and checkpoints of it.

Written from the description of the reference's model and names, with plain ops
and variable scopes, and without anything of `ns.models`: what an importer of
the reference's checkpoints can be held against.
"""

import math

import numpy as np
import tensorflow as tf

tf1 = tf.compat.v1

B0_STAGES = (
    # repeats, kernel, stride, expansion, input filters, output filters
    (1, 3, 1, 1, 32, 16), (2, 3, 2, 6, 16, 24), (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80), (3, 5, 1, 6, 80, 112), (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320))
MEAN = np.array([0.485, 0.456, 0.406], np.float32) * 255
STD = np.array([0.229, 0.224, 0.225], np.float32) * 255


class Builder:
  """Builds ops in the default graph; layers are counted in their scope."""

  def __init__(self, norm='tpu_batch_normalization'):
    self.norm = norm

  def numbered(self, kind):
    """The kind, with a number when the scope has one of it already."""
    scope = tf1.get_variable_scope().name
    taken = {v.name[len(scope) + 1:].split('/')[0]
             for v in tf1.global_variables() if v.name.startswith(f'{scope}/')}
    if kind not in taken:
      return kind
    number = 1
    while f'{kind}_{number}' in taken:
      number += 1
    return f'{kind}_{number}'

  def conv(self, x, filters, kernel, stride, bias=False):
    with tf1.variable_scope(self.numbered('conv2d')):
      weights = tf1.get_variable(
          'kernel', [kernel, kernel, x.shape[-1], filters])
      x = tf.nn.conv2d(x, weights, stride, 'SAME')
      return x + tf1.get_variable('bias', [filters]) if bias else x

  def depthwise(self, x, kernel, stride):
    with tf1.variable_scope('depthwise_conv2d'):
      weights = tf1.get_variable(
          'depthwise_kernel', [kernel, kernel, x.shape[-1], 1])
      return tf.nn.depthwise_conv2d(x, weights, [1, stride, stride, 1], 'SAME')

  def bn(self, x):
    with tf1.variable_scope(self.numbered(self.norm)):
      get = lambda name, **kwargs: tf1.get_variable(
          name, [x.shape[-1]], **kwargs)
      gamma, beta = get('gamma'), get('beta')
      mean = get('moving_mean', trainable=False)
      variance = get('moving_variance', trainable=False)
      return (x - mean) * tf.math.rsqrt(variance + 1e-3) * gamma + beta

  def block(self, x, kernel, stride, expansion, filters):
    entry, entering = x, x.shape[-1]
    if expansion != 1:
      x = swish(self.bn(self.conv(x, entering * expansion, 1, 1)))
    x = swish(self.bn(self.depthwise(x, kernel, stride)))
    with tf1.variable_scope('se'):
      hidden = x.shape[-1]
      scale = tf.reduce_mean(x, [1, 2], keepdims=True)
      scale = swish(self.conv(scale, max(1, int(entering * 0.25)), 1, 1, True))
      x *= tf.sigmoid(self.conv(scale, hidden, 1, 1, True))
    x = self.bn(self.conv(x, filters, 1, 1))
    return x + entry if stride == 1 and entering == filters else x

  def model(self, images, scope, width, depth, classes):
    """Logits of [batch, height, width, 3] float32 pixels in [0, 255]."""
    with tf1.variable_scope(scope):
      x = (images - MEAN) / STD
      with tf1.variable_scope('stem'):
        x = swish(self.bn(self.conv(x, rounded(32, width), 3, 2)))
      index = 0
      for repeats, kernel, stride, expansion, _, filters in B0_STAGES:
        for repeat in range(int(math.ceil(repeats * depth))):
          with tf1.variable_scope(f'blocks_{index}'):
            x = self.block(x, kernel, stride if repeat == 0 else 1, expansion,
                           rounded(filters, width))
          index += 1
      with tf1.variable_scope('head'):
        x = swish(self.bn(self.conv(x, rounded(1280, width), 1, 1)))
        x = tf.reduce_mean(x, [1, 2])
        with tf1.variable_scope('dense'):
          return x @ tf1.get_variable('kernel', [x.shape[-1], classes]) + (
              tf1.get_variable('bias', [classes]))


def swish(x):
  return x * tf.sigmoid(x)


def rounded(filters, width):
  if not width or width == 1:
    return filters
  filters *= width
  new = max(8, int(filters + 4) // 8 * 8)
  return new + 8 if new < 0.9 * filters else new


def write(path, images, *, scope='efficientnet-b0', width=1.0, depth=1.0,
          classes=1000, norm='tpu_batch_normalization', seed=0, averages=True,
          weights=True, training=True, teacher=None, frozen=None, change=None):
  """Writes a checkpoint with random numbers, and says what they predict.

  Args:
    path: of the checkpoint.
    images: [batch, size, size, 3] uint8.
    scope: of the model.
    width: coefficient of all filters.
    depth: coefficient of all repeats.
    classes: number of classes.
    norm: what normalisation layers are called.
    seed: of the numbers.
    averages: whether moving averages are among what is saved.
    weights: whether the weights themselves are.
    training: whether the optimizer's slots and the step are.
    teacher: the scope of a second model under `teacher_model/`.
    frozen: the stem and so many blocks were not trained: they have no moving
      average, but their moving statistics have; None for all trained.
    change: a function of (name, value) that gives another value, or None for a
      variable that is to be left out.

  Returns:
    Logits of the weights, and of their moving average: [batch, classes].
  """
  rng = np.random.default_rng(seed)
  with tf.Graph().as_default(), tf1.Session() as session:
    logits = Builder(norm).model(
        tf.constant(images, tf.float32), scope, width, depth, classes)
    own = tf1.global_variables()
    step = tf1.train.get_or_create_global_step()
    ema = tf1.train.ExponentialMovingAverage(0.5, step)
    # Trainable variables and moving statistics, as the reference has it.
    still = () if frozen is None else (
        'stem', *(f'blocks_{index}' for index in range(frozen)))
    moving = [v for v in own if v.op.name.split('/')[1] not in still
              or '/moving_' in v.op.name]
    update = ema.apply(moving)
    averaged = [ema.average(v) for v in moving]
    if training:
      tf1.train.RMSPropOptimizer(1e-3, 0.9, 0.9, 1e-3).minimize(
          tf.reduce_mean(logits), step)
    if teacher:
      with tf1.variable_scope('teacher_model'):
        Builder(norm).model(tf.constant(images, tf.float32), teacher, width,
                            depth, classes)
    session.run(tf1.global_variables_initializer())

    def give(values):
      """All at once: a run is planned anew for each set of variables."""
      session.run([v.initializer for v in values],
                  {v.initializer.inputs[1]: x for v, x in values.items()})

    for _ in range(2):
      give({v: random_value(v.op.name, v.shape, rng) for v in own})
      session.run(update)
    found = dict(zip(own, session.run(own)))
    found |= dict(zip(averaged, session.run(averaged)))
    raw = session.run(logits)
    saved = []
    for variable in tf1.global_variables():
      name = variable.op.name
      keep = (averages if name.endswith('/ExponentialMovingAverage') else
              weights if variable in own else training or teacher)
      if keep and change and variable in found:
        found[variable] = change(name, found[variable])
        keep = found[variable] is not None
      if keep:
        saved.append(variable)
    give({v: x for v, x in found.items() if x is not None})
    tf1.train.Saver(saved).save(session, str(path), write_meta_graph=False)
    give({v: found[a] for v, a in zip(moving, averaged)
          if found[a] is not None})
    return raw, session.run(logits)


def random_value(name, shape, rng):
  """Numbers with which activations neither die nor grow."""
  kind = name.rpartition('/')[2]
  if kind == 'moving_variance':
    return rng.uniform(0.5, 1.5, shape)
  if kind == 'gamma':
    return rng.uniform(0.7, 1.3, shape)
  if kind in ('beta', 'moving_mean', 'bias'):
    return rng.normal(0, 0.1, shape)
  fan_in = np.prod(shape[:2] if kind == 'depthwise_kernel' else shape[:-1])
  return rng.normal(0, (2 / fan_in)**0.5, shape)
