"""What a trained model says of any images."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn

from darkroom.annotations.pair import IMAGE_SUFFIXES
from darkroom.batches.normalize import normalize
from darkroom.batches.whole import padded
from darkroom.common.errors import UserError
from darkroom.common.files import replacing
from darkroom.common.progress import progress
from darkroom.datasets.decode import decode_bytes
from darkroom.datasets.pairs import write_mask
from darkroom.evaluation.inference import logits_of
from darkroom.figures.pictures import class_colours, overlay
from darkroom.models.model_file import Card, load_model
from darkroom.revisions import read_at
from darkroom.training.precision import choose_device, fix_algorithms

BEST = 5  # classes told of an image


def predict(task: str, names: list[str], revision: str | None, out: Path | None, as_json: bool) -> None:
    """Print what the task's model says of the images; write masks and overlays of a segmentation to `out`.

    Args:
        names: files, folders of images, or patterns with `*`.
        revision: of git, or an experiment, whose model it is; None for the one in `models/`.
        out: a new folder; a segmentation needs it.
        as_json: print for machines.

    Raises:
        UserError: no model or image, or one that cannot be used.
    """
    if not names:
        raise UserError("predict: no images given; name files or folders of them")
    files = image_files(names)
    model, card = model_of(task, revision)
    if card.kind == "classification":
        _print(_classify(model, card, files), as_json)
    elif out is None:
        raise UserError(f"{task}: is a segmentation; say where its masks go: --out FOLDER")
    elif out.exists():
        raise UserError(f"{out}: is there already; give a new folder or remove it")
    else:
        _print(_segment(model, card, files, out), as_json)


def image_files(names: list[str]) -> list[Path]:
    """The image files that files, folders and patterns stand for, each once, in their order.

    Raises:
        UserError: a name that stands for none.
    """
    files: dict[Path, None] = {}
    for name in names:
        path = Path(name)
        if path.is_dir():
            found = [file for file in sorted(path.rglob("*")) if file.suffix.lower() in IMAGE_SUFFIXES]
        elif path.is_file():
            found = [path]
        else:
            anchor = Path(path.anchor)
            pattern = path.relative_to(anchor).as_posix()
            found = sorted(file for file in anchor.glob(pattern) if file.is_file()) if "*" in name else []
        if not found:
            raise UserError(f"{name}: is no image and no folder of images")
        files |= dict.fromkeys(found)
    return list(files)


def model_of(task: str, revision: str | None) -> tuple[nn.Module, Card]:
    """The task's model, of a revision or, with None, of `models/`, on this machine's device, and its card.

    Raises:
        UserError: there is none, it is damaged, or it takes no images.
    """
    fix_algorithms()
    path, device = Path("models", task, "model.safetensors"), choose_device()
    with tempfile.TemporaryDirectory() as folder:
        if revision is not None:
            path, written = Path(folder, path.name), path
            path.write_bytes(read_at(written, revision))
        model, card = load_model(path, device)
    if card.kind not in ("classification", "segmentation"):
        raise UserError(f"{task}: its model takes points, and no images; data/predictions/{task} has what it says")
    return model, card


def _classify(model: nn.Module, card: Card, files: list[Path]) -> Iterator[tuple[Path, dict[str, float]]]:
    """Of each image the `BEST` classes with their probabilities, the likeliest first."""
    height, width = card.image_size
    for file in files:
        image = _decode(file)
        if image.size != (width, height):
            image = ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)
        probabilities = _logits(model, card, np.asarray(image)).softmax(1)[0]
        best = probabilities.topk(min(BEST, len(card.classes)))
        yield file, {card.classes[index]: float(share) for share, index in zip(*best, strict=True)}


def _segment(model: nn.Module, card: Card, files: list[Path], out: Path) -> Iterator[tuple[Path, dict[str, float]]]:
    """Write a mask and an overlay of each image, and give the shares of the classes that it shows."""
    twice = len(files) - len({file.stem for file in files})
    if twice:
        raise UserError(f"{out}: {twice} of the images have the names of others; give them in two calls")
    colours = class_colours(len(card.classes))
    shares = []
    bar = progress(len(files), "predicting", lines=False)
    with replacing(out) as folder:
        for name in ("masks", "overlays"):
            (folder / name).mkdir(parents=True)
        for file in files:
            image = np.asarray(_decode(file))
            height, width = image.shape[:2]
            mask = _logits(model, card, padded(image).numpy()).argmax(1)[0, :height, :width].byte().cpu().numpy()
            write_mask(folder / "masks" / f"{file.stem}.png", mask)
            Image.fromarray(overlay(image, mask, colours)).save(folder / "overlays" / f"{file.stem}.png")
            counts = np.bincount(mask.ravel(), minlength=len(card.classes)) / mask.size
            largest_first = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
            shares.append((file, {card.classes[value]: float(counts[value]) for value in largest_first}))
            bar.update()
    bar.close()
    return iter(shares)


@torch.inference_mode()
def _logits(model: nn.Module, card: Card, image: np.ndarray) -> Tensor:
    """Of one image, uint8 (h, w, 3): float32 (1, classes, …)."""
    device = next(model.parameters()).device
    return logits_of(model, card, normalize(torch.tensor(image, device=device)[None], card.mean, card.std))


def _decode(file: Path) -> Image.Image:
    return decode_bytes(file.read_bytes(), str(file))


def _print(predicted: Iterator[tuple[Path, dict[str, float]]], as_json: bool) -> None:
    """The classes of each image by their shares, the largest first."""
    if as_json:
        entries = [
            {"image": str(file), "classes": {name: round(share, 6) for name, share in shares.items()}}
            for file, shares in predicted
        ]
        print(json.dumps(entries, indent=2))
        return
    for file, shares in predicted:
        print(f"{file}: " + ", ".join(f"{name} {share:.1%}" for name, share in shares.items()))
