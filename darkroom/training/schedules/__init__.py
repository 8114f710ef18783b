"""The learning rate schedules. Each module defines one, and `train.schedule` in params.yaml gives its name."""
