"""Split a table of points into train, validation and test. The last column is the number to predict."""

from darkroom.common.preparation import Preparation, run_preparation
from darkroom.datasets.parameters import PointParameters
from darkroom.datasets.table import prepare_curve

PREPARATION = Preparation(prepare=prepare_curve, parameters=PointParameters, kind="regression")

if __name__ == "__main__":
    run_preparation(PREPARATION)
