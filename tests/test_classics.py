"""The small classic tasks: digits, spirals and a curve, from their files to their figures."""

import gzip
import json
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import copy_project, write_tar, write_zip
from safetensors import safe_open
from safetensors.torch import save_file
from sklearn.metrics import mean_squared_error, r2_score
from small_runs import BASE, CPU, DATA, METRICS, MODEL, architecture, draw_figures, evaluated, trained
from test_pipeline import CLASSICS, succeed

from darkroom.archives.index import list_files
from darkroom.batches.points import PointBatches
from darkroom.commands.predict import predict
from darkroom.common.errors import UserError
from darkroom.datasets.description import Description
from darkroom.datasets.idx import prepare_mnist, read_idx
from darkroom.datasets.packed import read_split
from darkroom.datasets.parameters import PointParameters, SplitParameters
from darkroom.datasets.points import range_index, read_points
from darkroom.datasets.report import read_report
from darkroom.datasets.table import prepare_curve, prepare_points, read_table
from darkroom.evaluation.tables import read_classes
from darkroom.figures.overview import read_results
from darkroom.figures.report import write_report
from darkroom.losses.squared_error import squared_error
from darkroom.metrics.errors import ErrorTally
from darkroom.models.architecture import trained_weights
from darkroom.models.lenet import LeNet
from darkroom.models.model_file import load_model
from darkroom.sources.dataset import load_dataset
from darkroom.sources.datasets.mnist import idx
from darkroom.sources.fetch import fetch
from darkroom.sources.parameters import FetchParameters
from darkroom.sources.sample.containers import gz
from darkroom.training.kinds.points import PointClassTraining
from darkroom.training.kinds.regression import RegressionTraining
from darkroom.training.parameters import TrainParameters

CURVE = load_dataset("curve").draw_sample()["curve.csv"]
SPIRALS = load_dataset("spirals").draw_sample()["spirals.csv"]
RAW = Path("raw")
POINTS = PointParameters(seed=0, validation=0.2, test=0.25)
FAST = BASE | {"epochs": 60, "batch_size": 20, "optimizer": "adamw", "lr": 0.01, "label_smoothing": 0.0}


def write_table(content: bytes) -> None:
    RAW.mkdir(exist_ok=True)
    (RAW / "own.csv").write_bytes(content)


def spirals(widths: list[int], **changes) -> PointClassTraining:
    model = architecture("mlp", widths=widths)
    return PointClassTraining(kind="points", seed=0, model=model, train=TrainParameters(**FAST | changes))


def curve(widths: list[int], **changes) -> RegressionTraining:
    train = TrainParameters(**FAST | {"loss": {"squared_error": 1.0}} | changes)
    model = architecture("mlp", widths=widths, activation="tanh")
    return RegressionTraining(kind="regression", seed=0, model=model, train=train)


def draw_report(task: str) -> set[str]:
    """Draw the figures and the report of the last evaluation; return the names of the figures, all in the report."""
    Path("train.json").write_text("{}")
    draw_figures()
    results = read_results(DATA, Path("predictions"), METRICS)
    write_report(Path("report.html"), task, results, Path("train.json"), Path("plots"), Path("images"))
    drawn = {path.stem for folder in ("plots", "images") for path in Path(folder).glob("*.png")}
    assert Path("report.html").read_text().count("<img") == len(drawn)
    return drawn


def test_spirals_need_a_hidden_layer(folder: Path) -> None:
    write_table(SPIRALS)
    prepare_points(POINTS, "tasks.spirals", RAW, DATA)
    trained(spirals([]))
    assert evaluated("points")["accuracy"] < 0.6, "a linear model cannot separate the arms"
    model, history = trained(spirals([64, 64]))
    assert evaluated("points")["accuracy"] > 0.95
    assert trained(spirals([64, 64])) == (model, history), "a second run gives the same bytes"
    grid = np.load("predictions/grid.npy")
    points, labels = read_points(DATA, "test")
    nearest = np.linalg.norm(grid[:, None, :2] - points[None], axis=2).argmin(0)
    assert (grid[nearest, 2] == labels).mean() > 0.95, "each arm lies in the region of its class"
    assert draw_report("spirals") == {"learning_curves", "learning_rate", "confusion", "classes", "regions"}


