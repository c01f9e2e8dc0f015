"""Floor 4: what is measured of a trained network."""

from ns.evaluation.accuracy import Accuracy
