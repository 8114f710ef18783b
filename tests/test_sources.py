import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import ROOT, assert_one_line, copy_project, stage

from darkroom.annotations.formats.labelme import LabelMe
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.annotations.source import read_source
from darkroom.archives.index import open_archives
from darkroom.common.errors import UserError
from darkroom.configuration import configure
from darkroom.sources.dataset import dataset_names, load_dataset
from darkroom.sources.fetch import fetch
from darkroom.sources.parameters import FetchParameters

# The samples are the same on every machine: a change of these bytes is a new data set.
SAMPLE_SHA256 = {
    "cifar10": "53f1909ee2c6ce240139d8d9135e4d95448e112114cdc764252c4950cc860f97",
    "cifar100": "8c0154fc54d1c50edf677c8c96690ac782e3767c498f06294dfbd22a43947168",
    "tiny_imagenet": "5710479ce8bd83fa0f91975589e14b2f186cf4997c7ad45aea76adc534e548e8",
    "oxford_pets": "e32b9340ec888130f92ef2813a8b1ff608743a0af464574ef6aa09599dd94cf1",
    "mnist": "0b8a31cd73c4cc745bb704dd5b12670da1ee18fcd82db2d0a0dea3f4392c2230",
    "spirals": "808b8df4ed1ebae4a19dc9b28da7c0ebad5e9ef8ed39ca4fd49f0b5b47a8ca77",
    "curve": "4abd35ac943fc34c2b42528ae69ea8170aa12353539ebe6201d4754008e803a5",
}


def test_two_tasks_can_share_a_data_set(folder: Path) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["tasks"] = dict.fromkeys(("narrow", "wide"), params["tasks"]["spirals"])
    Path("params.yaml").write_text(yaml.safe_dump(params))
    configure(Path("params.yaml"), Path("config"))
    for task in params["tasks"]:
        values = json.loads(Path("config", task, "fetch.json").read_text())
        assert values["dataset"] == "spirals"
        fetch(FetchParameters(**values), Path("raw", task))
    narrow, wide = (Path("raw", task, "spirals.csv").read_bytes() for task in params["tasks"])
    assert narrow == wide == load_dataset("spirals").draw_sample()["spirals.csv"]


@pytest.mark.parametrize(("make", "message"), [(None, "no such file"), ("folder", "no files"), ("empty", "is empty")])
def test_bad_local_archives(folder: Path, make: str | None, message: str) -> None:
    path = folder / "own"
    if make == "folder":
        path.mkdir()
    elif make == "empty":
        path.touch()
    with pytest.raises(UserError, match=message):
        fetch(FetchParameters(source="sample", archive=str(path)), folder / "raw")
    assert not (folder / "raw").exists()


def test_local_archives_by_any_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    (folder / "an archive.zip").write_bytes(b"all")
    fetch(FetchParameters(source="sample", archive="~/an archive.zip"), folder / "raw")
    assert (folder / "raw" / "an archive.zip").read_bytes() == b"all"
    for archive, message in (
        ("~nobody-of-this-name/a.zip", "there is no such user"),
        ('"an archive.zip"', "no such file; .* without quotes around it"),
    ):
        with pytest.raises(UserError, match=message):
            fetch(FetchParameters(source="sample", archive=archive), folder / "other")
    assert not (folder / "other").exists()


def test_a_folder_in_place_of_an_archive_gives_the_same_bytes(folder: Path) -> None:
    files = {"猫/b.jpg": b"2", "a/ö.jpg": b"1", "a.txt": b"3" * 1000, "a/.DS_Store": b"x", "Thumbs.db": b"x"}
    packed = []
    for order in (list(files), sorted(files)):
        place = folder / str(len(packed)) / "my photos"
        for name in order:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(files[name])
        os.utime(place / "a.txt", (len(packed) * 1e6,) * 2)
        (place / "a.txt").chmod(0o600 + len(packed) * 0o44)
        fetch(FetchParameters(source="sample", archive=f"{place}/"), folder / "raw")
        assert [path.name for path in (folder / "raw").iterdir()] == ["my photos.tar"]
        packed.append((folder / "raw" / "my photos.tar").read_bytes())
        with open_archives(folder / "raw") as members:
            assert {name: member.read() for name, member in members.items()} == {
                name: files[name] for name in ("a.txt", "a/ö.jpg", "猫/b.jpg")
            }
            assert list(members) == sorted(members)
    assert packed[0] == packed[1]
    checksum = hashlib.sha256(packed[0]).hexdigest()
    fetch(FetchParameters(source="sample", archive=str(place), sha256=checksum), folder / "raw")
    with pytest.raises(UserError, match="sha256 is"):
        fetch(FetchParameters(source="sample", archive=str(place), sha256="0" * 64), folder / "raw")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk_is_one_line(tmp_path: Path) -> None:
    """On a device that is always full, as /dev/full is."""
    project = copy_project(tmp_path / "a clone")
    script = project / "stages" / "fetch.py"
    script.write_text(
        script.read_text().replace("    fetch(", '    open("/dev/full", "w").write("x" * 100000)\n    fetch(')
    )
    assert stage(project, "stages.configure").returncode == 0
    assert_one_line(stage(project, "stages.fetch", "cifar10"), "the disk is full")
    assert not (project / "data" / "raw").exists()


