"""Environment variables that numerical libraries read at their import.

The result of a floating-point sum depends on how many numbers are added at once, and so on the processor's vector
instructions. Libraries that are limited to the same instructions give the same bits on all processors.
"""

import os
import sys

# All processes limit these libraries to AVX2, which x86-64 processors have had since 2013, or to less. Newer
# instructions would make nothing here noticeably faster.
LIBRARIES = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",  # NumPy: those that not every processor has
    "OPENBLAS_CORETYPE": "Haswell",  # the matrix products of NumPy and SciPy
    "OPENBLAS_NUM_THREADS": "1",
    "OPENCV_IPP": "avx2",
    "NO_ALBUMENTATIONS_UPDATE": "1",  # no search for a newer version on the network
}
# PyTorch is limited to AVX2 only on request: newer instructions make it up to three times faster.
PYTORCH = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # convolutions
    "MKL_CBWR": "COMPATIBLE",  # matrix products and decompositions, also on processors of other makers than Intel
}


def limit_libraries() -> None:
    """Limit NumPy, SciPy and OpenCV to AVX2, in this process and its children. Call it before they are imported."""
    os.environ.update(LIBRARIES)


def limit_pytorch(bits: str) -> None:
    """Limit PyTorch to AVX2 if `bits` is `everywhere`, in this process and its children, and import it.

    Raises:
        RuntimeError: PyTorch is imported already, without the limit.
    """
    if bits != "everywhere" or PYTORCH.items() <= os.environ.items():
        return
    if "torch" in sys.modules:
        raise RuntimeError("PyTorch was imported before the environment was set for the same bits everywhere")
    os.environ.update(PYTORCH)
    import torch

    # For PyTorch's own kernels, which read it at the first operation. Without AVX2 in the processor they would crash.
    has_avx2 = torch.cpu.get_capabilities().get("avx2", False)
    os.environ["ATEN_CPU_CAPABILITY"] = "avx2" if has_avx2 else "default"
