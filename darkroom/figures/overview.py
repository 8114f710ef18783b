"""What a report tells first: the facts about a model in a minute, and what to do next.

A sentence is a key of `Texts.facts` or `Texts.advice` with the values of its fields, so that it can be told in any
language.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.common.files import read_json
from darkroom.datasets.description import Description
from darkroom.datasets.kinds import kind_of
from darkroom.evaluation.tables import read_classes
from darkroom.figures.kinds import figures_of
from darkroom.figures.languages import Texts

Sentence = tuple[str, dict[str, Any]]

WORST_CLASSES = 5
LARGE_GAP = 0.05  # between the scores of training and validation
STILL_RISING = 0.005  # of the validation score in the last fifth of the epochs
EARLY = 0.6  # share of the epochs before which the best one counts as early
WIDE = 0.02  # half of the score's interval
POORLY_CALIBRATED = 0.05  # expected calibration error
IMBALANCED = 3.0  # the largest class of training by the smallest
FAR_BELOW = 0.15  # the score


@dataclass(frozen=True)
class Results:
    """What the stages wrote about a task.

    Attributes:
        description: of the prepared data set.
        test: the content of metrics/TASK/test.json.
        train: the content of metrics/TASK/train.json.
        audit: the content of metrics/TASK/audit.json; empty if there was no audit.
        history: metrics/TASK/history.csv.
        by_class: the metric of each class that tells how well it is found, by name; higher is better.
        confusion: int64 (classes, classes), with a row for each true class.
        corruptions: the table corruptions.csv; None if the stage `evaluate` tried none.
    """

    description: Description
    test: dict[str, Any]
    train: dict[str, Any]
    audit: dict[str, Any]
    history: pd.DataFrame
    by_class: dict[str, float]
    confusion: NDArray[np.int64]
    corruptions: pd.DataFrame | None = None

    @property
    def score(self) -> float:
        """The test score."""
        return float(self.test[self.description.score])

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the test score."""
        interval = self.test.get("intervals", {}).get(self.description.score)
        return (interval[0], interval[1]) if interval else None


def facts(results: Results) -> list[Sentence]:
    """Return what the report says first, in its order."""
    score, test, audit = results.description.score, results.test, results.audit
    count = {"images": results.description.images["test"]}
    sentences: list[Sentence] = []
    if results.interval is None:
        sentences.append(("score", {"value": results.score} | count))
    else:
        low, high = results.interval
        sentences.append(("score_interval", {"value": results.score, "low": low, "high": high} | count))
    if f"{score}_without_leaked" not in audit:
        sentences.append(("not_audited", {}))
    else:
        leaked, labels = audit.get("leaked", 0), audit.get("label_errors", {}).get("test", 0)
        if audit[f"{score}_without_leaked"] is None:
            sentences.append(("all_leaked", count))
        elif leaked:
            sentences.append(("leaked", {"count": leaked, "value": audit[f"{score}_without_leaked"]}))
        else:
            sentences.append(("no_leaks", {}))
        if labels and audit[f"{score}_without_doubtful"] is not None:
            sentences.append(("doubtful", {"count": labels, "value": audit[f"{score}_without_doubtful"]}))
    if f"validation_{score}" in results.train:
        sentences.append(
            ("gap", {"train": results.train[f"train_{score}"], "validation": results.train[f"validation_{score}"]})
        )
    if "expected_calibration_error" in test:
        before = test.get("uncalibrated_error", test["expected_calibration_error"])
        sentences.append(("calibration", {"before": before, "after": test["expected_calibration_error"]}))
    if results.corruptions is not None:
        name, value = worst_corruption(results.corruptions)
        mean = float(results.corruptions[_score_column(results.corruptions)].mean())
        sentences.append(("corruptions", {"value": mean, "worst": name, "worst_value": value}))
    return sentences


def worst_classes(results: Results) -> list[tuple[str, float, str | None]]:
    """Return the classes of the lowest metric below the score, the worst first.

    Returns:
        For each its name, its metric, and the class that is predicted most often in its place, if any is.
    """
    names = results.description.classes
    worst = sorted((value, name) for name, value in results.by_class.items() if value < results.score)[:WORST_CLASSES]
    found = []
    for value, name in worst:
        row = results.confusion[names.index(name)].copy()
        row[names.index(name)] = 0
        found.append((name, value, names[int(row.argmax())] if row.any() else None))
    return found


