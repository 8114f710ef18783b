"""Every wrong value in params.yaml gives a one-line error, and every value reaches only the stages that use it."""

import json
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, assert_one_line, copy_project, stage

from darkroom.common.errors import UserError
from darkroom.configuration import configure

PARAMS = (ROOT / "params.yaml").read_text()
TASKS = yaml.safe_load(PARAMS)["tasks"]
BY_SOURCE = ("fetch", "train", "evaluate", "audit")  # stages whose parameters depend on the source of the data


def write_configuration(text: str = PARAMS) -> dict[str, dict]:
    """Run `configure` on a params.yaml and return the content of each file that it writes, by name."""
    Path("params.yaml").write_text(text)
    configure(Path("params.yaml"), Path("config"))
    return {str(path.relative_to("config")): json.loads(path.read_text()) for path in Path("config").rglob("*.json")}


def change_params(*path: str, value: object = None) -> str:
    """Return params.yaml with another value at `path`."""
    params = yaml.safe_load(PARAMS)
    section = params
    for key in path[:-1]:
        section = section[key]
    section[path[-1]] = value
    return yaml.safe_dump(params)


def changed_files(before: dict[str, dict], after: dict[str, dict]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


def test_each_task_has_a_file_for_each_stage(folder: Path) -> None:
    stages = ("fetch", "download", "prepare", "train", "machine", "device", "evaluate", "audit", "plot")
    names = {f"{task}/{name}.json" for task in TASKS for name in stages}
    assert write_configuration().keys() == names


@pytest.mark.parametrize(
    ("path", "value", "reached"),
    [
        (("train", "lr"), 0.05, {f"{task}/train.json" for task in ("cifar10", "cifar100", "tiny_imagenet")}),
        (("tasks", "cifar10", "train", "lr"), 0.05, {"cifar10/train.json"}),
        (("tasks", "cifar10", "validation"), 100, {"cifar10/prepare.json"}),
        (("tasks", "cifar10", "archive"), "a.zip", {f"cifar10/{stage}.json" for stage in BY_SOURCE}),
        (("report", "language"), "zh", {f"{task}/plot.json" for task in TASKS}),
        (("mirror",), "copies", {f"{task}/download.json" for task in TASKS}),
        (("device",), "cpu", {f"{task}/device.json" for task in TASKS}),
        (("source",), "published", {f"{task}/{stage}.json" for task in TASKS for stage in BY_SOURCE}),
    ],
)
def test_a_value_reaches_only_the_stages_that_use_it(folder: Path, path: tuple, value: object, reached: set) -> None:
    assert changed_files(write_configuration(), write_configuration(change_params(*path, value=value))) == reached


@pytest.mark.parametrize(
    ("path", "value", "bits"),
    [
        (("seed",), 0, "everywhere"),
        (("source",), "published", "machine"),
        (("tasks", "cifar10", "archive"), "a.zip", "machine"),
        (("train", "bits"), "machine", "machine"),
        (("tasks", "cifar10", "train", "bits"), "machine", "machine"),
    ],
)
def test_bits_are_everywhere_for_the_sample_unless_set_to_machine(
    folder: Path, path: tuple, value: object, bits: str
) -> None:
    files = write_configuration(change_params(*path, value=value))
    assert files["cifar10/train.json"]["train"]["bits"] == files["cifar10/evaluate.json"]["bits"] == bits


@pytest.mark.parametrize(("key", "value"), [("precision", "bf16"), ("compile", True)])
def test_machine_dependent_settings_need_bits_machine(folder: Path, key: str, value: object) -> None:
    text = change_params("train", key, value=value)
    with pytest.raises(
        UserError, match=rf"{key} = {str(value).lower()} gives other bits .*; set train\.bits to machine"
    ):
        write_configuration(text)
    assert write_configuration(text.replace("bits: auto", "bits: machine"))


def test_numbers_are_read_as_in_yaml_1_2(folder: Path) -> None:
    text = PARAMS.replace("weight_decay: 1e-3", "weight_decay: 5e-4")
    assert write_configuration(text)["cifar10/train.json"]["train"]["weight_decay"] == 5e-4


WRONG = [
    (("train", "lr"), -0.1, "train.lr = -0.1: must be greater than 0"),
    (("train", "lr"), "fast", "train.lr = 'fast': must be a valid number"),
    (("train", "epochs"), 1.5, "train.epochs = 1.5: must be a valid integer"),
    (("train", "precision"), "fp8", "train.precision = 'fp8': must be 'auto', 'fp32', 'bf16' or 'fp16'"),
    (("train", "bits"), "all", "train.bits = 'all': must be 'auto', 'everywhere' or 'machine'"),
    (("tasks", "cifar10", "train", "bits"), "all", "tasks.cifar10.train.bits = 'all': must be 'auto'"),
    (("mirror",), "", "mirror = '': "),
    (("tasks", "cifar10", "mirror"), "a", "unknown key tasks.cifar10.mirror"),
    (("tasks", "cifar10", "bits"), "machine", "unknown key tasks.cifar10.bits"),
    (("train", "learning_rate"), 0.1, "unknown key train.learning_rate"),
    (("train", "epoch"), 3, "unknown key train.epoch: did you mean epochs?"),
    (("trian",), {}, "unknown key trian: did you mean train?"),
    (("source",), "internet", "source = 'internet': must be 'sample' or 'published'"),
    (("tasks", "cifar10", "prepare"), "split_cifar", "tasks.cifar10.prepare = 'split_cifar': names no script; did you"),
    (("tasks", "cifar10", "modle"), {}, "unknown key tasks.cifar10.modle: did you mean model?"),
    (
        ("tasks", "cifar10", "model", "name"),
        "resnet",
        "tasks.cifar10.model.name = 'resnet': is not known here; did you",
    ),
    (
        ("tasks", "cifar10", "model", "name"),
        "unet",
        "tasks.cifar10.model.name = 'unet': is not known here; did you mean lenet?",
    ),
    (("tasks", "cifar10", "validation"), 1.5, "tasks.cifar10.validation"),
    (("tasks", "cifar10", "sha256"), "0" * 64, "belongs to `archive`"),
    (("launcher",), "bash", "launcher = 'bash': "),
    (("train", "warmup_epochs"), 99.0, "warmup_epochs = 99.0 is greater than epochs = "),
    (("train", "patience"), 0, "train.patience = 0: must be greater than or equal to 1"),
    (("tasks", "cifar10", "train"), {"patience": 5, "keep": "last"}, "patience needs keep = best"),
    (
        ("tasks", "cifar10", "train"),
        {"loss": {"dice": 1.0}},
        "train.loss.dice is not for classification; take cross_entropy or focal",
    ),
    (("tasks", "cifar10", "model"), "resnet18", "tasks.cifar10.model = 'resnet18': must be"),
    (("tasks", "cifar10", "model"), {}, "tasks.cifar10.model.name is missing"),
    (("tasks", "cifar10", "model"), {"name": "resnet18", "dropout": 0.1}, "resnet18 takes no dropout"),
    (("tasks", "cifar10", "model"), {"name": "wrn_28_10", "dropout": 2.0}, "model.dropout = 2.0: must be less than 1"),
    (("tasks", "cifar10", "augment", "policy"), "augmix", "augment.policy = 'augmix': must be 'none', 'autoaugment'"),
    (("tasks", "cifar10", "train", "lr"), 0, "tasks.cifar10.train.lr = 0: must be greater than 0"),
    (("tasks", "cifar10", "train"), 3, "tasks.cifar10.train = 3: must hold keys and values"),
    (("tasks", "flowers"), {"prepare": "split_cifar10"}, "give `dataset`, one of cifar10, cifar100, curve,"),
    (
        ("tasks", "cifar10", "dataset"),
        "cifar",
        "tasks.cifar10.dataset = 'cifar': names no data set; did you mean cifar10?",
    ),
    (("tasks", "cifar10", "prepare"), "train", "tasks.cifar10.prepare = 'train': names no script; "),
    (("tasks", "A task"), {}, "a task's name is made of"),
    (("tasks", "segmentation", "augment", "transforms"), [{"Flip": {}}], "albumentations has no such transform"),
    (
        ("tasks", "segmentation", "augment", "transforms"),
        [{"HorizontalFlip": {"probability": 1}}],
        "transforms[0].HorizontalFlip: ",
    ),
]


def test_contradicting_values_are_refused(folder: Path) -> None:
    params = yaml.safe_load(change_params("train", "loss", value={"focal": 1.0}))
    params["tasks"]["cifar10"]["augment"]["mixup"] = 0.2
    with pytest.raises(
        UserError, match=r"tasks.cifar10: train.loss.focal does not work with mixed classes; set augment.mixup"
    ):
        write_configuration(yaml.safe_dump(params))


@pytest.mark.parametrize("launcher", ["python", "torchrun --standalone --nproc-per-node=2", "torchrun --nnodes 2"])
def test_launchers_are_accepted(folder: Path, launcher: str) -> None:
    assert write_configuration(change_params("launcher", value=launcher))


@pytest.mark.parametrize(("path", "value", "message"), WRONG)
def test_errors_name_the_key_and_the_allowed_values(folder: Path, path: tuple, value: object, message: str) -> None:
    before = write_configuration()
    with pytest.raises(UserError) as error:
        write_configuration(change_params(*path, value=value))
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert json.loads(Path("config/cifar10/train.json").read_text()) == before["cifar10/train.json"]


@pytest.mark.parametrize("text", ["", "[1]", "train: {", "seed: 0\n"])
def test_files_without_valid_parameters_are_refused(folder: Path, text: str) -> None:
    with pytest.raises(UserError):
        write_configuration(text)


def test_failing_stage_prints_one_line_and_exits_with_1(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "a clone")
    (project / "params.yaml").write_text(change_params("train", "epochs", value=0))
    assert_one_line(stage(project, "stages.configure"), "train.epochs = 0: must be greater than or equal to 1")
    assert_one_line(stage(project, "stages.train", "cifar10"), "data/config/cifar10/train.json", "dvc repro")
    assert stage(project, "stages.train").returncode == 2


YAML_TEXTS = [
    "no", "yes", "on", "off", "~", "null", "010", "0o10", "0x10", "1e3", "5e-4", "1_000", "1:30", "2026-11-25", ".inf",
    "-.inf", ".nan", "'5'", "true", "y", "1.", ".5", "+3",
]  # fmt: skip


def test_values_are_read_as_dvc_reads_them(folder: Path) -> None:
    from dvc.utils.serialize import load_yaml

    from darkroom.configuration import _read

    Path("params.yaml").write_text("".join(f"k{n}: {text}\n" for n, text in enumerate(YAML_TEXTS)))
    ours, dvcs = _read(Path("params.yaml")), load_yaml("params.yaml")
    assert repr(ours) == repr(dvcs), "compared as text, since NaN does not equal itself"
    assert ours["k0"] == "no"


@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan"])
def test_numbers_must_be_finite(folder: Path, value: str) -> None:
    with pytest.raises(UserError, match=r"train\.clip_norm = -?(inf|nan): must be a finite number"):
        write_configuration(PARAMS.replace("clip_norm: null", f"clip_norm: {value}"))


def test_numbers_in_transforms_must_be_finite(folder: Path) -> None:
    text = PARAMS.replace("RandomBrightnessContrast: {p: 0.5}", "RandomBrightnessContrast: {p: .nan}")
    with pytest.raises(UserError, match=r"transforms\[2\]\.RandomBrightnessContrast\.p = nan: must be a finite number"):
        write_configuration(text)


def test_unusable_transform_is_refused_before_files_are_written(folder: Path) -> None:
    path = ("tasks", "segmentation", "augment", "transforms")
    with pytest.raises(
        UserError, match=r"tasks\.segmentation\.augment\.transforms\[0\]\.Normalize: returns the image as float"
    ):
        write_configuration(change_params(*path, value=[{"Normalize": {}}]))
    assert not Path("config").exists()
