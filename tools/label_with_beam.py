"""Labels the pool on a cluster: Apache Beam over an exported network.

  bazel run //tools:label_with_beam -- --gin_file=RUN.gin --work_dir=DIR
      [--generation=student1] [--runner=DataflowRunner --project=… …]
      [--export_dir=DIR] [--output=DIR] [--temperature=NUMBER]
      [--gin.SCOPE/MODULE.CLASS.PARAMETER=VALUE]
  bazel run //tools:label_with_beam -- --gin_file=POOL.gin --source=ROW
      --export_dir=DIR --output=DIR [--temperature=NUMBER] [--runner=…]

The first form labels the pool of a run for a generation, as the run itself
would: with its `Labelling`, and with what its teachers exported. The files go
where the run looks for them, so that it goes on with them; where it has a stage
`calibrate`, that has to be finished, since its temperature is taken. The second
labels any source that a gin file names, `ROW/mixture.Idx.name = …`, with what
`Labelling` is by default. All other flags are Apache Beam's: the runner and its
options. Prints what the labels come to, as JSON.
"""

import argparse
from collections.abc import Sequence
import json
import os

from etils import epath

from ns.core import errors
from ns.core import files
from tools import beam_options
from tools import catalogue
from tools import command

def label(arguments: argparse.Namespace, options: Sequence[str]) -> dict:
  """Labels what the arguments say; returns what it came to.

  Args:
    arguments: of this tool.
    options: of Apache Beam.
  """
  if arguments.source:
    labelling, teachers, source, folder, temperature = _of_a_source(arguments)
  else:
    labelling, teachers, source, folder, temperature = _of_a_run(arguments)
  pipeline_options = beam_options.of(options)
  from ns.pseudolabel import beam
  return beam.run(labelling, teachers, source, folder, pipeline_options,
                  temperature)


def _of_a_source(arguments):
  from ns.pseudolabel import exported
  from ns.pseudolabel import labelling
  for name in 'export_dir', 'output':
    if not getattr(arguments, name):
      raise errors.ConfigError(f'`--{name}` is needed with `--source`; name a '
                               'folder.')
  source = catalogue.row(arguments.gin_file, arguments.source, 'records')
  return (labelling.Labelling(),
          [exported.Exported(folder=_path(folder))
           for folder in arguments.export_dir], source, _path(arguments.output),
          arguments.temperature or 1.0)


def _of_a_run(arguments):
  from ns.loop import pool
  from ns.pseudolabel import exported
  composition = command.compose(arguments)
  run = composition.root
  work_dir = command.work_dir(arguments, composition.run_file)
  generation, teachers = choose(run, arguments.generation)
  folders = ([_path(folder) for folder in arguments.export_dir]
             or [os.path.join(work_dir, name, 'export') for name in teachers])
  if len(folders) != len(teachers):
    raise errors.ConfigError(
        f'`--export_dir` should be given for each of the teachers '
        f'{", ".join(teachers)}, but is given {len(folders)} times.')
  return (generation.labelling,
          [exported.Exported(folder=folder,
                             accuracy=_accuracy(run, work_dir, name))
           for folder, name in zip(folders, teachers)],
          pool.of(run, generation, epath.Path(work_dir)),
          _path(arguments.output) if arguments.output else
          os.path.join(work_dir, generation.name, 'label'),
          arguments.temperature or _calibrated(work_dir, generation))


def choose(run, name: str | None):
  """The generation named `name`, or the first with a teacher; its teachers.

  Raises:
    ConfigError: the run has none of that name, or it has no teacher.
  """
  names = [generation.name for generation in run.generations]
  taught = {generation.name: generation for generation in run.generations
            if generation.is_labelled_first}
  name = name or next(iter(taught), None)
  if name not in taught:
    raise errors.ConfigError(
        '`--generation` should be one that is labelled for, of '
        f'{", ".join(taught) or "none"}, but is {name!r}.')
  generation = taught[name]
  return generation, (list(generation.teachers)
                      or [names[names.index(name) - 1]])


def _calibrated(work_dir: str, generation) -> float:
  """The temperature that the run labels with."""
  if not generation.calibration:
    return 1.0
  from ns.core import manifest
  made = manifest.read(os.path.join(work_dir, generation.name, 'calibrate'))
  if made is None:
    name = f'{generation.name}/calibrate'
    raise errors.RunError(
        f'{generation.name} is labelled for at the temperature of {name}, '
        f'which is not finished in `{work_dir}`; start the run with `--until={name}` '
        'first, or give `--temperature`.')
  return made.results['temperature']


def _accuracy(run, work_dir: str, name: str) -> float | None:
  """Of a generation on validation, where it is evaluated."""
  from ns.core import manifest
  made = manifest.read(os.path.join(work_dir, name, 'evaluate'))
  validation = run.data.evaluation_sets[0]
  return made and made.results[validation.name].get('accuracy')


def _path(path: str) -> str:
  return str(files.user_path(path))


def parse(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
  """The arguments of this tool, and the options of Apache Beam.

  Raises:
    ConfigError: there is something that is no flag.
  """
  flags = command.Flags('label_with_beam', __doc__)
  command.add_run(flags, generation='the first with a teacher')
  flags.add_argument('--source', help='a row of the gin files, in place of the '
                     'pool of a run')
  flags.add_argument('--export_dir', action='append', default=[],
                     help='what `models.Export` wrote; repeat for several '
                     'teachers; that of the run if not given')
  flags.add_argument('--output', help='where the predictions go; the stage '
                     '`label` of the run if not given')
  flags.add_argument('--temperature', type=float, help='what the logits are '
                     'divided by; 1, or what the run found, if not given')
  arguments, options = flags.parse_some(argv)
  temperature = arguments.temperature
  if temperature is not None and not 0 < temperature < float('inf'):
    raise errors.ConfigError('`--temperature` should be a number above 0, but '
                             f'is {temperature:g}.')
  if not arguments.gin_file:
    raise errors.ConfigError(
        '`--gin_file` is needed: the run file, or one with the row that '
        '`--source` names.')
  return arguments, options


def main(argv: Sequence[str]) -> int:
  """Labels, or says in one line why not; returns the exit code."""
  return command.finish(lambda: json.dumps(label(*parse(argv)), indent=1))


if __name__ == '__main__':
  command.start(main)
