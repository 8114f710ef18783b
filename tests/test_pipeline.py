"""The pipeline as a user meets it: clones, `dvc repro`, experiments, metrics and plots."""

import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import boto3
import pandas as pd
import pytest
import yaml
from browser import AXE, CHROMIUM, OFFLINE
from conftest import ROOT, assert_one_line, copy_project, git, make_tiny, run, succeed
from moto.server import ThreadedMotoServer

import setup_env
from darkroom.common.named import names_in
from darkroom.figures.draw import CHART_IMAGES

TASKS = ("cifar10", "tiny_imagenet", "segmentation")
CLASSICS = {
    "mnist": {"layer_cam", "feature_maps"}, "spirals": {"regions"}, "curve": {"fit"},
}  # fmt: skip
FURTHER = {*CLASSICS, "cifar100"}  # tasks that `make repro` leaves out

CLASSIFIER_FIGURES = {
    "accuracy",
    "top5_accuracy",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "expected_calibration_error",
    "uncalibrated_error",
}
MASK_FIGURES = {
    "mean_iou", "mean_foreground_iou", "mean_dice", "pixel_accuracy", "expected_calibration_error",
    "uncalibrated_error",
}  # fmt: skip
FIGURES = dict(zip(TASKS, (CLASSIFIER_FIGURES | {"tta_accuracy"}, CLASSIFIER_FIGURES, MASK_FIGURES), strict=True))
EVERYWHERE = {"learning_curves", "learning_rate", "confusion", "classes", "layer_cam"}
CLASSIFIER_PICTURES = EVERYWHERE | {
    "feature_maps",
    "predictions",
    "confident_errors",
    "confused_pairs",
    "reliability",
    "ranks",
}
MASK_PICTURES = EVERYWHERE | {"overlays", "objects", "annotations"}
PICTURES = dict(zip(TASKS, (CLASSIFIER_PICTURES, CLASSIFIER_PICTURES, MASK_PICTURES), strict=True))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone whose path holds spaces, after its first `dvc repro`, committed."""
    project = copy_project(tmp_path_factory.mktemp("first") / "a clone")
    make_tiny(project, TASKS)
    succeed(project, "python", "-m", "darkroom", "plots-page")
    succeed(project, "dvc", "repro")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "results")
    return project


def test_repro_writes_metrics_and_figures(project: Path) -> None:
    for task in TASKS:
        report = json.loads((project / "metrics" / task / "test.json").read_text())
        assert report.keys() == {"loss", "gap_to_train", "gap_to_validation", "intervals"} | FIGURES[task]
        assert report["intervals"].keys() == report.keys() - {"intervals"}
        images = [*(project / "plots" / task).glob("*.png"), *(project / "reports" / task).glob("*.png")]
        assert {path.stem for path in images} == PICTURES[task]
        names = json.loads((project / "data/prepared" / task / "dataset.json").read_text())["classes"]
        for folder in ("plots", "data/predictions"):
            assert pd.read_csv(project / folder / task / "classes.csv")["class"].tolist() == names
    kept = git(project, "ls-files", "data", "models", "plots", "reports").split()
    assert kept == [f"{folder}/.gitignore" for folder in ("data", "models", "plots", "reports")], "git keeps no data"


def test_make_repro_leaves_the_classics_out() -> None:
    tasks = set(yaml.safe_load((ROOT / "params.yaml").read_text())["tasks"])
    assert set(setup_env.TASKS) == set(TASKS) == tasks - FURTHER


def test_second_repro_does_nothing(project: Path) -> None:
    assert "Data and pipelines are up to date." in succeed(project, "dvc", "repro")


def test_arrays_are_stored_once(project: Path) -> None:
    images = project / "data" / "prepared" / "cifar10" / "train_images.npy"
    assert images.stat().st_nlink > 1 or images.is_symlink(), "the workspace's array is a link to the cache's"


def test_two_clones_give_the_same_lock(project: Path, tmp_path: Path) -> None:
    other = copy_project(tmp_path / "elsewhere")
    make_tiny(other, TASKS)
    succeed(other, "dvc", "repro")
    assert (other / "dvc.lock").read_bytes() == (project / "dvc.lock").read_bytes()


def test_experiment_retrains_what_inherits_the_parameter(project: Path) -> None:
    printed = succeed(project, "dvc", "exp", "run", "-S", "train.lr=0.05")
    assert "Running stage 'train@cifar10'" in printed
    assert "Running stage 'train@tiny_imagenet'" in printed
    assert "Running stage 'train@segmentation'" not in printed, "it has a learning rate of its own"
    assert "Running stage 'prepare" not in printed

    changes = json.loads(succeed(project, "dvc", "metrics", "diff", "--json"))
    retrained = {f"metrics/{task}/{name}.json" for task in ("cifar10", "tiny_imagenet") for name in ("train", "test")}
    audited = {
        f"metrics/{task}/audit.json" for task in ("cifar10", "tiny_imagenet")
    }  # it has the score, if that changed
    assert retrained <= changes.keys() <= retrained | audited
    assert "loss" in changes["metrics/cifar10/test.json"]
    assert "metrics/cifar10/test.json" in succeed(project, "dvc", "metrics", "diff")

    back = succeed(project, "dvc", "exp", "run", "-S", "train.lr=0.1")
    assert "is cached - skipping run" in back
    assert "Running stage 'train" not in back
    assert json.loads(succeed(project, "dvc", "metrics", "diff", "--json")) == {}


def test_an_experiment_in_a_folder_of_its_own_gives_the_same_bytes(project: Path) -> None:
    lock = git(project, "show", "HEAD:dvc.lock")
    succeed(project, "dvc", "exp", "run", "--temp", "--force", "-n", "apart", "train@cifar10")
    [apart] = [
        name for name in git(project, "for-each-ref", "--format=%(refname)", "refs/exps").split() if "apart" in name
    ]
    assert git(project, "show", f"{apart}:dvc.lock") == lock


def test_prediction_by_the_model_of_a_revision(project: Path) -> None:
    git(project, "tag", "-f", "shown")
    picture = str(next((project / "plots" / "cifar10").glob("*.png")))
    command = ("python", "-m", "darkroom", "predict", "--task", "cifar10", picture, "--json", "--rev")
    [entry] = json.loads(succeed(project, *command, "shown"))
    assert entry["image"] == picture and len(entry["classes"]) == 5
    assert_one_line(run(project, *command, "nowhere"), "model.safetensors of nowhere: cannot be read")


def test_comparison_of_experiments(project: Path) -> None:
    succeed(project, "dvc", "exp", "run", "-n", "slower", "-S", "train.lr=0.05")
    accuracy = [json.loads((project / "metrics" / "cifar10" / "test.json").read_text())["accuracy"]]
    succeed(project, "dvc", "exp", "run", "-S", "train.lr=0.1")
    accuracy.append(json.loads((project / "metrics" / "cifar10" / "test.json").read_text())["accuracy"])
    command = ("python", "-m", "darkroom", "compare", "slower", "workspace", "--task", "cifar10")
    told = json.loads(succeed(project, *command, "--json", "--out", "changes"))
    assert list(told["accuracy"].values()) == accuracy
    images = told["images"]
    assert sum(images.values()) == 500 == sum(entry["images"] for entry in told["ranks"])
    assert [images["both_right"] + images[n] for n in ("broken", "fixed")] == [round(500 * a) for a in accuracy]
    assert {path.name for path in (project / "changes").iterdir()} == {"images.csv", "flips.png"}
    masks = json.loads(succeed(project, *command[:-1], "segmentation", "--json"))
    assert masks["change"] == "none: both have the same predictions", "its learning rate is its own"
    assert masks["gained_most"] == masks["lost_most"] == []
    table = project / "data" / "predictions" / "segmentation" / "images.csv"
    content = table.read_bytes()
    table.unlink()  # a link to the cache
    table.write_bytes(content.replace(b",0.", b",0.1", 1))
    masks = json.loads(succeed(project, *command[:-1], "segmentation", "--json"))
    assert "change" not in masks, "what lies there counts, not what dvc.lock says of it"
    table.write_bytes(content)


def test_comparison_without_the_predictions_is_one_line(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "a clone without a cache"
    git(tmp_path, "clone", "-q", str(project), str(other))
    command = ("python", "-m", "darkroom", "compare")
    first = git(project, "rev-list", "--max-parents=0", "HEAD").strip()
    complaint = f"data/predictions/cifar10/classes.csv of {first}: is not in DVC's cache"
    assert_one_line(run(other, *command, first, "workspace", "--task", "cifar10"), complaint)
    told = json.loads(succeed(other, *command, "HEAD", "workspace", "--json"))
    assert {one["task"] for one in told} == {*TASKS, *FURTHER}
    for one in told:
        assert one["change"] == "none: both have the same predictions", "to know that, none of them is needed"


def test_reports_need_nothing_else(project: Path) -> None:
    for task in TASKS:
        page = (project / "reports" / f"{task}.html").read_text()
        assert "http:" not in page and "https:" not in page  # base64 may spell http, but has no colon
        assert page.count("data:image/webp;base64,") == len(PICTURES[task])
        assert len(page) < 5e6
        report = json.loads((project / "metrics" / task / "test.json").read_text())
        assert f">{report['loss']}<" in page


@pytest.fixture(scope="module")
def plots_page(project: Path) -> Path:
    succeed(project, "dvc", "plots", "show")
    return project / "dvc_plots" / "index.html"


def test_plots_show_curves_confusion_and_images(project: Path, plots_page: Path) -> None:
    page = plots_page.read_text()
    charts = json.loads(succeed(project, "dvc", "plots", "show", "--json"))["data"]
    for task in TASKS:
        [loss] = charts[str(Path("plots", "charts", "loss", f"{task}.csv"))]
        content = json.dumps(loss["content"])
        assert '"train"' in content and '"validation"' in content, "both curves stand in one chart"
        assert str(Path("plots", "charts", "confusion", f"{task}.csv")) in charts
        assert str(Path("plots", task, "classes.png")) in charts
        assert f"plots_{task}_classes.png" in page
    shown = sum(len(pictures - set(CHART_IMAGES)) for pictures in PICTURES.values())
    assert len(list((project / "dvc_plots" / "static").glob("*.png"))) == shown, "no curve is shown twice"


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_every_chart_is_drawn_without_a_network(project: Path, plots_page: Path) -> None:
    assert 'src="http' not in plots_page.read_text()
    drawn = succeed(project, CHROMIUM, *OFFLINE, "--virtual-time-budget=30000", "--dump-dom", plots_page.as_uri())
    charts = re.split(r'<div id="(?:plots_charts|metrics)_', drawn)[1:]
    assert len(charts) == 4 * len(TASKS)
    for chart in charts:
        name = chart.partition("_csv")[0]
        marks = "mark-rect" if name.startswith("confusion") else "mark-line"
        groups = re.findall(rf'<g class="{marks}[^>]*>(.*?)</g>', chart, re.DOTALL)
        assert any("<path" in group for group in groups), name


FINDS_MODULES = re.compile(r"(classes_in|module_named)\(__name__")
FOUND_BY_NAME = ("darkroom.losses", "darkroom.training.optimizers", "darkroom.training.schedules")


def modules_of(module: str) -> set[Path]:
    """The files in the project that importing `module` reads, itself among them.

    A module that imports pkgutil imports all modules of its room.
    """
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = ROOT.joinpath(*name.split("."))
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if not file.is_file() or file in found:
            continue
        found.add(file)
        if path.is_dir() and (name in FOUND_BY_NAME or FINDS_MODULES.search(file.read_text())):
            waiting += [f"{name}.{module.stem}" for module in path.glob("*.py")]
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                waiting += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                waiting += [alias.name for alias in node.names]
                if "pkgutil" in {alias.name for alias in node.names}:
                    room = name.rpartition(".")[0]
                    waiting += [f"{room}.{path.stem}" for path in file.parent.glob("*.py")]
    return found


# Modules that a stage imports or lists by their names, which its imports do not show.
DATASETS = {f"darkroom.sources.datasets.{path.stem}" for path in (ROOT / "darkroom/sources/datasets").glob("*.py")}
SCRIPTS = {f"stages.{path.stem}" for path in (ROOT / "stages").glob("*.py") if "PREPARATION = " in path.read_text()}
LANGUAGES = {f"darkroom.figures.languages.{name}" for name in names_in("darkroom.figures.languages")}
SCRIPTS_OF = defaultdict(set, configure=SCRIPTS | DATASETS | LANGUAGES, fetch=DATASETS)


def scripts_and_deps() -> list[tuple[str, set[str], list[str]]]:
    """Return the name of each stage, the modules that it may run or find by name, and its code dependencies."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    tasks = yaml.safe_load((ROOT / "params.yaml").read_text())["tasks"]
    rows = []
    for name, entry in stages.items():
        body = entry.get("do", entry)
        script = body["cmd"].split()[2]
        scripts = {script.replace("${item.prepare}", task["prepare"]) for task in tasks.values()} | SCRIPTS_OF[name]
        code = [dep for dep in body["deps"] if dep.startswith(("darkroom", "stages"))]
        rows.append((name, scripts, code))
    return rows


