"""Two experiments side by side, from the predictions that they kept: nothing is trained or checked out."""

import io
import json
from pathlib import Path

import pandas as pd
from scipy.stats import binomtest

from darkroom.common.errors import UserError
from darkroom.common.files import replacing
from darkroom.common.numbers import DIGITS
from darkroom.datasets.packed import images_path, read_split
from darkroom.evaluation.tables import read_names, truth_ranks
from darkroom.figures.pictures import draw_flips
from darkroom.revisions import WORKSPACE, read_at, recorded_hashes

MOST_IMAGES = 10  # that gained or lost are told of a segmentation
SIDES = ("a", "b")
UNCHANGED = {"change": "none: both have the same predictions"}


def compare(tasks: list[str], revisions: tuple[str, str], out: Path | None, as_json: bool) -> None:
    """Print what changed from the first revision's predictions to the second's.

    Args:
        tasks: those to compare; none for all that have metrics here.
        revisions: of git, names of experiments, or `workspace`.
        out: a new folder, with one for each task where there are several, for a row for each image, and a figure of
            the most telling changes; None for neither.
        as_json: print for machines, a list where there are several tasks.

    Raises:
        UserError: predictions that cannot be read, or are of other test images.
    """
    if out is not None and out.exists():
        raise UserError(f"{out}: is there already; give a new folder or remove it")
    tasks = tasks or sorted(path.parent.name for path in Path("metrics").glob("*/test.json"))
    if not tasks:
        raise UserError("metrics: has no task's test.json; `dvc repro` makes them")
    hashes = [recorded_hashes(revision) for revision in revisions]
    told = []
    for task in tasks:
        predictions = Path("data/predictions", task)
        recorded = [own.get(predictions.as_posix()) for own in hashes]
        if WORKSPACE in revisions and not predictions.exists() and recorded[0] and recorded[0] == recorded[1]:
            figures = UNCHANGED  # of a task that was not run here
        else:
            figures = _compare(task, revisions, out / task if out is not None and len(tasks) > 1 else out)
        told.append({"task": task, **dict(zip(SIDES, revisions, strict=True)), **figures})
    if as_json:
        print(json.dumps(told if len(told) > 1 else told[0], indent=2))
    else:
        print("\n\n".join(as_text(one) for one in told))


def _compare(task: str, revisions: tuple[str, str], out: Path | None) -> dict:
    """What is told of one task."""
    reports = [json.loads(read_at(Path("metrics", task, "test.json"), revision)) for revision in revisions]
    scores = [next(name for name in COMPARISONS if name in report) for report in reports]
    if scores[0] != scores[1]:
        raise UserError(f"{task}: has {scores[0]} in {revisions[0]} and {scores[1]} in {revisions[1]}")
    classes = [[entry["name"] for entry in report["classes"]] for report in reports]
    if classes[0] != classes[1]:
        raise UserError(
            f"{task}: {' and '.join(revisions)} have other classes; compare what was tried on the same ones"
        )
    told, images = COMPARISONS[scores[0]](task, revisions, reports)
    if out is not None:
        with replacing(out) as folder:
            folder.mkdir(parents=True)
            images.to_csv(folder / "images.csv", index=False, lineterminator="\n")
            data = Path("data/prepared", task)
            if images_path(data, "test").exists():
                test_images, _ = read_split(data, "test")
                if len(test_images) != len(images):
                    raise UserError(f"data/prepared/{task}: has other test images than these; `dvc repro` makes them")
                draw_flips(test_images, images, revisions, folder / "flips.png")
    return UNCHANGED | told if _is_unchanged(images) else told


def _is_unchanged(images: pd.DataFrame) -> bool:
    """Whether the columns of both sides are equal, such as `predicted_a` and `predicted_b`."""
    return all(images[name].equals(images[f"{name[:-1]}b"]) for name in images if name == "a" or name.endswith("_a"))


