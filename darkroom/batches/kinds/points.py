"""Reading of points with one class each."""

from darkroom.batches.points import read_whole

__all__ = ["read_whole"]
