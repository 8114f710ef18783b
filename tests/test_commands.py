"""What `python -m darkroom` does outside of the pipeline."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import (
    CLASSES,
    ROOT,
    assert_one_line,
    jpeg_bytes,
    labelme,
    noise,
    png_bytes,
    posix,
    run,
    scene_files,
    shape,
)
from small_runs import DATA, MODEL, classification, evaluated, prepare_classes, prepare_scenes, segmentation, trained
from test_annotations import png_files

from darkroom.batches.normalize import normalize
from darkroom.commands.compare import compare
from darkroom.commands.export import export
from darkroom.commands.masks import convert_masks
from darkroom.commands.predict import image_files, model_of, predict
from darkroom.common.errors import UserError
from darkroom.common.files import read_json, write_json
from darkroom.datasets.pairs import image_folder, read_mask
from darkroom.evaluation.intervals import accuracy_difference


def write_files(files: dict[str, bytes | str], folder: Path) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def test_masks_of_a_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_files(scene_files(12), Path("own"))
    convert_masks(Path("own"), Path("out"), {})
    masks = {path.stem: read_mask(path) for path in Path("out/masks").iterdir()}
    assert sorted(masks) == sorted(f"s{n}" for n in range(12))
    expected = np.zeros((36, 40), np.uint8)
    expected[5:20, 5:25] = 2
    assert (masks["s1"] == expected).all()
    assert Path("out/check.html").stat().st_size > 10_000
    entry = read_json(Path("out/report.json"))["classes"][1]
    assert entry["name"] == CLASSES[0]
    assert entry["splits"]["all"] == {
        "images": 6, "pixels": 6 * 300, "share": round(6 * 300 / (12 * 36 * 40), 6), "objects": 6, "smallest": 300,
        "largest": 300,
    }  # fmt: skip
    table = capsys.readouterr().out.splitlines()
    assert table[2].split() == ["1", "cat", "6", "6", "1,800", "10.42%", "300", "300"]
    assert "12 masks from labelme, 0 without foreground" in table[-1]


def test_masks_keep_the_splits_of_their_source(folder: Path) -> None:
    write_files(png_files(np.repeat(np.arange(4, dtype=np.uint8), 9).reshape(4, 9)), Path("own"))
    convert_masks(Path("own"), Path("out"), {"ignore": ["void"]})
    assert sorted(path.name for path in Path("out/masks").iterdir()) == ["train", "validation"]
    assert read_mask(Path("out/masks/train/train3.png"))[:, 0].tolist() == [0, 1, 255, 2]


def test_masks_that_cannot_be_made_leave_nothing(folder: Path) -> None:
    write_files(scene_files(4) | {"scenes/s1.json": labelme("s1.jpg", [shape("cat", [[1, 1]])], 40, 36)}, Path("own"))
    with pytest.raises(UserError, match="a polygon has 1 points"):
        convert_masks(Path("own"), Path("out"), {})
    assert not Path("out").exists()
    convert_masks(Path("own"), Path("out"), {"skip_bad": True})
    assert len(read_json(Path("out/report.json"))["left_out"]) == 1
    for arguments, message in (
        ((Path("own"), Path("out"), {}), "out: exists already"),
        (
            (Path("own"), Path("new"), {"format": "cocoa"}),
            "format = 'cocoa': there is no such format; did you mean coco",
        ),
        ((Path("nowhere"), Path("new"), {}), "nowhere: does not exist"),
    ):
        with pytest.raises(UserError, match=message):
            convert_masks(*arguments)


def test_command_line(folder: Path) -> None:
    write_files(scene_files(6), folder / "own")
    done = run(
        ROOT, "python", "-m", "darkroom", "masks", str(folder / "own"), str(folder / "out"), "--classes", *CLASSES
    )
    assert done.returncode == 0 and "6 masks from labelme" in done.stdout
    assert_one_line(run(ROOT, "python", "-m", "darkroom", "masks", "nowhere", "out"), "nowhere: does not exist")


@posix
def test_a_reader_that_leaves_early_is_no_error() -> None:
    piped = run(ROOT, "bash", "-c", "python -m darkroom models simple_cnn | true; exit ${PIPESTATUS[0]}")
    assert (piped.returncode, piped.stderr) == (0, "")


def place_model(task: str) -> None:
    target = Path("models", task, "model.safetensors")
    target.parent.mkdir(parents=True)
    MODEL.rename(target)


def test_prediction_of_images_of_any_kind(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The two classes differ in brightness: cat is dark, dog is bright."""
    prepare_classes()
    trained(classification(epochs=6))
    place_model("own")
    Path("new").mkdir()
    bright, dark = noise(40, 64) // 2 + 120, noise(32, 32) // 2
    Path("new/bright.png").write_bytes(png_bytes(bright))
    Path("new/alpha.png").write_bytes(png_bytes(np.dstack([bright, bright[..., :1]])))
    Path("new/dark.jpg").write_bytes(jpeg_bytes(dark))
    Path("new/grey.jpg").write_bytes(jpeg_bytes(dark[..., 0]))
    Path("new/notes.txt").write_text("no image")
    capsys.readouterr()
    predict("own", ["new"], None, None, True)
    told = {Path(e["image"]).stem: e["classes"] for e in json.loads(capsys.readouterr().out)}
    assert {name: next(iter(best)) for name, best in told.items()} == {
        "bright": "dog", "alpha": "dog", "dark": "cat", "grey": "cat",
    }  # fmt: skip
    for best in told.values():
        assert sum(best.values()) == pytest.approx(1, abs=1e-5)
    predict("own", ["new/dark.jpg", "new/b*.png"], None, None, False)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["new/dark.jpg:", "cat"], ["new/bright.png:", "dog"]]
    assert (
        image_files(["new/dark.jpg", "new"])[0] == Path("new/dark.jpg") and len(image_files(["new/*.*g", "new"])) == 4
    )
    for arguments, message in (
        (("own", ["nowhere"], None, None, False), "nowhere: is no image and no folder"),
        (("own", ["new/notes.txt"], None, None, False), "1 of 1 images cannot be used"),
        (("other", ["new"], None, None, False), "models/other/model.safetensors: no such file"),
    ):
        with pytest.raises(UserError, match=message):
            predict(*arguments)


