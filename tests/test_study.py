"""Studies: the runs that they expand to, the errors in them, and the tables and figures that they write."""

import os
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT, assert_one_line, posix, run

from darkroom.commands.study import study
from darkroom.common.errors import UserError
from darkroom.studies import queue
from darkroom.studies.declared import FOLDER, Scale, Study, check_runs, read_study, runs_of
from darkroom.studies.figure import draw_study
from darkroom.studies.results import RESULTS, check_metrics, reported, summary, write_results

STUDIES = sorted(path.stem for path in (ROOT / FOLDER).glob("*.yaml"))


def test_runs_combine_each_point_with_the_grid() -> None:
    points = {"plain": {}, "bare": {"~a.b": None}}
    scale = Scale(set={"source": "sample"}, points=points, grid={"train.lr": [0.1, 0.2], "seed": [0, 1]})
    runs = runs_of(scale, "own-laptop", Path("own.yaml"))
    assert [run.name for run in runs] == [f"own-laptop-{n:02}" for n in range(1, 9)]
    assert runs[1].command("t") == [
        "dvc", "exp", "run", "--queue", "--name", "own-laptop-02", "-S", "source=sample", "-S", "train.lr=0.1",
        "-S", "seed=1", "evaluate@t",
    ]  # fmt: skip
    assert runs[4].overrides == ["source=sample", "~a.b", "train.lr=0.1", "seed=0"]
    assert [run.label for run in runs[3:5]] == ["plain, lr 0.2", "bare, lr 0.1"]


def test_overrides_have_the_syntax_of_hydra() -> None:
    point = {
        "a": True,
        "b": None,
        "c": [1, 2.5],
        "d": "torchrun --standalone --nproc-per-node=2",
        "e": "x: {y}",
        "f": {"name": "sgd"},
    }
    [run] = runs_of(Scale(points={"": point}), "own", Path("own.yaml"))
    expected = [
        "a=true",
        "b=null",
        "c=[1, 2.5]",
        "d=torchrun --standalone --nproc-per-node=2",
        'e="x: {y}"',
        'f={name: "sgd"}',
    ]
    assert run.overrides == expected


def test_summary_averages_over_the_seeds() -> None:
    table = pd.DataFrame({
        "point": ["a", "a", "b", "b"], "seed": [0, 1, 0, 1], "score": [0.5, 0.7, 0.9, np.nan], "loss": 0.3,
        "gap_to_train": [0.1, 0.2, 0.3, np.nan], "iou of cat": [0.2, 0.4, 0.6, np.nan],
        "failed": [None, None, None, "out of memory"],
    })  # fmt: skip
    points = summary(table, {"a": 0.55, "b": None}, {"a": "best"})
    assert points["point"].tolist() == ["a", "b"] and points["runs"].tolist() == [2, 1]
    assert points["score"].tolist() == [0.6, 0.9]
    assert points["spread"][0] == pytest.approx(0.1414) and np.isnan(points["spread"][1])
    assert points["reported"][0] == 0.55 and np.isnan(points["reported"][1])
    assert points["failed"][1] == "out of memory"
    assert points["iou of cat"].tolist() == [0.3, 0.6]
    assert list(points)[1:] == [
        "runs",
        "score",
        "low",
        "high",
        "difference",
        "spread",
        "reported",
        "gap_to_train",
        "iou of cat",
        "failed",
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"score": "acuracy"}, "score = 'acuracy'"), ({"of_classes": "iou"}, "of_classes = 'iou'")],
)
def test_unknown_metrics_are_refused(changes: dict, message: str) -> None:
    plan = Study(shows="x", task="cifar10", scales={"laptop": Scale()}, **{"score": "accuracy"} | changes)
    classes = pd.DataFrame([{"class": "cat", "recall": 0.5}])
    with pytest.raises(UserError, match=f"{message}: cifar10 has no such metric"):
        check_metrics(plan, {"accuracy": 0.5, "loss": 1.0}, classes)


def test_table_is_written_when_all_runs_failed(folder: Path) -> None:
    plan = Study(shows="x", task="cifar10", score="accuracy", scales={"laptop": Scale(grid={"seed": [0, 1]})})
    runs = runs_of(plan.scales["laptop"], "own", Path("own.yaml"))
    write_results(plan, "own", "laptop", runs, dict.fromkeys(["own-01", "own-02"], "Died"))
    assert (RESULTS / "own-laptop.md").read_text().endswith("| as it is | 0 | its worker died; run the study again |\n")
    assert pd.read_csv(RESULTS / "own-laptop.csv").columns.tolist() == ["run", "point", "seed", "failed"]


