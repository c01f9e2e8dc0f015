"""Writes the README's table of runs from `docs/runs/*.json`.

`bazel run //tools:readme_runs` after copying a run's `summary.json` there,
under the name of its run file. //tests/docs:readme_test checks that it was done.
"""

import json
import os
import pathlib
import re
import sys

_BLOCK = re.compile(
    r'(<!-- runs: [^\n]*-->\n).*?(<!-- end of runs -->)', re.DOTALL)


def rows(summaries: dict[str, dict]) -> str:
  """The table: a row a run and generation.

  Args:
    summaries: the contents of `summary.json` by the name of the run.
  """
  lines = [
      '| run | generation | time | pseudo-labels | of these right | test |',
      '|---|---|---|---|---|---|']
  for name, summary in sorted(summaries.items()):
    total = 0.0
    for generation in summary['generations']:
      total += generation['seconds']
      selected = generation.get('select')
      used, right = ('', '') if selected is None else (
          f'{selected["used"]:,}', f'{100 * selected["accuracy_used"]:.1f} %')
      accuracy = 100 * generation['evaluate']['test']['accuracy']
      lines.append(f'| `//gin/runs:{name}` | {generation["name"]} '
                   f'| {generation["seconds"] / 60:.1f} min | {used} | {right} '
                   f'| {accuracy:.2f} % |')
    lines.append(f'| | all | {total / 60:.1f} min | | | |')
  return '\n'.join(lines) + '\n'


def updated(readme: str, summaries: dict[str, dict]) -> str:
  """The README with its table made anew."""
  if not _BLOCK.search(readme):
    raise ValueError('`readme` should have a block `<!-- runs: … -->` up to '
                     '`<!-- end of runs -->`, but has none.')
  return _BLOCK.sub(lambda m: m[1] + rows(summaries) + m[2], readme)


def read(root: pathlib.Path) -> dict[str, dict]:
  """The summaries in `docs/runs` of the checkout `root`."""
  return {path.stem: json.loads(path.read_text())
          for path in (root / 'docs' / 'runs').glob('*.json')}


def main() -> int:
  workspace = os.environ.get('BUILD_WORKSPACE_DIRECTORY')
  if not workspace:
    print('error: `readme_runs` changes the checkout; call it by '
          '`bazel run //tools:readme_runs`.', file=sys.stderr)
    return 2
  root = pathlib.Path(workspace)
  readme = root / 'README.md'
  readme.write_text(updated(readme.read_text(), read(root)))
  return 0


if __name__ == '__main__':
  sys.exit(main())
