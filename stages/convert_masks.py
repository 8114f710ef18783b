"""Convert annotated images to pairs of image and single-channel mask: train, validation and test."""

from darkroom.annotations.convert import convert_annotations
from darkroom.annotations.parameters import MaskParameters
from darkroom.common.preparation import Preparation, run_preparation

PREPARATION = Preparation(prepare=convert_annotations, parameters=MaskParameters, kind="segmentation")

if __name__ == "__main__":
    run_preparation(PREPARATION)
