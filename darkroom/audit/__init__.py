"""The audit of a data set: duplicates, leakage, likely wrong labels and masks, and images that look wrong."""
