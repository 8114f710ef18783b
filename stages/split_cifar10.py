"""Turn CIFAR-10's binary archive into packed arrays: train, validation and test."""

from darkroom.common.preparation import run_preparation
from darkroom.datasets.cifar10 import prepare_cifar10
from darkroom.datasets.parameters import SplitParameters

if __name__ == "__main__":
    run_preparation(prepare_cifar10, SplitParameters)
