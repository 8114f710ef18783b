"""Studies: grids of experiments, run by DVC's queue, and what came out of them."""
