"""What is told before a network is loaded; what it says: beam_test."""

import json

import pytest

from ns.core import errors
from ns.pseudolabel import exported

WHOLE = {'class_names': ['a', 'b', 'c'], 'formats': {'saved_model': {}},
         'provenance': {'stage': 'student1/finetune', 'fingerprint': 'f1'}}


def describe(folder, text):
  (folder / 'export.json').write_text(text)
  return exported.Exported(folder=str(folder))


def test_its_description(tmp_path):
  found = describe(tmp_path, json.dumps(WHOLE))
  assert (found.name, found.fingerprint, found.classes, found.accuracy) == (
      'student1', 'f1', 3, None)


def test_it_should_be_there(tmp_path):
  with pytest.raises(errors.RunError) as caught:
    _ = exported.Exported(folder=str(tmp_path)).fingerprint
  assert str(caught.value) == (
      f'`{tmp_path}` should be an exported network, but has no `export.json`; '
      'bind `Generation.export = @models.Export()` and make the stage '
      '`export`.')


@pytest.mark.parametrize('text', [
    '{', '[]', '{}', json.dumps({**WHOLE, 'provenance': {}})])
def test_it_should_be_whole(tmp_path, text):
  with pytest.raises(errors.RunError) as caught:
    _ = describe(tmp_path, text).classes
  assert str(caught.value) == (
      f'`{tmp_path}/export.json` is damaged; make the stage `export` again.')


def test_it_should_be_a_saved_model(tmp_path):
  other = json.dumps({**WHOLE, 'formats': {'tflite': {}, 'onnx': {}}})
  with pytest.raises(errors.RunError) as caught:
    _ = describe(tmp_path, other).name
  assert str(caught.value) == (
      f"`{tmp_path}` should have the format 'saved_model', but has tflite, "
      'onnx; add it to `Export.formats`.')
