"""Takes the images of a selection, and writes them."""

from collections.abc import Sequence

import numpy as np

from ns.pseudolabel import rows_writer


class SelectionWriter(rows_writer.RowsWriter):
  """Of one file; made by `store.writing_selection`."""

  def write(self, keys: Sequence[str | bytes], labels: np.ndarray,
            confidences: np.ndarray, copies: np.ndarray) -> None:
    """Appends rows: [rows] str; int32; float32; int32, at least 1."""
    import pyarrow as pa
    self.append([self.keys(keys), pa.array(labels, pa.int32()),
                  pa.array(confidences, pa.float32()),
                  pa.array(copies, pa.int32())])
