"""Metrics, accumulated on the device batch by batch."""
