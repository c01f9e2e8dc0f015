"""Tests of ns/config/composition.py and ns/config/engine.py."""

import pytest

from ns import config
from ns.core import errors
from tests.config import fakes
from tests.config import runs

here = runs.here


def test_generations_are_built_in_their_scopes_and_named_by_them():
  root = runs.compose(
      runs.RUN + 'student1/noise.RandAugment.magnitude = 15\n').root
  assert root == fakes.SelfTraining(generations=[
      fakes.Generation(name='teacher', noise=fakes.RandAugment(magnitude=5)),
      fakes.Generation(name='student1', noise=fakes.RandAugment(magnitude=15))])


def test_a_name_in_the_config_is_kept():
  root = runs.compose(
      runs.RUN + "student1/loop.Generation.name = 'pupil'\n").root
  assert [g.name for g in root.generations] == ['teacher', 'pupil']


def test_a_flag_changes_one_generation_alone():
  root = runs.compose(runs.RUN, 'student1/noise.RandAugment.magnitude=7').root
  assert [g.noise.magnitude for g in root.generations] == [5, 7]


def test_a_flag_swaps_a_component_that_the_run_does_not_name():
  root = runs.compose(
      runs.RUN, 'student1/loop.Generation.noise=@noise.Cutout()',
                  'student1/noise.Cutout.size=7').root
  assert root.generations[1].noise == fakes.Cutout(size=7)


def test_a_later_file_overrides_and_a_flag_overrides_both():
  root = runs.compose(runs.RUN + 'loop.SelfTraining.seed = 1\nLAYERS = 2\n'
                      'noise.RandAugment.layers = %LAYERS\n',
                      'LAYERS=4', files=['more.gin'],
                      more='loop.SelfTraining.seed = 2\nLAYERS = 3\n').root
  assert root.seed == 2
  assert root.generations[0].noise.layers == 4


def test_modules_imported_by_an_included_file_are_known():
  root = runs.compose("include 'base.gin'\nloop.SelfTraining.seed = 3\n",
                      base=runs.RUN).root
  assert root.seed == 3


def test_each_composition_begins_anew():
  first = runs.compose(runs.RUN + 'noise.RandAugment.magnitude = 9\n')
  second = runs.compose(runs.RUN)
  assert first.root.generations[0].noise.magnitude == 9
  assert second.root.generations[0].noise.magnitude == 5


_RICH = runs.RUN + """
include 'models.gin'
SIZES = {'a': (1, -2.5), 'b': [None, True]}
TEXT = 'it\\'s "long", %(not) @a:macro, and it goes on for eighty letters\\n'
loop.Generation.model = @b1/noise.EfficientNet()
b1/noise.EfficientNet.depth = %SIZES
teacher/noise.RandAugment.magnitude = 3
student1/loop.Generation.noise = @noise.Chain()
student1/noise.Chain.steps = [@noise.Cutout(), @noise.Off(), @noise.Cutout()]
noise.Cutout.size = 4
noise.RandAugment.ops = [%TEXT, 'b']
"""


@pytest.mark.parametrize('flags', [
    (), ('student1/loop.Generation.noise=@noise.Off()',
         'loop.SelfTraining.seed=4', 'student1/loop.Generation.steps=3')])
def test_the_resolved_config_alone_gives_the_same_run(here, flags):
  first = runs.compose(_RICH, *flags, models=runs.MODELS)
  (here / 'config.gin').write_text(first.resolved, encoding='utf-8')
  (here / 'run.gin').unlink()
  (here / 'models.gin').unlink()
  second = config.compose(['config.gin'])
  assert second.root == first.root
  assert runs.code(second.resolved) == runs.code(first.resolved)
  assert runs.code(second.operative) == runs.code(first.operative)
  assert second.notes == ()


