"""Floor 5: the schedule of generations. Free of TensorFlow until it runs."""

from ns.loop.generation import Generation
from ns.loop.hook import Command
from ns.loop.self_training import SelfTraining
