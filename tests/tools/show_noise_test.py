"""Tests of tools/show_noise.py."""

import dataclasses
import pathlib

import numpy as np
from PIL import Image

from ns import noise
from ns import pseudolabel
from ns.mixture import views
from ns.noise import image_ops
from tests.support import linear
from tests.support import tiny
from tools import command
from tools import show_noise


def sheet(run, folder, generation=None):
  """The sections by their headings' first words."""
  chosen = command.generation_of(run, generation)
  return {section.heading.split(' at ')[0]: section for section in
          show_noise.sections(run, chosen, pathlib.Path(folder))}


def test_originals_are_of_all_classes(tmp_path):
  run = tiny.run(tmp_path)
  images = show_noise.originals(run, views.View(size=8, channels=1))
  labelled = run.data.labelled
  source = run.data.train
  for label, image in enumerate(images[:4]):
    of_class = [i for i in labelled.indices if source.class_ids[i] == label]
    np.testing.assert_array_equal(image, source.pixels[of_class[0]])
  assert len(images) == 10  # of the 12 that are labelled


def test_every_operation_at_the_magnitude_with_both_signs():
  augment = noise.RandAugment(
      magnitude=6, translate_size=5, cutout_size=5, fill=9, contrast='correct')
  images = np.random.default_rng(0).integers(
      0, 256, (3, 12, 14, 3)).astype(np.uint8)
  section = show_noise.operations(augment, images)
  assert section.heading == (
      'Operations at magnitude 6, of which each image gets 2')
  rows = {row.label: row.images for row in section.rows}
  assert len(rows) == 16 + 5
  full = lambda value: np.full(3, value, np.float32)
  for label, expected in {
      'Invert\n': image_ops.invert(images),
      'Rotate\n18 degrees': image_ops.rotate(images, full(18), 9),
      'Rotate\n-18 degrees': image_ops.rotate(images, full(-18), 9),
      'TranslateX\n-3 pixels': image_ops.translate_x(images, full(-3), 9),
      'ShearY\n0.18': image_ops.shear_y(images, full(0.18), 9),
      'Posterize\n2 bits': image_ops.posterize(images, full(2)),
      'Solarize\nfrom 153': image_ops.solarize(images, full(153)),
      'SolarizeAdd\nadd 66': image_ops.solarize_add(images, full(66)),
      'Contrast\nfactor 1.18': image_ops.contrast(
          images, full(1.18), 'correct'),
  }.items():
    np.testing.assert_array_equal(rows[label], expected)
  holes = rows['Cutout\n6 pixels'] != images
  assert holes.any((1, 2, 3)).all()
  assert set(rows['Cutout\n6 pixels'][holes]) == {9}


def test_only_the_operations_of_the_noise_and_the_spread():
  augment = noise.RandAugment(
      magnitude=6, magnitude_std=0.5, layers=3, ops=['ShearX', 'Invert'])
  section = show_noise.operations(augment, np.zeros([1, 4, 4, 1], np.uint8))
  assert [row.label.split('\n')[0] for row in section.rows] == [
      'Invert', 'ShearX', 'ShearX']
  assert section.heading == ('Operations at magnitude 6, give or take 0.5, of '
                             'which each image gets 3')


def test_sections_of_a_teacher(tmp_path):
  run = tiny.run(tmp_path)
  sections = sheet(run, tmp_path, 'teacher')
  assert list(sections) == [
      'Labelled images', 'The whole noise on the input',
      'The beginning of a batch, with what its images are labelled']
  whole = sections['The whole noise on the input']
  original = sections['Labelled images'].rows[0].images
  assert [row.images.shape for row in whole.rows] == [original.shape] * 3
  assert (whole.rows[0].images != whole.rows[1].images).any()
  *_, batch = sections.values()
  assert batch.note == ''
  assert [(row.label, len(row.images)) for row in batch.rows] == [
      ('labelled', 10), ('labelled', 6)]
  # Smoothing of 0.1 over four classes leaves 0.925.
  assert all(caption.endswith('0.93') or caption.endswith('0.92')
             for row in batch.rows for caption in row.captions)


