"""Convert an archive with one folder of images per class to packed arrays: train, validation and test."""

from darkroom.common.preparation import Preparation, run_preparation
from darkroom.datasets.image_folder import prepare_image_folder
from darkroom.datasets.left_out import leaving_out
from darkroom.datasets.parameters import FolderParameters

PREPARATION = Preparation(prepare=leaving_out(prepare_image_folder), parameters=FolderParameters, kind="classification")

if __name__ == "__main__":
    run_preparation(PREPARATION)
