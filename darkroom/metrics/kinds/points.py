"""Metrics of points with one class each: those of images with one class each."""

from darkroom.metrics.kinds.classification import loss, new_tally

__all__ = ["loss", "new_tally"]
