"""Points with one class each."""

SCORE = "accuracy"
UNIT = "points"
HUB_TASK = "tabular-classification"


def count_outputs(classes: list[str]) -> int:
    """Return the number of classes: a model gives a logit for each."""
    return len(classes)
