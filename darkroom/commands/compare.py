"""Compare two experiments by their stored predictions, without training or checking out anything."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from darkroom.commands.kinds import commands_of
from darkroom.commands.predictions import SIDES, classes_at
from darkroom.common.errors import UserError
from darkroom.common.files import replacing
from darkroom.common.numbers import round_metric
from darkroom.datasets.packed import images_path, read_split
from darkroom.evaluation.intervals import SIGNIFICANCE, Difference, holm
from darkroom.evaluation.kinds import kind_of_report
from darkroom.figures.fonts import LEGEND, readable
from darkroom.figures.pictures import draw_flips
from darkroom.figures.tables import write_table
from darkroom.revisions import WORKSPACE, read_at, recorded_hashes

UNCHANGED = {"change": "none: both have the same predictions"}


def compare(tasks: list[str], revisions: tuple[str, str], out: Path | None, as_json: bool) -> None:
    """Print what changed from the first revision's predictions to the second's, and whether a difference is shown.

    Args:
        tasks: the tasks to compare. Empty: all that have metrics in the workspace.
        revisions: two git revisions, names of experiments, or `workspace`.
        out: a new folder for a table of the images and a figure of the changes. If there are several tasks, each gets
            a folder in it. None: nothing is written.
        as_json: print JSON, a list if there are several tasks.

    Raises:
        UserError: predictions cannot be read, or belong to different test images.
    """
    if out is not None and out.exists():
        raise UserError(f"{out}: exists already; give a new folder or remove it")
    tasks = tasks or sorted(path.parent.name for path in Path("metrics").glob("*/test.json"))
    if not tasks:
        raise UserError("metrics: there is no TASK/test.json; run `dvc repro`")
    hashes = [recorded_hashes(revision) for revision in revisions]
    changes = []
    for task in tasks:
        predictions = Path("data/predictions", task)
        recorded = [of_revision.get(predictions.as_posix()) for of_revision in hashes]
        # In the workspace a task may not have been run, but dvc.lock says that it would give the same predictions.
        if WORKSPACE in revisions and not predictions.exists() and recorded[0] and recorded[0] == recorded[1]:
            change: dict[str, Any] = dict(UNCHANGED)
        else:
            change = _compare(task, revisions, out / task if out is not None and len(tasks) > 1 else out)
        changes.append({"task": task, **dict(zip(SIDES, revisions, strict=True)), **change})
    _judge(changes, revisions)
    if as_json:
        print(json.dumps(changes if len(changes) > 1 else changes[0], indent=2))
    else:
        print("\n\n".join(as_text(one) for one in changes))


def _compare(task: str, revisions: tuple[str, str], out: Path | None) -> dict[str, Any]:
    """Return the changes of one task."""
    reports = [json.loads(read_at(Path("metrics", task, "test.json"), revision)) for revision in revisions]
    found = [kind_of_report(report) for report in reports]
    if found[0] != found[1]:
        raise UserError(f"{task}: is a {found[0]} in {revisions[0]} and a {found[1]} in {revisions[1]}")
    classes = [list(classes_at(task, revision)["class"]) for revision in revisions]
    if classes[0] != classes[1]:
        raise UserError(
            f"{task}: {' and '.join(revisions)} have different classes; compare revisions with the same classes"
        )
    change, images = commands_of(found[0]).compare(task, revisions, reports)
    if out is not None:
        with replacing(out) as folder:
            folder.mkdir(parents=True)
            write_table(folder / "images.csv", images)
            data = Path("data/prepared", task)
            if images_path(data, "test").exists():
                test_images, _ = read_split(data, "test")
                if len(test_images) != len(images):
                    raise UserError(
                        f"data/prepared/{task}: has different test images than the two revisions; run `dvc repro`"
                    )
                with readable(classes[0], revisions, folder / LEGEND):
                    draw_flips(test_images, images, revisions, folder / "flips.png")
    return UNCHANGED | change if _is_unchanged(images) else change


def _judge(changes: list[dict[str, Any]], revisions: tuple[str, str]) -> None:
    """Say of each task in words whether a difference is shown, and replace its `Difference` by numbers.

    The p-values of several tasks are adjusted by Holm's method.
    """
    tested = [change for change in changes if change.get("difference") is not None]
    for change, p in zip(tested, holm([change["difference"].p for change in tested]), strict=True):
        change["verdict"] = verdict(change["difference"], p, len(tested), revisions)
        change["difference"] = change["difference"].as_dict() | {
            "p_adjusted": round_metric(p),
            "shown": p < SIGNIFICANCE,
        }
    for change in changes:
        if "difference" in change and "verdict" not in change:
            change["verdict"] = "no difference shown (not tested: too few images, or no counts of them are kept)"


def verdict(difference: Difference, p: float, tests: int, revisions: tuple[str, str]) -> str:
    """Return in words whether a difference of a score is shown.

    Args:
        difference: of the scores of two revisions.
        p: its p-value, adjusted.
        tests: the number of tests for which it is adjusted.
        revisions: their names.
    """
    better = revisions[difference.value > 0]
    numbers = (
        f"95 % interval {100 * difference.low:.2f} to {100 * difference.high:.2f}, {difference.test} p = {p:.2g}"
        + (f" adjusted for {tests} tasks" if tests > 1 else "")
    )
    if p < SIGNIFICANCE:
        return f"shown: {better} is better by {abs(100 * difference.value):.2f} points ({numbers})"
    return f"no difference shown (it is {100 * difference.value:.2f} points, {numbers})"


def _is_unchanged(images: pd.DataFrame) -> bool:
    """Return whether the columns of both sides are equal, such as `predicted_a` and `predicted_b`."""
    names = [str(name) for name in images]
    return all(images[name].equals(images[f"{name[:-1]}b"]) for name in names if name == "a" or name.endswith("_a"))


def as_text(values: dict[str, Any]) -> str:
    """Format one line for each number, and a table for each list of numbers."""
    lines = []
    for name, value in values.items():
        title = name.replace("_", " ")
        if isinstance(value, list):
            with pd.option_context("display.unicode.east_asian_width", True):  # columns of Chinese names are straight
                table = pd.DataFrame(value).to_string(index=False) if value else "none"
            lines.append(f"\n{title}:\n{table}")
        elif isinstance(value, dict):
            lines.append(f"{title}: " + ", ".join(f"{key.replace('_', ' ')} {number}" for key, number in value.items()))
        else:
            lines.append(f"{title}: {value}")
    return "\n".join(lines)
