"""Floor 4, pseudo-labels: a teacher's predictions, and which of them the student sees.

`Labelling` writes what the teacher says of every image of the pool (`store`),
`Select` reads it and writes the images that are confident enough and within
other `ScoreBound`s, as often as `Balance` (or `ThresholdGrid`, or `Unbalanced`)
counts them; how they are written is said by `Materialise` and `Reencode`.
`KeepSelection` takes new labels for images that were selected before.
`TemperatureScaling` calibrates the teacher before its confidences count.
Neither TensorFlow nor pyarrow is loaded before they run.
"""

from ns.pseudolabel.balance import Balance
from ns.pseudolabel.balance import ThresholdGrid
from ns.pseudolabel.balance import Unbalanced
from ns.pseudolabel.keep_selection import KeepSelection
from ns.pseudolabel.labelling import Labelling
from ns.pseudolabel.materialise import Materialise
from ns.pseudolabel.reencode import Reencode
from ns.pseudolabel.score_bound import ScoreBound
from ns.pseudolabel.select import Select
from ns.pseudolabel.temperature_scaling import TemperatureScaling
