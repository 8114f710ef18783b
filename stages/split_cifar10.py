"""Convert CIFAR-10's binary archive to packed arrays: train, validation and test."""

from darkroom.common.preparation import Preparation, run_preparation
from darkroom.datasets.cifar10 import prepare_cifar10
from darkroom.datasets.left_out import leaving_out
from darkroom.datasets.parameters import ImageParameters

PREPARATION = Preparation(prepare=leaving_out(prepare_cifar10), parameters=ImageParameters, kind="classification")

if __name__ == "__main__":
    run_preparation(PREPARATION)
