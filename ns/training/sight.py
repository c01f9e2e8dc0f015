"""What is seen of a training while it goes on.

A progress line, a log of metrics and TensorBoard's summaries.
"""

from collections.abc import Mapping
import sys
from typing import Any

from ns.core import manifest
from ns.core import progress
from ns.training import clock
from ns.training import metrics_log
from ns.training import summaries

# Above this share of the time it is worth doing something about it.
_MOST_INPUT_WAIT = 0.1
# What TensorBoard says beside its curves.
_DESCRIPTIONS = {
    'input_wait_share': (
        'Share of the time in which the host waited for a batch. Where a call '
        'is several steps, measured against a probe: no more than the time '
        f'beyond what the images take at `{clock.PROBED}`.'),
    clock.PROBED: (
        'Pace of the fastest call until now that began on an idle device with '
        'its batches in memory.'),
    'outside_share': (
        'Share of the time that went neither to the step nor to its input.')}


class Sight:
  """Shows a training; a context manager."""

  def __init__(self, job, num_steps: int, step: int):
    """Goes on after `step` of `num_steps`."""
    self._job, self._step = job, step
    self._starts, self._compiles = step == 0, True
    self._warned = False
    self._note = ''
    self._log = metrics_log.MetricsLog(job.folder / manifest.METRICS, step)
    # What is at step 0 is written again by one that begins there.
    self._writer = summaries.Writer(
        job.folder / manifest.SUMMARIES, step + 1 if step else 0)
    self._progress = progress.Progress(job.name, num_steps, 'steps', step)

  def __enter__(self):
    self._progress.__enter__()
    return self

  def __exit__(self, *error):
    self._progress.__exit__(*error)
    self._writer.__exit__(*error)

  def advance(self, steps: int) -> None:
    """So many more steps were taken."""
    self._step += steps
    self._progress.advance(steps, self._note, in_rate=not self._compiles)
    self._compiles = False

  def first_batch(self, batch: Mapping[str, Any]) -> None:
    """The batch of the first step is here."""
    if self._starts:
      if self._job.description:
        self._writer.write_text('config', self._job.description)
      self._writer.write_images(batch)

  def summary(self, step: int, network: Any, metrics: Mapping[str, float], *,
              is_last: bool) -> None:
    """Shows the metrics of the steps until `step`.

    Args:
      step: how many steps were taken.
      network: whose weights get histograms, first and last.
      metrics: by name.
      is_last: whether there is no other.
    """
    self._log.write(step, metrics)
    self._writer.write(step, metrics, _DESCRIPTIONS)
    if self._starts or is_last:
      self._writer.write_histograms(step, network.trainable_variables)
    self._starts = False
    if 'loss' in metrics:
      self._note = f'loss {metrics["loss"]:.3f}'
      if metrics['attempt']:
        self._note += f', attempt {metrics["attempt"]:.0f}'
    waited = metrics.get('input_wait_share', 0)
    if waited:
      self._note += f', input wait {waited:.0%}'
    if waited > _MOST_INPUT_WAIT and not self._warned:
      self._warned = True
      against = (', measured against calls whose batches were in memory'
                 if clock.PROBED in metrics else '')
      print(f'{self._job.name}: {waited:.0%} of the time until step {step} '
            f'went to waiting for batches{against}. More cores, a cheaper crop '
            'or input noise, or images that are nearer make that less.',
            file=sys.stderr, flush=True)

  def go_back(self, step: int, reason: str) -> None:
    """The training goes on from an earlier step, as another attempt."""
    print(f'The {reason}; back to step {step}, with other seeds',
          file=sys.stderr, flush=True)
    self._log.go_back(step)
    self._writer.forget(step + 1)
    self._compiles = True  # Of other noise.
    self.advance(step - self._step)
    self._compiles = True


class Unseen:
  """In place of `Sight` on the hosts that show nothing."""

  def __init__(self, job, num_steps: int, step: int):
    del job, num_steps, step

  def __enter__(self):
    return self

  def __exit__(self, *error):
    pass

  def advance(self, steps: int) -> None:
    pass

  def first_batch(self, batch: Mapping[str, Any]) -> None:
    pass

  def summary(self, step: int, network: Any, metrics: Mapping[str, float], *,
              is_last: bool) -> None:
    pass

  def go_back(self, step: int, reason: str) -> None:
    pass
