"""Commands for points with one class each."""

from darkroom.commands.kinds.classification import compare
from darkroom.commands.kinds.regression import CAN_JOIN, predict

__all__ = ["CAN_JOIN", "compare", "predict"]
