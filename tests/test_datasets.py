import io
from pathlib import Path

import numpy as np
import pytest
from conftest import CLASSES, cifar_files, jpeg_bytes, noise, png_bytes, tiny_files, write_tar, write_zip
from PIL import Image

from darkroom.common.errors import UserError
from darkroom.datasets.channel_statistics import ChannelStatistics
from darkroom.datasets.cifar10 import prepare_cifar10
from darkroom.datasets.description import Description
from darkroom.datasets.image_folder import prepare_image_folder
from darkroom.datasets.packed import read_split
from darkroom.datasets.parameters import FolderParameters, SplitParameters
from darkroom.datasets.report import read_report
from darkroom.datasets.splits import hold_out
from darkroom.datasets.tiny_imagenet import prepare_tiny_imagenet

SPLIT = SplitParameters(seed=0, validation=0.25)
RAW, OUT = Path("raw"), Path("prepared")


def cifar(files: dict[str, bytes], parameters: SplitParameters = SPLIT) -> None:
    write_tar(RAW / "cifar.tar.gz", files)
    prepare_cifar10(parameters, "tasks.cifar10", RAW, OUT)


def test_cifar10_splits_are_stratified_and_complete(folder: Path) -> None:
    files = cifar_files(per_class=20)
    cifar(files)
    parts = [read_split(OUT, split) for split in ("train", "validation", "test")]
    assert [np.bincount(labels).tolist() for _, labels in parts] == [[15, 15], [5, 5], [5, 5]]
    records = np.frombuffer(files["cifar-10-batches-bin/data_batch_1.bin"], np.uint8).reshape(-1, 3073)
    planes = {record[1:].tobytes() for record in records}
    packed = {image.transpose(2, 0, 1).tobytes() for images, _ in parts[:2] for image in images}
    assert packed == planes, "each image once, in train or in validation, the planes turned into pixels"
    assert read_report(OUT)["classes"][0] == {"name": "cat", "images": {"train": 15, "validation": 5, "test": 5}}


def test_published_cifar10_gives_45000_and_5000() -> None:
    labels = np.repeat(np.arange(10), 5000)
    for share in (0.1, 5000):
        kept, chosen = hold_out(labels, share, 0, "validation", "tasks.cifar10.validation", range(10))
        assert (len(kept), len(chosen)) == (45_000, 5_000)
        assert set(np.bincount(labels[chosen])) == {500}


def test_validation_0_trains_on_all(folder: Path) -> None:
    cifar(cifar_files(), SplitParameters(seed=0, validation=0))
    assert [len(read_split(OUT, split)[1]) for split in ("train", "validation")] == [40, 0]


def changed(name: str, change) -> dict[str, bytes]:
    files = cifar_files()
    key = f"cifar-10-batches-bin/{name}"
    files[key] = change(files[key])
    return files


def without(files: dict[str, bytes], part: str) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if part not in name}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (changed("data_batch_1.bin", lambda b: b[:-1]), "data_batch_1.bin.*not a multiple of 3073"),
        (changed("data_batch_1.bin", lambda b: b""), "has 0 bytes"),
        (changed("test_batch.bin", lambda b: b"\x07" + b[1:]), "record 0 has label 7, but there are 2 classes"),
        (changed("test_batch.bin", lambda b: b[: 3073 * 5]), "class dog has no image in the test batch"),
        (without(cifar_files(), "data_batch"), "has no data_batch_1.bin"),
        (without(cifar_files(), "meta"), "has no batches.meta.txt"),
    ],
)
def test_bad_cifar10_archives(folder: Path, files: dict[str, bytes], message: str) -> None:
    with pytest.raises(UserError, match=message):
        cifar(files)
    assert not OUT.exists()


@pytest.mark.parametrize(
    ("share", "message"), [(40, "only 40 images"), (41, "only 40 images"), (1, "none in the held-out")]
)
def test_splits_that_cannot_be_made(folder: Path, share: int, message: str) -> None:
    with pytest.raises(UserError, match=f"tasks.cifar10.validation = {share}: .*{message}"):
        cifar(cifar_files(), SplitParameters(seed=0, validation=share))


def test_held_out_items_depend_on_seed_and_purpose() -> None:
    labels = np.repeat([0, 1], 50)
    draws = [
        hold_out(labels, 0.3, seed, purpose, "key", "ab")[1].tolist()
        for seed, purpose in [(0, "a"), (1, "a"), (0, "b")]
    ]
    assert draws[0] == hold_out(labels, 0.3, 0, "a", "key", "ab")[1].tolist()
    assert draws[0] != draws[1] != draws[2] != draws[0]