@pytest.mark.parametrize("kind", ["classification", "segmentation"])
def test_prediction_goes_on_after_images_that_cannot_be_used(
    kind: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (prepare_classes if kind == "classification" else prepare_scenes)()
    trained(classification(epochs=1) if kind == "classification" else segmentation(epochs=1, batch_size=2, lr=0.003))
    place_model("own")
    good, bad = png_bytes(noise(32, 32)), png_bytes(noise(32, 32))[:99]
    write_files({"new/a.png": good, "new/b.png": bad, "new/c.png": good, "new/d.tif": b"x"}, Path())
    out = Path("out") if kind == "segmentation" else None
    capsys.readouterr()
    with pytest.raises(UserError, match="^2 of 4 images cannot be used; the lines above say why$"):
        predict("own", ["new"], None, out, False)
    printed = capsys.readouterr()
    assert [line.partition(":")[0] for line in printed.out.splitlines()] == ["new/a.png", "new/c.png"]
    told = [line for line in printed.err.splitlines() if line.startswith("new/")]
    assert [line.partition(" as an image")[0] for line in told] == [
        "new/b.png: does not decode",
        "new/d.tif: does not decode",
    ]
    if out:
        assert sorted(path.name for path in out.rglob("*.png")) == ["a.png", "a.png", "c.png", "c.png"]
    with pytest.raises(UserError, match="^2 of 4"):
        predict("own", ["new"], None, out and Path("more"), True)
    entries = json.loads(capsys.readouterr().out)
    assert [Path(entry["image"]).name for entry in entries] == ["a.png", "b.png", "c.png", "d.tif"]
    assert ["classes" in entry for entry in entries] == [True, False, True, False]
    assert [entry["error"] for entry in entries if "error" in entry] == told
    with pytest.raises(UserError, match="^1 of 1 images"):
        predict("own", ["new/b.png"], None, out and Path("none"), True)
    assert len(json.loads(capsys.readouterr().out)) == 1 and not Path("none").exists()
    if out:
        write_files({"other/A.png": good}, Path())
        with pytest.raises(UserError, match="new/a.png and other/A.png would have masks of the same name"):
            predict("own", ["new", "other"], None, Path("twice"), False)


def test_names_of_images_leave_out_what_systems_leave_behind(folder: Path) -> None:
    kept = ["new/a.jpg", "new/B.JPG", "new/sub/c.Png"]
    left_out = ["new/._a.jpg", "new/.ipynb_checkpoints/a-checkpoint.jpg", "new/@eaDir/a.jpg/SYNO.jpg", "new/notes.txt"]
    write_files(dict.fromkeys(kept + left_out, b"x"), Path())
    Path("new/folder.png").mkdir()
    for names, expected in (
        (["new"], kept),
        (["new/*"], kept[:2]),
        (["new/*.jpg"], kept[:2]),
        (["new/*.JPG"], kept[:2]),
        (["new/**/*.png"], kept[2:]),
        (["new/?.jpg"], kept[:2]),
        (["new/[ab]*.jpg"], kept[:1]),
        ([str(Path("new/*.jpg").absolute())], [str(Path(name).absolute()) for name in kept[:2]]),
        (["new/._a.jpg"], ["new/._a.jpg"]),
        (["new/.ipynb_checkpoints"], left_out[1:2]),
        (["new/.ipynb_checkpoints/*.jpg"], left_out[1:2]),
        (["new/*.txt"], ["new/notes.txt"]),
    ):
        assert sorted(image_files(names)) == sorted(map(Path, expected)), names
    with pytest.raises(UserError, match="is no image and no folder"):
        image_files(["new/@*/*.jpg"])


def test_prediction_is_what_the_stage_evaluate_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare_scenes()
    trained(segmentation(epochs=6, batch_size=2, lr=0.003))
    evaluated("segmentation")
    place_model("own")
    images = str(image_folder(DATA, "test"))
    predict("own", [images], None, Path("out"), True)
    shares = json.loads(capsys.readouterr().out.partition("[")[2].join(["[", ""]))
    masks = sorted(path.name for path in Path("predictions/masks").iterdir())
    assert [Path(entry["image"]).stem + ".png" for entry in shares] == masks
    assert all(sum(entry["classes"].values()) == pytest.approx(1, abs=1e-4) for entry in shares)
    for name in masks:
        assert (read_mask(Path("out/masks", name)) == read_mask(Path("predictions/masks", name))).all()
        assert Path("out/overlays", name).is_file()
    with pytest.raises(UserError, match="give a new folder for its masks"):
        predict("own", [images], None, None, False)
    with pytest.raises(UserError, match="out: exists already"):
        predict("own", [images], None, Path("out"), False)


@pytest.mark.parametrize("kind", ["classification", "segmentation"])
def test_export_answers_as_the_model_does(kind: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    (prepare_classes if kind == "classification" else prepare_scenes)()
    trained(classification(epochs=1) if kind == "classification" else segmentation(epochs=2, batch_size=2, lr=0.003))
    place_model("own")
    export("own", None, Path("own.onnx"))
    assert "own.onnx: " in capsys.readouterr().out
    session = onnxruntime.InferenceSession("own.onnx")
    side = session.get_inputs()[0].shape[2]
    images = np.stack([noise(side, side, seed) for seed in range(3)])
    (answered,) = session.run(None, {"images": images.transpose(0, 3, 1, 2).astype(np.float32)})
    model, card = model_of("own", None)
    with torch.inference_mode():
        expected = model(normalize(torch.tensor(images), card.mean, card.std))
    assert card.temperature != 1
    assert np.abs(answered - expected.numpy() / card.temperature).max() < 1e-4
    assert json.loads(session.get_modelmeta().custom_metadata_map["darkroom"])["classes"] == card.classes
    with pytest.raises(UserError, match="own.onnx: exists already"):
        export("own", None, Path("own.onnx"))


def write_predictions(folder: Path, rows: list[tuple[str, str, float, str]], accuracy: float) -> None:
    names = ["true", "predicted", "confidence", "second"]
    table = pd.DataFrame(rows, columns=names).rename_axis("index").reset_index()
    folder.joinpath("data/predictions/own").mkdir(parents=True)
    table.to_csv(folder / "data/predictions/own/predictions.csv", index=False)
    (folder / "data/predictions/own/classes.csv").write_text("class\ncat\ncow\ndog\n")
    write_json(folder / "metrics/own/test.json", {"accuracy": accuracy})


def read_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read revisions from folders of their names instead of from DVC."""
    for module in ("compare", "predictions"):
        monkeypatch.setattr(
            f"darkroom.commands.{module}.read_at", lambda path, revision: Path(revision, path).read_bytes()
        )


def test_comparison_counts_what_was_fixed_and_broken(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two revisions, read from two folders instead of from DVC."""
    write_predictions(
        Path("old"), [("cat", "cat", 0.9, "dog"), ("dog", "cat", 0.8, "dog"), ("dog", "cat", 0.6, "cow")], 1 / 3
    )
    write_predictions(
        Path("new"), [("cat", "dog", 0.7, "cat"), ("dog", "dog", 0.9, "cat"), ("dog", "cat", 0.6, "dog")], 1 / 3
    )
    write_predictions(Path("others"), [("cat", "cat", 0.9, "dog")], 1.0)
    read_folders(monkeypatch)
    monkeypatch.setattr(
        "darkroom.commands.compare.read_split", lambda *_: (np.zeros((3, 8, 8, 3), np.uint8), np.zeros(3, np.int64))
    )
    Path("data/prepared/own").mkdir(parents=True)
    Path("data/prepared/own/test_images.npy").touch()
    compare(["own"], ("old", "new"), Path("out"), True)
    told = json.loads(capsys.readouterr().out)
    assert told["images"] == {"both_right": 0, "fixed": 1, "broken": 1, "both_wrong": 1}
    assert told["difference"].items() >= {"value": 0.0, "p": 1.0, "test": "McNemar", "shown": False}.items()
    assert told["verdict"].startswith("no difference shown (it is 0.00 points, 95 % interval -")
    assert told["classes"] == [{"class": "cat", "a": 1.0, "b": 0.0}, {"class": "dog", "a": 0.0, "b": 0.5}]
    assert told["ranks"] == [
        {"rank_a": 0, "rank_b": 2, "images": 1},
        {"rank_a": 1, "rank_b": 2, "images": 1},
        {"rank_a": 2, "rank_b": 1, "images": 1},
    ]
    assert pd.read_csv("out/images.csv")["predicted_b"].tolist() == ["dog", "dog", "cat"]
    assert Path("out/flips.png").stat().st_size > 0
    compare(["own"], ("old", "new"), None, False)
    assert "both right 0, fixed 1, broken 1, both wrong 1" in capsys.readouterr().out
    with pytest.raises(UserError, match="old and others were evaluated on different test images"):
        compare(["own"], ("old", "others"), None, True)
    with pytest.raises(UserError, match="out: exists already"):
        compare(["own"], ("old", "new"), Path("out"), True)
    Path("others/data/predictions/own/classes.csv").write_text("class\ncat\n")
    with pytest.raises(UserError, match="own: old and others have different classes"):
        compare(["own"], ("old", "others"), None, True)
    assert accuracy_difference(10, 2, 50).p == pytest.approx(2 * (1 + 12 + 66) / 2**12)


def test_comparison_of_regressions(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, predicted, r2 in (("old", "0.5\n1,2.0,2.0", 0.8), ("new", "0.9\n1,2.0,2.2", 0.9)):
        Path(name, "data/predictions/own").mkdir(parents=True)
        Path(name, "data/predictions/own/predictions.csv").write_text(f"index,true,predicted\n0,1.0,{predicted}\n")
        Path(name, "data/predictions/own/classes.csv").write_text("class\n1 to 2\n")
        write_json(Path(name, "metrics/own/test.json"), {"r2": r2, "rmse": 1 - r2})
    read_folders(monkeypatch)
    compare(["own"], ("old", "new"), Path("out"), True)
    told = json.loads(capsys.readouterr().out)
    assert told["difference"] is None and "not tested" in told["verdict"], "only one of two points tells"
    assert told["r2"] == {"a": 0.8, "b": 0.9} and told["points"] == {"nearer": 1, "not_nearer": 1}
    assert pd.read_csv("out/images.csv")["predicted_b"].tolist() == [0.9, 2.2]


def test_comparison_of_segmentations(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, first, second in (("old", 0.5, 0.9), ("new", 0.7, 0.6)):
        Path(name, "data/predictions/own").mkdir(parents=True)
        Path(name, "data/predictions/own/images.csv").write_text(f"image,mean_iou\n10,{first}\nnan,{second}\n")
        Path(name, "data/predictions/own/classes.csv").write_text(f"class,iou\nbackground,0.9\ncat,{first}\n")
        write_json(Path(name, "metrics/own/test.json"), {"mean_iou": first})
        counts = [[[90, right], [100, 10], [100, 10]] for right in (round(10 * first), round(10 * second))]
        np.save(Path(name, "data/predictions/own/image_counts.npy"), np.repeat(counts, 3, 0))
    read_folders(monkeypatch)
    compare(["own"], ("old", "new"), None, True)
    told = json.loads(capsys.readouterr().out)
    assert told["classes"][1] == {"class": "cat", "a": 0.5, "b": 0.7}
    assert told["gained_most"] == [{"image": "10", "a": 0.5, "b": 0.7, "change": 0.2}]
    assert not told["difference"]["shown"] and told["verdict"].startswith("no difference shown (it is -")
    assert told["lost_most"] == [{"image": "nan", "a": 0.9, "b": 0.6, "change": -0.3}]
    shutil.copytree("new", "renamed")
    Path("renamed/data/predictions/own/classes.csv").write_text("class,iou\nbackground,0.9\ndog,0.7\n")
    with pytest.raises(UserError, match="own: new and renamed have different classes"):
        compare(["own"], ("new", "renamed"), None, True)
    for name in ("old", "new"):
        shutil.copytree(Path(name, "data/predictions/own"), Path(name, "data/predictions/other"))
        shutil.copytree(Path(name, "metrics/own"), Path(name, "metrics/other"))
    with pytest.raises(UserError, match="metrics: there is no TASK/test.json"):
        compare([], ("old", "new"), None, True)
    shutil.copytree(Path("new", "metrics"), Path("metrics"))
    compare([], ("old", "new"), Path("out"), True)
    every = json.loads(capsys.readouterr().out)
    for one in (told, *every):
        assert one.pop("verdict").startswith("no difference shown") and one["difference"].pop("p_adjusted")
    assert every == [told | {"task": "other"}, told]
    assert sorted(str(path) for path in Path("out").rglob("*.csv")) == ["out/other/images.csv", "out/own/images.csv"]
