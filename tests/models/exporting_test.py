"""The declaration of an export, and each sentence of a wrong one."""

import pytest

from ns.models import exporting

ALL = ['saved_model', 'tflite', 'tflite_int8', 'onnx']


def test_formats():
  assert exporting.Export().formats == ('saved_model',)
  assert exporting.Export(formats=ALL).formats == tuple(ALL)


@pytest.mark.parametrize('formats', [
    [], ['onnx', 'onnx'], ['savedmodel'], ['onnx', 3]])
def test_wrong_formats(formats):
  with pytest.raises(ValueError) as raised:
    exporting.Export(formats=formats)
  assert str(raised.value) == (
      "`Export.formats` should be some of 'saved_model', 'tflite', "
      f"'tflite_int8', 'onnx', each once, but is {formats}.")


def test_formats_that_are_no_list():
  with pytest.raises(TypeError) as raised:
    exporting.Export(formats='onnx')
  assert str(raised.value) == (
      '`Export.formats` should be a value of type list or tuple, but is '
      "'onnx'.")
