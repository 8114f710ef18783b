"""Convert MNIST's IDX files to packed arrays: train, validation and test."""

from darkroom.common.preparation import Preparation, run_preparation
from darkroom.datasets.idx import prepare_mnist
from darkroom.datasets.left_out import leaving_out
from darkroom.datasets.parameters import ImageParameters

PREPARATION = Preparation(prepare=leaving_out(prepare_mnist), parameters=ImageParameters, kind="classification")

if __name__ == "__main__":
    run_preparation(PREPARATION)
