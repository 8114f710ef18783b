"""Convert Tiny ImageNet's archive to packed arrays: train, validation and test."""

from darkroom.common.preparation import Preparation, run_preparation
from darkroom.datasets.parameters import SplitParameters
from darkroom.datasets.tiny_imagenet import prepare_tiny_imagenet

PREPARATION = Preparation(prepare=prepare_tiny_imagenet, parameters=SplitParameters, kind="classification")

if __name__ == "__main__":
    run_preparation(PREPARATION)