def test_a_curve_needs_hidden_layers_and_a_suitable_learning_rate(folder: Path) -> None:
    write_table(CURVE)
    prepare_curve(POINTS, "tasks.curve", RAW, DATA)
    trained(curve([]))
    assert evaluated("regression")["r2"] < 0.7
    trained(curve([64, 64], lr=1e-5))
    assert evaluated("regression")["r2"] < 0.7
    trained(curve([64, 64], epochs=150))
    report = evaluated("regression")
    assert report["r2"] > 0.85
    points, targets = read_points(DATA, "test")
    model, card = load_model(MODEL, CPU)
    inputs = (points - np.array(card.mean)) / np.array(card.std)
    outputs = model(torch.tensor(inputs, dtype=torch.float32)).detach().numpy()
    predicted = outputs * card.target_std + card.target_mean
    assert report["r2"] == pytest.approx(r2_score(targets, predicted), abs=1e-5)
    assert report["rmse"] == pytest.approx(mean_squared_error(targets, predicted) ** 0.5, abs=1e-5)
    assert (
        read_classes(Path("predictions/classes.csv"))["points"].sum()
        == len(targets)
        == np.load("predictions/confusion.npy").sum()
    )
    assert draw_report("curve") == {"learning_curves", "learning_rate", "confusion", "fit"}


def test_models_of_points_refuse_images(folder: Path) -> None:
    write_table(CURVE)
    prepare_curve(POINTS, "tasks.curve", RAW, DATA)
    trained(curve([8], epochs=1))
    Path("models/curve").mkdir()
    MODEL.rename("models/curve/model.safetensors")
    Path("a.png").touch()
    with pytest.raises(UserError, match="curve: its model takes points, not images"):
        predict("curve", ["a.png"], None, None, False)


def test_errors_are_summed_over_batches() -> None:
    draw = torch.Generator().manual_seed(0)
    targets, predicted = torch.rand(50, 1, generator=draw), torch.rand(50, 1, generator=draw)
    tally = ErrorTally(CPU)
    for rows in (slice(0, 20), slice(20, 50)):
        tally.add(predicted[rows], targets[rows], squared_error(predicted[rows], targets[rows]))
    figures = tally.compute()
    assert figures["r2"] == pytest.approx(r2_score(targets, predicted))
    assert figures["loss"] == pytest.approx(mean_squared_error(targets, predicted))


@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_errors_are_summed_over_processes(offset: float) -> None:
    """Each process has other targets, which may lie far from 0."""
    draw = torch.Generator().manual_seed(0)
    targets = offset + torch.arange(50, dtype=torch.float64)[:, None] / 50
    predicted = targets + 0.1 * torch.rand(50, 1, generator=draw, dtype=torch.float64)
    parts: list[torch.Tensor] = [torch.zeros(0)] * 2
    barrier = threading.Barrier(2)

    def compute_errors(rank: int) -> dict[str, float]:
        def all_reduce(part: torch.Tensor) -> torch.Tensor:
            parts[rank] = part
            barrier.wait()
            total = parts[0] + parts[1]
            barrier.wait()
            return total

        tally, rows = ErrorTally(CPU, all_reduce), (slice(0, 20), slice(20, 50))[rank]
        for true, prediction in zip(targets[rows].split(7), predicted[rows].split(7), strict=True):
            tally.add(prediction, true, squared_error(prediction, true))
        return tally.compute()

    with ThreadPoolExecutor(2) as processes:
        for figures in processes.map(compute_errors, range(2)):
            assert figures["r2"] == pytest.approx(r2_score(targets - offset, predicted - offset), abs=1e-6)


def test_r2_of_constant_targets_is_zero() -> None:
    tally = ErrorTally(CPU)
    tally.add(torch.zeros(3, 1), torch.ones(3, 1), torch.ones(()))
    assert tally.compute()["r2"] == 0


def test_regression_model_without_standardization_is_refused(folder: Path) -> None:
    write_table(CURVE)
    prepare_curve(POINTS, "tasks.curve", RAW, DATA)
    trained(curve([8], epochs=1))
    content = MODEL.read_bytes()
    assert b"target_std" in content
    MODEL.write_bytes(content.replace(b"target_std", b"target_atd"))
    with pytest.raises(UserError, match="is not a model file of Darkroom"):
        load_model(MODEL, CPU)
    with safe_open(MODEL, "pt") as file:
        card = json.loads(file.metadata()["darkroom"])
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    del card["target_atd"], card["target_mean"]
    save_file(weights, MODEL, {"darkroom": json.dumps(card)})
    with pytest.raises(UserError, match="does not say how its numbers were standardized; train it again"):
        load_model(MODEL, CPU)


