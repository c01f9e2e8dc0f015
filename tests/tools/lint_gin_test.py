"""Tests of tools/lint_gin.py: one for each finding."""

import sys

import pytest

from ns.config import locate
from tests.config import runs
from tools import lint_gin


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
  """The root of the workspace is an empty folder, where the user is."""
  monkeypatch.delenv('BUILD_WORKING_DIRECTORY', raising=False)
  monkeypatch.setattr(locate, 'root', lambda: str(tmp_path))
  monkeypatch.chdir(tmp_path)
  return tmp_path


def _lint(folder, capsys, text, **others):
  """Lints `text` as a.gin beside `others`: the findings."""
  runs.write(folder, a=text, **others)
  code = lint_gin.main(['a.gin'])
  *lines, last = capsys.readouterr().out.splitlines()
  if code:
    return [*lines, last]
  assert (lines, last) == ([], '1 file, no findings')
  return []


def test_good_files_of_every_kind(here, capsys):
  runs.write(
      here, m=runs.MODELS, level=runs.HEAD + 'noise.RandAugment.layers = 3\n',
      run=runs.RUN + "include 'm.gin'\ninclude 'level.gin'\n"
      'loop.Generation.model = @b1/noise.EfficientNet()\n')
  assert lint_gin.main(['m.gin', 'level.gin', 'run.gin']) == 0
  assert capsys.readouterr().out == '3 files, no findings\n'


def test_a_binding_without_effect_in_a_run(here, capsys):
  assert _lint(here, capsys, runs.RUN + 'A = 3\nnoise.Cutout.size = 3\n') == [
      'a.gin:9: `A` is unused: no value in use holds `%A`.',
      'a.gin:10: `noise.Cutout.size` is unused: nothing builds '
      '`noise.Cutout`.']


def test_a_run_that_does_not_compose(here, capsys):
  assert _lint(here, capsys, runs.RUN + 'noise.RandAugment.layers = 0\n') == [
      'a.gin:9: in `teacher`: `RandAugment.layers` should be a whole number of '
      'at least 1, but is 0.']


def test_a_run_whose_data_is_missing(here, capsys):
  assert _lint(here, capsys,
               runs.RUN + "loop.SelfTraining.fail = 'no data'\n") == [
      'a.gin:1: The images are missing.']


def test_a_name_that_does_not_exist(here, capsys):
  assert _lint(here, capsys, runs.HEAD + 'noise.Cutout.siez = 3\n') == [
      'a.gin:5: `noise.Cutout` has no parameter `siez`; did you mean `size`?']


def test_a_name_that_only_another_file_imports(here, capsys):
  runs.write(here, b=runs.HEAD)
  text = '# Level.\nnoise.Cutout.size = 3\n'
  assert _lint(here, capsys, text) == [
      'a.gin:2: no file of this run imports `noise`.']
  assert not _lint(here, capsys, text + "include 'b.gin'\n")


def test_a_missing_include(here, capsys):
  finding, = _lint(here, capsys, "# Run.\ninclude 'b.gin'\n")
  assert finding.startswith('a.gin:2: the included file `b.gin` does not exist')


def test_a_missing_file(here, capsys):
  assert lint_gin.main(['zzz.gin']) == 1
  assert capsys.readouterr().out == (
      'zzz.gin:1: The gin file `zzz.gin` does not exist (searched '
      f'`{here}`).\n')


def test_a_syntax_error(here, capsys):
  assert _lint(here, capsys, '# Level.\nA = x\n') == [
      'a.gin:2: cannot read `A = x`: `x` is not a value; put quotes around '
      'text, `@` before a class, `%` before a macro.']


def test_no_opening_comment(here, capsys):
  assert _lint(here, capsys, 'A = 3\n') == [
      'a.gin:1: the file should open with a comment: what it is, what it needs '
      'and offers.']


def test_a_name_bound_twice(here, capsys):
  assert _lint(here, capsys, '# Level.\nA = 3\nB = 3\nA = 4\n') == [
      'a.gin:4: `A` is bound twice; the first, at a.gin:2, has no effect.']


def test_a_macro_in_a_scope(here, capsys):
  assert _lint(here, capsys, '# Catalogue.\ns/A = 3\n') == [
      'a.gin:2: a macro has no scope; bind the parameter itself.']


def test_a_called_reference_behind_a_macro(here, capsys):
  assert _lint(here, capsys, runs.HEAD + 'A = [@noise.Off()]\n') == [
      'a.gin:5: the macro `A` hides the called reference `@noise.Off()`, which '
      'is then built in the scope of the macro; bind it to the parameter '
      'itself.']
  assert not _lint(here, capsys, runs.HEAD + 'A = @noise.Off\n')


@pytest.mark.parametrize('line', [
    'a/b/noise.Chain.steps = 3', 'noise.Chain.steps = [@a/b/noise.Off()]'])
def test_a_scope_in_a_scope(here, capsys, line):
  assert _lint(here, capsys, runs.HEAD + line + '\n') == [
      'a.gin:5: `a/b` is a scope in a scope; use one level.']


def test_a_catalogue_with_a_row_without_scope(here, capsys):
  assert _lint(here, capsys,
               runs.MODELS + 'noise.EfficientNet.depth = 2\n') == [
      'a.gin:9: `noise.EfficientNet.depth` mixes two kinds of file; bind all '
      'under scopes (a catalogue) or all without (wiring).']


def test_a_macro_that_others_should_define(here, capsys):
  text = runs.HEAD + 'noise.Cutout.size = %SIZE\n'
  assert _lint(here, capsys, text) == [
      'a.gin:5: the macro `%SIZE` is defined neither here nor in what is '
      'included; define it, or say in the opening comment that it is needed.']
  assert not _lint(here, capsys, '# Needs SIZE.\n' + text)
  assert not _lint(here, capsys, text + 'SIZE = %gin.REQUIRED\n')


def test_python_in_gin(here, capsys):
  (here / 'gin/noise').mkdir(parents=True)
  (here / 'gin/noise/__init__.py').touch()
  assert _lint(here, capsys, '# Nothing.\n') == [
      'gin/noise/__init__.py:1: no Python file may be in `gin/`; move it to '
      '`ns/`.']


def test_a_component_that_loads_tensorflow(here, capsys, monkeypatch):
  (here / 'heavy_component.py').write_text(
      'import sys\nsys.modules["tensorflow"] = sys\n', encoding='utf-8')
  monkeypatch.syspath_prepend(here)
  monkeypatch.delitem(sys.modules, 'tensorflow', raising=False)
  try:
    assert _lint(here, capsys, '# Level.\nfrom __gin__ import '
                 'dynamic_registration\nimport heavy_component\n') == [
        'a.gin:1: composing it loads TensorFlow; import TensorFlow inside the '
        'functions that do the work.']
  finally:
    sys.modules.pop('tensorflow', None)


def test_nothing_to_check(capsys):
  assert lint_gin.main([]) == 2
  assert capsys.readouterr().err == (
      'Name the gin files to check: lint_gin gin/runs/smoke.gin\n')
