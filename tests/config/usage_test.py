"""Tests of ns/config/usage.py: bindings without effect."""

from tests.config import runs

here = runs.here


def test_catalogue_rows_need_not_be_used():
  run = runs.RUN + "include 'm.gin'\n"
  text = 'loop.Generation.model = @b0/noise.EfficientNet()\n'
  assert runs.compose(run + text, m=runs.MODELS).notes == ()
  assert runs.message(run + 'techer/noise.EfficientNet.width = 2\n' + text,
                      m=runs.MODELS).startswith('run.gin:10: ')


def test_what_an_override_leaves_without_effect_is_a_note():
  found = runs.compose(
      runs.RUN + 'M = 15\nstudent1/noise.RandAugment.magnitude = %M\n',
      'student1/loop.Generation.noise=@noise.Off()')
  assert found.notes == (
      'no value in use holds `%M` any more; its binding has no effect.',
      'nothing builds `noise.RandAugment` in the scope `student1` any more; '
      'its binding has no effect.')
  assert 'magnitude = %M' not in found.resolved


def test_what_a_class_is_left_without_is_one_note():
  found = runs.compose(
      runs.RUN + 'noise.RandAugment.layers = 3\n'
      'noise.RandAugment.magnitude = 3\nteacher/noise.RandAugment.layers = 4\n',
      'loop.Generation.noise=@noise.Off()')
  assert found.notes == (
      'nothing builds `noise.RandAugment` any more; its 3 bindings have no '
      'effect.',)


def test_an_override_that_narrower_bindings_hide():
  run = (runs.RUN + "include 'm.gin'\n"
         'loop.Generation.model = @b1/noise.EfficientNet()\n')
  assert runs.message(run, 'noise.EfficientNet.width=2', m=runs.MODELS) == (
      '--gin.noise.EfficientNet.width=2: `noise.EfficientNet.width` is unused: '
      'in every scope a narrower binding is in force; write '
      '`b1/noise.EfficientNet.width`.')
  model, = {g.model for g in runs.compose(
      run, 'noise.EfficientNet.depth=2', m=runs.MODELS).root.generations}
  assert (model.width, model.depth) == (1.1, 2)


def test_an_override_that_the_generations_own_names_hide():
  assert runs.message(runs.RUN, "loop.Generation.name='x'") == (
      "--gin.loop.Generation.name='x': `loop.Generation.name` is unused: in "
      'every scope a narrower binding is in force; write '
      '`student1/loop.Generation.name`, `teacher/loop.Generation.name`.')


_EACH = ('teacher/noise.RandAugment.layers = 3\n'
         'student1/noise.RandAugment.layers = 4\n')


def test_an_override_that_is_in_force_in_one_generation_is_used():
  layers = 'noise.RandAugment.layers'
  own = f'teacher/{layers} = 3\n'
  assert runs.compose(runs.RUN + own, f'{layers}=5').notes == ()
  assert runs.message(runs.RUN + own, f'{layers}=5', f'student1/{layers}=4')


def test_a_default_that_all_generations_override_is_fine():
  text = 'noise.RandAugment.layers = 5\n'
  assert runs.compose(runs.RUN + text + _EACH).notes == ()
  assert runs.compose(runs.RUN + "include 'l.gin'\n" + _EACH, l=text)
  assert runs.compose(runs.RUN, files=['o.gin'], l=text,
                      o="include 'l.gin'\n" + _EACH).notes == ()
  assert runs.message(runs.RUN + _EACH, files=['l.gin'], l=text) == (
      'l.gin:1: `noise.RandAugment.layers` is unused: in every scope a '
      'narrower binding is in force; write `student1/noise.RandAugment.layers`,'
      ' `teacher/noise.RandAugment.layers`.')


def test_what_the_run_file_alone_does_not_use_stays_an_error():
  assert runs.message(runs.RUN + 'techer/noise.RandAugment.layers = 3\n',
         'student1/loop.Generation.noise=@noise.Off()') == (
      'run.gin:9: `techer/noise.RandAugment.layers` is unused: nothing builds '
      '`noise.RandAugment` in the scope `techer`; did you mean '
      '`teacher/noise.RandAugment.layers`?')


