"""Memory: sums by hand, each sentence, and what processes really take."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from ns.models import efficientnet
from ns.models import memory
from ns.noise import model_noise
from tests.models import catalogue
from tests.models import small_nets
from tests.support import long_form


def kept(**fields):
  """Bytes kept of one image, without those of the images themselves."""
  made = memory.of(efficientnet.EfficientNet(**fields), 3, batch_size=1)
  size, channels = fields['image_size'], len(fields['pixel_mean'])
  return made.activations - 9 * size**2 * channels


GREY = dict(image_size=8, stem_filters=4, stem_stride=2, head_filters=10,
            pixel_mean=(0,), pixel_std=(1,))
# Of the stem 16 x 4 numbers before and after normalisation and after swish; of
# the head before and after normalisation.
ENDS = 3 * 16 * 4


def test_a_fused_block_by_hand():
  rows = [small_nets.row(1, 3, 2, 1, 6, fused=True)]
  # 2 x 2 x 6 after the convolution, the normalisation, swish.
  assert kept(**GREY, block_groups=rows) == 4 * (
      ENDS + 3 * 4 * 6 + 2 * 4 * 10)


def test_a_depthwise_block_by_hand():
  rows = [small_nets.row(1, 3, 2, 5, 6)]
  expand, depthwise, project = 3 * 16 * 20, 4 * 4 * 20, 2 * 4 * 6
  assert kept(**GREY, block_groups=rows) == 4 * (
      ENDS + expand + depthwise + project + 2 * 4 * 10)


def test_squeeze_and_residuals_keep_one_more():
  of = lambda **row: kept(
      **GREY, block_groups=[small_nets.row(1, 3, 1, 2, 4, **row)])
  assert of() - of(squeeze_excite=0) == 4 * 16 * 8
  wider = kept(**GREY, block_groups=[
      small_nets.row(1, 3, 1, 2, 5, squeeze_excite=0)])
  # Of 5 filters two copies, and of the head as much; of 4 three.
  assert of(squeeze_excite=0) - wider == 4 * 16 * (3 * 4 - 2 * 5)


def test_activations_are_of_a_batch_and_weights_are_not():
  one, many = (memory.of(small_nets.mixed(), 10, batch_size=b) for b in (1, 7))
  assert many.activations == 7 * one.activations
  assert many.on_device - one.on_device == 6 * one.activations
  assert (one.batch_size, many.batch_size) == (1, 7)


@pytest.mark.parametrize('slots', [0, 2])
def test_variables_are_those_of_the_network(slots):
  architecture = small_nets.mixed()
  network = architecture.build(model_noise.ModelNoise(), 10)
  count = lambda variables: sum(int(np.prod(v.shape)) for v in variables)
  made = memory.of(architecture, 10, batch_size=2, optimizer_slots=slots)
  assert made.parameters == made.average == 4 * count(network.variables)
  assert made.gradients == 4 * count(network.trainable_variables)
  assert made.optimizer == slots * made.gradients
  assert made.on_device == (2 * made.parameters + made.optimizer
                            + made.gradients + made.activations)
  assert made.total == made.on_device + made.program


def test_the_program_grows_with_the_layers():
  architecture = small_nets.mixed()
  network = architecture.build(model_noise.ModelNoise(), 10)
  kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D,
           keras.layers.Dense)
  layers = sum(type(layer) in kinds for layer in network._flatten_layers())
  made = memory.of(architecture, 10, batch_size=2)
  assert made.program == pytest.approx(780e6 + 4.4e6 * layers, abs=1)
  predicts = memory.in_inference(architecture, 10, batch_size=2)
  # With the weights, which are constants of the graph.
  assert predicts.program == pytest.approx(
      770e6 + 0.2e6 * layers + 17 * predicts.parameters, abs=1)


def test_another_size_has_other_activations_alone():
  own, same, larger = (
      memory.of(small_nets.mixed(), 10, size, batch_size=2)
      for size in (None, 8, 16))
  assert own == same
  assert larger.activations > 3 * own.activations
  assert larger.on_device - larger.activations == (
      own.on_device - own.activations)


def test_half_the_bytes():
  exact, half = (
      memory.of(small_nets.mixed(), 10, batch_size=2, precision=precision)
      for precision in ('float32', 'mixed_bfloat16'))
  pixels = 2 * 8 * 8 * 3
  assert 2 * (half.activations - 7 * pixels) == exact.activations - 9 * pixels
  assert half.parameters == exact.parameters
  # With copies of the kernels to compute with.
  assert half.gradients == 1.5 * exact.gradients


def test_frozen_blocks_keep_nothing_and_have_no_gradients():
  architecture = small_nets.mixed()
  of = lambda frozen: memory.of(
      architecture, 10, 64, batch_size=2, frozen_blocks=frozen)
  network = architecture.build(model_noise.ModelNoise(), 10)
  for frozen in (None, 0, 3, len(architecture.blocks)):
    layers = [] if frozen is None else [network.stem, *network.blocks[:frozen]]
    out = {id(v) for layer in layers for v in layer.variables}
    trained = sum(int(np.prod(v.shape)) for v in network.trainable_variables
                  if id(v) not in out)
    assert of(frozen).gradients == of(frozen).optimizer == 4 * trained
    assert of(frozen).parameters == of(None).parameters
  # The stem's three times 64 x 64 x 8.
  assert of(None).activations - of(0).activations == 2 * 4 * 3 * 64**2 * 8
  # Somewhere the frozen part itself takes more than what is kept after it.
  assert of(1).activations > of(12).activations
  assert of(12).activations >= 2 * 4 * 4 * 64**2 * 8


@pytest.mark.parametrize('on_cpu', [False, True])
def test_inference_holds_the_largest_convolution_alone(on_cpu):
  rows = [small_nets.row(3, 3, 1, 5, 4)]
  of = lambda batch_size: memory.in_inference(
      efficientnet.EfficientNet(**GREY, block_groups=rows), 3,
      batch_size=batch_size, on_cpu=on_cpu)
  # The depthwise one: 20 filters in, and out three times, of 4 x 4.
  one = 4 * 16 * 4 * 20 + 4 * 64
  made = of(6)
  assert made.activations == 6 * (one + 64)
  assert made.average == made.gradients == made.optimizer == 0
  # On a CPU in parts whose largest tensor is of 40 MB, a power of 2 images.
  count = 40000
  part = 2**14 if on_cpu else count
  assert 2**14 * 4 * 16 * 20 <= 2**25 < 2**15 * 4 * 16 * 20
  assert of(count).activations == count * 64 + part * one


def test_large_weights_are_no_constants():
  of = lambda width: memory.in_inference(
      efficientnet.EfficientNet(width=width), 1000, batch_size=1)
  small, large = of(1.0), of(3.0)
  assert small.parameters < 2**25 < large.parameters
  assert small.program > 16 * small.parameters
  assert large.program < 2 * large.parameters + 800e6


# Sentences.


def figures(**fields):
  return memory.Memory(**{
      'parameters': 20_000_000, 'average': 20_000_000, 'optimizer': 20_000_000,
      'gradients': 15_000_000, 'activations': 2_345_000_000,
      'program': 998_000_000, 'batch_size': 1024, **fields})


def test_a_warning_when_it_is_more_than_there_is():
  made = figures()
  assert made.warning(None) is None
  assert made.warning(made.total) is None
  assert made.warning(made.total - 1) == (
      'about 3.4 GB of memory should be there, but the host has 3.4 GB; '
      '2.3 GB are for a batch of 1,024 images, so make that smaller.')


def test_an_accelerator_does_not_hold_the_program():
  made = figures()
  assert made.warning(made.on_device, on_host=False) is None
  assert made.warning(10**9, on_host=False) == (
      'about 2.4 GB of memory should be there, but the device has 1.0 GB; '
      '2.3 GB are for a batch of 1,024 images, so make that smaller.')


@pytest.mark.parametrize('of', [memory.of, memory.in_inference])
def test_a_precision_that_does_not_exist(of):
  with pytest.raises(ValueError) as raised:
    of(small_nets.mixed(), 10, batch_size=1, precision='float16')
  assert str(raised.value) == (
      "`precision` should be 'float32' or 'mixed_bfloat16', but is 'float16'.")


# What a process takes.

# The peak of this very process: ru_maxrss begins with that of its parent.
PROGRAM = """
import json, sys
sys.path[:] = {path}
kind, file, name, size, batch, folder = {arguments}
import numpy as np
import tensorflow as tf
from etils import epath
from ns.core import runtime, seeds
from ns.mixture import stream, tasks
from ns.noise import model_noise
from ns.training import learning_rate, trainer
from tests.models import catalogue

