"""Memory of the process that is kept from one training step to the next."""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # parameters of mallopt(3)
NEVER = 2**31 - 1  # bytes: the largest threshold that mallopt takes


def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees. Do nothing where the C library is not glibc.

    By default glibc returns large arrays to the system, and each training step needs arrays of the same sizes again.
    About an eighth of a step's time would go into fresh pages: https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for threshold in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
            mallopt(threshold, NEVER)
