"""Split a table of points into train, validation and test. The last column is the class."""

from darkroom.common.preparation import Preparation, run_preparation
from darkroom.datasets.parameters import PointParameters
from darkroom.datasets.table import prepare_points

PREPARATION = Preparation(prepare=prepare_points, parameters=PointParameters, kind="points")

if __name__ == "__main__":
    run_preparation(PREPARATION)
