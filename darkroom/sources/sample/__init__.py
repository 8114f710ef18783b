"""Three small data sets, rendered byte for byte the same on every machine."""
