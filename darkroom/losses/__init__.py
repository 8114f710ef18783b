"""Loss functions. Each module here is a loss, and its name is what `train.loss` in params.yaml names it by."""
