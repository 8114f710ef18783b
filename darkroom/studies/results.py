"""The results of a study: a table of its runs, a table of its points, and a figure."""

import io
import json
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from darkroom.common.errors import UserError
from darkroom.common.files import replacing, write_text
from darkroom.common.parameters import nearest
from darkroom.evaluation.intervals import Difference
from darkroom.evaluation.tables import read_classes
from darkroom.figures.fonts import readable
from darkroom.figures.tables import write_table
from darkroom.revisions import read_at
from darkroom.studies.comparison import differences, seed_interval, sentence
from darkroom.studies.declared import FOLDER, SEED, Point, Run, Scale, Study
from darkroom.studies.figure import draw_study
from darkroom.studies.queue import last_line

RESULTS = FOLDER / "results"
STAGE_ERROR = ": error: "  # stands before a stage's message; DVC prints more lines after it


def write_results(study: Study, name: str, scale: str, runs: list[Run], states: dict[str, str]) -> None:
    """Write `NAME-SCALE.csv` with a row for each run, `NAME-SCALE.md` with a row for each point, and `NAME-SCALE.png`.

    Args:
        study: the study.
        name: the study's name.
        scale: a key of `study.scales`.
        runs: the runs of that scale.
        states: how each run ended, by its name, as `run_all` returns it.
    """
    rows = []
    curves: dict[str, list[pd.DataFrame]] = {}
    for run in runs:
        row = {"run": run.name, "point": run.label, SEED: run.point.get(SEED)}
        if states[run.name] == "Success":
            row |= _read_metrics(study, run.name)
            history = read_at(Path("metrics", study.task, "history.csv"), run.name)
            curves.setdefault(run.label, []).append(pd.read_csv(io.BytesIO(history)))
        else:
            row["failed"] = _reason(run.name, states[run.name])
        rows.append(row)
    columns = dict.fromkeys(("run", "point", SEED, "score", *(key for row in rows for key in row if key != "failed")))
    table = pd.DataFrame(rows).reindex(columns=[*columns, "failed"]).astype({"score": float})
    with replacing(RESULTS / f"{name}-{scale}.csv") as path:
        write_table(path, table.dropna(axis=1, how="all"))
    words = differences(table, partial(_difference, study))
    points = summary(table, {run.label: reported(study.scales[scale], run.point) for run in runs}, words)
    text = as_page(study, name, scale, points)
    with replacing(RESULTS / f"{name}-{scale}.md") as path:
        write_text(path, text)
    if curves:
        legend = RESULTS / f"{name}-{scale}-names.csv"
        with replacing(RESULTS / f"{name}-{scale}.png") as path, readable([], curves, legend):
            draw_study(points, {point: pd.concat(of_runs) for point, of_runs in curves.items()}, study.score, path)
    print(text)


def as_page(study: Study, name: str, scale: str, points: pd.DataFrame) -> str:
    """Return the Markdown page of a study.

    Args:
        study: the study.
        name: its name.
        scale: a key of `study.scales`.
        points: as `summary` returns it.
    """
    known = points.dropna(subset="difference")
    said = sentence(dict(zip(known["point"], known["difference"], strict=True)))
    intro = f"{study.shows} The score is `{study.score}` on the test split."
    return (
        "\n\n".join([f"# {name}, {scale}", intro, *([said] if said else []), _markdown(_with_intervals(points))]) + "\n"
    )


def _with_intervals(points: pd.DataFrame) -> pd.DataFrame:
    """Return the table with one column of text for both ends of an interval, which says if it is of a single seed."""
    texts = [
        None
        if pd.isna(row["low"])
        else f"{row['low']:.4g} to {row['high']:.4g}{' (images, one seed)' if row['runs'] == 1 else ''}"
        for _, row in points.iterrows()
    ]
    return (
        points.assign(low=pd.Series(texts, dtype=object)).drop(columns="high").rename(columns={"low": "95 % interval"})
    )


def _difference(study: Study, first: str, second: str) -> Difference | None:
    """Return the difference of two runs' scores from their predictions, or None if these do not tell it."""
    from darkroom.evaluation.kinds import evaluator_of, kind_of_report  # here, since PyTorch takes seconds to import

    def read(experiment: str, name: str) -> bytes:
        return read_at(Path("data/predictions", study.task, name), experiment)

    try:
        report = json.loads(read_at(Path("metrics", study.task, "test.json"), first))
        evaluator = evaluator_of(kind_of_report(report))
        return evaluator.difference(study.score, partial(read, first), partial(read, second))
    except UserError:  # predictions that are not in DVC's cache
        return None


