"""Writes the README's tables from `docs/runs/*.json` and `docs/benches/*.json`.

`bazel run //tools:readme_runs` after copying a run's `summary.json` to the
first, under the name of its run file, or the last line of a bench to the
second, under the bench's. //tests/docs:readme_test checks that it was done.
"""

import json
import os
import pathlib
import re
import sys

# What a bench measured: what it is, its figure, its peer, the peer's figure,
# and the bench's own ratio of the two where it has one: a median over rounds.
_BENCHES = {
    'noise': [
        ('RandAugment, 224 x 224, images/s',
         'randaugment_224_images_per_second', "the reference's, in TensorFlow 2", 'reference_images_per_second',
         'ratio'),
        ('', 'randaugment_224_images_per_second', 'albumentations',
         'albumentations_images_per_second', ''),
        ('', 'randaugment_224_images_per_second', 'timm',
         'timm_images_per_second', ''),
        ('the same without C++', 'pure_tensorflow_images_per_second',
         "the reference's, in TensorFlow 2", 'reference_images_per_second', ''),
        ('RandAugment, 32 x 32, images/s', 'randaugment_32_images_per_second',
         '', '', ''),
        ('JPEG to noisy batch, 224 x 224, images/s', 'input_images_per_second',
         'TensorFlow without RandAugment',
         'stock_input_without_randaugment_images_per_second', 'input_ratio')],
    'model': [
        ('B0 training, images/s', 'b0_train_images_per_second',
         'keras.applications', 'keras_train_images_per_second',
         'b0_train_ratio'),
        ('B0 inference, images/s', 'b0_infer_images_per_second',
         'keras.applications', 'keras_infer_images_per_second',
         'b0_infer_ratio'),
        ('the same in bfloat16', 'b0_infer_bfloat16_images_per_second',
         'keras.applications, float32', 'keras_infer_images_per_second',
         'b0_infer_bfloat16_ratio'),
        ('`tiny` training, images/s', 'tiny_train_images_per_second', '', '',
         '')],
    'mixture': [
        ('JPEG TFRecords to batch, 224 x 224, images/s', 'images_per_second',
         'a hand-written tf.data pipeline', 'hand_written_images_per_second',
         'throughput_ratio')],
    'leakage': [
        ('looking for leaks, JPEGs of 224 x 224, images/s',
         'images_per_second_jpeg_224', '', '', ''),
        ('looking for leaks, 28 x 28 pixels, images/s',
         'images_per_second_idx_28', '', '', '')],
    'loop': [
        ('smoke run, start to first step, s', 'start_seconds', '', '', ''),
        ('share of a training outside step and input', 'overhead_share', '', '',
         '')],
    'select': [('selection from 300 M predictions, s', 'seconds', '', '', '')],
}


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


def figures(benches: dict[str, dict]) -> str:
  """The table of the benches: a row a figure that was measured.

  Args:
    benches: the last line of each bench, by its name.
  """
  lines = ['| what | here | beside it | there | times |',
           '|---|---|---|---|---|']
  for bench, wanted in _BENCHES.items():
    found = benches.get(bench, {})
    for what, ours, peer, theirs, ratio in wanted:
      if ours not in found or (theirs and theirs not in found):
        continue
      there = times = ''
      if theirs:
        there = _number(found[theirs])
        times = f'{found.get(ratio, found[ours] / found[theirs]):.2f}'
      lines.append(
          f'| {what} | {_number(found[ours])} | {peer} | {there} | {times} |')
  return '\n'.join(lines) + '\n'


def _number(value: float) -> str:
  return (f'{value:,.0f}' if value >= 100 else
          f'{value:.1f}' if value >= 1 else f'{value:.2g}')


def updated(readme: str, block: str, table: str) -> str:
  """The README with the table of a block, 'runs' or 'benches', made anew."""
  pattern = re.compile(
      rf'(<!-- {block}: [^\n]*-->\n).*?(<!-- end of {block} -->)', re.DOTALL)
  if not pattern.search(readme):
    raise ValueError(f'`readme` should have a block `<!-- {block}: … -->` up to '
                     f'`<!-- end of {block} -->`, but has none.')
  return pattern.sub(lambda match: match[1] + table + match[2], readme)


def read(root: pathlib.Path, folder: str) -> dict[str, dict]:
  """The JSON files in `docs/<folder>` of the checkout `root`, by name."""
  return {path.stem: json.loads(path.read_text())
          for path in (root / 'docs' / folder).glob('*.json')}


def tables(root: pathlib.Path) -> dict[str, str]:
  """The table of each block."""
  return {'runs': rows(read(root, 'runs')),
          'benches': figures(read(root, 'benches'))}


def main() -> int:
  workspace = os.environ.get('BUILD_WORKSPACE_DIRECTORY')
  if not workspace:
    print('error: `readme_runs` changes the checkout; call it by '
          '`bazel run //tools:readme_runs`.', file=sys.stderr)
    return 2
  root = pathlib.Path(workspace)
  readme = root / 'README.md'
  text = readme.read_text()
  for block, table in tables(root).items():
    text = updated(text, block, table)
  readme.write_text(text)
  return 0


if __name__ == '__main__':
  sys.exit(main())