def test_a_run_file_that_needs_its_overrides_is_judged_with_them():
  text = runs.RUN + 'noise.RandAugment.layers = %gin.REQUIRED\n'
  assert runs.compose(text, 'noise.RandAugment.layers=3').notes == ()
  assert runs.message(text + 'noise.Cutout.size = 3\n',
                      'noise.RandAugment.layers=3').startswith('run.gin:10: ')


def test_an_override_file_must_be_used():
  assert runs.message(runs.RUN, files=['o.gin'],
                      o='teachr/noise.RandAugment.layers = 3\n') == (
      'o.gin:1: `teachr/noise.RandAugment.layers` is unused: nothing builds '
      '`noise.RandAugment` in the scope `teachr`; did you mean '
      '`teacher/noise.RandAugment.layers`?')


def test_a_flag_must_be_used():
  assert runs.message(runs.RUN, 'student3/noise.RandAugment.layers=3') == (
      '--gin.student3/noise.RandAugment.layers=3: '
      '`student3/noise.RandAugment.layers` is unused: nothing builds '
      '`noise.RandAugment` in the scope `student3`; did you mean '
      '`student1/noise.RandAugment.layers`?')


def test_a_class_that_the_run_does_not_build():
  assert runs.message(runs.RUN, 'student1/noise.Cutout.size=3') == (
      '--gin.student1/noise.Cutout.size=3: `student1/noise.Cutout.size` is '
      'unused: nothing builds `noise.Cutout`.')


def test_a_scoped_reference_escapes_the_generation():
  assert runs.message(
      runs.RUN + 'loop.Generation.model = @b1/noise.EfficientNet()\n'
      'student1/noise.EfficientNet.width = 2\n'
      'b1/noise.EfficientNet.depth = 2\n') == (
          'run.gin:10: `student1/noise.EfficientNet.width` is unused: nothing '
          'builds `noise.EfficientNet` in the scope `student1`; it is built in '
          '`b1`.')


def test_a_class_that_is_built_without_a_scope():
  assert runs.message(
      runs.RUN + 'zzz/loop.SelfTraining.seed = 2\n') == (
          'run.gin:9: `zzz/loop.SelfTraining.seed` is unused: nothing builds '
          '`loop.SelfTraining` in the scope `zzz`; it is built without a '
          'scope.')


def test_a_macro_that_nothing_holds():
  assert runs.message(runs.RUN + 'STEPS = 3\n') == (
      'run.gin:9: `STEPS` is unused: no value in use holds `%STEPS`.')


def test_a_macro_in_a_scope():
  assert runs.message(runs.RUN + 'STEPS = 3\nloop.Generation.steps = %STEPS\n'
                      'student1/STEPS = 5\n') == (
      'run.gin:11: `student1/STEPS` is unused: a macro has no scope, so this '
      'is another macro than `STEPS`; bind the parameter itself under '
      '`student1/`.')


def test_several_bindings_without_effect():
  text = 'A = 3\nB = 3\n'
  assert runs.message(runs.RUN + text) == (
      'run.gin:9: `A` is unused (as is 1 more): no value in use holds `%A`.')
  assert ' (as are 2 more): ' in runs.message(runs.RUN + text + 'C = 3\n')


def test_a_parameter_that_the_code_gives_itself():
  assert runs.message(
      runs.RUN + 'loop.SelfTraining.extra = @loop.caller\n'
      'loop.caller.function = @loop.given\nloop.given.size = 3\n') == (
          'run.gin:11: `loop.given.size` is unused: no code that builds '
          '`loop.given` leaves that parameter to the config.')


def test_an_overriding_file_may_be_overridden_everywhere_by_what_is_later():
  layers = 'noise.RandAugment.layers'
  each = [f'teacher/{layers}=3', f'student1/{layers}=4']
  composed = runs.compose(runs.RUN, *each, files=['l.gin'], l=f'{layers} = 5\n')
  assert composed.notes == ()
  assert [g.noise.layers for g in composed.root.generations] == [3, 4]
  assert runs.compose(runs.RUN, files=['l.gin', 'e.gin'], l=f'{layers} = 5\n',
                      e=_EACH).notes == ()
  # Not by what is earlier, and not by its own kind.
  for files in (['e.gin', 'l.gin'],):
    assert 'is unused: in every scope' in runs.message(
        runs.RUN, files=files, l=f'{layers} = 5\n', e=_EACH)
  assert 'is unused: in every scope' in runs.message(
      runs.RUN, f'{layers}=5', *each)
