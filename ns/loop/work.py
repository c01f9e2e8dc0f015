"""What the stages of a run take, in figures: for the plan, before any is made.

Closed form, and free of TensorFlow. What depends on the layers of a network is
None where these are not known without building it.
"""

from collections.abc import Iterator
import dataclasses

from ns.loop import memory
from ns.loop import storage
from ns.mixture import proportions
from ns.models import cost

# Steps at which a learning rate is looked at, to find its highest.
_LOOKS = 256


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work:
  """Of one stage; None where it has none, or nobody can tell.

  Attributes:
    images: that it trains on, labels, evaluates or writes.
    is_bound: whether there may be fewer.
    steps: of an optimizer.
    epochs: of the labelled images.
    rates: the learning rate at the first step, the highest, and at the last.
    flops: floating point operations: two for each multiply-add of a convolution
      or a dense layer; in training forward and backward, see `ns.models.cost`.
    memory: bytes on one device; on a CPU, the program's too.
    written: bytes that stay when it is finished.
    scratch: bytes more that it has on disk as long as it lasts.
    warnings: of what will not do, sentences.
  """
  images: int | None = None
  is_bound: bool = False
  steps: int | None = None
  epochs: float | None = None
  rates: tuple[float, float, float] | None = None
  flops: int | None = None
  memory: int | None = None
  written: int | None = None
  scratch: int = 0
  warnings: tuple[str, ...] = ()


def calibrate(run, generation, teachers) -> Work:
  validation = run.data.evaluation_sets[0]
  return _labelling(run, generation, teachers, validation.num_examples)


def label(run, generation, teachers) -> Work:
  images = _pool(run, generation)
  a_image = storage.prediction(generation.labelling, run.data.classes)
  return dataclasses.replace(
      _labelling(run, generation, teachers, images),
      is_bound=generation.relabel is not None, written=round(images * a_image))


def select(run, generation) -> Work:
  pool, policy = run.data.unlabelled, generation.select
  per_class = getattr(getattr(policy, 'balance', None), 'images_per_class',
                      None)
  images = _pool(run, generation)
  if per_class:
    images = min(images, per_class * run.data.classes)
  a_image = storage.selected(policy, generation.labelling, pool,
                             run.data.classes)
  return Work(images=images, is_bound=True,
              written=None if a_image is None else round(images * a_image))


def train(run, generation, taught=None) -> Work:
  """`taught`: the generation that labels in the step, or None."""
  needed = memory.train(run, generation, taught)
  if not generation.is_trained:
    return Work(written=storage.weights(run, generation))
  mixture, policy = generation.mixture, generation.training
  found = _training(
      run, generation, needed, policy, proportions.counted_labelled(mixture),
      mixture.batch_size, generation.model.image_size)
  if not taught:
    return dataclasses.replace(found, warnings=(
        *found.warnings, *_meeting(run, generation)))
  labelled = policy.num_steps * (mixture.batch_size - mixture.labelled_batch)
  a_image = _forward(run, taught)
  return dataclasses.replace(
      found, flops=(None if None in (found.flops, a_image)
                    else found.flops + labelled * a_image))


def _meeting(run, generation) -> Iterator[str]:
  """A warning where even two copies of an image meet in a batch."""
  balance = getattr(generation.select, 'balance', None)
  if not (generation.is_labelled_first and getattr(balance, 'duplicate', False)
          and balance.max_copies != 1):
    return
  mixture = generation.mixture
  examples = balance.images_per_class * run.data.classes
  if proportions.copies_apart(mixture, examples) < 2:
    yield proportions.meeting(mixture, examples)


def finetune(run, generation) -> Work:
  policy = generation.fine_tune
  return _training(run, generation, memory.finetune(run, generation), policy,
                   policy.labelled_batch, policy.labelled_batch,
                   policy.image_size, policy.frozen_blocks)


def evaluate(run, generation) -> Work:
  images = sum(source.num_examples for source in run.data.evaluation_sets)
  a_image = _forward(run, generation)
  batch_size = getattr(generation.evaluation, 'batch_size', 1)
  return Work(images=images, flops=a_image and images * a_image,
              **_memory(run, memory.inference(
                  run, [generation], batch_size, 'float32')))


def export(run, generation) -> Work:
  return Work(written=storage.exported(run, generation))


def _pool(run, generation) -> int:
  """How many images it is labelled; of a selection, how many at most."""
  if generation.relabel is None:
    return run.data.unlabelled.num_examples
  earlier, = (each for each in run.generations
              if each.name == generation.relabel)
  return select(run, earlier).images


def _labelling(run, generation, teachers, images) -> Work:
  """By teachers, each of which sees every image."""
  pictures = 2 if getattr(generation.labelling, 'augment', None) else 1
  a_image = [_forward(run, teacher) for teacher in teachers]
  return Work(
      images=images,
      flops=None if None in a_image else images * pictures * sum(a_image),
      **_memory(run, memory.label(run, generation, teachers)))


def _training(run, generation, needed, policy, labelled_batch, batch_size, size,
              frozen_blocks=None) -> Work:
  images = policy.num_steps * batch_size
  flops = None
  if hasattr(generation.model, 'blocks'):
    flops = images * cost.of(generation.model, run.data.classes, size,
                             frozen_blocks).training_flops
  return Work(
      images=images, steps=policy.num_steps,
      epochs=policy.num_steps * labelled_batch
      / run.data.labelled.num_examples,
      rates=_rates(run, generation, policy, labelled_batch), flops=flops,
      written=storage.weights(run, generation),
      scratch=storage.checkpoints(policy, needed), **_memory(run, needed))


def _rates(run, generation, policy, labelled_batch):
  """At the first step, the highest, and at the last."""
  if not hasattr(policy, 'check'):
    return None
  horizon = policy.check(model=generation.model, labelled_batch=labelled_batch,
                         num_labelled=run.data.labelled.num_examples)
  last = horizon.num_steps - 1
  first = horizon.num_steps - policy.num_steps
  looks = {first + round((last - first) * i / _LOOKS)
           for i in range(_LOOKS + 1)}
  if hasattr(policy.learning_rate, 'warmup'):
    looks.add(min(max(policy.learning_rate.warmup(horizon), first), last))
  rate = lambda step: policy.learning_rate.at(step, horizon)
  return rate(first), max(map(rate, looks)), rate(last)


def _forward(run, generation) -> int | None:
  """Of one image, through its finished network."""
  if not hasattr(generation.model, 'blocks'):
    return None
  return cost.of(generation.model, run.data.classes,
                 generation.image_size).flops


def _memory(run, needed):
  on_host = run.runtime.on_host
  most = max((part.total if on_host else part.on_device for part in needed),
             default=None)
  return {'memory': most, 'warnings': memory.warnings(run, needed)}
