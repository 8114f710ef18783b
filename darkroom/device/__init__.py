"""What computes: the device, the number format, the determinism, the memory of the process."""
