"""Studies as users run them: in DVC's queue, again after a worker was killed, and as a SLURM array job."""

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
    """A clone of the project in a path with spaces, with one task and two studies of it."""
    project = copy_project(tmp_path / "a clone")
    make_tiny(project, ["cifar10"])
    points = {"slow": {"train.lr": 0.04}, "unstable": {"train.lr": 1e30}}
    own_scales = {"laptop": {"points": points}, "gpu": {"grid": {"train.lr": [0.03]}}}
    short_scales = {"laptop": {"grid": {"train.lr": [0.06]}}}
    for name, scales in (("own", own_scales), ("short", short_scales)):
        study = {"shows": "Rates.", "task": "cifar10", "score": "accuracy", "scales": scales}
        (project / "studies" / f"{name}.yaml").write_text(yaml.safe_dump(study))
    git(project, "add", "-A")
    git(project, "commit", "-qm", "studies")
    return project


def test_study_writes_its_table_and_resumes(project: Path) -> None:
    """Parallel runs give the same bytes as single runs. A failed run is reported; the other run's result is kept."""
    command = ("python", "-m", "darkroom", "study", "own", "--jobs", "2")
    succeed(project, "dvc", "exp", "run", "-S", "train.lr=0.04", "evaluate@cifar10")
    expected_report = json.loads((project / "metrics" / "cifar10" / "test.json").read_text())
    expected_model = (project / "models" / "cifar10" / "model.safetensors").read_bytes()
    assert_one_line(run(project, *command), "has uncommitted changes")
    git(project, "checkout", "-q", "--", ".")
    shutil.rmtree(project / ".dvc" / "cache" / "runs")  # otherwise DVC would restore the model instead of training it

    printed = succeed(project, *command)
    table = pd.read_csv(project / "studies" / "results" / "own-laptop.csv")
    assert "the loss is" in table["failed"][1] and "the loss is" in printed
    assert (expected_report["accuracy"], expected_report["loss"]) == (table["score"][0], table["loss"][0])
    assert (project / "studies" / "results" / "own-laptop.png").stat().st_size > 10_000
    listed = succeed(project, "dvc", "exp", "list", "--name-only").split()
    assert "own-laptop-01" in listed and "own-laptop-02" not in listed
    succeed(project, "dvc", "get", ".", "models/cifar10/model.safetensors", "--rev", "own-laptop-01", "--out", "model")
    assert (project / "model").read_bytes() == expected_model

    if shutil.which("bash") is None:
        return  # the nodes of a cluster have it
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "activate").touch()
    slurm_job = ("env", f"SLURM_SUBMIT_DIR={project}", "SLURM_ARRAY_TASK_ID=1", "bash", "studies/array.slurm", "own")
    succeed(project, *slurm_job)
    assert "Queued" not in succeed(project, "dvc", "queue", "status")
    succeed(project, *command, "--scale", "gpu")
    printed = (project / "studies" / "results" / "own-gpu.csv").read_text()
    assert printed.splitlines()[1].startswith("own-gpu-01,lr 0.03,")


@pytest.mark.slow
def test_study_continues_after_its_worker_was_killed(project: Path) -> None:
    """The run of a killed worker is reported, even if its process still lives. Running the study again repeats it."""
    command = ("python", "-m", "darkroom", "study", "short")
    with subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, text=True) as running:
        while not any("stages.train" in process.cmdline() for process in find_processes(project)):
            assert running.poll() is None
            time.sleep(0.2)
        for process in find_processes(project):
            if "queue-worker" in process.cmdline():
                process.kill()
        output, _ = running.communicate()
    assert running.returncode == 0 and "its worker died; run the study again" in output
    assert "its worker died" not in succeed(project, *command)
    assert len(pd.read_csv(project / "studies" / "results" / "short-laptop.csv")["score"].dropna()) == 1


def find_processes(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if Path(process.cwd()).is_relative_to(folder):
                found.append(process)
    return found
