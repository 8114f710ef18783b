"""Evaluation on the test split: predictions, metrics and heat maps."""
