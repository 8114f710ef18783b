"""Darkroom: image data sets from their published archives to trained models, metrics and figures."""
