"""The memory that stages take on one device."""

from collections.abc import Iterable

from ns.models import memory


def label(run, generation, teachers) -> tuple[memory.Memory, ...]:
  """Of each teacher whose layers are known; it labels a batch at a time."""
  batch_size = getattr(generation.labelling, 'batch_size', None)
  if batch_size is None:
    return ()
  precision = getattr(generation.labelling, 'precision', 'float32')
  return tuple(memory.in_inference(
      teacher.model, run.data.classes, teacher.image_size,
      batch_size=_share(run, batch_size), precision=precision,
      on_cpu=run.runtime.on_host) for teacher in filter(_is_known, teachers))


def train(run, generation) -> tuple[memory.Memory, ...]:
  if not generation.is_trained:
    return ()
  return _training(run, generation, generation.training,
                   generation.model.image_size, generation.mixture.batch_size)


def finetune(run, generation) -> tuple[memory.Memory, ...]:
  policy = generation.fine_tune
  return _training(run, generation, policy, policy.image_size,
                   policy.labelled_batch, policy.frozen_blocks)


def warnings(run, needed: Iterable[memory.Memory]) -> tuple[str, ...]:
  """Where that is more than a device has, a sentence each."""
  found = (part.warning(run.runtime.memory_bytes(), run.runtime.on_host)
           for part in needed)
  return tuple(sentence for sentence in found if sentence)


def _training(run, generation, policy, size, batch_size, frozen_blocks=None
              ) -> tuple[memory.Memory, ...]:
  if not _is_known(generation):
    return ()
  return memory.of(
      generation.model, run.data.classes, size,
      batch_size=_share(run, batch_size),
      optimizer_slots=getattr(policy.optimizer, 'slots_per_variable', 1),
      precision=policy.precision, frozen_blocks=frozen_blocks),


def _is_known(generation) -> bool:
  """Whether the model's layers are known without building it."""
  return hasattr(generation.model, 'blocks')


def _share(run, batch_size: int) -> int:
  """Of one replica."""
  return -(-batch_size // run.runtime.replicas)
