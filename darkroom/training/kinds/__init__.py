"""How each kind of task is trained. Each module here is named after a kind and defines a `TaskTraining`."""

from darkroom.common.named import classes_in
from darkroom.training.parameters import TaskTraining


def training_of(kind: str) -> type[TaskTraining]:
    """Return the parameters of a kind of task."""
    return classes_in(__name__, TaskTraining)[kind]
