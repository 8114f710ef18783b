"""Optimizers. Each module here is one, and its name is what `train.optimizer` in params.yaml names it by."""
