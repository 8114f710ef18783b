"""The worked examples of the pages in docs/, run as they stand there."""

import json
import re
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, copy_project, jpeg_bytes, labelme, noise, run, shape, write_tar, write_zip

PAGES = "\n".join(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").glob("*.md")))


def example(name: str) -> str:
    """The block of YAML that follows the comment `test: name`."""
    return re.search(rf"<!-- test: {name} -->\n```yaml\n(.*?)```", PAGES, re.DOTALL)[1]


def flowers(project: Path) -> None:
    files = {}
    for kind, colour in (("daisy", (250, 250, 220)), ("tulip", (200, 30, 60))):
        for number in range(100):
            pixels = noise(50 + number % 7, 60, number) // 2
            pixels[10:40, 15:45] = colour
            files[f"flowers/{kind}/{number}.jpg"] = jpeg_bytes(pixels)
    write_tar(project / "flowers.tar", files, "w:")


def yard(project: Path) -> None:
    files: dict[str, bytes | str] = {}
    for number in range(16):
        pixels = noise(130, 140, number) // 2
        pixels[20:61, 30:91] = (220, 200, 60)
        files[f"yard/{number}.jpg"] = jpeg_bytes(pixels)
        shapes = [shape("pond", [[30, 20], [90, 60]], "rectangle")]
        files[f"yard/{number}.json"] = labelme(f"{number}.jpg", shapes, 140, 130)
    write_zip(project / "yard.zip", files)


@pytest.mark.parametrize(
    ("name", "task", "make", "figure"),
    [("own images", "flowers", flowers, "accuracy"), ("own annotations", "yard", yard, "mean_iou")],
)
def test_worked_examples(tmp_path: Path, name: str, task: str, make, figure: str) -> None:
    project = copy_project(tmp_path / "a clone")
    make(project)
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["tasks"] = yaml.safe_load(example(name))["tasks"]
    params["train"]["epochs"] = 15  # enough steps for the running averages of batch normalization
    params["train"]["batch_size"] = 16
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    result = run(project, "dvc", "repro", f"plot@{task}")
    assert result.returncode == 0, result.stdout + result.stderr
    report = json.loads((project / "metrics" / task / "test.json").read_text())
    assert report[figure] > 0.4
    assert (project / "plots" / task / "classes.png").is_file()


def test_study_of_ones_own(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "a clone")
    (project / "studies" / "own.yaml").write_text(example("study"))
    told = run(project, "python", "-m", "darkroom", "study", "own", "--dry").stdout.splitlines()
    assert len(told) == 12
    assert told[-1] == (
        "dvc exp run --queue --name own-laptop-12 -S train.epochs=4 -S tasks.cifar10.augment.cutout=8 "
        "-S train.lr=0.1 -S seed=2 evaluate@cifar10"
    )


def test_wrong_script_stops_the_pipeline_with_one_line(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "a clone")
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["tasks"]["cifar10"]["prepare"] = "split_cifar"
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    result = run(project, "dvc", "repro")
    assert result.returncode != 0
    assert "tasks.cifar10.prepare = 'split_cifar': names no script; did you mean split_cifar10?" in result.stderr
    assert not (project / "data" / "raw").exists()


def test_scripts_in_the_pages_exist() -> None:
    scripts = re.findall(r"stages/([a-z]\w+)\.py", PAGES) + re.findall(r"prepare: ([a-z]\w+)", PAGES)
    assert scripts
    for script in scripts:
        assert (ROOT / "stages" / f"{script}.py").is_file(), script


def test_paths_in_quotes_inside_of_quotes_are_taken_as_they_are() -> None:
    """By Hydra's grammar, which reads what `-S` is given once the shell has taken the outer quotes away."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    [written] = re.findall(r"`-S \"(tasks\.cifar10\.archive=.*?)\"`", PAGES)
    assert OverridesParser.create().parse_override(written).value() == "/数据/cifar (1).tar.gz"
    path = "~/a (1)?b&c=d é.zip"
    assert OverridesParser.create().parse_override(f"tasks.cifar10.archive='{path}'").value() == path
