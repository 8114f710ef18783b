"""Divide a table of points, the last column a number to find: train, validation and test."""

from darkroom.common.preparation import run_preparation
from darkroom.datasets.parameters import PointParameters
from darkroom.datasets.table import prepare_curve

if __name__ == "__main__":
    run_preparation(prepare_curve, PointParameters)
