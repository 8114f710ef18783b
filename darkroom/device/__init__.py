"""The device, its number formats, deterministic algorithms and the memory of the process."""
