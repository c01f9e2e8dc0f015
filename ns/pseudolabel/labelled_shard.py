"""The file of predictions of one shard: whether it is there, and writing it."""

from collections.abc import Callable
from collections.abc import Iterable

from ns.core import errors
from ns.pseudolabel import header as headers
from ns.pseudolabel import shard_content
from ns.pseudolabel import store
from ns.pseudolabel import teacher


def is_finished(path: str, header: headers.Header, shard) -> bool:
  """Whether `path` has the predictions of a shard, as `header` says."""
  try:
    return store.read_header(path) == (header, shard.num_examples)
  except errors.RunError:  # None yet, or not ours: it is written anew.
    return False


def write(answers: Iterable[teacher.Answers], path: str,
          header: headers.Header,
          on_rows: Callable[[int], None] = lambda rows: None) -> None:
  """Writes the answers for a shard; the file is there when all are written.

  Args:
    answers: in the order of the shard's records.
    path: of the file.
    header: of the predictions.
    on_rows: called with the number of rows so far, after each batch.

  Raises:
    RunError: an answer is not a distribution, or as `answers` raise.
  """
  rows, content = 0, shard_content.ShardContent()
  with store.writing_predictions(path, header) as writer:
    for batch in answers:
      writer.write(batch.keys, batch.probabilities, batch.logits,
                   batch.is_good)
      if batch.fingerprints is not None:
        content.add(batch.fingerprints)
      rows += len(batch.keys)
      on_rows(rows)
    writer.note_content(content.digest())