def test_points_are_split_and_standardized(folder: Path) -> None:
    write_table(SPIRALS)
    prepare_points(POINTS, "tasks.spirals", RAW, DATA)
    description = Description.read(DATA)
    assert description.images == {"train": 540, "validation": 135, "test": 225}
    assert [np.bincount(read_points(DATA, split)[1]).tolist() for split in description.images] == [
        [180, 180, 180], [45, 45, 45], [75, 75, 75],
    ]  # fmt: skip
    batches = PointBatches(DATA, description, 50, 0, CPU)
    epoch = torch.cat([points for points, _ in batches.train(0)])
    assert len(epoch) == 500 and epoch.mean().abs() < 0.1 and abs(epoch.std() - 1) < 0.1
    halves = [PointBatches(DATA, description, 50, 0, CPU, slice(start, None, 2)) for start in (0, 1)]
    for (whole, _), *parts in zip(batches.train(1), *(half.train(1) for half in halves), strict=True):
        assert torch.equal(torch.stack([points for points, _ in parts], 1).flatten(0, 1), whole)
    with pytest.raises(UserError, match="only 540 points"):
        PointBatches(DATA, description, 600, 0, CPU)


def test_numbers_are_assigned_to_ranges() -> None:
    assert range_index(np.array([-9.0, 0.0, 0.1, 0.5, 0.99, 1.0, 9.0]), np.array([0.0, 1.0])).tolist() == [
        0,
        0,
        0,
        2,
        4,
        4,
        4,
    ]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "is no CSV file"),
        (b"\xff\xfe\x00", "is no text in any known encoding"),
        (b"x;y\n1,5;2\n1.5;3\n", "line 2: '1,5' is no number"),
        (b"x,y\n1,2\n", "has 2 columns and 1 rows"),
        (b"y\n1\n2\n", "has 1 columns and 2 rows"),
        (b"x,y\n1,2\n1,2,3\n", "line 3 has 3 cells"),
        (b"x,y\n1,2\nhigh,2\n", "line 3: 'high' is no number"),
        (b"x,y\n1,2\n1e999,2\n", "line 3: '1e999' is no number"),
        (b"x,y\n1,2\n1e39,2\n", "line 3: '1e39' is no number"),
        (b"x,y\n1,2\nnan,2\n", "line 3: 'nan' is no number"),
        (b"x,y\n1,2\n1,high\n", "line 3: 'high' is no number"),
        (b"x,y\n1,2\n3,2\n", "is the same everywhere"),
        (b"x;y\n1,234;2\n2,345;3\n", "line 2: '1,234' may be 1.234 or 1234; write"),
        (b"x,y\n1_000,2\n3,4\n", "line 2: '1_000' is no number"),
        (b",x,y\n0,1,2\n1,3,4\n", "line 1: column 1 has no name"),
        (b"0,1\n1.5,2\n2.5,3\n", "line 1: 0,1 may be a row, or number the columns"),
        (b"?,2.0\n1,2\n3,4\n", "line 1: mixes numbers with '?', which is none"),
    ],
)
def test_invalid_tables_are_refused(folder: Path, content: bytes, message: str) -> None:
    write_table(content)
    with pytest.raises(UserError) as error:
        prepare_curve(POINTS, "tasks.curve", RAW, DATA)
    assert message in str(error.value) and not DATA.exists()


def test_point_data_need_a_test_split() -> None:
    with pytest.raises(ValueError, match="test"):
        PointParameters(seed=0, validation=0, test=0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"1,5;a\n2,5;b\n3,5;a\n", "its first cell may be '1' or '1,5'"),
        (b"x,class\n1,a\n2,\n3,b\n", "line 3: has no class"),
    ],
)
def test_invalid_tables_of_classes_are_refused(folder: Path, content: bytes, message: str) -> None:
    write_table(content)
    with pytest.raises(UserError, match=message):
        prepare_points(POINTS, "tasks.spirals", RAW, DATA)
    assert not DATA.exists()


def test_semicolons_in_class_names_separate_no_columns(folder: Path) -> None:
    write_table(b"1,2,a;b\n3,4,a;b\n5,6,c;d\n")
    _, features, last, _ = read_table(RAW, last_is_number=False)
    assert features.tolist() == [[1, 2], [3, 4], [5, 6]] and last == ["a;b", "a;b", "c;d"]


