"""Batches of prepared data sets, augmented, on the training device."""
