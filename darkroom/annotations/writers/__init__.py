"""Layouts that annotated images are written in, for `--to`. Each module here is a layout and is found by its name.

A writer is one class. Worker processes write the files of one image each. The files of all images are written at the
end.
"""

PNG = "png"  # the layout that commands write by default
