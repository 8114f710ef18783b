"""Training batches and whole splits of points with one class or one number each."""

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
    """Training batches of points with one class or one number each.

    Args:
        folder: of the prepared data set.
        description: of the data set.
        batch_size: points in a batch, over all processes.
        seed: of the run.
        device: where the data set and its batches are.
        share: the part of each batch that this process gets. Draws do not depend on it.
        sampler: name of a module of `darkroom.batches.samplers`.

    Raises:
        UserError: the data set is too small for the batch size.
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
        self.steps = len(self.targets) // batch_size  # points that do not fill a batch are left out of the epoch

    def train(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of one epoch, in an order that depends on (seed, epoch) alone.

        Yields:
            Standardized features, float32 (b, features), and class ids, int64 (b,), or standardized numbers,
            float32 (b, 1).
        """
        order = torch.randperm(len(self.targets), generator=self._generator("order", epoch))
        sampled = samplers.sample(
            self.sampler, len(self.targets), lambda: self.class_counts() > 0, self._generator("sample", epoch)
        )
        for rows in torch.split(order[: self.steps * self.batch_size], self.batch_size):
            indices = sampled[rows[self.share]].to(self.points.device)
            yield self.points[indices], self.targets[indices]

    def _generator(self, purpose: str, epoch: int) -> torch.Generator:
        return torch.Generator().manual_seed(seed_for(self.seed, purpose, epoch))

    def class_counts(self) -> Tensor:
        """Return the one-hot class of each training point, int64 (n, classes). In a regression all have one class."""
        labels = torch.zeros(len(self.targets), dtype=torch.int64) if self.targets.ndim > 1 else self.targets.cpu()
        return F.one_hot(labels, self.description.outputs)

    def sample(self, count: int) -> Tensor:
        """Return the standardized features of the first `count` training points, float32 (n, features)."""
        return self.points[:count]


def read_whole(folder: Path, split: str, description: Description) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield all points of a split as one batch. An empty split yields nothing.

    Yields:
        Standardized features, float32 (n, features), and class ids, int64 (n,), or standardized numbers,
        float32 (n, 1).
    """
    points, targets = (torch.from_numpy(array) for array in read_points(folder, split))
    if len(points):
        yield standardize(points, description.mean, description.std), standardized_targets(targets, description)
