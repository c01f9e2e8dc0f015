"""The memory that stages take, as lines of the plan."""

from collections.abc import Iterator

from ns.models import memory


def label(run, generation, teachers) -> tuple[str, ...]:
  """Of each teacher, which labels so many images at a time."""
  batch_size = getattr(generation.labelling, 'batch_size', None)
  if batch_size is None:
    return ()
  return tuple(line for teacher in filter(_is_known, teachers)
               for line in _lines(run, memory.in_inference(
                   teacher.model, run.data.classes, teacher.image_size,
                   batch_size=_share(run, batch_size),
                   precision=getattr(generation.labelling, 'precision',
                                     'float32'))))


def train(run, generation) -> tuple[str, ...]:
  if not generation.is_trained:
    return ()
  return _training(run, generation, generation.training,
                   generation.model.image_size, generation.mixture.batch_size)


def finetune(run, generation) -> tuple[str, ...]:
  policy = generation.fine_tune
  return _training(run, generation, policy, policy.image_size,
                   policy.labelled_batch, policy.frozen_blocks)


def _training(run, generation, policy, size, batch_size, frozen_blocks=None
              ) -> tuple[str, ...]:
  if not _is_known(generation):
    return ()
  return tuple(_lines(run, memory.of(
      generation.model, run.data.classes, size,
      batch_size=_share(run, batch_size),
      optimizer_slots=getattr(policy.optimizer, 'slots_per_variable', 1),
      precision=policy.precision, frozen_blocks=frozen_blocks)))


def _lines(run, needed: memory.Memory) -> Iterator[str]:
  yield needed.text()
  warning = needed.warning(run.runtime.memory_bytes(), run.runtime.on_host)
  if warning:
    yield f'warning: {warning}'


def _is_known(generation) -> bool:
  """Whether the model's layers are known without building it."""
  return hasattr(generation.model, 'blocks')


def _share(run, batch_size: int) -> int:
  """Of one replica."""
  return -(-batch_size // run.runtime.replicas)
