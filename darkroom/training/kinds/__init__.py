"""The parameters of training for each kind of task. Each module has the name of a kind and one `TaskTraining`."""

from darkroom.common.named import classes_in
from darkroom.training.parameters import TaskTraining


def training_of(kind: str) -> type[TaskTraining]:
    """Return the class of the parameters of training for a kind of task."""
    return classes_in(__name__, TaskTraining)[kind]
