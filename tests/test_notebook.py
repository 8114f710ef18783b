"""notebooks/darkroom.ipynb, run on the sample as on Colab, and again after a cut session."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from conftest import ROOT, copy_project
from nbclient import NotebookClient

NOTEBOOK = ROOT / "notebooks" / "darkroom.ipynb"
# In the place of pip, which needs a network: it writes down what it is told to install, and with which constraints.
PIP = """
import sys
from pathlib import Path
told = sys.argv[1:]
constraints = Path(told[told.index("--constraint") + 1]).read_text()
Path({log!r}).write_text(" ".join(told) + "\\n" + constraints)
"""
DRIVE = """
from pathlib import Path
def mount(path):
    Path(path, "MyDrive").mkdir(parents=True)
"""


def execute(folder: Path) -> str:
    """Run all cells in `folder` and return what they print, and a line for each picture."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    printed = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            printed.append(output.get("text", ""))
            printed += ["\n[picture]\n"] if "image/png" in output.get("data", {}) else []
    return "".join(printed)


def test_notebook_is_valid_and_committed_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    assert notebook.metadata.kernelspec.name == "python3"
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert "/tmp/" not in text
    assert "DARKROOM_REPOSITORY" in text


def test_notebook_runs_and_goes_on_after_a_cut_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = copy_project(tmp_path / "仓库 a")
    folder, fakes, drive = tmp_path / "a session", tmp_path / "fakes", tmp_path / "drive"
    folder.mkdir()
    for name, body in {
        "pip/__init__.py": "",  # without it the real pip, a regular package, would be found and would install
        "pip/__main__.py": PIP.format(log=str(tmp_path / "pip.txt")),
        "google/colab/drive.py": DRIVE,
    }.items():
        (fakes / name).parent.mkdir(parents=True, exist_ok=True)
        (fakes / name).write_text(body, encoding="utf-8")
    here = [str(fakes), *filter(None, [os.environ.get("PYTHONPATH")])]
    for variable, value in {
        "PYTHONPATH": os.pathsep.join(here),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PIP_DRY_RUN": "1",
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "DARKROOM_REPOSITORY": str(project),
        "DARKROOM_SOURCE": "sample",
        "DARKROOM_CHANGES": "-S train.epochs=1 -S +tasks.cifar10.model.widths=[8,16,16]",
        "DARKROOM_MOUNT": str(drive),
    }.items():
        monkeypatch.setenv(variable, value)

    found = subprocess.run([sys.executable, "-c", "import pip; print(pip.__file__)"], capture_output=True, text=True)
    assert Path(found.stdout.strip()).is_relative_to(fakes), "the real pip would change this environment"

    printed = execute(folder)
    assert "Running stage 'train@cifar10'" in printed
    assert "training " in printed
    assert printed.count("[picture]") > 5
    state = drive / "MyDrive" / "darkroom"
    assert f"kept in {state}" in printed
    assert (state / "runs" / "cifar10" / "costs.json").is_file()
    assert yaml.safe_load((folder / "darkroom" / "params.yaml").read_text())["train"]["epochs"] == 1
    assert (folder / "darkroom" / ".dvc" / "plots_page.html").is_file()
    told, *constraints = (tmp_path / "pip.txt").read_text().splitlines()
    assert told.startswith("install ")
    assert told.endswith("--editable .")
    assert any(line.startswith("torch==") for line in constraints)
    assert not any(line.startswith(("triton", "nvidia-")) for line in constraints)

    # The machine is gone. The next one is not Colab's, and what was kept lies beside the clone.
    shutil.rmtree(folder / "darkroom")
    shutil.rmtree(fakes / "google")
    state.rename(folder / "darkroom-state")
    again = execute(folder)
    assert "Running stage 'train@cifar10'" not in again
    assert "'train@cifar10' is cached - skipping run" in again
    assert again.count("[picture]") == printed.count("[picture]")
