"""Annotation formats. Each module here is one, and its name is what `annotations.format` in params.yaml names it by.

A module defines one subclass of `_base.AnnotationFormat`. The first line of its docstring says what the format is, the
rest how it is read; `python -m darkroom masks --help` prints both. Adding a format is adding a file.
"""
