"""The proportions of a batch: its kinds, lanes and hosts come out whole.

A mixture has `labelled_batch`, `pseudo_labelled_batch` and `lanes`, and, with
both kinds of images, `ratio`, `label_data_sample_prob` and `shuffle_buffer`:
see `ns.mixture.batches`.
"""

from ns.core import errors
from ns.mixture import division


def counted_labelled(mixture) -> float:
  """Labelled images of a batch of `mixture` that count, on average."""
  share = getattr(mixture, 'label_data_sample_prob', 1.0)
  # Whole where it can be, as all of them are.
  return (mixture.labelled_batch if share == 1
          else mixture.labelled_batch * share)


def pseudo_labelled(mixture, labelled_batch: int) -> float:
  """Pseudo-labelled images of a batch with so many labelled ones."""
  return labelled_batch * mixture.label_data_sample_prob * mixture.ratio


def check_ratio(mixture) -> None:
  """Checks that a batch has a whole number of pseudo-labelled images.

  Raises:
    ValueError: it has not; the text has the nearest batches that have.
  """
  batch, share = mixture.labelled_batch, mixture.label_data_sample_prob
  if _is_whole(pseudo_labelled(mixture, batch)):
    return
  most = batch + 1000
  wholes = [n for n in range(1, most + 1)
            if _is_whole(pseudo_labelled(mixture, n))]
  factors, values = (('', '') if share == 1 else
                     (' times `label_data_sample_prob`', f' x {share:g}'))
  nearest = sorted(sorted(wholes, key=lambda n: abs(n - batch))[:2])
  way_out = (f'the nearest that come out whole are '
             f'{" and ".join(map(str, nearest))}' if nearest else
             f'none up to {most} comes out whole, so take another ratio')
  raise ValueError(
      f'`{type(mixture).__name__}.labelled_batch`{factors} times `ratio` '
      f'should be a whole number of at least 1, but {batch}{values} x '
      f'{mixture.ratio:g} is {pseudo_labelled(mixture, batch):g}; of batches, '
      f'{way_out}.')


def _is_whole(number: float) -> bool:
  # 100 x 1.1 is 110.00000000000001.
  return round(number) >= 1 and abs(number - round(number)) < 1e-9


def lanes(mixture, *most: int) -> int:
  """How many lanes its streams have: as many as divide the parts of a batch.

  Args:
    mixture: says how many at most.
    *most: how many images, or files of them, each stream has, of which every
      lane needs one.
  """
  return division.number_of_lanes(
      min(mixture.lanes, *most), mixture.labelled_batch,
      mixture.pseudo_labelled_batch)


def lanes_of_hosts(mixture, workers: int, *most: int) -> int:
  """`lanes`, of which each host has as many as the others.

  Raises:
    RunError: their number is no multiple of that of hosts.
  """
  found = lanes(mixture, *most)
  if found % workers:
    pseudo = (f' and {mixture.pseudo_labelled_batch} pseudo-labelled'
              if mixture.pseudo_labelled_batch else '')
    raise errors.RunError(
        f'`{type(mixture).__name__}.lanes` = {mixture.lanes} should leave each '
        f'of the {workers} hosts as many lanes as the others, but there are '
        f'{found} lanes: at most that number, as many as divide the '
        f'{mixture.labelled_batch} labelled{pseudo} images of a batch, and not '
        'more than there are images or files; bind `lanes` and '
        f'`labelled_batch` to multiples of {workers}.')
  return found


def copies_apart(mixture, examples: int) -> int:
  """How many copies of an image fall into batches of their own.

  They lie evenly among the images that are shuffled together, see
  `ns.mixture.lane`, of which each batch takes some in a row.

  Args:
    mixture: of both kinds of images.
    examples: pseudo-labelled ones in an epoch, counting copies.
  """
  return max(1, _together(mixture, examples) // mixture.pseudo_labelled_batch)


def meeting(mixture, examples: int) -> str:
  """What is to be said of more copies than that; arguments as there."""
  together, kind = _together(mixture, examples), type(mixture).__name__
  apart = copies_apart(mixture, examples)
  more = f'more than {apart:,} copies' if apart > 1 else 'more than one copy'
  larger = (f'a larger `{kind}.shuffle_buffer`, ' if together < examples
            else '')
  return (f'an image with {more} is in some batches several times, since each '
          f'takes {mixture.pseudo_labelled_batch:,} of {together:,} images '
          f'that are shuffled together; bind {larger}a smaller batch, or '
          '`Balance.max_copies`.')


def _together(mixture, examples: int) -> int:
  return min(mixture.shuffle_buffer, examples)
