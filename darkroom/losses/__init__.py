"""Loss functions. Each module here is a loss. `train.loss` in params.yaml names it by the module's name."""
