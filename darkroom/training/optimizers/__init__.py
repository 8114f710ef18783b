"""The optimizers. Each module defines one, and `train.optimizer` in params.yaml gives the module's name."""
