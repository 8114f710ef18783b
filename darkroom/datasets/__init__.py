"""From archives to data sets on disk: packed arrays and pairs of image and mask."""
