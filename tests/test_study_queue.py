"""Studies as a user runs them: in DVC's queue, in the middle of it, and as a job of SLURM's."""

import contextlib
import json
import shutil
import subprocess
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
import yaml
from conftest import assert_one_line, copy_project, git, make_tiny, run, succeed


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A clone whose path holds spaces, with two studies of its one task."""
    project = copy_project(tmp_path / "a clone")
    make_tiny(project, ["cifar10"])
    points = {"slow": {"train.lr": 0.04}, "wild": {"train.lr": 1e30}}
    own = {"laptop": {"points": points}, "gpu": {"grid": {"train.lr": [0.03]}}}
    short = {"laptop": {"grid": {"train.lr": [0.06]}}}
    for name, scales in (("own", own), ("short", short)):
        study = {"shows": "Rates.", "task": "cifar10", "score": "accuracy", "scales": scales}
        (project / "studies" / f"{name}.yaml").write_text(yaml.safe_dump(study))
    git(project, "add", "-A")
    git(project, "commit", "-qm", "studies")
    return project


def test_a_study_writes_its_table_and_goes_on_where_it_was(project: Path) -> None:
    """Two runs at once give the bytes that each gives alone; a failed run is told of and the other is kept."""
    command = ("python", "-m", "darkroom", "study", "own", "--jobs", "2")
    succeed(project, "dvc", "exp", "run", "-S", "train.lr=0.04", "evaluate@cifar10")
    report = json.loads((project / "metrics" / "cifar10" / "test.json").read_text())
    alone = (project / "models" / "cifar10" / "model.safetensors").read_bytes()
    assert_one_line(run(project, *command), "has uncommitted changes")
    git(project, "checkout", "-q", "--", ".")
    shutil.rmtree(project / ".dvc" / "cache" / "runs")  # or nothing would be trained again

    printed = succeed(project, *command)
    table = pd.read_csv(project / "studies" / "results" / "own-laptop.csv")
    assert "the loss is" in table["failed"][1] and "the loss is" in printed
    assert (report["accuracy"], report["loss"]) == (table["score"][0], table["loss"][0])
    assert (project / "studies" / "results" / "own-laptop.png").stat().st_size > 10_000
    listed = succeed(project, "dvc", "exp", "list", "--name-only").split()
    assert "own-laptop-01" in listed and "own-laptop-02" not in listed
    succeed(project, "dvc", "get", ".", "models/cifar10/model.safetensors", "--rev", "own-laptop-01", "--out", "model")
    assert (project / "model").read_bytes() == alone

    if shutil.which("bash") is None:
        return  # the nodes of a cluster have it
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "activate").touch()
    job = ("env", f"SLURM_SUBMIT_DIR={project}", "SLURM_ARRAY_TASK_ID=1", "bash", "studies/array.slurm", "own")
    succeed(project, *job)
    assert "Queued" not in succeed(project, "dvc", "queue", "status")
    succeed(project, *command, "--scale", "gpu")
    printed = (project / "studies" / "results" / "own-gpu.csv").read_text()
    assert printed.splitlines()[1].startswith("own-gpu-01,lr 0.03,")


@pytest.mark.slow
def test_a_study_outlives_its_worker(project: Path) -> None:
    """What a killed worker was at is told of, though its process lives on, and done when the study is run again."""
    command = ("python", "-m", "darkroom", "study", "short")
    with subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, text=True) as running:
        while not any("stages.train" in process.cmdline() for process in processes_in(project)):
            assert running.poll() is None
            time.sleep(0.2)
        for process in processes_in(project):
            if "queue-worker" in process.cmdline():
                process.kill()
        told, _ = running.communicate()
    assert running.returncode == 0 and "its worker died; run the study again" in told
    assert "its worker died" not in succeed(project, *command)
    assert len(pd.read_csv(project / "studies" / "results" / "short-laptop.csv")["score"].dropna()) == 1


def processes_in(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if Path(process.cwd()).is_relative_to(folder):
                found.append(process)
    return found
