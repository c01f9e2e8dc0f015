"""Batches of several hosts: their parts in order are the batch of one."""

import dataclasses
import itertools

import numpy as np
import pytest

from ns import noise
from ns.core import errors
from ns.core import seeds
from ns.mixture import batches
from ns.mixture import inputs as inputs_lib
from ns.mixture import on_the_fly
from ns.mixture import views
from tests.support import data_sets
from tests.support import long_form
from tests.support import pseudo_files

SEED = seeds.Seed(8)
POOL = 30
MIXTURES = [
    batches.Labelled(labelled_batch=8, shuffle_buffer=40),
    batches.ExactRatio(labelled_batch=8, ratio=2, shuffle_buffer=40),
    on_the_fly.OnTheFly(labelled_batch=8, ratio=2, shuffle_buffer=40)]


@pytest.fixture(name='inputs', scope='module')
def make_inputs(tmp_path_factory):
  data = data_sets.few_labels(tmp_path_factory.mktemp('data'))
  rng = np.random.default_rng(0)
  files = pseudo_files.write(
      tmp_path_factory.mktemp('pseudo'),
      rng.integers(0, 256, (POOL, 8, 8, 1)).astype(np.uint8),
      rng.dirichlet(np.ones(data.classes), POOL), rng.integers(1, 4, POOL),
      files=8)
  view = views.View(size=8, channels=1)
  return inputs_lib.Inputs(
      labelled=data.labelled, unlabelled=data.unlabelled, view=view,
      pseudo_labelled=inputs_lib.PseudoLabelled(files=files, images=POOL),
      teacher_view=view, noise=noise.FlipAndShift(shift=2))


def take(mixture, inputs, first_step, count=3):
  made = mixture.batches(inputs, SEED, first_step)
  return list(itertools.islice(made.as_numpy_iterator(), count))


@pytest.mark.parametrize('workers', long_form.cases([2, 4], [4]))
@pytest.mark.parametrize('mixture', MIXTURES,
                         ids=lambda mixture: type(mixture).__name__)
def test_the_parts_of_all_hosts_are_the_batch(mixture, inputs, workers):
  """From wherever they start, in the middle of an epoch or later."""
  step = int(np.random.default_rng(workers).integers(1, 60))
  for first_step in 0, step:
    whole = take(mixture, inputs, first_step)
    parts = [take(mixture, dataclasses.replace(
        inputs, worker=worker, workers=workers), first_step)
             for worker in range(workers)]
    for number, batch in enumerate(whole):
      for name, expected in batch.items():
        found = [part[number][name] for part in parts]
        assert {len(values) for values in found} == {len(expected) // workers}
        np.testing.assert_array_equal(np.concatenate(found), expected,
                                      err_msg=name)


def test_each_host_makes_what_it_gives(inputs):
  """And no more: its noise is that of its part."""
  sizes = []

  class Recorder:

    def apply(self, images, image_seeds):
      sizes.append((images.shape[0], image_seeds.shape[0]))
      return images

  take(MIXTURES[1], dataclasses.replace(
      inputs, noise=Recorder(), worker=1, workers=2), 0, 1)
  assert set(sizes) == {(12, 12)}


@pytest.mark.parametrize('mixture, workers, said', [
    (batches.Labelled(labelled_batch=12, lanes=3), 2,
     '`Labelled.lanes` = 3 should leave each of the 2 hosts as many lanes as '
     'the others, but there are 3 lanes: at most that number, as many as divide '
     'the 12 labelled images of a batch, and not more than there are images or '
     'files; bind `lanes` and `labelled_batch` to multiples of 2.'),
    (batches.ExactRatio(labelled_batch=6, ratio=2), 4,
     '`ExactRatio.lanes` = 8 should leave each of the 4 hosts as many lanes as '
     'the others, but there are 6 lanes: at most that number, as many as divide '
     'the 6 labelled and 12 pseudo-labelled images of a batch, and not more '
     'than there are images or files; bind `lanes` and `labelled_batch` to '
     'multiples of 4.'),
    (batches.Sampled(labelled_batch=8, ratio=2), 2,
     '`Sampled` should be trained on by one host, since no part of its batches '
     'can be made without the rest, but there are 2; bind '
     '`@mixture.ExactRatio()`, or one host.')])
def test_hosts_that_do_not_divide_the_lanes(mixture, inputs, workers, said):
  for worker in 0, 1:
    with pytest.raises(errors.RunError) as caught:
      mixture.batches(dataclasses.replace(
          inputs, worker=worker, workers=workers), SEED)
    assert str(caught.value) == said
  with pytest.raises(errors.RunError) as caught:
    mixture.check_workers(inputs.labelled.num_examples, workers)
  assert str(caught.value) == said
  mixture.check_workers(inputs.labelled.num_examples, 1)


def test_fewer_files_than_hosts_would_need(inputs):
  few = dataclasses.replace(inputs.pseudo_labelled,
                            files=inputs.pseudo_labelled.files[:3])
  with pytest.raises(errors.RunError, match='there are 2 lanes'):
    MIXTURES[1].batches(dataclasses.replace(
        inputs, pseudo_labelled=few, workers=4), SEED)
