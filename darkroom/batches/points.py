"""Batches of points: features and one class, or one number, for each."""

from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.batches import samplers
from darkroom.batches.normalize import standardize, standardized_targets
from darkroom.common.errors import UserError
from darkroom.common.randomness import seed_for
from darkroom.datasets.description import Description
from darkroom.datasets.points import read_points


class PointBatches:
    """Training batches: features float32 (b, features), class ids int64 (b,) or numbers, standardized, float32 (b, 1).

    Of several processes each takes its `share` of every batch of `batch_size` points.
    """

    unit = "points"

    def __init__(
        self, folder: Path, description: Description, batch_size: int, seed: int, device: torch.device,
        share: slice = slice(None), sampler: str = "plain",
    ) -> None:  # fmt: skip
        if batch_size > description.images["train"]:
            raise UserError(
                f"params.yaml: train.batch_size = {batch_size}: only {description.images['train']} points to train on"
            )
        self.description, self.batch_size, self.seed = description, batch_size, seed
        self.share, self.sampler = share, sampler
        points, targets = read_points(folder, "train")
        self.points = standardize(torch.from_numpy(points), description.mean, description.std).to(device)
        self.targets = standardized_targets(torch.from_numpy(targets), description).to(device)
        self.steps = len(self.targets) // batch_size  # the rest of an epoch's points waits for another epoch

    def train(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of one epoch, shuffled by a draw that depends on (seed, epoch) alone."""
        order = torch.randperm(len(self.targets), generator=self._generator("order", epoch))
        shown = samplers.sample(self.sampler, self.class_counts() > 0, self._generator("sample", epoch))
        for rows in order[: self.steps * self.batch_size].split(self.batch_size):
            own = shown[rows[self.share]].to(self.points.device)
            yield self.points[own], self.targets[own]

    def _generator(self, purpose: str, epoch: int) -> torch.Generator:
        return torch.Generator().manual_seed(seed_for(self.seed, purpose, epoch))

    def class_counts(self) -> Tensor:
        """What there is of each class in each point, int64 (n, classes): 1 of its own; of numbers 1 of one class."""
        labels = torch.zeros(len(self.targets), dtype=torch.int64) if self.targets.ndim > 1 else self.targets.cpu()
        return F.one_hot(labels, self.description.outputs)

    def sample(self, count: int) -> Tensor:
        """The features of the first `count` training points; float32 (n, features)."""
        return self.points[:count]


def read_whole(folder: Path, split: str, description: Description) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield all points of a split at once, standardized float32 (n, features), and their targets.

    Targets are class ids int64 (n,), or standardized numbers float32 (n, 1). An empty split yields nothing.
    """
    points, targets = (torch.from_numpy(array) for array in read_points(folder, split))
    if len(points):
        yield standardize(points, description.mean, description.std), standardized_targets(targets, description)
