"""Turn MNIST's IDX files into packed arrays: train, validation and test."""

from darkroom.common.preparation import run_preparation
from darkroom.datasets.idx import prepare_mnist
from darkroom.datasets.parameters import SplitParameters

if __name__ == "__main__":
    run_preparation(prepare_mnist, SplitParameters)