def test_points_of_one_class_and_two_tables_are_refused(folder: Path) -> None:
    write_table(b"x,class\n1,a\n2,a\n3,a\n")
    with pytest.raises(UserError, match="has 1 class"):
        prepare_points(POINTS, "tasks.spirals", RAW, DATA)
    (RAW / "another.csv").write_bytes(b"x,class\n1,a\n2,b\n")
    with pytest.raises(UserError, match="raw: holds no CSV file"):
        prepare_points(POINTS, "tasks.spirals", RAW, DATA)


@pytest.mark.parametrize(
    "make_training, changes, message",
    [
        (spirals, {"loss": {"squared_error": 1.0}}, "train.loss.squared_error is not for points"),
        (spirals, {"class_weights": "median_frequency"}, "take none or balanced"),
        (curve, {"loss": {"cross_entropy": 1.0}}, "train.loss.cross_entropy is not for regression"),
        (curve, {"sampler": "balanced"}, "train.sampler = balanced is not for regression"),
        (curve, {"class_weights": "balanced"}, "train.class_weights = balanced is not for regression"),
    ],
)
def test_settings_that_do_not_fit_points_are_refused(make_training, changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_training([8], **changes)


def write_digits(per_digit: int = 6, **wrong: bytes) -> None:
    """Write the four files of MNIST, with one grey level for each digit. `wrong` replaces files; `_` stands for `-`."""
    RAW.mkdir()
    for name, count in (("train", per_digit * 10), ("t10k", 10)):
        labels = np.arange(count, dtype=np.uint8) % 10
        images = np.broadcast_to(20 * labels[:, None, None], (count, 28, 28)).astype(np.uint8)
        for part, array in (("images-idx3", images), ("labels-idx1", labels)):
            content = wrong.get(f"{name}_{part}".replace("-", "_"), gz(idx(array)))
            (RAW / f"{name}-{part}-ubyte.gz").write_bytes(content)


def test_digits_are_packed_as_grey_images(folder: Path) -> None:
    write_digits()
    prepare_mnist(SplitParameters(seed=0, validation=10), "tasks.mnist", RAW, DATA)
    images, labels = read_split(DATA, "train")
    assert images.shape == (50, 28, 28, 3) and np.bincount(labels).tolist() == [5] * 10
    assert (images == 20 * labels[:, None, None, None]).all()
    report = read_report(DATA)
    assert report["images"] == {"train": 50, "validation": 10, "test": 10} and len(report["classes"]) == 10


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"train_images_idx3": b"images"}, "is no IDX file"),
        ({"train_images_idx3": gz(b"images")[:-6]}, "is damaged or cut short"),
        ({"train_images_idx3": gz(idx(np.zeros(9, np.uint8)))}, "is no IDX file of bytes with 3 dimensions"),
        ({"train_labels_idx1": gz(idx(np.zeros(9, np.uint8))[:-1])}, "has 8 bytes, not 9"),
        ({"t10k_labels_idx1": gz(idx(np.zeros(9, np.uint8)))}, "t10k has 10 images and 9 labels"),
        ({"t10k_labels_idx1": gz(idx(np.zeros(10, np.uint8)))}, "t10k has no image of 1"),
        ({"train_labels_idx1": gz(idx(np.arange(60, dtype=np.uint8) % 11))}, "train has label 10"),
    ],
)
def test_invalid_digit_files_are_refused(folder: Path, wrong: dict[str, bytes], message: str) -> None:
    write_digits(**wrong)
    with pytest.raises(UserError) as error:
        prepare_mnist(SplitParameters(seed=0, validation=10), "tasks.mnist", RAW, DATA)
    assert message in str(error.value) and not DATA.exists()


@pytest.mark.parametrize("write, compress", [(write_zip, gzip.compress), (write_tar, bytes)])
def test_digits_in_one_archive_are_read(folder: Path, write, compress) -> None:
    write_digits()
    prepare_mnist(SplitParameters(seed=0, validation=10), "tasks.mnist", RAW, DATA)
    files = {f"digits/{path.stem}": compress(gzip.decompress(path.read_bytes())) for path in RAW.iterdir()}
    write(Path("one", "archive"), files)
    prepare_mnist(SplitParameters(seed=0, validation=10), "tasks.mnist", Path("one"), Path("again"))
    assert all((Path("again") / path.name).read_bytes() == path.read_bytes() for path in DATA.iterdir())