@pytest.mark.parametrize("name", dataset_names())
def test_samples_are_the_same_everywhere(samples: dict[str, dict[str, bytes]], name: str) -> None:
    assert hashlib.sha256(b"".join(samples[name].values())).hexdigest() == SAMPLE_SHA256[name]


@pytest.fixture(scope="module")
def samples() -> dict[str, dict[str, bytes]]:
    return {name: load_dataset(name).draw_sample() for name in dataset_names()}


def test_logistic_regression_does_not_solve_the_cifar10_sample(
    samples: dict[str, dict[str, bytes]], folder: Path
) -> None:
    from sklearn.linear_model import LogisticRegression

    (folder / "raw").mkdir()
    (folder / "raw" / "a.tar.gz").write_bytes(samples["cifar10"]["cifar-10-binary.tar.gz"])
    with open_archives(folder / "raw") as members:
        batches = {
            Path(name).name: np.frombuffer(m.read(), np.uint8)
            for name, m in members.items()
            if "batch_" in name or "test" in name
        }
    test = batches.pop("test_batch.bin").reshape(-1, 3073)
    train = np.concatenate([batch.reshape(-1, 3073) for batch in batches.values()])
    assert (len(train), len(test)) == (2500, 500)
    assert set(np.bincount(train[:, 0])) == {250}
    model = LogisticRegression(max_iter=30).fit(train[:, 1:] / 255, train[:, 0])
    assert model.score(test[:, 1:] / 255, test[:, 0]) < 0.6


def test_scenes_are_mostly_background(samples: dict[str, dict[str, bytes]], folder: Path) -> None:
    (folder / "raw").mkdir()
    (folder / "raw" / "scenes.zip").write_bytes(samples["oxford_pets"]["scenes.zip"])
    with open_archives(folder / "raw") as members:
        source = read_source(AnnotationParameters(), members, "annotations", "raw")
        contents = [json.loads(pair.annotation.read()) for pair in source.pairs]
        sizes = [(content["imageWidth"], content["imageHeight"]) for content in contents]
        masks = [
            LabelMe().draw(pair, source.classes.ids, size, pytest.fail).mask
            for pair, size in zip(source.pairs, sizes, strict=True)
        ]
    assert source.format == "labelme" and len(source.classes.names) == 5
    assert len(set(sizes)) > 10
    foreground = [np.count_nonzero(mask) / mask.size for mask in masks]
    assert sum(foreground) / len(foreground) < 0.15
    assert max(foreground) < 0.25
    assert all(np.count_nonzero([np.any(mask == c) for mask in masks]) > 30 for c in range(1, 5))


def test_tiny_imagenet_sample_has_the_published_layout(samples: dict[str, dict[str, bytes]], folder: Path) -> None:
    (folder / "raw").mkdir()
    (folder / "raw" / "a.zip").write_bytes(samples["tiny_imagenet"]["tiny-imagenet-200.zip"])
    with open_archives(folder / "raw") as members:
        wnids = members["tiny-imagenet-200/wnids.txt"].read().decode().split()
        assert len(wnids) == 20
        for wnid in wnids:
            assert f"tiny-imagenet-200/train/{wnid}/{wnid}_boxes.txt" in members
            assert f"tiny-imagenet-200/train/{wnid}/images/{wnid}_99.JPEG" in members
        assert len(members["tiny-imagenet-200/val/val_annotations.txt"].read().decode().splitlines()) == 200
