"""What numerical libraries read from the environment when they are imported.

Processors of different kinds have different vector instructions, and sums of floating-point numbers depend on how many
are added at once. Libraries that are kept to the same instructions give the same bits on all of them.
"""

import os
import sys

# These libraries do nothing here that newer instructions would make noticeably faster, so all processes are kept to
# AVX2, which x86-64 processors have had since 2013, or to less.
LIBRARIES = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",  # NumPy: all that is not on every processor
    "OPENBLAS_CORETYPE": "Haswell",  # the matrix products of NumPy and SciPy
    "OPENBLAS_NUM_THREADS": "1",
    "OPENCV_IPP": "avx2",
    "NO_ALBUMENTATIONS_UPDATE": "1",  # it would ask the network for a newer version
}
# Newer instructions make PyTorch up to three times faster, so it is kept to AVX2 only where it is asked for.
PYTORCH = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # convolutions
    "MKL_CBWR": "COMPATIBLE",  # matrix products and decompositions, also on processors that are not Intel's
}


def limit_libraries() -> None:
    """Keep NumPy, SciPy and OpenCV to AVX2 in this process and those that it starts. Call it before their import."""
    os.environ.update(LIBRARIES)


def limit_pytorch(bits: str) -> None:
    """Import PyTorch kept to AVX2, in this process and those that it starts, where `bits` is `everywhere`.

    Raises:
        RuntimeError: PyTorch is imported already, and read another environment.
    """
    if bits != "everywhere" or PYTORCH.items() <= os.environ.items():
        return
    if "torch" in sys.modules:
        raise RuntimeError("PyTorch was imported before the environment was set for the same bits everywhere")
    os.environ.update(PYTORCH)
    import torch

    # PyTorch's own kernels, read at its first operation. On a processor without AVX2 its kernels end the process.
    has_avx2 = torch.cpu.get_capabilities().get("avx2", False)
    os.environ["ATEN_CPU_CAPABILITY"] = "avx2" if has_avx2 else "default"
