"""Split a table of points whose last column is a number to predict: train, validation and test."""

from darkroom.common.preparation import Preparation, run_preparation
from darkroom.datasets.parameters import PointParameters
from darkroom.datasets.table import prepare_curve

PREPARATION = Preparation(prepare=prepare_curve, parameters=PointParameters, kind="regression")

if __name__ == "__main__":
    run_preparation(PREPARATION)
