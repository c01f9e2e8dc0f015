"""The memory that stages take on one device."""

from collections.abc import Iterable
import dataclasses

from ns.models import memory


def label(run, generation, teachers) -> tuple[memory.Memory, ...]:
  """Of each teacher whose layers are known; it labels a batch at a time."""
  batch_size = getattr(generation.labelling, 'batch_size', None)
  if batch_size is None:
    return ()
  return inference(run, teachers, batch_size, getattr(
      generation.labelling, 'precision', 'float32'))


def inference(run, generations, batch_size: int, precision: str
              ) -> tuple[memory.Memory, ...]:
  """Of each finished network whose layers are known."""
  return tuple(memory.in_inference(
      generation.model, run.data.classes, generation.image_size,
      batch_size=_share(run, batch_size), precision=precision,
      on_cpu=run.runtime.on_host)
               for generation in filter(_is_known, generations))


def train(run, generation, taught=None, batch_size: int | None = None
          ) -> tuple[memory.Memory, ...]:
  """What a training takes.

  Args:
    run: a `SelfTraining`.
    generation: of it.
    taught: the generation that labels in the step, or None.
    batch_size: that of the mixture if None.
  """
  if not generation.is_trained:
    return ()
  return _training(run, generation, generation.training,
                   generation.model.image_size,
                   batch_size or generation.mixture.batch_size, taught=taught)


def finetune(run, generation, batch_size: int | None = None
             ) -> tuple[memory.Memory, ...]:
  """`batch_size`: that of the fine-tuning if None."""
  policy = generation.fine_tune
  return _training(run, generation, policy, policy.image_size,
                   batch_size or policy.labelled_batch, policy.frozen_blocks)


def warnings(run, needed: Iterable[memory.Memory]) -> tuple[str, ...]:
  """Where that is more than a device has, a sentence each."""
  found = (part.warning(run.runtime.memory_bytes(), run.runtime.on_host)
           for part in needed)
  return tuple(sentence for sentence in found if sentence)


def _training(run, generation, policy, size, batch_size, frozen_blocks=None,
              taught=None) -> tuple[memory.Memory, ...]:
  if not _is_known(generation):
    return ()
  needed = memory.of(
      generation.model, run.data.classes, size,
      batch_size=_share(run, batch_size),
      optimizer_slots=getattr(policy.optimizer, 'slots_per_variable', 1),
      precision=policy.precision, frozen_blocks=frozen_blocks)
  pixels = _pixels(generation, size) * needed.batch_size
  if taught:
    mixture = generation.mixture
    others = _share(run, batch_size - (
        batch_size * mixture.labelled_batch // mixture.batch_size))
    pixels += _pixels(taught, taught.image_size) * others
    if _is_known(taught):
      # On the safe side: as if it had all of it while the student has its own.
      labels = memory.in_inference(
          taught.model, run.data.classes, taught.image_size, batch_size=others,
          precision=getattr(generation.labelling, 'precision', 'float32'),
          on_cpu=False)
      needed = _more(needed, labels.activations, labels.parameters)
  # The batches that wait for their step in the same call.
  waiting = getattr(policy, 'steps_per_call', 1) - 1
  return _more(needed, waiting * pixels),


def _more(needed, activations: int, teacher: int = 0) -> memory.Memory:
  return dataclasses.replace(needed, teacher=needed.teacher + teacher,
                             activations=needed.activations + activations)


def _pixels(generation, size: int) -> int:
  """Bytes of an image, as they come from the host."""
  return size**2 * generation.model.channels


def _is_known(generation) -> bool:
  """Whether the model's layers are known without building it."""
  return hasattr(generation.model, 'blocks')


def _share(run, batch_size: int) -> int:
  """Of one replica."""
  return -(-batch_size // run.runtime.replicas)
