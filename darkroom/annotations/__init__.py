"""From annotations of any format to single-channel masks."""
