"""What a generation trains on, as far as a run has made it already."""

import dataclasses
from typing import Any

from ns.core import errors


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inputs:
  """What there is to make batches of.

  Attributes:
    mixture: the generation's; of labelled images only, as long as nothing is
      selected for it.
    pseudo_labelled: what is selected, None if nothing is.
    selected: the results of the stage `select`, None if it is not finished.
    note: why there are labelled images only; empty where there should be.
  """
  mixture: Any
  pseudo_labelled: Any = None
  selected: dict[str, Any] | None = None
  note: str = ''


def of(run, generation, folder) -> Inputs:
  """Looks for what is selected for a generation.

  Args:
    run: of the generation.
    generation: one of the run's.
    folder: the run's folder, an `epath.Path`.
  """
  from ns.mixture import batches
  from ns.mixture import inputs as inputs_lib
  mixture = generation.mixture
  if getattr(mixture, 'labels_in_step', False):
    return Inputs(
        mixture=batches.Labelled(labelled_batch=mixture.labelled_batch),
        note='Labelled images only: a teacher labels the others in the step.')
  if not mixture.uses_pseudo_labels:
    return Inputs(mixture=mixture)
  selected, note = _selected(run, f'{generation.name}/select', folder)
  if note:
    return Inputs(mixture=batches.Labelled(
        labelled_batch=mixture.labelled_batch), note=note)
  return Inputs(mixture=mixture, selected=selected,
                pseudo_labelled=inputs_lib.PseudoLabelled.selected(
                    folder / generation.name / 'select', selected))


def on_host(noise):
  """The noise as it is applied before the training step, wherever it runs."""
  return noise.noise if getattr(noise, 'on_device', False) else noise


def _selected(run, name: str, folder) -> tuple[dict[str, Any] | None, str]:
  """The results of the stage, or why there are none."""
  stage, = [stage for stage in run.stages() if stage.name == name]
  try:
    made = stage.check(folder)
  except errors.RunError as error:
    return None, f'Labelled images only: {error}'
  if not made:
    return None, f'Labelled images only: {folder / name} is not finished.'
  return made.results, ''
