"""Measurements of speed and accuracy, and checks that take too long for the tests. Each module is a script."""
