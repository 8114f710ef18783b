"""Convert Tiny ImageNet's archive to packed arrays: train, validation and test."""

from darkroom.common.preparation import Preparation, run_preparation
from darkroom.datasets.left_out import leaving_out
from darkroom.datasets.parameters import ImageParameters
from darkroom.datasets.tiny_imagenet import prepare_tiny_imagenet

PREPARATION = Preparation(prepare=leaving_out(prepare_tiny_imagenet), parameters=ImageParameters, kind="classification")

if __name__ == "__main__":
    run_preparation(PREPARATION)