def tiny(files: dict[str, bytes], parameters: SplitParameters = SPLIT) -> None:
    write_zip(RAW / "tiny.zip", files)
    prepare_tiny_imagenet(parameters, "tasks.tiny", RAW, OUT)


def test_tiny_imagenet_is_labelled_in_the_order_of_wnids(folder: Path) -> None:
    files = tiny_files()
    grey = "tiny-imagenet-200/val/images/val_0.JPEG"
    files[grey] = jpeg_bytes(noise(16, 16)[..., 0])
    tiny(files)
    description = Description.read(OUT)
    assert description.classes == ["dog", "cat"], "wnids.txt's order, the first synonym of words.txt"
    assert description.images == {"train": 15, "validation": 5, "test": 4}
    images, labels = read_split(OUT, "test")
    assert labels.tolist() == [0, 1, 0, 1]
    assert isinstance(images, np.memmap) and images.shape == (4, 16, 16, 3)
    assert (images[0, ..., 0] == images[0, ..., 2]).all(), "greyscale has three equal channels"
    decoded = Image.open(io.BytesIO(files["tiny-imagenet-200/val/images/val_1.JPEG"]))
    assert (images[1] == np.asarray(decoded)).all()


def edit(name: str, change) -> dict[str, bytes]:
    files = tiny_files()
    files[f"tiny-imagenet-200/{name}"] = change(files.get(f"tiny-imagenet-200/{name}", b""))
    return files


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (without(tiny_files(), "wnids"), "has no wnids.txt"),
        (without(tiny_files(), "words"), "has no .*words.txt"),
        (without(tiny_files(), "val_1.JPEG"), "line 2: there is no val/images/val_1.JPEG"),
        (without(tiny_files(), "train/n00000001"), "class n00000001 has no image in train"),
        (edit("val/val_annotations.txt", lambda b: b"val_0.JPEG\tn7\t0\t0\t1\t1\n"), "line 1: class 'n7' is not in"),
        (edit("val/val_annotations.txt", lambda b: b.splitlines(True)[0]), "class n00000001 has no image in val"),
        (edit("train/n9/images/n9_0.JPEG", lambda b: b"x"), "class n9 is not in wnids.txt"),
        (edit("val/images/val_0.JPEG", lambda b: b[:200]), "val_0.JPEG: does not decode"),
        (edit("val/images/val_0.JPEG", lambda b: jpeg_bytes(noise(16, 20))), "is 20×16 pixels, not 16×16"),
    ],
)
def test_bad_tiny_imagenet_archives(folder: Path, files: dict[str, bytes], message: str) -> None:
    with pytest.raises(UserError, match=message):
        tiny(files)
    assert not OUT.exists()


def pack(files: dict[str, bytes], **changes) -> None:
    write_zip(RAW / "own.zip", files)
    values = {"seed": 0, "validation": 0.25, "test": 0.25, "image_size": 16} | changes
    prepare_image_folder(FolderParameters(**values), "tasks.own", RAW, OUT)


def test_image_folders_of_any_format_size_and_mode(folder: Path) -> None:
    files = {f"own/{name}/{n}.jpg": jpeg_bytes(noise(20 + n, 30, n)) for name in CLASSES for n in range(14)}
    files["own/cat/alpha.png"] = png_bytes(np.dstack([noise(9, 9), noise(9, 9)[..., :1]]))
    files["own/dog/grey.png"] = png_bytes(noise(9, 9)[..., 0])
    files["own/dog/notes.txt"] = b"no image"
    pack(files)
    description = Description.read(OUT)
    assert (description.classes, description.image_size) == (CLASSES, [16, 16])
    assert description.images == {"train": 16, "validation": 6, "test": 8}


def test_image_folder_splits_are_kept(folder: Path) -> None:
    files = {f"{split}/{name}/{n}.png": png_bytes(noise(16, 16, n))
             for split in ("train", "test") for name in CLASSES for n in range(8)}  # fmt: skip
    pack(files)
    assert Description.read(OUT).images == {"train": 12, "validation": 4, "test": 16}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.jpg": b"x"}, "is in no folder"),
        ({"test/cat/a.jpg": b"x"}, "has no training images"),
        ({"train/cat/a.jpg": b"x", "train/dog/a.jpg": b"x", "test/cat/a.jpg": b"x"}, "class dog has no image in test"),
    ],
)
def test_bad_image_folders(folder: Path, files: dict[str, bytes], message: str) -> None:
    with pytest.raises(UserError, match=message):
        pack(files)


