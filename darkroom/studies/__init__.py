"""Studies: sets of experiments that DVC's queue runs, and their results."""
