"""Learning rate schedules. Each module here is one, named by `train.schedule` in params.yaml."""
