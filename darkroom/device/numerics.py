"""Which bits this machine computes: a hash of a few operations, equal on machines that train alike."""

import hashlib
import platform

import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.device.precision import autocast

# The version of PyTorch that the committed dvc.lock was made with, and its hash in fp32 on x86-64 kept to AVX2.
VERSION, EVERYWHERE = "2.14", "e559612ca7c90681"
BATCH, CHANNELS, SIDE, CLASSES = 64, 24, 32, 10  # large enough that threads and blocked kernels are used


def hash_numerics(device: torch.device, precision: str) -> str:
    """Hash what a few operations compute on `device`: the first 16 hexadecimal digits of a SHA-256.

    A convolution, batch normalization, pooling, GELU, a linear layer and cross-entropy in `precision` (fp32, bf16 or
    fp16), forward and backward; a product of matrices in float32 and an eigendecomposition in float64 on the CPU.
    """
    draw = torch.Generator().manual_seed(0)

    def values(*shape: int) -> Tensor:
        return torch.rand(shape, generator=draw).sub(0.5).to(device).requires_grad_()

    images, filters = values(BATCH, 3, SIDE, SIDE), [values(CHANNELS, 3, 3, 3), values(CHANNELS, CHANNELS, 3, 3)]
    head, matrix = values(CLASSES, CHANNELS), values(CHANNELS, 9 * CHANNELS)
    features = images.contiguous(memory_format=torch.channels_last)
    with autocast(device, precision):
        for weights in filters:
            features = F.gelu(
                F.max_pool2d(F.batch_norm(F.conv2d(features, weights, padding=1), None, None, training=True), 2)
            )
        logits = F.linear(features.mean(dim=(2, 3)), head)
    targets = torch.arange(BATCH, device=device) % CLASSES
    product = matrix @ matrix.T
    loss = F.cross_entropy(logits.float(), targets) + product.square().mean()
    loss.backward()
    results = [loss, logits, product, *(each.grad for each in (images, *filters, head, matrix))]
    results.append(torch.linalg.eigvalsh(product.detach().double().cpu()))
    digest = hashlib.sha256()
    for result in results:
        digest.update(result.detach().cpu().double().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def why_not_everywhere(found: str) -> str | None:
    """Why this machine, whose hash is `found`, may compute other bits than those of dvc.lock; None if it does not."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return f"this machine is {platform.machine()}, not x86-64"
    if platform.system() != "Linux":
        return f"this is {platform.system()}, and the lock is Linux's"
    if not torch.__version__.startswith(f"{VERSION}."):
        return f"this is PyTorch {torch.__version__}, not {VERSION}"
    if torch.backends.cpu.get_cpu_capability() == "DEFAULT":
        return "this processor has no AVX2"
    return None if found == EVERYWHERE else f"the hash of some operations is {found}, not {EVERYWHERE}"