def bytes_of(key):
  with open('/proc/self/status') as file:
    return next(int(line.split()[1]) * 1024 for line in file
                if line.startswith(key))

tf.zeros(1).numpy()
before = bytes_of('VmRSS')
architecture = catalogue.rows(f'gin/models/{{file}}.gin')[name]
images = np.zeros((batch, size, size, architecture.channels), np.uint8)
noise = model_noise.ModelNoise()
if kind == 'training':
  ones = tf.ones(batch)
  one = dict(image=tf.constant(images), weight=ones, is_labelled=ones,
             label=tf.one_hot(tf.range(batch) % 10, 10))
  trainer.Training(
      num_steps=3, learning_rate=learning_rate.Cosine(peak=0.01)).run(
          trainer.Job(
              name='memory', batches=lambda first: [one] * 3,
              build=lambda seed: architecture.build(noise, 10, size, seed=seed),
              labelled_batch=batch, batch_size=batch, seed=seeds.Seed(0),
              strategy=runtime.OneDevice().strategy(),
              folder=epath.Path(folder)))
else:
  from ns.models import inference
  predict = inference.predictor(architecture.build(noise, 10, size))
  for _ in range(3):
    predict(images)
print(json.dumps([before, bytes_of('VmHWM')]))
"""


TAKEN = [('training', 'tiny', 28, 2048), ('training', 'b0', 96, 16),
         ('inference', 'b0', 224, 24)]


@pytest.mark.skipif(not os.path.exists('/proc/self/status'),
                    reason='measured as Linux tells it')
@pytest.mark.parametrize('kind, name, size, batch',
                         long_form.cases(TAKEN, TAKEN[::2]))
def test_within_a_fifth_of_what_a_process_takes(kind, name, size, batch,
                                                tmp_path):
  file = 'tiny' if name == 'tiny' else 'efficientnet'
  program = PROGRAM.format(
      path=sys.path, arguments=(kind, file, name, size, batch, str(tmp_path)))
  done = subprocess.run(
      [sys.executable, '-c', program], text=True, capture_output=True,
      check=False, env={**os.environ, 'TF_CPP_MIN_LOG_LEVEL': '2'})
  assert done.returncode == 0, done.stderr
  before, taken = json.loads(done.stdout.splitlines()[-1])
  architecture = catalogue.rows(f'gin/models/{file}.gin')[name]
  of = memory.of if kind == 'training' else memory.in_inference
  made = of(architecture, 10, size, batch_size=batch)
  print(f'{name} {size} {batch}: {taken / 1e6:.0f} MB, {made.total / 1e6:.0f} MB told')
  assert 0.8 * taken < made.total < 1.2 * taken
  # And of what it takes beside the libraries.
  growth = made.total - 750e6
  assert 0.75 * (taken - before) < growth < 1.25 * (taken - before)
