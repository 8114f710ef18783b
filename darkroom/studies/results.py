"""What came out of a study: a table of its runs, one of its points, and a figure."""

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from darkroom.common.errors import UserError
from darkroom.common.files import replacing
from darkroom.common.parameters import nearest
from darkroom.evaluation.tables import read_classes
from darkroom.revisions import read_at
from darkroom.studies.declared import FOLDER, SEED, Point, Run, Scale, Study
from darkroom.studies.figure import draw_study
from darkroom.studies.queue import finished_experiments, last_line

RESULTS = FOLDER / "results"
STAGE_ERROR = ": error: "  # before what a stage says of its end; after it come lines of DVC's


def write_results(plan: Study, name: str, scale: str, runs: list[Run], states: dict[str, str]) -> None:
    """Write `NAME-SCALE.csv`, a row for each run, `NAME-SCALE.md`, one for each point, and `NAME-SCALE.png`."""
    revisions = finished_experiments()
    rows, curves = [], {}
    for run in runs:
        row = {"run": run.name, "point": run.label, SEED: run.point.get(SEED)}
        if states[run.name] == "Success":
            row |= _figures(plan, revisions[run.name])
            history = read_at(Path("metrics", plan.task, "history.csv"), revisions[run.name])
            curves.setdefault(row["point"], []).append(pd.read_csv(io.BytesIO(history)))
        else:
            row["failed"] = _why(run.name, states[run.name])
        rows.append(row)
    columns = dict.fromkeys(("run", "point", SEED, "score", *(key for row in rows for key in row if key != "failed")))
    table = pd.DataFrame(rows).reindex(columns=[*columns, "failed"]).astype({"score": float})
    points = summary(table, {run.label: reported(plan.scales[scale], run.point) for run in runs})
    with replacing(RESULTS / f"{name}-{scale}.csv") as path:
        table.dropna(axis=1, how="all").to_csv(path, index=False, lineterminator="\n")
    text = f"# {name}, {scale}\n\n{plan.shows} The score is `{plan.score}` on the test split.\n\n{_markdown(points)}\n"
    with replacing(RESULTS / f"{name}-{scale}.md") as path:
        path.write_text(text, encoding="utf-8")
    if curves:
        with replacing(RESULTS / f"{name}-{scale}.png") as path:
            draw_study(points, {point: pd.concat(own) for point, own in curves.items()}, plan.score, path)
    print(text)


def _figures(plan: Study, revision: str) -> dict[str, float | None]:
    """What a run's row tells of its test split."""
    report = json.loads(read_at(Path("metrics", plan.task, "test.json"), revision))
    classes = read_classes(io.BytesIO(read_at(Path("data/predictions", plan.task, "classes.csv"), revision)))
    check_metrics(plan, report, classes)
    figures = {"score": report[plan.score], "loss": report["loss"], "gap_to_train": report.get("gap_to_train")}
    if plan.of_classes:
        by_class = zip(classes["class"], classes[plan.of_classes], strict=True)
        figures |= {f"{plan.of_classes} of {name}": None if np.isnan(value) else value for name, value in by_class}
    return figures


def check_metrics(plan: Study, report: dict[str, Any], classes: pd.DataFrame) -> None:
    """Refuse a study whose metrics its task does not have.

    Args:
        plan: the study.
        report: the content of metrics/TASK/test.json.
        classes: the metrics of each class.

    Raises:
        UserError: the study's score, or its metric of classes, is missing.
    """
    for key, metric, known in (
        ("score", plan.score, list(report)),
        ("of_classes", plan.of_classes, list(classes)),
    ):
        if metric is not None and metric not in known:
            raise UserError(f"the study's {key} = {metric!r}: {plan.task} has no such metric; {nearest(metric, known)}")


def _why(name: str, state: str) -> str:
    """What to tell of a run that did not come to its end."""
    if state == "Died":
        return "its worker died; run the study again"
    logs = subprocess.run(["dvc", "queue", "logs", name], capture_output=True, text=True)
    own = [line.partition(STAGE_ERROR)[2] for line in logs.stdout.splitlines() if STAGE_ERROR in line]
    return own[-1] if own else last_line(logs.stdout)


def summary(table: pd.DataFrame, reported: dict[str, float | None]) -> pd.DataFrame:
    """A row for each point, over its seeds: mean and spread (standard deviation) of the score, means of the others.

    Args:
        table: a row for each run: point, figures, the score among them, and failed, the reason where it did.
        reported: what others found, by point.
    """
    by_point = table.groupby("point", sort=False)
    scores = by_point["score"].agg(runs="count", score="mean", spread="std")
    scores["reported"] = pd.Series(reported, dtype=float)
    figures = by_point.mean(numeric_only=True).drop(columns=["score", "loss", SEED], errors="ignore")
    return scores.join(figures).assign(failed=by_point["failed"].first()).round(4).reset_index()


def reported(scale: Scale, point: Point) -> float | None:
    """What others found with the values of `point`."""
    everything = scale.set | point
    return next((one.score for one in scale.reported if one.at.items() <= everything.items()), None)


def _markdown(table: pd.DataFrame) -> str:
    """A table of the columns that say something."""
    told = table.dropna(axis=1, how="all")
    cells = [
        ["" if pd.isna(cell) else str(cell).replace("|", "/") for cell in row] for row in told.to_numpy(dtype=object)
    ]
    rows = [list(told.columns), ["---"] * len(told.columns), *cells]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