@pytest.mark.parametrize(("name", "scripts", "deps"), scripts_and_deps(), ids=[row[0] for row in scripts_and_deps()])
def test_deps_are_what_the_scripts_import(name: str, scripts: set[str], deps: list[str]) -> None:
    imported = {file.relative_to(ROOT) for script in scripts for file in modules_of(script)}
    named = [Path(dep.replace("${item.prepare}", "*")) for dep in deps]

    def covers(dep: Path, file: Path) -> bool:
        return file.is_relative_to(dep) or file.match(str(dep))

    for file in imported:
        assert any(covers(dep, file) for dep in named), f"{name} imports {file}, which is not among its deps"
    for dep in named:
        assert any(covers(dep, file) for file in imported), f"{name} depends on {dep} and does not import it"


def test_rooms_import_no_room_after_them() -> None:
    order = [
        "common",
        "device",
        "archives",
        "sources",
        "datasets",
        "annotations",
        "batches",
        "models",
        "losses",
        "metrics",
        "training",
        "evaluation",
        "audit",
        "figures",
        "studies",
        "commands",
    ]
    for place, room in enumerate(order):
        for file in (ROOT / "darkroom" / room).rglob("*.py"):
            for later in order[place + 1 :]:
                assert f"darkroom.{later}" not in file.read_text(), f"{file} imports the later room {later}"


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("task", TASKS)
def test_reports_are_accessible(project: Path, task: str, tmp_path: Path) -> None:
    """axe-core, which looks at a page as it is drawn, finds nothing to complain of."""
    axe = AXE.read_text()
    report = (project / "reports" / f"{task}.html").read_text()
    violations = "JSON.stringify(found.violations.map(v => v.id))"
    look = f"axe.run().then(found => {{ document.body.dataset.violations = {violations} }})"
    page = tmp_path / "page.html"
    page.write_text(report.replace("</body>", f"<script>{axe}</script><script>{look}</script></body>"))
    drawn = succeed(project, CHROMIUM, *OFFLINE, "--virtual-time-budget=60000", "--dump-dom", page.as_uri())
    assert re.findall(r'data-violations="(.*?)"', drawn) == ["[]"]
    unreadable = page.read_text().replace("color: #1a1a1a", "color: #eeeeee")
    page.write_text(unreadable)
    drawn = succeed(project, CHROMIUM, *OFFLINE, "--virtual-time-budget=60000", "--dump-dom", page.as_uri())
    assert "color-contrast" in re.findall(r'data-violations="(.*?)"', drawn)[0], "it looks"


