"""From data sets on disk to augmented batches on the training device."""
