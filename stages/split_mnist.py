"""Convert MNIST's IDX files to packed arrays: train, validation and test."""

from darkroom.common.preparation import Preparation, run_preparation
from darkroom.datasets.idx import prepare_mnist
from darkroom.datasets.parameters import SplitParameters

PREPARATION = Preparation(prepare=prepare_mnist, parameters=SplitParameters, kind="classification")

if __name__ == "__main__":
    run_preparation(PREPARATION)