def test_a_batch_is_of_both_kinds_once_labels_are_selected(tmp_path):
  run = tiny.run(tmp_path, changes={
      'teacher': {'model': linear.Architecture()},
      'student1': {'select': pseudolabel.Select(
          min_confidence=0.0, balance=pseudolabel.Balance(
              images_per_class=30, allow_empty_classes=True))}})
  work_dir = tmp_path / 'work'
  *_, before = sheet(run, work_dir).values()
  assert {row.label for row in before.rows} == {'labelled'}
  assert before.note == ('Labelled images only: '
                         f'{work_dir}/student1/select is not finished.')
  run.run(str(work_dir), until='student1/select')
  *_, after = sheet(run, work_dir).values()
  assert after.note == ''
  assert [(row.label, len(row.images)) for row in after.rows] == [
      ('labelled', 8), ('pseudo-labelled', 10), ('pseudo-labelled', 6)]
  other = dataclasses.replace(run, seed=1)
  *_, last = sheet(other, work_dir).values()
  assert last.note.startswith(
      f'Labelled images only: `{work_dir}` has student1/select of another '
      'configuration')


def test_noise_on_the_device_and_on_batches(tmp_path):
  inner = noise.RandAugment(magnitude=3, form='xla', translate_size=2)
  plain = tiny.run(tmp_path, changes={'teacher': {'noise': inner}})
  wrapped = tiny.run(tmp_path, changes={
      'teacher': {'noise': noise.OnDevice(noise=inner)}})
  mixed = tiny.run(tmp_path, changes={
      'teacher': {'noise': inner, 'batch_noise': noise.MixUp(alpha=1)}})
  first, second, third = (sheet(run, tmp_path, 'teacher')
                          for run in (plain, wrapped, mixed))
  assert 'Operations' in first
  for one, other in zip(first.values(), second.values()):
    for a, b in zip(one.rows, other.rows):
      np.testing.assert_array_equal(a.images, b.images)
  *_, batch = third.values()
  assert any('\n' in caption for row in batch.rows for caption in row.captions)


def test_title_says_what_is_not_by_default():
  class Own:

    def apply(self, images, seeds):
      return images

  generation = tiny.generation(
      'teacher', has_teacher=False, batch_noise=noise.MixUp(alpha=0.4),
      noise=noise.Sequence(steps=[
          noise.RandAugment(magnitude=9, ops=['Invert']), Own()]))
  assert show_noise.title('a.gin', generation) == (
      'a.gin, generation teacher\nnoise: RandAugment(magnitude=9)\n'
      'noise: Own\nbatch noise: MixUp(alpha=0.4)\n'
      'not seen here: ModelNoise(dropout=0.1, stochastic_depth=0.1)')


def test_a_sheet_of_a_run_file(tmp_path, capsys):
  output = tmp_path / 'sheet.png'
  flags = ['--gin_file=gin/runs/smoke.gin', f'--work_dir={tmp_path}/work']
  assert show_noise.main([
      *flags, f'--output={output}',
      '--gin.noise.RandAugment.magnitude=7']) == 0
  with Image.open(output) as image:
    assert image.format == 'PNG'
    assert capsys.readouterr().out == (
        f'{output}: {image.width} x {image.height} pixels\n')


def test_failures_are_one_line(tmp_path, capsys):
  assert show_noise.main([]) == 2
  assert capsys.readouterr().err == (
      'error: No gin file is given; a run file is needed.\n')
  run = '--gin_file=gin/runs/smoke.gin'
  assert show_noise.main([run, '--generation=third']) == 2
  assert capsys.readouterr().err == (
      'error: `--generation` should be one of teacher, student, but is '
      "'third'.\n")
  output = f'{tmp_path}/none/sheet.png'
  assert show_noise.main([run, f'--output={output}']) == 2
  assert capsys.readouterr().err == (
      'error: `--output` should be a file in a folder that is there, but is '
      f'`{output}`.\n')
  assert show_noise.main([run, f'--output={tmp_path}']) == 1
  assert capsys.readouterr().err.endswith(
      f'{tmp_path} is a directory\n')
