"""Converting annotations of many formats to single-channel masks."""
