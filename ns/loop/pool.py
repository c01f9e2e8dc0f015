"""What a generation's teachers label: the pool, or an earlier selection."""

from ns.core import errors
from ns.core import manifest


def of(run, generation, run_folder):
  """The source (`ns.mixture.sources`).

  Args:
    run: a `SelfTraining`.
    generation: of it, with a teacher.
    run_folder: where the earlier selection is, if it is one.

  Raises:
    RunError: that is not finished, or an earlier version of this program made
      it.
  """
  if generation.relabel is None:
    return run.data.unlabelled
  from ns.mixture import selected
  name = generation.relabel
  earlier = next(each for each in run.generations if each.name == name)
  folder = run_folder / name / 'select'
  made = manifest.read(folder)
  if made is None:
    raise errors.RunError(
        f'{generation.name} relabels what was selected for {name}, but '
        f'{name}/select is not finished in `{run_folder}`; make that first.')
  images = made.results.get('record_images')
  if images is None:
    raise errors.RunError(
        f'`{folder}` does not say how many images its files have: an earlier '
        f'version of this program made it; give `--redo={name}/select`.')
  return selected.Selected(
      name=f'selected for {name}', contents=made.contents,
      files={str(folder / file): count for file, count in images.items()},
      pool=of(run, earlier, run_folder))
