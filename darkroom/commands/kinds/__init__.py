"""What commands do by kind of task. Each module here is named after a kind and has what `KindCommands` lists."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol, cast

import pandas as pd
from torch import nn

from darkroom.common.errors import UserError
from darkroom.common.named import module_named
from darkroom.models.model_file import Card

Answer = dict[str, float] | UserError  # of an image: its classes with their shares, or why it cannot be used


class KindCommands(Protocol):
    """What commands do for a kind of task.

    Attributes:
        CAN_JOIN: whether `ensemble` can join several models: the evaluation writes their validation logits.
    """

    CAN_JOIN: bool

    def compare(
        self, task: str, revisions: tuple[str, str], reports: list[dict[str, Any]]
    ) -> tuple[dict[str, Any], pd.DataFrame]:
        """Compare the predictions of two revisions.

        Args:
            task: its name.
            revisions: of git, names of experiments, or `workspace`.
            reports: test.json of both.

        Returns:
            What changed, and a table of test images with a column of either side, such as `predicted_a`.

        Raises:
            UserError: the revisions were evaluated on other test images.
        """

    def predict(
        self, task: str, model: nn.Module, card: Card, files: list[Path], out: Path | None
    ) -> Iterable[tuple[Path, Answer]]:
        """Predict the classes of image files.

        Args:
            task: its name, for messages.
            model: ready to predict.
            card: of its file.
            files: images.
            out: a new folder for what a segmentation writes.

        Raises:
            UserError: the model takes no images, or `out` is missing or exists.
        """


def commands_of(kind: str) -> KindCommands:
    """Return what commands do for a kind of task."""
    return cast(KindCommands, module_named(__name__, kind))