def advice(results: Results) -> list[Sentence]:
    """Return what to do next, the most important first."""
    score, train, test, audit = results.description.score, results.train, results.test, results.audit
    sentences: list[Sentence] = []
    if audit.get("leaked"):
        sentences.append(("leave_out_leaked", {"count": audit["leaked"]}))
    for key, found in (("look_at_labels", "label_errors"), ("look_at_masks", "mask_errors")):
        if number := sum(audit.get(found, {}).values()):
            sentences.append((key, {"count": number}))
    if not results.description.images["validation"]:
        sentences.append(("no_validation", {}))
    else:
        gap = train[f"train_{score}"] - train[f"validation_{score}"]
        values = {"train": train[f"train_{score}"], "validation": train[f"validation_{score}"]}
        if gap > LARGE_GAP:
            sentences.append(("overfits", values))
        validation = results.history[f"validation_{score}"].to_numpy()
        last_fifth = max(1, len(validation) // 5)
        best_before = validation[:-last_fifth].max() if len(validation) > last_fifth else validation[0]
        kept, epochs = int(train["kept_epoch"]), int(train["epochs"])
        if kept == epochs and validation[-1] - best_before > STILL_RISING:
            sentences.append(("more_epochs", {"rise": float(validation[-1] - best_before), "epochs": epochs}))
        elif kept < EARLY * epochs:
            sentences.append(("fewer_epochs", {"kept": kept, "epochs": epochs}))
    worst = worst_classes(results)
    if worst and results.score - worst[0][1] > FAR_BELOW:
        name, value, other = worst[0]
        key = "weak_class" if other is None else "weak_class_confused"
        sentences.append((key, {"name": name, "value": value, "other": other}))
    if audit.get("imbalance") is not None and audit["imbalance"] > IMBALANCED:
        sentences.append(("imbalance", {"ratio": audit["imbalance"]}))
    if test.get("expected_calibration_error", 0) > POORLY_CALIBRATED:
        sentences.append(("poorly_calibrated", {"error": test["expected_calibration_error"]}))
    if results.interval is not None:
        low, high = results.interval
        if (high - low) / 2 > WIDE:
            sentences.append(("few_test", {"width": (high - low) / 2, "images": results.description.images["test"]}))
    if results.corruptions is not None:
        name, value = worst_corruption(results.corruptions)
        sentences.append(("worst_corruption", {"name": name, "value": value}))
    return sentences or [("nothing", {})]


def worst_corruption(table: pd.DataFrame) -> tuple[str, float]:
    """Return the corruption of the lowest mean score over its severities, and this score."""
    means = table.groupby("corruption", sort=True)[_score_column(table)].mean()
    return str(means.idxmin()), float(means.min())


def _score_column(table: pd.DataFrame) -> str:
    return next(str(name) for name in table if name not in ("corruption", "severity"))


def read_results(data: Path, predictions: Path, metrics: Path) -> Results:
    """Read what the stages wrote about a task.

    Args:
        data: the prepared data set.
        predictions: the folder that the stage `evaluate` wrote.
        metrics: the folder of `history.csv`, `train.json`, `test.json` and, of an audit, `audit.json`.
    """
    description = Description.read(data)
    metric = figures_of(description.kind).CLASS_METRIC
    classes = read_classes(predictions / "classes.csv").set_index("class")
    by_class = {} if metric is None else classes[metric].dropna().to_dict()
    audit, corruptions = metrics / "audit.json", predictions / "corruptions.csv"
    return Results(
        description,
        read_json(metrics / "test.json"),
        read_json(metrics / "train.json"),
        read_json(audit) if audit.exists() else {},
        pd.read_csv(metrics / "history.csv"),
        {str(name): float(value) for name, value in by_class.items()},
        np.load(predictions / "confusion.npy"),
        pd.read_csv(corruptions) if corruptions.exists() else None,
    )


def tell(texts: Texts, results: Results, task: str) -> tuple[list[str], list[str], list[str]]:
    """Return the facts, the worst classes and the advice in words. Keys and commands in them stand in backticks.

    Args:
        texts: of a language.
        results: of the task.
        task: the task's name.
    """
    _, unit = texts.units[kind_of(results.description.kind).UNIT]
    common = {"score": texts.scores[results.description.score], "unit": unit, "task": task}
    said = [texts.facts[key].format(**common | values) for key, values in facts(results)]
    todo = [texts.advice[key].format(**common | values) for key, values in advice(results)]
    worst = [
        texts.facts["class" if other is None else "class_confused"].format(name=name, value=value, other=other)
        for name, value, other in worst_classes(results)
    ]
    return said, worst, todo