def test_missing_digit_file_is_refused(folder: Path) -> None:
    write_digits()
    (RAW / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(UserError, match="holds no t10k-labels-idx1-ubyte.gz; give the four files"):
        prepare_mnist(SplitParameters(seed=0, validation=10), "tasks.mnist", RAW, DATA)


def test_sample_files_have_the_published_layout(folder: Path) -> None:
    fetch(FetchParameters(dataset="mnist", source="sample"), RAW)
    assert gzip.decompress((RAW / "t10k-labels-idx1-ubyte.gz").read_bytes())[:8] == b"\0\0\x08\x01\0\0\x01\xf4"
    assert np.bincount(read_idx(list_files(RAW)["train-labels-idx1-ubyte.gz"], 1)).tolist() == [300] * 10


def test_data_set_that_is_not_published_is_drawn(folder: Path) -> None:
    fetch(FetchParameters(dataset="curve", source="published"), RAW)
    assert (RAW / "curve.csv").read_bytes() == CURVE


def test_lenet_has_as_many_weights_as_in_its_paper() -> None:
    """The number of LeNet-5 if each feature map is connected to all maps of the layer before."""
    assert trained_weights(LeNet(10, (28, 28), modern=False)) == 61_706


def sine(offset: float, start: float = 0.0) -> bytes:
    """A table of sin(3x) + offset at 400 values of x; the x column is shifted by `start`."""
    places = np.linspace(0, 4, 400)
    rows = [f"{start + place!r},{offset + math.sin(3 * place)!r}" for place in places.tolist()]
    return "\n".join(["x,y", *rows]).encode()


@pytest.mark.parametrize(("offset", "start"), [(0.0, 0.0), (1000.0, 0.0), (1e6, 0.0), (-1e8, 0.0), (1000.0, 1.7e9)])
def test_numbers_far_from_0_are_learned(folder: Path, offset: float, start: float) -> None:
    """Features and targets are standardized for training; metrics and predictions are in the original units."""
    write_table(sine(offset, start))
    prepare_curve(POINTS, "tasks.curve", RAW, DATA)
    trained(curve([64, 64], epochs=60))
    report = evaluated("regression")
    assert report["r2"] > 0.95
    table = pd.read_csv("predictions/predictions.csv")
    assert report["rmse"] == pytest.approx(mean_squared_error(table["true"], table["predicted"]) ** 0.5, rel=1e-3)
    assert report["r2"] == pytest.approx(r2_score(table["true"], table["predicted"]), abs=1e-4)
    assert abs(table["predicted"] - offset).max() < 2
    assert read_classes(Path("predictions/classes.csv"))["class"].nunique() == 5
    grid = np.load("predictions/grid.npy")
    assert abs(grid[:, 1] - offset).max() < 5 and grid[0, 0] == pytest.approx(start - 0.4, abs=1e-3)
    history = pd.read_csv(METRICS / "history.csv").iloc[-1]
    # The loss is of standardized targets; the standard deviation of a sine is 0.7.
    assert history["train_rmse"] == pytest.approx(0.7 * history["train_loss"] ** 0.5, rel=0.1)


def test_very_small_numbers_are_learned(folder: Path) -> None:
    rows = [f"{place * 1e-9!r},{1e-9 * math.sin(3 * place)!r}" for place in np.linspace(0, 4, 400).tolist()]
    write_table("\n".join(["x,y", *rows]).encode())
    prepare_curve(POINTS, "tasks.curve", RAW, DATA)
    trained(curve([64, 64], epochs=60))
    report, table = evaluated("regression"), pd.read_csv("predictions/predictions.csv")
    assert report["r2"] > 0.95 and 0 < report["rmse"] < 2e-10
    assert report["r2"] == pytest.approx(r2_score(table["true"] * 1e9, table["predicted"] * 1e9), abs=1e-4)
    assert set(table["true"]) == set(read_points(DATA, "test")[1][:, 0])


def test_features_far_from_0_separate_classes(folder: Path) -> None:
    rows = [f"{1.7e9 + number},{'late' if number > 99 else 'early'}" for number in range(200)]
    write_table("\n".join(["time,class", *rows]).encode())
    prepare_points(POINTS, "tasks.spirals", RAW, DATA)
    trained(spirals([16], epochs=40))
    assert evaluated("points")["accuracy"] > 0.9


TABLES = {
    "semicolons": b"x;y\n0.5;1\n1.5;2\n2.5;3\n",
    "decimal commas": b"x;y\n0,5;1\n1,5;2\n2,5;3\n",
    "decimal commas in quotes": b'x,y\n"0,5",1\n"1,5",2\n"2,5",3\n',
    "tabs": b"x\ty\n0.5\t1\n1.5\t2\n2.5\t3\n",
    "blank lines": b"\nx,y\n0.5,1\n\n,\n1.5,2\n2.5,3\n\n",
    "byte order mark": b"\xef\xbb\xbfx,y\r\n0.5,1\r\n1.5,2\r\n2.5,3\r\n",
    "spaces": b"x, y\n0.5, 1\n1.5, 2\n2.5, 3\n",
    "UTF-16": "x,y\n0.5,1\n1.5,2\n2.5,3\n".encode("utf-16"),
    "GBK": "宽度背景,高度训练\n0.5,1\n1.5,2\n2.5,3\n".encode("gbk"),
    "no names": b"0.5,1\n1.5,2\n2.5,3\n",
}  # fmt: skip


@pytest.mark.parametrize("case", TABLES)
def test_tables_of_common_programs_are_read(folder: Path, capsys: pytest.CaptureFixture, case: str) -> None:
    RAW.mkdir()
    (RAW / "Table.CSV").write_bytes(TABLES[case])
    _, features, last, lines = read_table(RAW, last_is_number=True)
    assert features.tolist() == [[0.5], [1.5], [2.5]] and last == ["1", "2", "3"]
    assert ("its first line is taken for the first row" in capsys.readouterr().out) == (case == "no names")
    assert lines == {"blank lines": [3, 6, 7], "no names": [1, 2, 3]}.get(case, [2, 3, 4])


def test_errors_name_the_line_of_the_file(folder: Path) -> None:
    write_table(b"\nx,y\n\n1,2\nhigh,3\n")
    with pytest.raises(UserError, match="line 5: 'high' is no number"):
        prepare_curve(POINTS, "tasks.curve", RAW, DATA)
    write_table(b"\n\n")
    with pytest.raises(UserError, match="is no CSV file but empty"):
        prepare_curve(POINTS, "tasks.curve", RAW, DATA)


def test_digit_files_with_the_names_of_other_mirrors_are_read(folder: Path) -> None:
    RAW.mkdir()
    for name, content in load_dataset("mnist").draw_sample().items():
        (RAW / name.replace("-idx", ".idx")).write_bytes(content)
    prepare_mnist(SplitParameters(seed=0, validation=0.1), "tasks.mnist", RAW, DATA)
    assert Description.read(DATA).classes == [str(digit) for digit in range(10)]


def test_duplicate_digit_files_must_be_equal(folder: Path) -> None:
    write_digits()
    labels = gzip.decompress((RAW / "t10k-labels-idx1-ubyte.gz").read_bytes())
    (RAW / "t10k-labels.idx1-ubyte").write_bytes(labels)
    prepare_mnist(SplitParameters(seed=0, validation=10), "tasks.mnist", RAW, DATA)
    (RAW / "t10k-labels.idx1-ubyte").write_bytes(labels[:8] + labels[:7:-1])
    with pytest.raises(UserError, match=r"t10k-labels.idx1-ubyte: differs from t10k-labels-idx1-ubyte.gz; keep"):
        prepare_mnist(SplitParameters(seed=0, validation=10), "tasks.mnist", RAW, DATA)


def test_name_of_the_archive_does_not_decide_the_split(folder: Path) -> None:
    write_digits()
    files = {path.name: path.read_bytes() for path in RAW.iterdir()}
    write_zip(Path("one", "training-set.zip"), files)
    prepare_mnist(SplitParameters(seed=0, validation=10), "tasks.mnist", Path("one"), DATA)
    assert Description.read(DATA).images["test"] == 10


def test_classic_tasks_run_through_all_stages(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "a clone")
    succeed(project, "dvc", "repro", "--no-run-cache", *(f"plot@{task}" for task in CLASSICS))
    for task, figures in CLASSICS.items():
        assert (project / "models" / task / "model.safetensors").is_file()
        assert figures <= {path.stem for path in (project / "plots" / task).glob("*.png")}
        report = json.loads((project / "metrics" / task / "test.json").read_text())
        assert report.get("accuracy", report.get("r2")) > 0.9