def _classifications(task: str, revisions: tuple[str, str], reports: list[dict]) -> tuple[dict, pd.DataFrame]:
    tables = [predictions_of(task, revision) for revision in revisions]
    if len(tables[0]) != len(tables[1]) or (tables[0]["true"] != tables[1]["true"]).any():
        raise UserError(f"{task}: {' and '.join(revisions)} were tried on other test images")
    images = tables[0][["index", "true"]].copy()
    for side, table in zip(SIDES, tables, strict=True):
        for column in ("predicted", "confidence"):
            images[f"{column}_{side}"] = table[column]
        images[f"rank_{side}"] = truth_ranks(table)
    right = {side: images[f"rank_{side}"] == 1 for side in SIDES}
    fixed, broken = int((right["b"] & ~right["a"]).sum()), int((right["a"] & ~right["b"]).sum())
    ranks = images.groupby(["rank_a", "rank_b"]).size().reset_index(name="images")
    by_class = pd.DataFrame({side: right[side].groupby(images["true"]).mean().round(DIGITS) for side in SIDES})
    return {
        "accuracy": {side: report["accuracy"] for side, report in zip(SIDES, reports, strict=True)},
        "images": {
            "both_right": int((right["a"] & right["b"]).sum()),
            "fixed": fixed,
            "broken": broken,
            "both_wrong": int((~right["a"] & ~right["b"]).sum()),
        },
        "mcnemar_p": round(mcnemar(fixed, broken), DIGITS),
        "classes": [{"class": name, **row} for name, row in by_class.to_dict("index").items()],
        "ranks": ranks.to_dict("records"),
    }, images  # fmt: skip


def _segmentations(task: str, revisions: tuple[str, str], reports: list[dict]) -> tuple[dict, pd.DataFrame]:
    tables = [_table(task, "images.csv", revision).set_index("image") for revision in revisions]
    if list(tables[0].index) != list(tables[1].index):
        raise UserError(f"{task}: {' and '.join(revisions)} were tried on other test images")
    images = pd.DataFrame({side: table["mean_iou"] for side, table in zip(SIDES, tables, strict=True)})
    images["change"] = (images["b"] - images["a"]).round(DIGITS)
    images = images.reset_index()
    order = images.sort_values("change", kind="stable")
    classes = [{entry["name"]: entry["iou"] for entry in report["classes"]} for report in reports]
    return {
        "mean_iou": {side: report["mean_iou"] for side, report in zip(SIDES, reports, strict=True)},
        "classes": [{"class": name, "a": classes[0][name], "b": classes[1][name]} for name in classes[1]],
        "gained_most": order[order["change"] > 0][::-1][:MOST_IMAGES].to_dict("records"),
        "lost_most": order[order["change"] < 0][:MOST_IMAGES].to_dict("records"),
    }, images  # fmt: skip


def _regressions(task: str, revisions: tuple[str, str], reports: list[dict]) -> tuple[dict, pd.DataFrame]:
    numbers = {"true": float, "predicted": float}
    tables = [predictions_of(task, revision).astype(numbers) for revision in revisions]
    if len(tables[0]) != len(tables[1]) or (tables[0]["true"] != tables[1]["true"]).any():
        raise UserError(f"{task}: {' and '.join(revisions)} were tried on other test points")
    points = tables[0][["index", "true"]].copy()
    for side, table in zip(SIDES, tables, strict=True):
        points[f"predicted_{side}"] = table["predicted"]
    nearer = (points["predicted_b"] - points["true"]).abs() < (points["predicted_a"] - points["true"]).abs()
    figures = {
        name: {side: report[name] for side, report in zip(SIDES, reports, strict=True)} for name in ("r2", "rmse")
    }
    return {**figures, "points": {"nearer": int(nearer.sum()), "not_nearer": int((~nearer).sum())}}, points


# By the figure that says how good a model is.
COMPARISONS = {"accuracy": _classifications, "mean_iou": _segmentations, "r2": _regressions}


def mcnemar(fixed: int, broken: int) -> float:
    """p-value of McNemar's exact test: how likely such different counts are if both models were equally good.

    McNemar, "Note on the sampling error of the difference between correlated proportions" (1947).
    """
    changed = fixed + broken
    return float(binomtest(fixed, changed).pvalue) if changed else 1.0


def predictions_of(task: str, revision: str) -> pd.DataFrame:
    """`predictions.csv` at a revision."""
    return _table(task, "predictions.csv", revision)


def _table(task: str, name: str, revision: str) -> pd.DataFrame:
    return read_names(io.BytesIO(read_at(Path("data/predictions", task, name), revision)))


def as_text(told: dict) -> str:
    """One line a number, and a table for each list of them."""
    lines = []
    for name, value in told.items():
        title = name.replace("_", " ")
        if isinstance(value, list):
            table = pd.DataFrame(value).to_string(index=False) if value else "none"
            lines.append(f"\n{title}:\n{table}")
        elif isinstance(value, dict):
            lines.append(f"{title}: " + ", ".join(f"{key.replace('_', ' ')} {number}" for key, number in value.items()))
        else:
            lines.append(f"{title}: {value}")
    return "\n".join(lines)
