"""B0 and a tiny network, forward and backward: XLA gives the plain numbers."""

import numpy as np
import pytest
import tensorflow as tf

from ns import models
from ns.noise import model_noise
from tests.models import small_nets

# A tiny network as `gin/models/tiny.gin` has it, with a block of each row.
TINY = models.EfficientNet(
    image_size=28, stem_filters=32, head_filters=256, pixel_mean=(72.94,),
    pixel_std=(90.02,), block_groups=[
        small_nets.row(1, 3, stride, 1, filters, squeeze_excite=0, fused=True)
        for stride, filters in ((1, 32), (2, 64), (2, 128))])


@pytest.mark.parametrize('architecture', [
    models.EfficientNet(image_size=32), TINY], ids=['b0', 'tiny'])
def test_forward_and_backward_are_the_same_under_xla(architecture):
  noise = model_noise.ModelNoise(dropout=0.5, stochastic_depth=0.5)
  size, channels = architecture.image_size, architecture.channels
  pixels = tf.constant(np.random.default_rng(0).uniform(
      0, 255, (8, size, size, channels)), tf.float32)
  label, results = tf.one_hot(tf.range(8) % 3, 3), []
  for jit_compile in (False, True):
    network = architecture.build(noise, 3, seed=1)

    @tf.function(jit_compile=jit_compile)
    def step():
      with tf.GradientTape() as tape:
        logits = network(pixels, training=True,
                         noise_seed=tf.constant(77, tf.int64))
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(
            label, logits))
      return logits, tape.gradient(
          loss, [v.value for v in network.trainable_variables])

    logits, gradients = step()
    assert all(gradient is not None for gradient in gradients)
    results.append([logits, *gradients, *network.variables])
  # Some gradients are zero but for rounding: those of an offset that the next
  # normalisation takes away.
  least = 1e-2 * max(abs(gradient).numpy().max() for gradient in gradients)
  for plain, compiled in zip(*results, strict=True):
    scale = max(abs(np.asarray(plain)).max(), least)
    np.testing.assert_allclose(plain, compiled, rtol=1e-2, atol=1e-2 * scale)
