"""Darkroom: image data sets from their published archives to trained models, metrics and figures."""

from darkroom.common.environment import limit_libraries

limit_libraries()  # here, since this is imported before any library
