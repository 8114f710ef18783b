"""The published data sets: one module for each, found by its name, with its files and its drawn sample."""
