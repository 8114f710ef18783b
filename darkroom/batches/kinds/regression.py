"""Reading of points with one number each."""

from darkroom.batches.points import read_whole

__all__ = ["read_whole"]
