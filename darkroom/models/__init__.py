"""Networks by name, and the file that a trained one is kept in."""
