"""Turn an archive of image folders, one a class, into packed arrays: train, validation and test."""

from darkroom.common.preparation import run_preparation
from darkroom.datasets.image_folder import prepare_image_folder
from darkroom.datasets.parameters import FolderParameters

if __name__ == "__main__":
    run_preparation(prepare_image_folder, FolderParameters)
