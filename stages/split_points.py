"""Divide a table of points, the last column their classes: train, validation and test."""

from darkroom.common.preparation import run_preparation
from darkroom.datasets.parameters import PointParameters
from darkroom.datasets.table import prepare_points

if __name__ == "__main__":
    run_preparation(prepare_points, PointParameters)