def folders(*names: str, each: int = 8) -> dict[str, bytes]:
    return {f"{name}/{n}.JPG": jpeg_bytes(noise(16, 16, n)) for name in names for n in range(each)}


@pytest.mark.parametrize(
    ("names", "images"),
    [
        (("pets/cats/web", "pets/cats/shelter", "pets/dogs/web", "pets/dogs/shelter"), [10, 2, 4]),
        (("a/b/pets/cats/web", "a/b/pets/dogs/shelter"), [10, 2, 4]),
        (("pets/cats", "pets/cats/web", "pets/dogs"), [10, 2, 4]),
        (("set/Training/cats/web", "set/Training/dogs/web", "set/Testing/cats", "set/Testing/dogs"), None),
        (("trn/cats", "trn/dogs", "dev/cats", "dev/dogs", "eval/cats", "eval/dogs"), None),
        (("Train/Train/cats", "Train/Train/dogs", "Test/Test/cats", "Test/Test/dogs"), None),
        (("seg_train/seg_train/cats", "seg_train/seg_train/dogs", "seg_test/cats", "seg_test/dogs"), None),
        (("training_set/cats", "training_set/dogs", "test_set/cats", "test_set/dogs"), None),
        (("train data/train/cats", "train data/train/dogs", "train data/test/cats", "train data/test/dogs"), None),
        (("train2017/cats", "train2017/dogs", "images.test/cats", "images.test/dogs"), None),
        (("set/train/cats/a", "set/train/dogs/a", "set/test/cats/a", "set/test/dogs/a"), None),
    ],
)
def test_the_folder_under_the_root_or_a_split_is_the_class(folder: Path, names: tuple[str, ...], images) -> None:
    pack(folders(*names))
    description = Description.read(OUT)
    assert description.classes == ["cats", "dogs"]
    if images is None:
        has_validation = any("dev" in name for name in names)
        assert description.images == {
            "train": 16 if has_validation else 12,
            "validation": 16 if has_validation else 4,
            "test": 16,
        }


def test_names_of_classes_that_have_a_word_of_a_split(folder: Path) -> None:
    pack(folders("test tube", "train_station", "crash-test", "trainers"))
    assert Description.read(OUT).classes == ["crash-test", "test tube", "train_station", "trainers"]


