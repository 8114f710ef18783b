"""Measurements of speed, each against a plain way of doing the same."""
