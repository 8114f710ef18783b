"""Images with one class for each pixel."""

SCORE = "mean_iou"
UNIT = "images"
HUB_TASK = "image-segmentation"
LEAVE_OUT = "annotations.leave_out"


def count_outputs(classes: list[str]) -> int:
    """Return the number of classes: a model gives a logit for each."""
    return len(classes)
