"""Commands for points with one number each."""

from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from darkroom.commands.kinds import Answer
from darkroom.commands.predictions import SIDES, predictions_at
from darkroom.common.errors import UserError
from darkroom.evaluation.kinds.regression import r2_difference
from darkroom.models.model_file import Card

CAN_JOIN = False


def compare(
    task: str, revisions: tuple[str, str], reports: list[dict[str, Any]]
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Compare errors by point, as `KindCommands.compare`."""
    numbers = {"true": float, "predicted": float}
    tables = [predictions_at(task, revision).astype(numbers) for revision in revisions]
    if len(tables[0]) != len(tables[1]) or (tables[0]["true"] != tables[1]["true"]).any():
        raise UserError(f"{task}: {' and '.join(revisions)} were evaluated on different test points")
    points = tables[0][["index", "true"]].copy()
    for side, table in zip(SIDES, tables, strict=True):
        points[f"predicted_{side}"] = table["predicted"]
    is_nearer = (points["predicted_b"] - points["true"]).abs() < (points["predicted_a"] - points["true"]).abs()
    metrics = {
        name: {side: report[name] for side, report in zip(SIDES, reports, strict=True)} for name in ("r2", "rmse")
    }
    difference = r2_difference(*(points[name].to_numpy() for name in ("true", "predicted_a", "predicted_b")))
    return {
        "difference": difference,
        **metrics,
        "points": {"nearer": int(is_nearer.sum()), "not_nearer": int((~is_nearer).sum())},
    }, points


def predict(
    task: str, _model: nn.Module, _card: Card, _files: list[Path], _out: Path | None, _to: str
) -> list[tuple[Path, Answer]]:
    """Refuse: the model takes no images."""
    raise UserError(f"{task}: its model takes points, not images; its predictions are in data/predictions/{task}")
