"""What the reference calls the variables of an EfficientNet in a checkpoint.

The names are those of its efficientnet_model.py under TensorFlow 1, where a
layer without a name of its own is called by its kind and counted within its
block. All stand below the name of the model, `efficientnet-b0/`. The code for
TPUs has its own batch normalisation, and so another name for it.
"""

from collections.abc import Iterator
import re

from ns.models import efficientnet

NORMALIZATIONS = ('tpu_batch_normalization', 'batch_normalization')

# What a checkpoint of a training has of each variable beside itself: the moving
# average, and what the optimizers of utils.py and lars_optimizer.py keep.
AVERAGE = '/ExponentialMovingAverage'
SLOTS = ('/RMSProp', '/RMSProp_1', '/Momentum', '/LARSOptimizer')
GLOBAL_STEP = 'global_step'
# The scope of a teacher that labels during the training (main.py).
TEACHER = 'teacher_model/'

_NORMALIZATION = ('gamma', 'beta', 'moving_mean', 'moving_variance')
# A row of the catalogue: b0 to b8, l2, and l2_475: the network of l2, trained
# at another size and under the same name.
_MODEL = re.compile(r'(b[0-8]|l2)(?:[_-](475))?')


def scope(model: str) -> str:
  """The scope of a model by its row in the catalogue: `efficientnet-b0`."""
  return f'efficientnet-{_split(model)[0]}'


def is_another(model: str, path: str) -> bool:
  """Whether a path names another model, of the same scope, than `model`.

  Only that tells the two L2 apart.
  """
  named = re.findall(rf'efficientnet[-_]{_MODEL.pattern}(?![0-9a-z])', path)
  own = _split(model)
  return bool(named) and named[-1][0] == own[0] and named[-1] != own


def _split(model: str) -> tuple[str, str]:
  found = _MODEL.fullmatch(model)
  return (found[1], found[2] or '') if found else (model, '')


def of(architecture: efficientnet.EfficientNet,
       normalization: str = NORMALIZATIONS[0]) -> dict[str, str]:
  """The reference's name, below the scope, of each of the network's variables.

  Args:
    architecture: without fused blocks, which the reference does not have.
    normalization: what its normalisation layers are called.

  Returns:
    By the path of the variable in `ns.models.network.Network`.

  Raises:
    ValueError: a block is fused.
  """
  return dict(_names(architecture, normalization))


def _names(architecture, normalization) -> Iterator[tuple[str, str]]:
  def convolution(ours, theirs, conv, norm, kernel='kernel'):
    yield f'network/{ours}/conv/kernel', f'{theirs}/{conv}/{kernel}'
    for name in _NORMALIZATION:
      yield f'network/{ours}/norm/{name}', f'{theirs}/{norm}/{name}'

  yield from convolution('stem', 'stem', 'conv2d', normalization)
  for block in architecture.blocks:
    if block.fused:
      raise ValueError(
          '`architecture` should have blocks as the reference does, but block '
          f'{block.index} is fused.')
    ours, theirs = f'block_{block.index}', f'blocks_{block.index}'
    convs = iter(('conv2d', 'conv2d_1'))
    norms = iter((normalization, f'{normalization}_1', f'{normalization}_2'))
    if block.expansion != 1:
      yield from convolution(f'{ours}/expand', theirs, next(convs), next(norms))
    yield from convolution(f'{ours}/depthwise', theirs, 'depthwise_conv2d',
                           next(norms), 'depthwise_kernel')
    if block.squeezed_filters:
      for dense, conv in ('reduce', 'conv2d'), ('expand', 'conv2d_1'):
        for name in 'kernel', 'bias':
          yield (f'network/{ours}/squeeze_excite/{dense}/{name}',
                 f'{theirs}/se/{conv}/{name}')
    yield from convolution(f'{ours}/project', theirs, next(convs), next(norms))
  yield from convolution('head', 'head', 'conv2d', normalization)
  for name in 'kernel', 'bias':
    yield f'network/classifier/{name}', f'head/dense/{name}'
