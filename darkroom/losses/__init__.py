"""Loss functions, one a module; `LOSSES` of `darkroom.losses.named` has them by name."""
