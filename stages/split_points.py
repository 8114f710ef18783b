"""Split a table of points whose last column is a class: train, validation and test."""

from darkroom.common.preparation import Preparation, run_preparation
from darkroom.datasets.parameters import PointParameters
from darkroom.datasets.table import prepare_points

PREPARATION = Preparation(prepare=prepare_points, parameters=PointParameters, kind="points")

if __name__ == "__main__":
    run_preparation(PREPARATION)
