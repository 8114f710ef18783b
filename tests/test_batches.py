"""Batches of images and of image-mask pairs: augmentation, mixing, samplers, transforms and padding."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from conftest import noise, png_bytes
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.batches import samplers
from darkroom.batches.augmentations import Drawn, Epoch, augmentations, crop, cutout, draw_all, flip
from darkroom.batches.copy_paste import paste_object
from darkroom.batches.images import ImageBatches, earlier_times, fits
from darkroom.batches.mixes import draw_mixes, mixes_of
from darkroom.batches.normalize import normalize
from darkroom.batches.pairs import PairBatches
from darkroom.batches.parameters import ImageAugmentation, PairAugmentation
from darkroom.batches.pipeline import build_pipeline, check_pipeline
from darkroom.batches.whole import whole_split
from darkroom.common.errors import UserError
from darkroom.datasets.description import Description
from darkroom.datasets.packed import write_images, write_labels
from darkroom.datasets.pairs import IGNORED, image_folder, mask_path
from darkroom.losses.cross_entropy import cross_entropy
from darkroom.metrics.classes import AccuracyTally

CPU = torch.device("cpu")


def images(count: int = 6, side: int = 8) -> torch.Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def test_flip_mirrors_the_selected_images() -> None:
    batch, selected = images(), torch.tensor([True, False, True, False, False, True])
    results = flip.apply(batch, selected, flip.Options(flip="random"))
    for image, flipped, result in zip(batch, selected, results, strict=True):
        expected = np.flip(image.numpy(), 2) if flipped else image.numpy()
        assert np.array_equal(result.numpy(), expected)


@pytest.mark.parametrize(("beyond", "mode"), [("reflect", "reflect"), ("zero", "constant")])
@pytest.mark.parametrize("padding", [1, 2, 4])
def test_shifted_crop_is_a_window_of_the_padded_image(padding: int, beyond: str, mode: str) -> None:
    batch = images()
    shift = torch.randint(2 * padding + 1, (len(batch), 2), generator=torch.Generator().manual_seed(1))
    cropped = crop.apply(batch, shift, crop.Options(crop=padding, padding=beyond))
    for image, (down, right), result in zip(batch, shift.tolist(), cropped, strict=True):
        padded = np.pad(image.numpy(), ((0, 0), (padding, padding), (padding, padding)), mode=mode)
        assert np.array_equal(result.numpy(), padded[:, down : down + 8, right : right + 8])


@pytest.mark.parametrize("side", [1, 3, 4])
def test_cutout_sets_a_clipped_square_to_zero(side: int) -> None:
    batch = images()
    centre = torch.tensor([[0, 0], [7, 7], [3, 4], [0, 7], [5, 1], [4, 4]])
    results = cutout.apply(batch, centre, cutout.Options(cutout=side))
    for image, (row, column), result in zip(batch, centre.tolist(), results, strict=True):
        expected = image.numpy().copy()
        top, left = row - side // 2, column - side // 2
        expected[:, max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)] = 0
        assert np.array_equal(result.numpy(), expected)


def test_alternating_flips_show_both_sides_in_two_epochs() -> None:
    def draw_flips(mode: str, epoch: int) -> torch.Tensor:
        rows = Epoch(epoch, 0, (8, 8), torch.arange(100), torch.full((100,), epoch))
        return flip.draw(flip.Options(flip=mode), rows)

    assert torch.equal(draw_flips("alternate", 0), ~draw_flips("alternate", 1))
    assert torch.equal(draw_flips("alternate", 0), draw_flips("alternate", 2))
    assert 30 < draw_flips("alternate", 0).sum() < 70
    for epoch in (1, 2):
        assert 30 < (draw_flips("random", 0) ^ draw_flips("random", epoch)).sum() < 70


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_mixup_and_cutmix_match_their_papers(kind: str) -> None:
    batch, labels = images(), torch.tensor([0, 1, 2, 0, 1, 2])
    parameters = ImageAugmentation(flip="none", crop=0, cutout=0, **{kind: 0.7})
    for seed in range(20):
        [mixing] = draw_mixes(mixes_of(parameters), 1, 6, (8, 8), np.random.default_rng(seed), CPU)
        mixed, targets = mixing.apply(batch, labels, 3)
        draw = np.random.default_rng(seed)
        draw.integers(1)
        others = draw.permutation(6)
        share = draw.beta(0.7, 0.7)
        expected = np.empty_like(batch.numpy())
        if kind == "cutmix":
            side = 8 * np.sqrt(1 - share)
            row, column = draw.integers(8), draw.integers(8)
        for n in range(6):
            for y, x in np.ndindex(8, 8):
                one, other = batch.numpy()[n, :, y, x], batch.numpy()[others[n], :, y, x]
                if kind == "mixup":
                    expected[n, :, y, x] = share * one + (1 - share) * other
                else:
                    inside = [int(c - side / 2) <= v < int(c + side / 2) for c, v in ((row, y), (column, x))]
                    expected[n, :, y, x] = other if all(inside) else one
        assert np.allclose(mixed.numpy(), expected, atol=1e-6)
        kept = share if kind == "mixup" else float((expected[:, 0] == batch.numpy()[:, 0]).mean(axis=(1, 2)).min())
        for n in range(6):
            target = np.eye(3)[labels[n]] * kept + np.eye(3)[labels[others[n]]] * (1 - kept)
            if others[n] != n:
                assert np.allclose(targets[n].numpy(), target, atol=1e-5), (seed, n)


def test_mixed_batches_have_shares_of_classes_as_targets(packed: tuple[Path, Description]) -> None:
    mixing = ImageAugmentation(flip="none", crop=0, cutout=0, mixup=1.0, cutmix=1.0)
    for _, targets in ImageBatches(*packed, mixing, 4, 0, CPU).train(0):
        assert targets.shape == (4, 3)
        assert torch.allclose(targets.sum(1), torch.ones(4))
        logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
        expected = -(targets * logits.log_softmax(1)).sum(1).mean()
        assert torch.allclose(cross_entropy(logits, targets), expected)
        tally = AccuracyTally(3, CPU)
        tally.add(logits, targets, expected)
        accuracy = (logits.argmax(1) == targets.argmax(1)).float().mean()
        assert tally.compute()["accuracy"] == pytest.approx(float(accuracy))


def test_augmentation_of_an_image_does_not_depend_on_its_batch() -> None:
    options = ImageAugmentation(flip="random", crop=2, cutout=3, policy="randaugment", jitter=0.5)

    def draw_epoch(epoch: int, batch_size: int) -> list[Drawn]:
        rows = torch.arange(6).view(-1, batch_size)
        return draw_all(options, Epoch(epoch, 0, (8, 8), torch.arange(6), torch.zeros(6)), rows, CPU)

    assert len(draw_epoch(3, 6)) == len(augmentations()) == 5
    batch = (images() * 64 + 128).clamp(0, 255).round()
    for step, of_one, later in zip(draw_epoch(3, 6), draw_epoch(3, 1), draw_epoch(4, 6), strict=True):
        together = step.apply(batch, 0)
        alone = [of_one.apply(batch[i : i + 1], i) for i in range(6)]
        assert torch.equal(together, torch.cat(alone))
        assert not torch.equal(together, batch)
        assert not torch.equal(together, later.apply(batch, 0))


@pytest.fixture
def packed(tmp_path: Path) -> tuple[Path, Description]:
    """A classification data set of 10 training and 4 test images of 8×8 pixels, in three classes."""
    for split, count in (("train", 10), ("validation", 0), ("test", 4)):
        images = [noise(8, 8, n) for n in range(count)]
        write_images(tmp_path, split, np.array(images, np.uint8).reshape(count, 8, 8, 3))
        write_labels(tmp_path, split, np.arange(count) % 3)
    sizes = {"train": 10, "validation": 0, "test": 4}
    return tmp_path, Description("classification", ["a", "b", "c"], [0.5] * 3, [0.25] * 3, sizes, [8, 8])


def test_an_epoch_shows_each_image_at_most_once_in_a_new_order(packed: tuple[Path, Description]) -> None:
    plain = ImageAugmentation(flip="none", crop=0, cutout=0)
    batches = ImageBatches(*packed, plain, 4, 0, CPU)
    epochs = [torch.cat([x for x, _ in batches.train(epoch)]) for epoch in (0, 1)]
    assert len(epochs[0]) == 8, "images that fill no batch are left out"
    assert len({image.numpy().tobytes() for image in epochs[0]}) == 8
    assert not torch.equal(*epochs)
    again = torch.cat([x for x, _ in ImageBatches(*packed, plain, 4, 0, CPU).train(1)])
    assert torch.equal(again, epochs[1]), "an epoch does not depend on those before it"


def test_balanced_samples_show_every_class_equally_often() -> None:
    labels = torch.tensor([0] * 50 + [2] * 3 + [5] * 10)
    contains_class = torch.nn.functional.one_hot(labels) > 0
    shown = samplers.sample("balanced", len(labels), lambda: contains_class, torch.Generator().manual_seed(0))
    assert labels[shown].bincount().tolist() == [21, 0, 21, 0, 0, 21]
    times = shown.bincount(minlength=len(labels))
    assert (
        times[50:53].tolist() == [7, 7, 7] and set(times[53:].tolist()) == {2, 3} and set(times[:50].tolist()) == {0, 1}
    )
    assert not torch.equal(
        shown, samplers.sample("balanced", len(labels), lambda: contains_class, torch.Generator().manual_seed(1))
    )


def test_repetitions_of_an_image_are_augmented_differently(packed: tuple[Path, Description]) -> None:
    folder, description = packed
    write_labels(folder, "train", np.array([0] * 9 + [1]))
    shifting = ImageAugmentation(flip="none", crop=3, cutout=0)
    batches = ImageBatches(folder, description, shifting, 10, 0, CPU, sampler="balanced")
    [(images, labels)] = batches.train(0)
    assert labels.bincount().tolist() == [5, 5]
    assert len({image.numpy().tobytes() for image in images[labels == 1]}) > 1


def test_flips_of_each_image_alternate_with_a_sampler(packed: tuple[Path, Description]) -> None:
    """However often a sampler shows an image, it is shown flipped and not flipped equally often."""
    folder, description = packed
    write_labels(folder, "train", np.array([0] * 8 + [1] * 2))
    alternating = ImageAugmentation(flip="alternate", crop=0, cutout=0)

    def show_epochs(first: int) -> list[torch.Tensor]:
        batches = ImageBatches(folder, description, alternating, 3, 0, CPU, sampler="balanced")
        return [torch.cat([images for images, _ in batches.train(epoch)]) for epoch in range(first, 7)]

    epochs = show_epochs(0)
    assert torch.equal(show_epochs(5)[0], epochs[5]), "a resumed run shows the same images"
    originals = normalize(ImageBatches(folder, description, alternating, 3, 0, CPU).images, [0.5] * 3, [0.25] * 3)
    shown = torch.cat(epochs)
    for original in originals:
        counts = [sum(torch.equal(image, variant) for image in shown) for variant in (original, original.flip(-1))]
        assert abs(counts[0] - counts[1]) <= 1 and sum(counts) > 1, counts


def test_flips_of_each_image_alternate_although_epochs_leave_images_out(packed: tuple[Path, Description]) -> None:
    folder, description = packed
    batches = ImageBatches(folder, description, ImageAugmentation(flip="alternate", crop=0, cutout=0), 3, 0, CPU)
    originals = normalize(batches.images, [0.5] * 3, [0.25] * 3)
    assert len(originals) % 3, "some images fill no batch"
    parities = [set() for _ in originals]
    for epoch in range(6):
        for image in torch.cat([images for images, _ in batches.train(epoch)]):
            [(number, flipped)] = [
                (number, flipped)
                for number, original in enumerate(originals)
                for flipped in (0, 1)
                if torch.equal(image, original.flip(-1) if flipped else original)
            ]
            parities[number].add((flipped + epoch) % 2)
    assert all(len(parity) == 1 for parity in parities)


def test_earlier_occurrences_are_counted() -> None:
    assert earlier_times(torch.tensor([3, 1, 3, 3, 1, 0])).tolist() == [0, 0, 1, 2, 1, 0]


BAD_TRANSFORMS = {
    "Normalize": ({}, "returns the image as float32, not as uint8"),
    "ToFloat": ({}, "returns the image as float32"),
    "ToTensorV2": ({}, "returns the image as torch.uint8"),
    "Rotate": ({"mask_interpolation": 1}, "returns a mask with values that are not its class ids"),
    "Resize": ({"height": 20, "width": 20, "mask_interpolation": 1}, "returns a mask with values"),
    "Affine": ({"rotate": 30, "fill_mask": 77}, "returns a mask with values that are not its class ids, such as 77"),
    "RandomCropNearBBox": ({}, "does not take an image and its mask"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_TRANSFORMS)
def test_transforms_with_unusable_results_are_refused(name: str) -> None:
    arguments, message = BAD_TRANSFORMS[name]
    augmentation = PairAugmentation(crop=32, transforms=[{"HorizontalFlip": {}}, {name: {"p": 0.1, **arguments}}])
    with pytest.raises(UserError, match=rf"params.yaml: own.augment.transforms\[1\].{name}: {message}"):
        check_pipeline(augmentation, "own.augment")


def test_usable_transforms_are_accepted() -> None:
    transforms = [
        {"HorizontalFlip": {"p": 0.5}}, {"RandomScale": {"scale_limit": [-0.2, 0.3]}}, {"Rotate": {"limit": 30}},
        {"RandomBrightnessContrast": {}}, {"ToGray": {}}, {"CoarseDropout": {}}, {"ElasticTransform": {}},
        {"GaussianBlur": {}}, {"Resize": {"height": 300, "width": 200}}, {"RandomCrop": {"height": 2000, "width": 400}},
    ]  # fmt: skip
    check_pipeline(PairAugmentation(crop=64, transforms=transforms), "own.augment")


def test_normalized_images_are_channels_last(packed: tuple[Path, Description]) -> None:
    folder, description = packed
    [(batch, targets)] = whole_split(folder, description, "test", CPU)
    assert batch.is_contiguous(memory_format=torch.channels_last)
    expected = (noise(8, 8, 1) / 255 - 0.5) / 0.25
    assert np.allclose(batch[1].permute(1, 2, 0), expected, atol=1e-5)
    assert targets.tolist() == [0, 1, 2, 0]
    assert list(whole_split(folder, description, "validation", CPU)) == []
    black = torch.zeros(1, 4, 4, 3, dtype=torch.uint8)
    assert normalize(black, description.mean, description.std).unique().tolist() == [-2.0]


def test_data_that_fill_a_gpu_stay_on_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (8 << 30, 24 << 30))
    assert fits(4 << 30, torch.device("cuda")) and not fits((4 << 30) + 1, torch.device("cuda"))
    assert fits(100 << 30, CPU)


def test_batches_and_crops_that_do_not_fit_the_data_are_refused(packed: tuple[Path, Description]) -> None:
    with pytest.raises(UserError, match="train.batch_size = 11: only 10 images"):
        ImageBatches(*packed, ImageAugmentation(flip="none", crop=0, cutout=0), 11, 0, CPU)
    with pytest.raises(UserError, match="augment.crop = 8"):
        next(ImageBatches(*packed, ImageAugmentation(flip="none", crop=8, cutout=0), 4, 0, CPU).train(0))


@pytest.fixture
def pairs(tmp_path: Path) -> tuple[Path, Description]:
    """Images whose red channel holds their mask, so that tests can compare the two after a transform."""
    for split in ("train", "test"):
        image_folder(tmp_path, split).mkdir(parents=True)
        mask_path(tmp_path, split, "any").parent.mkdir()
        for number in range(6):
            mask = (noise(40 + 5 * number, 50, number)[..., 0] // 64).repeat(4, 0)[: 40 + 5 * number]
            pixels = np.dstack([mask * 60, mask * 0 + 128, mask * 0])
            (image_folder(tmp_path, split) / f"{number}.png").write_bytes(png_bytes(pixels))
            mask_path(tmp_path, split, str(number)).write_bytes(png_bytes(mask))
    sizes = {"train": 6, "validation": 0, "test": 6}
    return tmp_path, Description("segmentation", list("abcd"), [0.0] * 3, [1 / 255] * 3, sizes)


GEOMETRIC = [{"HorizontalFlip": {"p": 0.5}}, {"RandomRotate90": {"p": 0.5}}]


def test_image_and_mask_go_through_the_same_transform(pairs: tuple[Path, Description]) -> None:
    batches = PairBatches(*pairs, PairAugmentation(crop=48, transforms=GEOMETRIC), 2, 0, CPU, 0)
    for epoch in range(3):
        for batch, targets in batches.train(epoch):
            assert batch.shape == (2, 3, 48, 48) and targets.shape == (2, 48, 48)
            inside = targets >= 0
            assert torch.equal((batch[:, 0] / 60).round().long()[inside], targets[inside])
            assert (batch[:, 1][~inside] == 0).all(), "padding is ignored"
            assert torch.equal(batch[:, 1] > 0, inside)


def test_rare_classes_are_sampled_and_pasted_with_their_masks(pairs: tuple[Path, Description]) -> None:
    """Class 1 covers 3 × 6 pixels of one image; the red channel holds the mask."""
    folder, description = pairs
    for number in range(6):
        mask = np.zeros((40, 50), np.uint8)
        if number == 4:
            mask[30:33, 20:26] = 1
        (image_folder(folder, "train") / f"{number}.png").write_bytes(
            png_bytes(np.dstack([mask * 60, mask * 0 + 128, mask * 0]))
        )
        mask_path(folder, "train", str(number)).write_bytes(png_bytes(mask))

    def crops(sampler: str = "plain", **changes) -> list[tuple[torch.Tensor, torch.Tensor]]:
        augmentation = PairAugmentation(crop=32, transforms=GEOMETRIC, **changes)
        batches = PairBatches(folder, description, augmentation, 6, 0, CPU, 0, sampler=sampler)
        return [batch for epoch in range(4) for batch in batches.train(epoch)]

    def share_with_class(batches: list[tuple[torch.Tensor, torch.Tensor]]) -> float:
        for images, targets in batches:
            inside = targets >= 0
            assert torch.equal((images[:, 0] / 60).round().long()[inside], targets[inside])
        return float(torch.cat([(targets == 1).flatten(1).any(1).float() for _, targets in batches]).mean())

    assert share_with_class(crops()) < 0.17
    # Half of the crops are centred on class 1. Crops for the background may show it, too.
    assert 0.5 <= share_with_class(crops("balanced", foreground=1.0)) < 0.67
    sizes = {int((targets == 1).sum()) for _, batch in crops("balanced", foreground=1.0) for targets in batch}
    assert sizes == {0, 18}, "a crop contains the object that it is centred on"
    assert share_with_class(crops(copy_paste=1.0)) > 0.5
    first, again = crops("balanced", copy_paste=0.5), crops("balanced", copy_paste=0.5)
    assert all(torch.equal(one, two) for (one, _), (two, _) in zip(first, again, strict=True))


def test_pasted_object_lies_completely_inside_its_new_image() -> None:
    image, mask = noise(30, 20), np.zeros((30, 20), np.uint8)
    other, other_mask = noise(50, 60, 1), np.full((50, 60), 0, np.uint8)
    other_mask[5:10, 5:12], other_mask[40, 40], other_mask[:, 30:55] = 2, 3, IGNORED
    other_mask[20:22, 3:11] = 2
    seen = set()
    for seed in range(40):
        pasted, new = paste_object(image, mask, other, other_mask, np.random.default_rng(seed))
        changed = new != mask
        assert (pasted[~changed] == image[~changed]).all()
        if not changed.any():  # the only object of class 3 is too small: one pixel
            continue
        assert set(new[changed]) == {2}
        ys, xs = np.nonzero(changed)
        box = (slice(5, 10), slice(5, 12)) if changed.sum() == 35 else (slice(20, 22), slice(3, 11))
        assert (pasted[changed] == other[box].reshape(-1, 3)).all()
        seen.add((int(changed.sum()), ys.min(), xs.min()))
    assert {count for count, _, _ in seen} == {35, 16} and len(seen) > 10


def test_number_of_workers_does_not_change_the_batches(pairs: tuple[Path, Description]) -> None:
    transforms = [*GEOMETRIC, {"RandomScale": {"p": 1.0}}, {"RandomBrightnessContrast": {"p": 1.0}}]
    results = []
    for workers in (0, 2):
        augmentation = PairAugmentation(crop=32, transforms=transforms, foreground=0.5, copy_paste=0.5)
        batches = PairBatches(*pairs, augmentation, 2, 0, CPU, workers, sampler="balanced")
        results.append(torch.cat([batch for batch, _ in batches.train(1)]))
    assert torch.equal(*results)


class ShowsItsProcess:
    def __call__(self, image: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
        process = np.array([os.getpid() >> 16 & 255, os.getpid() >> 8 & 255, os.getpid() & 255], np.uint8)
        return {"image": np.broadcast_to(process, (4, 4, 3)), "mask": mask[:4, :4]}

    def set_random_seed(self, seed: int) -> None:
        pass


def test_workers_are_started_once_for_all_epochs(pairs: tuple[Path, Description]) -> None:
    """Where processes are spawned, each start takes seconds."""
    batches = PairBatches(*pairs, PairAugmentation(crop=32), 2, 0, CPU, workers=1)
    batches.pairs.pipeline = ShowsItsProcess()
    batches.normalize = lambda images: images
    seen = [images.reshape(-1, 3).unique(dim=0) for epoch in range(3) for images, _ in batches.train(epoch)]
    assert len(torch.cat(seen).unique(dim=0)) == 1
    next(iter(batches.train(3)))  # an epoch that is left at once does not disturb the next one
    assert len(list(batches.train(4))) == batches.steps


class KillsItsProcess:
    """A pipeline of transforms that ends the worker process."""

    def __call__(self, **_: np.ndarray) -> None:
        os._exit(9)  # as a process that is killed, it says nothing

    def set_random_seed(self, seed: int) -> None:
        pass


def test_killed_worker_gives_a_one_line_error(pairs: tuple[Path, Description]) -> None:
    batches = PairBatches(*pairs, PairAugmentation(crop=32), 2, 0, CPU, workers=1)
    batches.pairs.pipeline = KillsItsProcess()
    with pytest.raises(UserError, match="train.workers = 1: a worker process was killed, usually because memory"):
        next(batches.train(0))


def test_crops_are_writable_arrays(pairs: tuple[Path, Description]) -> None:
    """Otherwise PyTorch warns in every epoch."""
    batches = PairBatches(*pairs, PairAugmentation(crop=50), 2, 0, CPU, 0)
    assert all(array.flags.writeable for array in batches.pairs[0, 0, 2]), "also where the crop is the whole image"


def test_whole_pairs_are_padded_to_multiples_of_32(pairs: tuple[Path, Description]) -> None:
    for batch, targets in whole_split(*pairs, "test", CPU):
        assert batch.shape[2] % 32 == 0 and batch.shape[3] == 64
        assert (targets[:, :, 50:] == -100).all() and (targets[:, :40, :50] >= 0).all()


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        ({"Turn": {}}, r"transforms\[0\].Turn: albumentations has no such transform"),
        ({"HorizontalFlip": {"p": 2}}, r"transforms\[0\].HorizontalFlip: "),
        ({"HorizontalFlip": {"chance": 1}}, r"transforms\[0\].HorizontalFlip: .*chance"),
    ],
)
def test_wrong_transforms_are_refused(transform: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build_pipeline(PairAugmentation(crop=32, transforms=[transform]))


def test_padding_of_masks_is_ignored() -> None:
    pair = build_pipeline(PairAugmentation(crop=32))(image=noise(16, 16), mask=np.zeros((16, 16), np.uint8))
    assert np.count_nonzero(pair["mask"] == IGNORED) == 32 * 32 - 16 * 16


fractions = st.floats(0, 1).map(lambda value: round(value, 2))
moving_transforms = st.one_of(
    st.sampled_from(["HorizontalFlip", "VerticalFlip", "Transpose", "RandomRotate90"]).map(lambda name: {name: {}}),
    st.integers(1, 90).map(lambda most: {"Rotate": {"limit": [-most, most]}}),
    st.tuples(fractions, st.integers(0, 40), st.integers(0, 20)).map(
        lambda d: {"Affine": {"scale": [0.6, 0.6 + d[0]], "rotate": [-d[1], d[1]], "shear": [-d[2], d[2]]}}
    ),
    st.tuples(fractions, fractions).map(lambda d: {"RandomScale": {"scale_limit": [-0.5 * d[0], d[1]]}}),
    st.floats(0.01, 0.1).map(lambda most: {"Perspective": {"scale": [0.01, most]}}),
    st.floats(0.05, 0.3).map(lambda most: {"GridDistortion": {"distort_limit": [-most, most]}}),
    st.floats(0.05, 0.5).map(lambda most: {"OpticalDistortion": {"distort_limit": [-most, most]}}),
    st.integers(20, 60).map(lambda side: {"RandomCrop": {"height": side, "width": side, "pad_if_needed": True}}),
)
RED_LEVELS = (60, 130, 200)  # red channel of the classes 0, 1 and 2; green is 255 in the whole image
MARGIN = 4  # distance in pixels from other classes and the border beyond which interpolation mixes little


@settings(max_examples=150, deadline=None)
# Each transform at most once: an image that is enlarged several times mixes its classes farther than MARGIN.
@given(st.lists(moving_transforms, max_size=4, unique_by=lambda one: next(iter(one))), st.integers(0, 2**31), fractions)
def test_image_and_mask_are_moved_together(transforms: list[dict], seed: int, foreground: float) -> None:
    """Pixels keep their class, no new class appears, and pixels from outside the image are ignored."""
    draw = np.random.default_rng(seed)
    mask = np.zeros((70, 80), np.uint8)
    for value in (1, 2):
        y, x = draw.integers(50, size=2)
        mask[y : y + 20, x : x + 25] = value
    image = np.dstack([np.array(RED_LEVELS, np.uint8)[mask], np.full_like(mask, 255), np.zeros_like(mask)])
    always = [{name: arguments | {"p": 1.0} for name, arguments in one.items()} for one in transforms]
    pipeline = build_pipeline(PairAugmentation(crop=64, foreground=foreground, transforms=always))
    pipeline.set_random_seed(seed)
    moved = pipeline(image=image, mask=mask)
    pixels, ids = moved["image"], moved["mask"]
    assert ids.shape == pixels.shape[:2] == (64, 64)
    assert set(np.unique(ids)) <= {*np.unique(mask), IGNORED}
    around = np.ones((2 * MARGIN + 1, 2 * MARGIN + 1), np.uint8)
    for value in range(3):
        inside = cv2.erode((ids == value).astype(np.uint8), around, borderValue=0) > 0
        distances = abs(pixels[inside][:, :1].astype(int) - RED_LEVELS)
        assert (distances.argmin(1) == value).all()
        assert (pixels[inside][:, 1] > 200).all(), "pixels from outside the image are ignored"


COLOURS = ("RandomBrightnessContrast", "HueSaturationValue", "GaussianBlur", "GaussNoise", "CoarseDropout", "ToGray")


@pytest.mark.parametrize("name", COLOURS)
def test_colour_transforms_do_not_change_the_mask(name: str) -> None:
    mask = noise(64, 64)[..., 0] % 3
    assert (build_pipeline(PairAugmentation(crop=64, transforms=[{name: {"p": 1.0}}]))(
        image=noise(64, 64), mask=mask)["mask"] == mask).all()  # fmt: skip
