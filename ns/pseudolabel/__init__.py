"""Floor 4, pseudo-labels: a teacher's predictions, and which of them the student sees.

`Labelling` writes what the teacher says of every image of the pool (`store`),
`Select` reads it and writes the images that are confident enough, as often as
`Balance` (or `Unbalanced`) counts them. Neither TensorFlow nor pyarrow is
loaded before they run.
"""

from ns.pseudolabel.balance import Balance
from ns.pseudolabel.balance import Unbalanced
from ns.pseudolabel.labelling import Labelling
from ns.pseudolabel.select import Select
