"""The commands of each kind of task. Each module here is named after a kind and provides what `KindCommands` lists."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol, cast

import pandas as pd
from torch import nn

from darkroom.common.errors import UserError
from darkroom.common.named import module_named
from darkroom.models.model_file import Card

# The prediction of an image: its classes with their probabilities or shares of the pixels. Or why it cannot be used.
Answer = dict[str, float] | UserError


class KindCommands(Protocol):
    """The functions of a kind of task that commands call.

    Attributes:
        CAN_JOIN: whether the command `ensemble` can combine models, since the stage `evaluate` writes their logits.
    """

    CAN_JOIN: bool

    def compare(
        self, task: str, revisions: tuple[str, str], reports: list[dict[str, Any]]
    ) -> tuple[dict[str, Any], pd.DataFrame]:
        """Compare the predictions of two revisions.

        Args:
            task: the task's name.
            revisions: two git revisions, names of experiments, or `workspace`; called a and b in the results.
            reports: the contents of both revisions' metrics/TASK/test.json.

        Returns:
            What changed, with `difference`, the `Difference` of the score or None; and a table of the test images with
            a column for each revision, such as `predicted_a`.

        Raises:
            UserError: the revisions were evaluated on different test images.
        """

    def predict(
        self, task: str, model: nn.Module, card: Card, files: list[Path], out: Path | None, to: str
    ) -> Iterable[tuple[Path, Answer]]:
        """Predict the classes of image files.

        Args:
            task: the task's name, for messages.
            model: the model in evaluation mode.
            card: the card of the model's file.
            files: the image files.
            out: a new folder for the predictions of a segmentation.
            to: name of the layout that they are written in.

        Returns:
            Each file with its prediction, or with the reason why it cannot be used.

        Raises:
            UserError: the model takes no images, or `out` is missing or exists, or `to` does not suit it.
        """


def commands_of(kind: str) -> KindCommands:
    """Return the module of a kind of task."""
    return cast(KindCommands, module_named(__name__, kind))