def test_reported_score_applies_where_all_its_values_match() -> None:
    entries = [{"at": {"x": 1, "y": 2}, "score": 0.5}, {"at": {"x": 1}, "score": 0.4}]
    scale = Scale(set={"x": 1}, reported=entries)
    assert [reported(scale, {"y": 2}), reported(scale, {"y": 3}), reported(scale, {"x": 2})] == [0.5, 0.4, None]


def test_figure_of_a_study_is_drawn(folder: Path) -> None:
    points = pd.DataFrame(
        {"point": ["a", "b"], "score": [0.5, np.nan], "low": [0.4, np.nan], "high": 0.6, "reported": [0.6, np.nan]}
    )
    history = pd.DataFrame({"epoch": [1, 2, 1, 2]})
    for name in ("validation_accuracy", "train_accuracy", "validation_loss", "train_loss"):
        history[name] = [0.1, 0.2, 0.3, 0.4]
    draw_study(points, {"a": history}, "accuracy", Path("study.png"))
    assert plt.imread("study.png").std() > 0
    draw_study(points, {"a": history}, "mean_foreground_iou", Path("study.png"))


@pytest.mark.parametrize("name", STUDIES)
def test_committed_studies_are_valid(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stage `configure` accepts the parameters of each run."""
    monkeypatch.chdir(ROOT)
    plan = read_study(FOLDER / f"{name}.yaml")
    for scale in plan.scales:
        study(name, scale, 1, True)
        assert len(capsys.readouterr().out.splitlines()) == len(runs_of(plan.scales[scale], name, Path(name)))


def test_runs_with_wrong_parameters_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for point, task, message in (
        ({"train.rate": 1}, "cifar10", "own-01: train.rate=1: .*train.rate"),
        ({"train.epochs": "many"}, "cifar10", "own-01: params.yaml: .*train.epochs = 'many'"),
        ({"train.epochs": 1}, "cifar", "own-01: params.yaml has no task 'cifar'"),
    ):
        with pytest.raises(UserError, match=message):
            check_runs(runs_of(Scale(points={"": point}), "own", Path("own.yaml")), task)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"grid": {"train.lr": []}}, "grid.train.lr has no values"),
        ({"grid": {"train.lr": [0.1, 0.1]}}, "the point {'train.lr': 0.1} is listed twice"),
        ({"points": {}}, "scales.laptop.points = {}: Dictionary should have at least 1 item"),
        ({"points": {"a": {"x": 1}, "b": {"x": 1}}}, "the point {'x': 1} is listed twice"),
        ({"grids": {}}, "unknown key scales.laptop.grids"),
    ],
)
def test_invalid_studies_are_refused(folder: Path, changes: dict, message: str) -> None:
    content = {"shows": "x", "task": "cifar10", "score": "accuracy", "scales": {"laptop": changes}}
    path = Path("own.yaml")
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(UserError) as error:
        runs_of(read_study(path).scales["laptop"], "own", path)
    assert message in str(error.value)


def test_queue_states_are_parsed_from_the_output_of_dvc() -> None:
    status = """Task     Name        Created       Status
138ee1d  own-01      05:32 PM      Running
4466fef  研究-gpu-02   Nov 25, 2026  Queued
5566fef              Nov 25, 2026  Failed

Worker status: 1 active, 0 idle
"""
    assert queue.Queue.parse(status) == queue.Queue({"own-01": "Running", "研究-gpu-02": "Queued"}, True)
    empty = "No experiment tasks in the queue.\n\nWorker status: 0 active, 0 idle\n"
    assert queue.Queue.parse(empty) == queue.Queue({}, False)


@posix
def test_starting_the_queue_does_not_wait_for_its_workers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = Path("dvc")
    command.write_text("#!/bin/sh\n(sleep 20; touch waited) &\n")  # `dvc queue start` leaves a worker running, too
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    queue._run_dvc("queue", "start")
    assert not Path("waited").exists()


def test_study_on_a_full_disk_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=3 << 20))
    with pytest.raises(UserError, match="the disk is full, with 3 MB left"):
        study("first_cnn", "laptop", 1, False)


def test_unknown_study_gives_a_one_line_error() -> None:
    assert_one_line(
        run(ROOT, "python", "-m", "darkroom", "study", "trick"), "studies/trick.yaml", "did you mean tricks?"
    )
