"""Noisy Student self-training: the generations' loop (arXiv 1911.04252)."""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Sequence
import dataclasses
import inspect
from typing import Any

from etils import epath

from ns.core import checks
from ns.core import errors
from ns.core import files
from ns.core import manifest
from ns.core import runtime as runtime_lib
from ns.core import seeds
from ns.loop import choice
from ns.loop import generation as generation_lib
from ns.loop import lock
from ns.loop import notices as notices_lib
from ns.loop import plan
from ns.loop import schedule
from ns.loop import stages as stages_lib
from ns.loop import status
from ns.loop import summary


@dataclasses.dataclass(frozen=True, kw_only=True)
class SelfTraining:
  """A run: generations in a row, each the teacher of the next, or of others.

  Attributes:
    generations: `Generation`s, or functions without arguments that give one, as
      gin's uncalled references `@teacher/loop.Generation` are.
    data: which images are labelled, unlabelled, for validation and for test
      (`ns.mixture.splits`).
    seed: the root of all randomness.
    runtime: the hardware (`ns.core.runtime`).
    device_flops: floating point operations that one device does in a second, of
      those that the plan counts: it says how long that takes. None, and nothing
      measured: it does not.
    hook: who is told when a stage or the run ends or fails: an object with
      `tell`, such as `Command`; None tells nobody.
  """
  generations: Sequence[generation_lib.Generation | Callable[[], Any]]
  data: Any
  seed: int = 0
  runtime: Any = manifest.execution(default=runtime_lib.OneDevice())
  device_flops: float | None = manifest.execution(default=None)
  hook: Any = manifest.execution(default=None)

  def __post_init__(self):
    if not isinstance(self.generations, (list, tuple)) or not self.generations:
      raise ValueError(
          '`SelfTraining.generations` should be a list of generations, such as '
          f'`[@teacher/loop.Generation]`, but is {self.generations!r}.')
    built = tuple(
        g if isinstance(g, generation_lib.Generation) or not callable(g)
        else g() for g in self.generations)
    object.__setattr__(self, 'generations', built)
    for index, generation in enumerate(built):
      if not isinstance(generation, generation_lib.Generation):
        raise TypeError(f'`SelfTraining.generations[{index}]` should be a '
                        f'`Generation`, but is {generation!r}.')
    names = [generation.name for generation in built]
    for name in names:
      if names.count(name) > 1:
        raise ValueError('`SelfTraining.generations` should have distinct '
                         f'names, but {names.count(name)} are {name!r}.')
    if built[0].has_teacher:
      raise ValueError(
          f'`Generation.mixture` of {names[0]!r} should be without '
          'pseudo-labelled images, since the first generation has no teacher, '
          f'but is {built[0].mixture!r}; bind `@mixture.Labelled()` to it.')
    for index, generation in enumerate(built):
      later = [name for name in generation.teachers
               if name not in names[:index]]
      if later:
        raise ValueError(
            f'`Generation.teachers` of {generation.name!r} should be earlier '
            f'generations, of {names[:index]}, but has {later[0]!r}.')
      _check_relabel(generation, built[:index])
    checks.integer(self, 'seed', at_least=0)
    seeds.Seed(self.seed)  # It is below 2**64, too.
    checks.has_methods(self, 'runtime', 'strategy', 'local_strategy', 'start',
                       'hosts')
    if self.device_flops is not None:
      checks.number(self, 'device_flops', above=0)
    if self.hook is not None:
      checks.has_methods(self, 'hook', 'tell')
    # Looked up without being called: it would read the data.
    offers = inspect.getattr_static(self.data, 'unlabelled', None)
    if offers is None or isinstance(self.data, type):
      raise TypeError('`SelfTraining.data` should be a split such as '
                      f'`@mixture.FewLabels()`, but is {self.data!r}.')

  @property
  def root_seed(self) -> seeds.Seed:
    return seeds.Seed(self.seed)

  @property
  def worker(self) -> int:
    """Which of the hosts that make the run this program is on, from 0."""
    return self.runtime.worker

  def stages(self) -> tuple[stages_lib.Stage, ...]:
    """All stages in order; checks the data and the models against each other.

    Raises:
      RunError: data is missing, or of another shape or number of channels than
        a model takes.
    """
    return schedule.stages(self)

  def plan(self, work_dir: str, measure: bool = False, **parts: Any) -> str:
    """The schedule as text, a row a stage, checked against `work_dir`.

    Args:
      work_dir: the run's folder.
      measure: whether the networks are tried out on this machine, for a short
        while each, to say how long the stages take.
      **parts: as of `run`.
    """
    self._check_hook()
    stages = self.stages()
    folder = epath.Path(work_dir)
    chosen = choice.Choice(**parts)
    wanted = chosen.wanted(stages)
    finished = set()
    if not self._missing:  # What a stage is made from is not known without it.
      finished = self._check(stages, folder, chosen.redone(stages))
    measured = None
    if measure:
      from ns.loop import probes
      if self.runtime.workers > 1:
        raise errors.ConfigError(
            '`--plan=measure` should be of one host, but '
            f'`SelfTraining.runtime` has {self.runtime.workers}; bind another, '
            'such as `runtime.OneDevice()`, to measure on this one.')
      self.runtime.start()
      measured = probes.run(self, [
          stage for stage in wanted if stage.name not in finished])
    return plan.text(self, stages, finished, wanted, work_dir, measured)

  def status(self, work_dir: str) -> str:
    """Where the run in `work_dir` stands, one line a stage.

    It also reads the folder of a run that goes on at this moment.
    """
    self._refuse_missing()
    stages = self.stages()
    folder = epath.Path(work_dir)
    self._check(stages, folder)
    return status.text(stages, folder)

  def run(self, work_dir: str, resolved: str = '', operative: str = '',
          verify: bool = False, reuse: str = '', **parts: Any) -> None:
    """Makes every stage that is not finished, and the summary.

    Args:
      work_dir: the run's folder, new or of an earlier start of the same run.
      resolved: the configuration, to be kept as `config.gin`.
      operative: the bindings used, to be kept as `operative_config.gin`.
      verify: whether to read all finished stages first, and compare their
        checksums.
      reuse: the folder of another run, from which the stages come that are the
        same in both; '' for none.
      **parts: which stages, see `choice.Choice`.

    Raises:
      ConfigError: there are no such stages.
      RunError: something is wrong that a sentence can say.
    """
    self._check_hook()
    self._refuse_missing()
    self.runtime.start()
    hosts = self.runtime.hosts()
    folder = epath.Path(work_dir)
    with hosts.together():
      if not hosts.is_chief:
        self._follow(folder, hosts, **parts)
        return
      if reuse and not epath.Path(reuse).exists():
        raise errors.RunError(
            '`--branch_from` should be the work directory of another run, but '
            f'`{reuse}` does not exist.')
      stages = self.stages()
      chosen = choice.Choice(**parts)
      wanted, redone = chosen.wanted(stages), chosen.redone(stages)
      notices = notices_lib.Notices(hook=self.hook, work_dir=work_dir)
      with lock.held(folder), notices.of() as whole:
        # All is checked before anything is written or made.
        self._check(stages, folder, redone)
        self.data.read()
        for stage in redone:
          stage.remove(folder)
        for stage in stages:
          if reuse:
            stage.take_from(epath.Path(reuse), folder)
          if verify:
            stage.verify(folder)
        for name, text in ((manifest.CONFIG, resolved),
                           ('operative_config.gin', operative)):
          if text:
            files.write_whole(folder / name, text)
        self.data.write(folder / 'splits.parquet')
        hosts.wait()
        _agree(hosts, wanted)
        for stage in wanted:
          with notices.of(stage) as outcome:
            outcome.is_new = not stage.check(folder)
            made = stage.run(folder, hosts)
            outcome.results, outcome.seconds = made.results, made.seconds
        hosts.wait()
        if not all(stage in wanted or stage.check(folder) for stage in stages):
          print(f'{wanted[-1].name} is finished; leave `--only` and `--until` '
                'out to go on', flush=True)
          return
        whole.results = summary.collect(self, stages, folder)
        summary.write(whole.results, folder / 'summary.json')
        print(summary.table(whole.results), flush=True)
        print(f'The result is in {work_dir}', flush=True)

  def _follow(self, folder: epath.Path, hosts, **parts: Any) -> None:
    """What a host does that is not the chief: its part of the stages."""
    hosts.wait()  # The chief has prepared the folder.
    stages = self.stages()
    wanted = choice.Choice(**parts).wanted(stages)
    self._check(stages, folder)
    self.data.read()
    _agree(hosts, wanted)
    for stage in wanted:
      stage.run(folder, hosts)
    hosts.wait()

  @property
  def _missing(self) -> Sequence[Any]:
    """The sources whose files are not here, though a plan counts with them."""
    return getattr(self.data, 'missing', ())

  def _check_hook(self) -> None:
    if hasattr(self.hook, 'check'):
      self.hook.check()

  def _refuse_missing(self) -> None:
    for source in self._missing:
      more = len(self._missing) - 1
      raise errors.Missing(
          f'The images of `{source.name}` are not here: {source.missing}'
          + (f' {more} more of the sources are not, see `--plan`.'
             if more else ''))

  def _check(self, stages: Sequence[stages_lib.Stage], folder: epath.Path,
             redone: Collection[stages_lib.Stage] = ()) -> set[str]:
    """Checks that `folder` has nothing but what these stages make.

    Args:
      stages: of the run.
      folder: the run's.
      redone: the stages that may be anything, since they are made again.

    Returns:
      The names of the stages that are finished.
    """
    finished = {stage.name for stage in stages
                if stage not in redone and stage.check(folder)}
    names = {generation.name for generation in self.generations}
    for path in sorted(folder.iterdir()) if folder.exists() else ():
      if path.name not in names and list(path.glob('*/begun.json')):
        raise errors.RunError(
            f'`{folder}` has the generation {path.name!r}, which is not in '
            '`SelfTraining.generations`; give another `--work_dir`, or remove '
            f'`{path}`.')
    return finished


def _check_relabel(generation, earlier) -> None:
  """Images can be labelled again that were selected before."""
  names = [each.name for each in earlier if each.is_labelled_first]
  if generation.relabel is not None and generation.relabel not in names:
    raise ValueError(
        f'`Generation.relabel` of {generation.name!r} should be an earlier '
        'generation with pseudo-labels, of '
        f'{names}, but is {generation.relabel!r}.')


def _agree(hosts, wanted: Sequence[stages_lib.Stage]) -> None:
  """All hosts are about to make the same stages."""
  hosts.check_same('The stages of the run', ' '.join(
      f'{stage.name} {stage.fingerprint}' for stage in wanted))
