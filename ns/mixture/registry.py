"""The images of a run as seqio's registered Tasks and Mixtures.

A run needs no registry: its Tasks depend on it, and are made where they are
used. Registered they are for seqio's own tools, and for notebooks:

  run = config.compose(['gin/runs/smoke.gin']).root
  mixture.register(run, 'smoke')
  task = seqio.get_mixture_or_task('smoke_labelled')

All are without noise, in order and once, by the crop of an evaluation; their
examples have the features of `ns.core.types`.
"""

import re

import numpy as np

from ns.core import errors
from ns.core import manifest
from ns.mixture import subset


def register(run, prefix: str, *, generation: str | None = None,
             work_dir=None) -> tuple[str, ...]:
  """Registers the images of a run, in place of what had these names.

  `PREFIX_labelled` is a Task with the splits train, validation and test, as
  there are; `PREFIX_NAME` one of each pool, its labels unseen. `PREFIX_pools`
  is a Mixture of all pools, each by its size. With the folder of a run in
  which a student's images are selected, `PREFIX_pseudo_labelled` is a Task of
  them, each as often as it is used in an epoch, and `PREFIX_mixture` a Mixture
  of the labelled and of these, in the student's ratio.

  Args:
    run: a `loop.SelfTraining`.
    prefix: of the names.
    generation: whose images and crop they are; the last one's if None.
    work_dir: the folder of the run, if there is one.

  Returns:
    The names.

  Raises:
    RunError: `work_dir` is given, and nothing is selected in it.
  """
  import seqio
  from etils import epath
  from ns.mixture import tasks
  from ns.mixture import views
  chosen = run.generations[-1] if generation is None else next(
      each for each in run.generations if each.name == generation)
  data, model = run.data, chosen.model
  view = views.View(size=model.image_size, channels=model.channels,
                    crop=chosen.evaluation_crop)
  mixtures = {}

  def task(name, parts):
    return tasks.sets(f'{prefix}_{_word(name)}', parts, view=view,
                      classes=data.classes)

  found = [task('labelled', {
      'train': data.labelled,
      **{part.name: part for part in data.evaluation_sets}})]
  pools = getattr(data.unlabelled, 'parts', (data.unlabelled,))
  found += [task(pool.name, {'train': subset.Subset(
      name=pool.name, source=pool, is_labelled=False,
      indices=np.arange(pool.num_examples))}) for pool in pools]
  if pools:
    mixtures[f'{prefix}_pools'] = [
        (each.name, float(pool.num_examples))
        for each, pool in zip(found[1:], pools)]
  if work_dir is not None:
    folder = epath.Path(work_dir) / chosen.name / 'select'
    made = manifest.read(folder)
    if made is None:
      raise errors.RunError(
          f'`{folder}` should have the selected images of {chosen.name}, but '
          'is not finished; give the folder of a run that is, or none.')
    found.append(tasks.selected(
        f'{prefix}_pseudo_labelled',
        {str(folder / name): count
         for name, count in made.results['records'].items()},
        classes=data.classes, policy=chosen.mixture.pseudo_labels, view=view))
    mixtures[f'{prefix}_mixture'] = [
        (found[0].name, 1.0), (found[-1].name, float(chosen.mixture.ratio))]
  for each in found:
    seqio.TaskRegistry.remove(each.name)
    seqio.TaskRegistry.add_provider(each.name, each)
  for name, parts in mixtures.items():
    seqio.MixtureRegistry.remove(name)
    seqio.MixtureRegistry.add(name, parts)
  return *(each.name for each in found), *mixtures


def _word(name: str) -> str:
  """A name as seqio allows it."""
  return re.sub(r'[^\w.:]', '_', name)