def test_folders_in_classes_are_told_of(folder: Path, capsys: pytest.CaptureFixture) -> None:
    pack(folders("cats/web", "dogs/web"))
    assert "classes: cats, dogs; their subfolders are merged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ("pets/cats/persian", "pets/cats/siamese", "pets/dogs/poodle"),
            "the classes may be the folders cats, dogs, … or",
        ),
        (("trainset/cats", "trainset/dogs", "testset/cats", "testset/dogs"), "look like parts of a data set"),
        (
            ("train2017/cats", "train2017/dogs", "Dev-images/cats", "valid/cats"),
            "has folders Dev-images and valid, which",
        ),
        (
            ("cats/persian", "cats/siamese", "dogs"),
            "the classes may be the folders cats, dogs, … or .* such as persian;",
        ),
        (("train/cats", "train/dogs", "holdout/cats", "holdout/dogs"), "holdout/cats/0.JPG: is in no split's folder"),
        (("fold1/cats", "fold1/dogs", "fold2/cats", "fold2/dogs"), "fold1 and fold2 look like parts of a data set"),
        (("train/cats", "train/dogs", "test"), "is in test, which stands for a split, and has no class"),
        (("train", "car"), "or rename the folder if it is a class"),
        (("train/cats", "train/dogs", "val/cats", "val/dogs", "dev/cats"), "both stand for the validation split"),
        (("cats/train", "cats/test", "dogs/train", "dogs/test"), "has a split's folder inside the folder of a class"),
        (("train/cats", "train/dogs", "train/test/cats", "val/cats", "val/dogs"), "or another split"),
        (("cats",), "has 1 class .cats.; give images of at least two"),
        (("set/train/cats", "set/test/cats"), "has 1 class .cats.; give images of at least two"),
    ],
)
def test_folders_that_may_mean_two_things(folder: Path, names: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        pack(folders(*names))
    assert not OUT.exists()


def test_one_class_is_refused_in_every_layout(folder: Path) -> None:
    files = cifar_files()
    files["cifar-10-batches-bin/batches.meta.txt"] = b"cat\n"
    with pytest.raises(UserError, match=r"has 1 class \(cat\)"):
        cifar({n: bytes(3073) if n.endswith(".bin") else c for n, c in files.items()})
    (RAW / "cifar.tar.gz").unlink()
    files = {n: c for n, c in without(tiny_files(), "n00000001").items() if "val" not in n}
    files["tiny-imagenet-200/wnids.txt"] = b"n00000002"
    files["tiny-imagenet-200/val/images/0.JPEG"] = jpeg_bytes(noise(16, 16))
    files["tiny-imagenet-200/val/val_annotations.txt"] = b"0.JPEG\tn00000002\t0\t0\t1\t1\n"
    with pytest.raises(UserError, match=r"has 1 class \(dog\)"):
        tiny(files)


def test_messages_name_classes(folder: Path) -> None:
    with pytest.raises(UserError, match="class dog has 1 images and none in the held-out split"):
        pack(folders("cat", each=30) | folders("dog", each=1), test=2)


def test_names_of_classes_may_have_spaces_and_marks(folder: Path) -> None:
    files = cifar_files()
    files["cifar-10-batches-bin/batches.meta.txt"] = "\ufeffpickup truck\r\nfire truck\r\n\r\n".encode()
    cifar(files)
    assert Description.read(OUT).classes == ["pickup truck", "fire truck"]


@pytest.mark.parametrize("images", ["", "images/"])
def test_tiny_imagenet_with_val_in_folders_of_classes(folder: Path, images: str) -> None:
    files = {n: c for n, c in tiny_files().items() if "/val/" not in n}
    for number in range(4):
        wnid = ["n00000002", "n00000001"][number % 2]
        files[f"tiny-imagenet-200/val/{wnid}/{images}{number}.JPEG"] = jpeg_bytes(noise(16, 16, number))
    tiny(files)
    assert sorted(read_split(OUT, "test")[1].tolist()) == [0, 0, 1, 1]


def test_channel_statistics_are_those_of_numpy() -> None:
    images = np.stack([noise(5, 7, seed) // (seed + 1) for seed in range(4)])
    parts = []
    for image in images:
        parts.append(ChannelStatistics())
        parts[-1].add(Image.fromarray(image))
    mean, std = ChannelStatistics.total(parts).mean_and_std()
    assert np.allclose(mean, (images / 255).mean((0, 1, 2)), atol=1e-6)
    assert np.allclose(std, (images / 255).std((0, 1, 2)), atol=1e-6)


def test_a_test_split_of_nothing(folder: Path) -> None:
    with pytest.raises(UserError, match=r"tasks\.own\.test = 0: leaves no image to test on"):
        pack(folders("cat", "dog"), test=0)
    pack(folders("train/cat", "train/dog", "test/cat", "test/dog"), test=0)
    assert Description.read(OUT).images["test"] == 16


def test_classes_named_twice(folder: Path) -> None:
    files = cifar_files()
    files["cifar-10-batches-bin/batches.meta.txt"] = b"cat\ncat\n"
    with pytest.raises(UserError, match="class cat is named twice"):
        cifar(files)


def test_tiny_imagenet_with_training_images_right_in_folders_of_classes(folder: Path) -> None:
    tiny({name.replace("/images/n", "/n"): content for name, content in tiny_files().items()})
    assert Description.read(OUT).images == {"train": 15, "validation": 5, "test": 4}


def test_tiny_imagenet_with_a_val_folder_of_no_class(folder: Path) -> None:
    files = {n: c for n, c in tiny_files().items() if "/val/" not in n}
    for wnid in ("n00000002", "n00000001", "n9"):
        files[f"tiny-imagenet-200/val/{wnid}/0.JPEG"] = jpeg_bytes(noise(16, 16))
    with pytest.raises(UserError, match="class n9 is not in wnids.txt"):
        tiny(files)


def test_shares_that_hold_out_nothing(folder: Path) -> None:
    with pytest.raises(UserError, match="tasks.own.test = 0.01: leaves none of 16 for the test split; give a larger"):
        pack(folders("cats", "dogs"), test=0.01)
