import dataclasses
import types

from ns import models
from ns import pseudolabel
from ns.loop import storage
from tests.support import tiny


def test_predictions_take_what_docs_pseudo_labels_measured():
  scores = ('entropy', 'margin')
  for top_k, measured in (None, 2006), (100, 496), (20, 117), (5, 46):
    labelling = pseudolabel.Labelling(top_k=top_k, scores=scores)
    assert abs(storage.prediction(labelling, 1000) / measured - 1) < 0.08


def test_a_selected_image_is_what_it_is_in_the_pool():
  pool = types.SimpleNamespace(image_bytes=100_000)
  policy = pseudolabel.Select(balance=pseudolabel.Unbalanced())
  for top_k, each in (None, 2), (5, 4):
    labelling = pseudolabel.Labelling(top_k=top_k)
    assert storage.selected(policy, labelling, pool, 1000) == (
        12 + 100_000 + each * 1000 + 160)


def test_an_image_of_unknown_size_takes_nobody_knows_what():
  policy = pseudolabel.Select(balance=pseudolabel.Unbalanced())
  pool = types.SimpleNamespace(image_bytes=None)
  labelling = pseudolabel.Labelling()
  assert storage.selected(policy, labelling, pool, 10) is None
  encoded_anew = dataclasses.replace(
      policy, materialise=pseudolabel.Materialise(
          reencode=pseudolabel.Reencode()))
  pool = types.SimpleNamespace(image_bytes=100)
  assert storage.selected(encoded_anew, labelling, pool, 10) is None


def test_an_export_is_as_large_as_its_formats(tmp_path):
  run = tiny.run(tmp_path)
  variables = 4 * (1470 + 2 * 72)
  teacher = lambda *formats: dataclasses.replace(
      run.generations[0], export=models.Export(formats=formats))
  assert storage.exported(run, teacher('saved_model')) == variables
  assert storage.exported(
      run, teacher('tflite', 'tflite_int8')) == 1.25 * variables
  assert storage.exported(run, dataclasses.replace(
      run.generations[0], export=types.SimpleNamespace(run=print))) is None
