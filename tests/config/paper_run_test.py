"""The paper's largest run, gin/runs/imagenet_b7_l2_l2_l2.gin, without its data.

Constants of arXiv 1911.04252, sections 3.1 and 3.2, and of the released code.
"""

import pytest

from ns import config
from ns.core import errors

NAME = 'gin/runs/imagenet_b7_l2_l2_l2.gin'
STUDENTS = 'student1', 'student2', 'student3'


@pytest.fixture(name='run', scope='module')
def make_run():
  with pytest.MonkeyPatch.context() as patched:
    patched.delenv('NS_IMAGENET_DIR', raising=False)
    yield config.compose([NAME]).root


@pytest.fixture(name='stages', scope='module')
def make_stages(run):
  return {stage.name: stage for stage in run.stages()}


def test_a_b7_teaches_an_l2_which_teaches_two_more(run):
  assert [generation.name for generation in run.generations] == [
      'teacher', *STUDENTS]
  teacher, *students = run.generations
  assert (teacher.model.width, teacher.model.depth, teacher.model.image_size
          ) == (2.0, 3.1, 600)
  assert {(each.model.width, each.model.depth, each.model.image_size)
          for each in students} == {(4.3, 5.3, 475)}


def test_batches_are_of_2048_labelled_images_and_14_14_and_28_times_as_many(
    run, stages):
  teacher, *students = run.generations
  assert teacher.mixture.batch_size == 2048
  assert [(each.mixture.labelled_batch, each.mixture.batch_size)
          for each in students] == [
              (2048, 15 * 2048), (2048, 15 * 2048), (2048, 29 * 2048)]
  for generation in run.generations:
    assert round(generation.training.num_steps * 2048 / 1281167, 2) == 350
    found = stages[f'{generation.name}/train'].work
    assert found.images == 218949 * generation.mixture.batch_size
    first, highest, last = found.rates
    # 0.128, but for the two stairs that the warm-up takes.
    assert first == 0 and highest == pytest.approx(0.128 * 0.97**2, rel=1e-3)
    assert last == pytest.approx(0.128 * 0.97**(352.75 // 2.4), rel=1e-3)


def test_the_operations_are_those_of_the_networks(stages):
  # Multiply-adds of the catalogue: 37.746e9 for a B7 at 600 pixels, 170.89e9
  # for an L2 at 475 and 475.70e9 at 800.
  flops = {name: stage.work.flops for name, stage in stages.items()}
  assert flops['teacher/train'] == pytest.approx(
      218949 * 2048 * 6 * 37.746e9, rel=1e-4)
  assert flops['student3/train'] == pytest.approx(
      218949 * 29 * 2048 * 6 * 170.89e9, rel=1e-4)
  assert flops['student1/label'] == pytest.approx(
      300e6 * 2 * 37.746e9, rel=1e-4)
  assert flops['student2/label'] == pytest.approx(
      130e6 * 2 * 475.70e9, rel=1e-4)


def test_pseudo_labels_are_filtered_at_03_and_130000_of_each_class(
    run, stages):
  select = run.generations[1].select
  assert (select.min_confidence, select.balance.images_per_class) == (
      0.3, 130_000)
  assert stages['student1/select'].work.images == 130_000_000
  # Later teachers label those again.
  assert stages['student2/label'].work.images == 130_000_000
  assert stages['student3/label'].work.images == 130_000_000
  # Whole distributions of float16.
  assert stages['student1/label'].work.written == pytest.approx(
      300e6 * 2000, rel=0.01)


def test_l2s_are_fine_tuned_for_one_and_a_half_epochs_at_800_pixels(
    run, stages):
  assert run.generations[0].fine_tune is None
  for name in STUDENTS:
    found = stages[f'{name}/finetune'].work
    assert found.steps == 938 and round(938 * 2048 / 1281167, 2) == 1.5
  for generation in run.generations[1:]:
    assert generation.fine_tune.image_size == 800


def test_the_noise_is_that_of_the_paper(run):
  for generation in run.generations:
    assert (generation.noise.layers, generation.noise.magnitude) == (2, 27)
    assert (generation.model_noise.dropout,
            generation.model_noise.stochastic_depth) == (0.5, 0.2)


def test_the_plan_says_what_is_missing(run):
  lines = run.plan('/nowhere/at/all').splitlines()
  begin = next(number for number, line in enumerate(lines)
               if line.startswith('not here'))
  missing = [line.split() for line in lines[begin + 1:]
             if line.startswith('  imagenet')]
  assert missing == [
      ['imagenet_train', '1,281,167', 'images', '@imagenet/train-*'],
      ['imagenet_validation', '50,000', 'images', '@imagenet/validation-*'],
      ['imagenet_pool', '300,000,000', 'images', '@imagenet/extra-*']]
  assert 'NS_IMAGENET_DIR' in ' '.join(lines[begin:])


def test_a_run_is_refused_before_anything_is_written(run, tmp_path):
  for refused in (lambda: run.run(str(tmp_path / 'run')),
                  lambda: run.status(str(tmp_path / 'run'))):
    with pytest.raises(errors.RunError) as caught:
      refused()
    assert str(caught.value).startswith(
        'The images of `imagenet_train` are not here: `@imagenet/train-*` is ')
    assert str(caught.value).endswith(
        ' 2 more of the sources are not, see `--plan`.')
  assert not list(tmp_path.iterdir())