def test_artifacts_are_fetched_by_name(project: Path, tmp_path: Path) -> None:
    git(project, "tag", "--annotate", "cifar10@v1.0.0", "--message", "the first")
    done = run(tmp_path, "dvc", "artifacts", "get", str(project), "cifar10", "-o", "fetched.safetensors")
    assert done.returncode == 0, done.stderr
    model = project / "models" / "cifar10" / "model.safetensors"
    assert (tmp_path / "fetched.safetensors").read_bytes() == model.read_bytes()


@pytest.fixture(params=["folder", "s3"])
def remote(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """An empty place for data as `dvc remote add` takes it: its address, and options of it."""
    if request.param == "folder":
        yield [str(tmp_path / "remote")]
        return
    for key in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{key}", "of-no-account")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket="darkroom")
    yield ["s3://darkroom/results", "endpointurl", endpoint]
    server.stop()


def test_results_travel_through_a_remote(project: Path, tmp_path: Path, remote: list[str]) -> None:
    """A clone that pulls has all results and makes none."""
    address, *option = remote
    succeed(project, "dvc", "remote", "add", "-f", "-d", "storage", address)
    if option:
        succeed(project, "dvc", "remote", "modify", "storage", *option)
    git(project, "commit", "-qam", "a remote")
    succeed(project, "dvc", "push")
    other = tmp_path / "another clone"
    git(tmp_path, "clone", "-q", str(project), str(other))
    succeed(other, "dvc", "pull")
    assert "up to date" in succeed(other, "dvc", "status")
    assert "Running stage" not in succeed(other, "dvc", "repro")
    for path in ("plots/cifar10/classes.png", "reports/segmentation.html", "models/cifar10/model.safetensors"):
        assert (other / path).read_bytes() == (project / path).read_bytes()
    assert succeed(other, "dvc", "metrics", "show", "--json") == succeed(project, "dvc", "metrics", "show", "--json")


def test_experiments_travel_with_the_code(project: Path, tmp_path: Path) -> None:
    shared, other = tmp_path / "shared.git", tmp_path / "another clone"
    succeed(project, "dvc", "remote", "add", "-f", "-d", "storage", str(tmp_path / "remote"))
    git(project, "commit", "-qam", "a remote")
    git(tmp_path, "clone", "-q", "--bare", str(project), str(shared))
    git(project, "remote", "add", "shared", str(shared))
    succeed(project, "dvc", "exp", "run", "-n", "pushed", "-S", "train.lr=0.05", "evaluate@cifar10")
    told = (project / "metrics" / "cifar10" / "test.json").read_bytes()
    git(project, "checkout", "-q", "--", ".")
    succeed(project, "dvc", "checkout")
    succeed(project, "dvc", "exp", "push", "shared", "pushed")

    git(tmp_path, "clone", "-q", str(shared), str(other))
    succeed(other, "dvc", "exp", "pull", "origin", "pushed")
    succeed(other, "dvc", "exp", "apply", "pushed")
    assert (other / "metrics" / "cifar10" / "test.json").read_bytes() == told
    git(other, "checkout", "-q", "--", ".")
    succeed(other, "dvc", "exp", "branch", "pushed", "slower")
    assert git(other, "show", "slower:metrics/cifar10/test.json").encode() == told