def test_the_resolved_config_is_without_what_is_hidden():
  found = runs.compose(
      runs.RUN + "include 'models.gin'\nWIDTH = 3\n"
      'noise.RandAugment.layers = %WIDTH\n'
      'loop.Generation.model = @b1/noise.EfficientNet()\n',
      *(f'{scope}/loop.Generation.model=@b2/noise.EfficientNet()'
        for scope in ('teacher', 'student1')),
      *(f'{scope}/noise.RandAugment.layers=4'
        for scope in ('teacher', 'student1')), models=runs.MODELS)
  assert 'b1' not in found.resolved and 'WIDTH' not in found.resolved
  assert found.notes == (
      'no value in use holds `%WIDTH` any more; its binding has no effect.',)
  assert runs.compose(found.resolved).root == found.root


def test_the_resolved_config_holds_names_and_no_row_without_effect():
  resolved = runs.compose(_RICH, models=runs.MODELS).resolved
  assert "teacher/loop.Generation.name = 'teacher'" in resolved
  assert 'b1/loop.EfficientNet.width = 1.1' in resolved
  assert 'b2/' not in resolved and 'include' not in resolved


def test_two_names_of_a_module_become_the_first():
  resolved = runs.compose(runs.RUN + 'noise.RandAugment.layers = 3\n').resolved
  assert 'loop.RandAugment.layers = 3' in resolved
  assert 'noise' not in resolved.replace('.noise = ', '')


def test_the_operative_config_holds_defaults():
  operative = runs.compose(runs.RUN).operative
  assert 'student1/loop.RandAugment.layers = 2' in operative
  assert 'loop.SelfTraining.seed = 0' in operative


def test_both_say_what_they_were_made_from(here):
  runs.write(here, run=runs.RUN, more='loop.SelfTraining.seed = 2\n')
  found = config.compose(
      [str(here / 'run.gin'), 'more.gin'], ["loop.SelfTraining.fail='\\n'"])
  head = ("made from run.gin, more.gin\n"
          "#   --gin.loop.SelfTraining.fail='\\n'\n\n")
  assert found.resolved.startswith('# Resolved config, ' + head)
  assert found.operative.startswith('# Operative config, ' + head)


@pytest.mark.parametrize('files, run_file', [
    (['run.gin', 'more.gin'], 'run.gin'), (['more.gin', 'run.gin'], 'run.gin'),
    (['run.gin', 'other.gin'], 'run.gin'),
    (['includes.gin', 'more.gin'], 'includes.gin')])
def test_the_run_file_is_the_first_that_binds_the_generations(
    here, files, run_file):
  runs.write(here, run=runs.RUN, includes="include 'run.gin'\n",
             more='loop.SelfTraining.seed = 2\n',
             other='loop.SelfTraining.generations = [@a/loop.Generation]\n')
  assert config.compose(files).run_file == run_file


@pytest.mark.parametrize('method', ['plan', 'run'])
def test_a_failure_of_a_composed_run_has_the_place_of_the_binding(method):
  found = runs.compose(runs.RUN + f"loop.SelfTraining.fail = '{method} seed'\n"
                       'loop.SelfTraining.seed = 7\n')
  with pytest.raises(errors.RunError) as caught:
    getattr(found, method)('work')
  assert str(caught.value) == (
      'run.gin:10: `SelfTraining.seed` is 7, but the images end at 5.')


def test_no_file():
  with pytest.raises(errors.ConfigError) as caught:
    config.compose([])
  assert str(caught.value) == 'No gin file is given; a run file is needed.'


def test_a_file_that_is_no_run():
  assert runs.message(runs.HEAD + 'noise.Cutout.size = 3\n') == (
      'run.gin: no file of this run binds `loop.SelfTraining.generations`; '
      'give a run file, such as those in `gin/runs/`.')


def test_a_generation_without_a_scope():
  assert runs.message(
      runs.HEAD + 'loop.SelfTraining.generations = [@loop.Generation]\n') == (
          'run.gin:5: the generation `@loop.Generation` has no scope to be '
          'named by; write `@teacher/loop.Generation`.')