def _read_metrics(study: Study, experiment: str) -> dict[str, float | None]:
    """Return the test metrics of an experiment for its row of the table."""
    report = json.loads(read_at(Path("metrics", study.task, "test.json"), experiment))
    classes = read_classes(io.BytesIO(read_at(Path("data/predictions", study.task, "classes.csv"), experiment)))
    check_metrics(study, report, classes)
    low, high = report.get("intervals", {}).get(study.score) or (None, None)
    metrics = {
        "score": report[study.score],
        "low": low,
        "high": high,
        "loss": report["loss"],
        "gap_to_train": report.get("gap_to_train"),
    }
    if study.of_classes:
        by_class = zip(classes["class"], classes[study.of_classes], strict=True)
        metrics |= {f"{study.of_classes} of {name}": None if np.isnan(value) else value for name, value in by_class}
    return metrics


def check_metrics(study: Study, report: dict[str, Any], classes: pd.DataFrame) -> None:
    """Check that the task of a study has the study's metrics.

    Args:
        study: the study.
        report: the content of metrics/TASK/test.json.
        classes: the metrics of each class.

    Raises:
        UserError: the study's score, or its metric of classes, is missing.
    """
    for key, metric, known in (
        ("score", study.score, list(report)),
        ("of_classes", study.of_classes, [str(column) for column in classes]),
    ):
        if metric is not None and metric not in known:
            hint = nearest(metric, known)
            raise UserError(f"the study's {key} = {metric!r}: {study.task} has no such metric; {hint}")


def _reason(name: str, state: str) -> str:
    """Return in one line why a run failed."""
    if state == "Died":
        return "its worker died; run the study again"
    logs = subprocess.run(["dvc", "queue", "logs", name], capture_output=True, text=True, errors="replace")
    errors = [line.partition(STAGE_ERROR)[2] for line in logs.stdout.splitlines() if STAGE_ERROR in line]
    return errors[-1] if errors else last_line(logs.stdout)


def summary(table: pd.DataFrame, reported: dict[str, float | None], words: dict[str, str]) -> pd.DataFrame:
    """Return a row for each point, over its seeds: mean, interval and standard deviation of the score, and other means.

    Args:
        table: a row for each run: point, seed, score, low and high (the ends of its interval over images) and other
            metrics, and failed, the reason if the run failed.
        reported: published scores by point.
        words: whether differences are shown, by point.

    Returns:
        The columns point, runs, score, low and high (the ends of the interval of the mean over seeds, or with one seed
        of its interval over images), difference, spread (the standard deviation), reported, the other metrics, and
        failed.
    """
    by_point = table.groupby("point", sort=False)
    scores = by_point["score"].agg(runs="count", score="mean", spread="std")
    ends = {point: _ends(rows) for point, rows in by_point}
    for place, (side, column) in enumerate((("low", 2), ("high", 3))):
        scores.insert(column, side, pd.Series({point: pair[place] for point, pair in ends.items()}, dtype=float))
    scores.insert(4, "difference", pd.Series(words, dtype=object))
    scores["reported"] = pd.Series(reported, dtype=float)
    metrics = by_point.mean(numeric_only=True).drop(columns=["score", "low", "high", "loss", SEED], errors="ignore")
    joined: pd.DataFrame = scores.join(metrics).assign(failed=by_point["failed"].first()).round(4).reset_index()
    return joined


def _ends(rows: pd.DataFrame) -> tuple[float, float]:
    """Return the ends of the interval of a point's runs, NaN where there is none."""
    known = rows.dropna(subset="score")
    if len(known) == 1 and {"low", "high"} <= set(known):
        return float(known["low"].iloc[0]), float(known["high"].iloc[0])
    return seed_interval(known["score"]) or (np.nan, np.nan)


def reported(scale: Scale, point: Point) -> float | None:
    """Return the published score of a point, or None if there is none."""
    values = scale.set | point
    return next((one.score for one in scale.reported if one.at.items() <= values.items()), None)


def _markdown(table: pd.DataFrame) -> str:
    """Return a Markdown table without the columns that are empty."""
    filled = table.dropna(axis=1, how="all")
    cells = [
        ["" if pd.isna(cell) else str(cell).replace("|", "/") for cell in row] for row in filled.to_numpy(dtype=object)
    ]
    rows = [list(filled.columns), ["---"] * len(filled.columns), *cells]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
