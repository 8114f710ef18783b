"""A hash of what this machine computes. Machines with equal hashes train to the same bits."""

import hashlib
import platform

import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.common.platform import system
from darkroom.device.precision import autocast

# The PyTorch release that made the committed dvc.lock, and its hash on x86-64 in fp32 with AVX2 at most.
LOCKED_VERSION, LOCKED_HASH = "2.14", "e559612ca7c90681"
BATCH, CHANNELS, SIDE, CLASSES = 64, 24, 32, 10  # large enough for PyTorch to use threads and blocked kernels


def hash_numerics(device: torch.device, precision: str) -> str:
    """Hash the results of the operations that training uses.

    Convolution, batch normalization, pooling, GELU, a linear layer and cross-entropy run forward and backward on the
    device. A matrix product in float32 and, on the CPU, eigenvalues in float64 are hashed as well.

    Args:
        device: where to compute.
        precision: fp32, bf16 or fp16.

    Returns:
        The first 16 hexadecimal digits of a SHA-256.
    """
    draw = torch.Generator().manual_seed(0)

    def random_leaf(*shape: int) -> Tensor:
        return torch.rand(shape, generator=draw).sub(0.5).to(device).requires_grad_()

    images = random_leaf(BATCH, 3, SIDE, SIDE)
    filters = [random_leaf(CHANNELS, 3, 3, 3), random_leaf(CHANNELS, CHANNELS, 3, 3)]
    head, matrix = random_leaf(CLASSES, CHANNELS), random_leaf(CHANNELS, 9 * CHANNELS)
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
    leaves = (images, *filters, head, matrix)
    results = [loss, logits, product, *torch.autograd.grad(loss, leaves)]
    results.append(torch.linalg.eigvalsh(product.detach().cpu().double()))
    digest = hashlib.sha256()
    for result in results:
        digest.update(result.detach().cpu().double().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def find_bits_mismatch(found: str) -> str | None:
    """Return why this machine may compute other bits than those in dvc.lock. None: it computes the same bits.

    Args:
        found: the hash of this machine, as `hash_numerics` returns it.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return f"this machine is {platform.machine()}, not x86-64"
    if system() != "Linux":
        return f"this is {system()}, and dvc.lock was made on Linux"
    if not torch.__version__.startswith(f"{LOCKED_VERSION}."):
        return f"this is PyTorch {torch.__version__}, not {LOCKED_VERSION}"
    if torch.backends.cpu.get_cpu_capability() == "DEFAULT":
        return "this processor has no AVX2"
    return None if found == LOCKED_HASH else f"the hash of some operations is {found}, not {LOCKED_HASH}"
