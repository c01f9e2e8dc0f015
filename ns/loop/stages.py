"""A stage: one resumable step of a generation, made once."""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
import time
from typing import Any

from etils import epath

from ns.core import errors
from ns.core import manifest
from ns.core import progress
from ns.core.runtime import alone
from ns.loop import work as work_lib

# Differences that the message about another configuration shows.
_SHOWN = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
  """A step of a generation, with a folder `<generation>/<kind>` of the run.

  Attributes:
    generation: its generation's name.
    kind: 'label', 'select', 'train' or 'evaluate'.
    form: the canonical form of all that decides its result; stages that it
      builds on are in it by their fingerprints.
    make: makes it, given the run's folder and its own; gives its results,
      where `seconds`, if there, stands for the time taken.
    size: what there is to do, for the plan.
    work: the same in figures.
    reads: the stages that it is made from.
    sources: the names of the sources whose images it reads.
    is_shared: whether all hosts of the run make it together; otherwise its
      first host does, and the others wait for it.
  """
  generation: str
  kind: str
  form: Any
  make: Callable[[epath.Path, epath.Path], dict[str, Any]]
  size: str
  work: work_lib.Work = work_lib.Work()
  reads: Sequence['Stage'] = ()
  sources: Sequence[str] = ()
  is_shared: bool = False

  @property
  def name(self) -> str:
    return f'{self.generation}/{self.kind}'

  @property
  def fingerprint(self) -> str:
    return manifest.fingerprint(self.form)

  def folder(self, run_folder: epath.Path) -> epath.Path:
    """Where the stage is, in a run's folder."""
    return run_folder / self.generation / self.kind

  def check(self, run_folder: epath.Path) -> manifest.Manifest | None:
    """What `run_folder` has of this stage: its manifest, None if unfinished.

    Raises:
      RunError: the folder has this stage of another configuration, or made from
        something else than is there now.
    """
    folder = self.folder(run_folder)
    begun = manifest.begun(folder)
    if begun is not None and manifest.fingerprint(begun) != self.fingerprint:
      found = manifest.differences(begun, self.form)
      more = len(found) - _SHOWN
      shown = '; '.join(found[:_SHOWN]) + (f'; {more} more' if more > 0 else '')
      raise errors.RunError(
          f'`{run_folder}` has {self.name} of another configuration ({shown}); '
          f'give another `--work_dir`, or `--redo={self.name}` to make it and '
          'what follows from it again.')
    made = manifest.read(folder)
    if made and made.fingerprint != self.fingerprint:
      raise errors.RunError(
          f'`{folder}` was made by another configuration; give another '
          f'`--work_dir`, or `--redo={self.name}` to make it and what follows '
          'from it again.')
    for stage in self.reads if made else ():
      read = manifest.said(stage.folder(run_folder))
      if read and made.inputs.get(stage.name) != read.contents:
        raise errors.RunError(
            f'`{folder}` was made from another {stage.name} than is there now; '
            f'give `--redo={self.name}` to make it and what follows from it '
            'again.')
    return made

  def remove(self, run_folder: epath.Path) -> None:
    """Removes what `run_folder` has of this stage."""
    folder = self.folder(run_folder)
    if folder.exists():
      print(f'{self.name}: removed, to be made again', flush=True)
      manifest.remove(folder)

  def verify(self, run_folder: epath.Path) -> None:
    """Compares the checksums of a finished stage.

    Raises:
      RunError: an output is not what was written.
    """
    made = self.check(run_folder)
    if made:
      manifest.verify(self.folder(run_folder), made)
      print(f'{self.name}: verified', flush=True)

  def take_from(self, other: epath.Path, run_folder: epath.Path) -> None:
    """Copies the stage from the run in `other`, where it is the same there.

    Raises:
      RunError: it is, but an output is not what was written.
    """
    source, folder = self.folder(other), self.folder(run_folder)
    made = manifest.read(source)
    if folder.exists() or not made or made.fingerprint != self.fingerprint:
      return
    if not all(stage.check(run_folder) for stage in self.reads):
      return  # Its own beginnings are another's.
    manifest.verify(source, made)
    manifest.copy(source, folder, made)
    self.check(run_folder)
    print(f'{self.name}: taken from {other}', flush=True)

  def run(self, run_folder: epath.Path, hosts: Any = alone.Alone()
          ) -> manifest.Manifest:
    """Makes the stage, unless it is finished.

    Args:
      run_folder: of the run.
      hosts: those of the run (`ns.core.runtime`); each calls this, and the
        chief alone begins the stage and commits it.
    """
    if not hosts.is_chief:
      return self._follow(run_folder, hosts)
    finished = self.check(run_folder)
    folder = self.folder(run_folder)
    if not finished:
      inputs = self._verified_inputs(run_folder)
      manifest.begin(folder, self.form)
    hosts.wait(finished is not None)
    if finished:
      print(f'{self.name}: finished already', flush=True)
      return finished
    start = time.monotonic()
    results = self.make(run_folder, folder)
    seconds = results.pop('seconds', time.monotonic() - start)
    made = manifest.commit(
        folder, self.form, results, seconds, _versions(), inputs)
    hosts.wait()
    print(f'{self.name}: finished in {progress.duration(seconds)}', flush=True)
    return made

  def _follow(self, run_folder: epath.Path, hosts) -> manifest.Manifest:
    """What another host than the chief does while that runs the stage."""
    folder = self.folder(run_folder)
    is_finished = hosts.wait()
    if not is_finished and self.is_shared:
      hosts.wait_for(lambda: manifest.begun(folder) is not None, str(folder))
      self.make(run_folder, folder)
    if not is_finished:
      hosts.wait()
    hosts.wait_for(lambda: self.check(run_folder) is not None, str(folder))
    return self.check(run_folder)

  def _verified_inputs(self, run_folder: epath.Path) -> dict[str, str]:
    inputs = {}
    for stage in self.reads:
      read = stage.check(run_folder)
      if read is None:
        raise errors.RunError(
            f'{self.name} is made from {stage.name}, which is not finished; '
            'leave `--only` out, or add it there.')
      manifest.verify(stage.folder(run_folder), read)
      inputs[stage.name] = read.contents
    return inputs


def _versions() -> dict[str, str]:
  import keras
  import numpy
  import tensorflow
  return {module.__name__: module.__version__
          for module in (tensorflow, keras, numpy)}
