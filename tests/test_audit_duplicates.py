"""Duplicates, leakage and odd images of an audit."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.duplicates import KINDS
from darkroom.audit.duplicates import NOTES, find_duplicates
from darkroom.audit.findings import Place
from darkroom.audit.images import find_odd_images, list_corrupt
from darkroom.audit.thumbnails import SIDE, Thumbnails, read_thumbnails
from darkroom.common.errors import UserError
from darkroom.datasets.decode import decode_bytes
from darkroom.datasets.description import SPLITS, Description
from darkroom.datasets.packed import write_images
from darkroom.datasets.pairs import image_folder
from darkroom.sources.datasets.cifar10 import DIFFICULTY
from darkroom.sources.sample.pictures import draw_picture
from darkroom.sources.sample.silhouettes import SILHOUETTES

PLANTED = 12  # of each kind


@cache
def drawn(count: int = 200, side: int = SIDE, seed: int = 5) -> np.ndarray:
    """Different pictures as those of the sample; uint8 (count, side, side, 3)."""
    names = sorted(SILHOUETTES)
    return np.stack(
        [draw_picture(names[number % len(names)], side, DIFFICULTY, 1000 * seed + number)[0] for number in range(count)]
    )


def thumbnails(images: np.ndarray, sizes: list | None = None) -> Thumbnails:
    """The thumbnails of images of 32×32 pixels, as if their originals had `sizes`."""
    digests = [image.tobytes().hex() for image in images]
    return Thumbnails(images, digests, np.array(sizes or [(SIDE, SIDE)] * len(images), np.int64).reshape(-1, 2))


def splits(train: np.ndarray, validation: np.ndarray | None = None, test: np.ndarray | None = None) -> dict:
    """Thumbnails of splits, where None is an empty one."""
    empty = np.zeros((0, SIDE, SIDE, 3), np.uint8)
    parts = zip(SPLITS, (train, validation, test), strict=True)
    return {split: thumbnails(empty if images is None else images) for split, images in parts}


def describe(folder: Path, size: list[int] | None, **images: int) -> Description:
    """The description of a prepared data set with so many images."""
    return Description("any", ["a", "b"], [0.5] * 3, [0.2] * 3, {split: images.get(split, 0) for split in SPLITS}, size)


@cache
def planted() -> tuple[dict, list[str], list]:
    """Splits whose test images are changed training images, the kinds of change, and what is found."""
    draw = np.random.default_rng(0)
    changes = [name for name in KINDS for _ in range(PLANTED)]
    copies = np.stack([KINDS[name](drawn()[index], draw) for index, name in enumerate(changes)])
    data = splits(drawn(), None, copies)
    return data, changes, find_duplicates(data)


def test_pictures_of_the_sample_have_no_duplicates() -> None:
    assert find_duplicates(splits(drawn()[:120], drawn()[120:150], drawn()[150:])) == []


@pytest.mark.parametrize("kind", KINDS)
def test_changed_copies_are_found(kind: str) -> None:
    _, changes, found = planted()
    pairs = {(one.place.index, one.other.index) for one in found}
    these = [index for index, change in enumerate(changes) if change == kind]
    assert sum((index, index) in pairs for index in these) >= (PLANTED if kind in ("copy", "mirror") else PLANTED - 1)
    assert all(one == other for one, other in pairs)  # no pair of different pictures


def test_of_a_leak_the_training_image_should_go() -> None:
    _, changes, found = planted()
    assert all((one.place.split, one.other.split) == ("train", "test") for one in found)
    assert len({one.other for one in found}) == len(found) > 0.97 * len(changes)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert all(0.8 < one.score <= 1 for one in found)


def test_notes_say_what_differs() -> None:
    _, changes, found = planted()
    notes = {one.other.index: one.note.split() for one in found}
    of_kind = {kind: [notes.get(index, []) for index, change in enumerate(changes) if change == kind] for kind in KINDS}
    assert {note for note_list in notes.values() for note in note_list} <= set(NOTES)
    assert of_kind["copy"] == [[]] * PLANTED
    assert of_kind["mirror"] == [["mirrored"]] * PLANTED
    assert sum("shifted" in note for note in of_kind["shift"]) >= PLANTED - 1
    assert sum("scaled" in note for note in of_kind["crop"]) >= PLANTED - 2
    assert sum(note == ["pixels"] for note in of_kind["jpeg"]) >= PLANTED - 2
    assert sum(bool({"brighter", "darker", "contrast"} & set(note)) for note in of_kind["light"]) >= PLANTED - 2
    brighter = (drawn()[:1] // 2 + 100).astype(np.uint8)
    [copy] = find_duplicates(splits(drawn()[:40], brighter))  # the training image is compared with the other
    assert copy.note == "darker contrast"


def test_shifts_of_four_pixels_both_ways_are_found() -> None:
    padded = np.pad(drawn()[:60], ((0, 0), (4, 4), (4, 4), (0, 0)), "edge")
    moved = np.concatenate([padded[:30, :SIDE, 8:], padded[30:, 8:, :SIDE]])
    found = find_duplicates(splits(drawn(), None, moved))
    assert len(found) >= 57
    assert all(one.place.index == one.other.index and one.note.startswith("shifted") for one in found)


def test_within_a_split_the_later_one_should_go() -> None:
    images = np.concatenate([drawn()[:50], drawn()[3:4], drawn()[7:8, :, ::-1]])
    exact, near = find_duplicates(splits(drawn()[60:], images))
    assert (exact.kind, exact.place, exact.other) == (
        "exact_duplicate",
        Place("validation", 50),
        Place("validation", 3),
    )
    assert (near.kind, near.place, near.other) == ("near_duplicate", Place("validation", 51), Place("validation", 7))
    assert (exact.score, exact.note, near.note) == (1.0, "", "mirrored")


def test_a_chain_has_one_finding_for_each_image_too_many() -> None:
    a, b, c = drawn()[:1], drawn()[:1, :, ::-1], drawn()[:1] // 2 + 60
    found = find_duplicates(splits(np.concatenate([drawn()[1:40], a, a, b, c, a])))
    assert sorted(one.place.index for one in found) == [40, 41, 42, 43]
    assert {one.other.index for one in found} == {39}


def test_each_leaked_image_is_named_and_an_image_goes_for_the_test_split() -> None:
    a = drawn()[:1]
    train = np.concatenate([drawn()[1:40], a, a[:, :, ::-1]])
    found = find_duplicates(splits(train, a, np.concatenate([a, a[:, :, ::-1]])))
    leaked = {one.other for one in found if one.other.split == "test" and one.place.split != "test"}
    assert leaked == {Place("test", 0), Place("test", 1)}
    assert {one.other for one in found if one.place.split == "train"} >= leaked
    assert Place("validation", 0) in {one.place for one in found}
    assert len(found) <= 6  # of ten pairs


def test_different_flat_images_are_no_duplicates() -> None:
    draw = np.random.default_rng(3)
    height = np.linspace(0, 1, SIDE)[None, :, None, None]
    top, bottom = draw.integers(80, 256, (2, 60, 1, 1, 3))
    skies = top * (1 - height) + bottom * height + draw.normal(0, 1, (60, SIDE, SIDE, 3))
    flat = np.full((30, SIDE, SIDE, 3), 0) + np.arange(30).reshape(-1, 1, 1, 1) * 8
    images = np.concatenate([skies, np.broadcast_to(flat, (30, SIDE, SIDE, 3))]).clip(0, 255).astype(np.uint8)
    assert find_duplicates(splits(images[::2], None, images[1::2])) == []
    assert [one.kind for one in find_duplicates(splits(images, None, images[:4]))] == ["exact_duplicate"] * 4


def test_pictures_of_which_any_two_are_alike_are_no_duplicates() -> None:
    draw = np.random.default_rng(0)
    ring = Image.new("L", (64, 64))
    ring.paste(255, (20, 8, 44, 56))
    ring.paste(0, (28, 16, 36, 48))
    turned = [ring.rotate(draw.normal(0, 9), Image.Resampling.BICUBIC).resize((SIDE, SIDE)) for _ in range(150)]
    images = np.repeat(np.stack(turned)[..., None], 3, axis=3)
    found = [one for one in find_duplicates(splits(images)) if one.kind == "near_duplicate"]
    assert len(found) < 75  # a fixed threshold gives nearly 150


def test_same_findings_in_another_order_of_splits_and_with_other_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    data, _, found = planted()
    monkeypatch.setattr("darkroom.audit.matches.pool_size", lambda: 5)
    monkeypatch.setattr("darkroom.audit.matches.ROWS", 37)
    monkeypatch.setattr("darkroom.audit.matches.COLUMNS", 53)
    threads = torch.get_num_threads()
    assert find_duplicates(dict(reversed(data.items()))) == found
    assert torch.get_num_threads() == threads


def test_no_images_and_one_image() -> None:
    assert find_duplicates({}) == find_duplicates(splits(drawn()[:0])) == find_duplicates(splits(drawn()[:1])) == []
    assert find_odd_images({}) == find_odd_images(splits(drawn()[:0])) == []


def test_thumbnails_of_packed_arrays(folder: Path) -> None:
    large = drawn(6, 64)
    for split, images in (("train", large), ("validation", large[:0]), ("test", large[2:3])):
        write_images(folder, split, images)
    description = describe(folder, [64, 64], train=6, test=1)
    train, empty, test = (read_thumbnails(folder, description, split) for split in SPLITS)
    assert train.pixels.shape == (6, SIDE, SIDE, 3)
    assert train.pixels.dtype == np.uint8
    assert train.sizes.tolist() == [[64, 64]] * 6
    assert len(set(train.digests)) == 6
    assert test.digests == train.digests[2:3]
    assert (empty.pixels.shape, empty.digests, empty.sizes.shape) == ((0, SIDE, SIDE, 3), [], (0, 2))


def test_thumbnails_of_32_pixels_are_the_images(folder: Path) -> None:
    write_images(folder, "test", drawn()[:3])
    assert np.array_equal(read_thumbnails(folder, describe(folder, [32, 32], test=3), "test").pixels, drawn()[:3])


def test_files_of_a_segmentation(folder: Path) -> None:
    large = drawn(40, 96)
    for split, indices in (("train", range(36)), ("validation", range(0)), ("test", (36, 37, 38))):
        image_folder(folder, split).mkdir(parents=True)
        for index in indices:
            Image.fromarray(large[index]).save(image_folder(folder, split) / f"{index:03d}.png")
    Image.fromarray(large[38]).save(image_folder(folder, "train") / "图 again.png")
    small = Image.fromarray(large[36]).resize((80, 80)).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    small.save(image_folder(folder, "train") / "again.jpg", quality=60)
    description = describe(folder, None, train=38, test=3)
    data = {split: read_thumbnails(folder, description, split) for split in SPLITS}
    exact, near = find_duplicates(data)
    assert (exact.kind, exact.place, exact.other) == ("exact_duplicate", Place("train", 37), Place("test", 2))
    assert (near.kind, near.place, near.other) == ("near_duplicate", Place("train", 36), Place("test", 0))
    assert near.note == "mirrored"
    assert data["train"].sizes[36].tolist() == [80, 80]


def test_points_have_no_thumbnails(folder: Path) -> None:
    description = Description("points", ["a", "b"], [0.0], [1.0], {"train": 3, "validation": 0, "test": 1})
    with pytest.raises(ValueError, match="points"):
        read_thumbnails(folder, description, "train")


def test_odd_images() -> None:
    blank = np.full((SIDE, SIDE, 3), 200, np.uint8)
    blank[:2, :4] = 0  # a mark
    images = np.concatenate([drawn()[:50], blank[None]])
    sizes = [(100 + index % 7, 120) for index in range(51)]
    sizes[5], sizes[6], sizes[7], sizes[8] = (10, 12), (100, 900), (105, 118), (1000, 1200)
    found = find_odd_images({"test": thumbnails(images, sizes)})
    assert [(one.kind, one.place.index, one.note) for one in found] == [
        ("blank", 50, "120×101"),
        ("tiny", 5, "12×10"),
        ("odd_size", 8, "1200×1000"),
        ("odd_size", 6, "900×100"),
    ]
    assert all(0 < one.score <= 1 for one in found)


def test_images_of_many_sizes_are_not_odd() -> None:
    draw = np.random.default_rng(0)
    varied = [
        (int(height), int(height * aspect)) for height, aspect in np.exp(draw.normal(0, 0.3, (200, 2))) * (300, 1.2)
    ]
    digits = [(8, 8)] * 200
    for sizes in (varied, digits):
        assert find_odd_images({"train": thumbnails(drawn(), sizes)}) == []


def test_corrupt_files_are_those_that_do_not_decode() -> None:
    with pytest.raises(UserError) as broken:
        decode_bytes(b"\xff\xd8\xff broken", "train/a.jpg")
    report = {"left_out": ["train/b.json: has a polygon of two points; draw it again", str(broken.value)]}
    assert list_corrupt(report) == [str(broken.value)]
    assert list_corrupt({"images": {"train": 3}}) == []
