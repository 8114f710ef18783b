"""Memory of devices."""

MEGABYTE = 2**20
# Messages of CUDA and MPS, of the CPU's allocator, and of cuBLAS where no room is left for its workspace.
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED")


def is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether PyTorch raised `error` since a device has no memory left."""
    return any(words in str(error) for words in OUT_OF_MEMORY)
