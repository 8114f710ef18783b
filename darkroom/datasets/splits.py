"""Splitting indices, the same way at every run."""

from collections.abc import Sequence

import numpy as np

from darkroom.common.errors import UserError
from darkroom.common.randomness import seed_for


def hold_out(
    labels: np.ndarray, share: int | float, seed: int, purpose: str, key: str, names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Split indices into those kept and those held out, every class in the same proportion.

    Args:
        labels: (n,) class ids.
        share: how much to hold out: a number of items, or a fraction below 1.
        seed: of the draw.
        purpose: name of the draw: two draws of different purposes from the same seed are independent.
        key: the parameter that `share` came from, for messages.
        names: of the classes, for messages.

    Returns:
        Two sorted int64 arrays of indices. The held-out one has exactly the requested number. If the classes cannot
        give exactly their proportion, those with the largest remainders give one more.

    Raises:
        UserError: nothing would be left to train on, or a class would have no item in a split.
    """
    wanted = round(share * len(labels)) if isinstance(share, float) else share
    if wanted == 0 and share and len(labels):
        raise UserError(
            f"params.yaml: {key} = {share}: leaves none of {len(labels)} for the {purpose} split; give a larger share, "
            "or a number"
        )
    if wanted == 0:
        return np.arange(len(labels)), np.arange(0)
    if wanted >= len(labels):
        raise UserError(
            f"params.yaml: {key} = {share}: the data has only {len(labels)} images to split; hold out fewer"
        )
    classes, counts = np.unique(labels, return_counts=True)
    exact = counts * wanted / len(labels)
    quotas = np.floor(exact).astype(int)
    remainders = np.argsort(quotas - exact, kind="stable")[: wanted - quotas.sum()]
    quotas[remainders] += 1

    draw = np.random.default_rng(seed_for(seed, purpose))
    chosen = np.concatenate(
        [draw.permutation(np.flatnonzero(labels == c))[:quota] for c, quota in zip(classes, quotas, strict=True)]
    )
    is_chosen = np.zeros(len(labels), bool)
    is_chosen[chosen] = True
    for c, count, quota in zip(classes, counts, quotas, strict=True):
        if quota in (0, count):
            split = "held-out" if quota == 0 else "training"
            raise UserError(
                f"params.yaml: {key} = {share}: class {names[c]} has {count} images and none in the {split} split; "
                "change the share or give more images"
            )
    return np.flatnonzero(~is_chosen), np.flatnonzero(is_chosen)
