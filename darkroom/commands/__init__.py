"""The commands of `python -m darkroom`."""
