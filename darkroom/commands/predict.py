"""What a trained model says of any images."""

import json
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn

from darkroom.annotations.pair import IMAGE_SUFFIXES, folded
from darkroom.archives.names import is_litter
from darkroom.batches.normalize import normalize
from darkroom.batches.whole import padded
from darkroom.common.errors import UserError
from darkroom.common.files import remove, replacing
from darkroom.common.progress import progress
from darkroom.datasets.decode import decode_bytes
from darkroom.datasets.pairs import write_mask
from darkroom.device.precision import choose_device, fix_algorithms
from darkroom.evaluation.inference import logits_of
from darkroom.figures.pictures import class_colours, overlay
from darkroom.models.model_file import Card, load_model
from darkroom.revisions import read_at

BEST = 5  # classes told of an image
WILD = frozenset("*?[")  # what makes a pattern of a name

Said = dict[str, float] | UserError  # of an image: its classes and their shares, or why it cannot be used


def predict(task: str, names: list[str], revision: str | None, out: Path | None, as_json: bool) -> None:
    """Print what the task's model says of the images; write masks and overlays of a segmentation to `out`.

    Args:
        names: files, folders of images, or patterns with `*`.
        revision: of git, or an experiment, whose model it is; None for the one in `models/`.
        out: a new folder; a segmentation needs it.
        as_json: print for machines.

    Raises:
        UserError: no model or image; or an image cannot be used, after the others were told of and each such image was
            named on stderr.
    """
    if not names:
        raise UserError("predict: no images given; name files or folders of them")
    files = image_files(names)
    model, card = model_of(task, revision)
    if card.kind == "classification":
        said = _classify(model, card, files)
    elif out is None:
        raise UserError(f"{task}: is a segmentation; say where its masks go: --out FOLDER")
    elif out.exists():
        raise UserError(f"{out}: is there already; give a new folder or remove it")
    else:
        said = _segment(model, card, files, out)
    unused = _print(said, as_json)
    for error in unused:
        print(error, file=sys.stderr)
    if unused:
        raise UserError(f"{len(unused)} of {len(files)} images cannot be used; the lines above say why")


def image_files(names: list[str]) -> list[Path]:
    """The image files that files, folders and patterns stand for, each once, in their order.

    What systems leave behind is in no folder and no pattern. A pattern's suffix means upper and lower case alike.

    Raises:
        UserError: a name that stands for none.
    """
    files: dict[Path, None] = {}
    for name in names:
        path = Path(name)
        if path.is_file():
            found = [path]
        elif path.is_dir():
            found = _found(path, "**/*")
        else:
            parts = path.parts
            wild = next((place for place, part in enumerate(parts) if WILD & set(part)), None)
            found = [] if wild is None else _found(Path(*parts[:wild]), "/".join(parts[wild:]))
        if not found:
            raise UserError(f"{name}: is no image and no folder of images")
        files |= dict.fromkeys(found)
    return list(files)


def _found(folder: Path, pattern: str) -> list[Path]:
    """The images in `folder` that a pattern means: of the suffix that it ends in, or of any that images have."""
    suffix = Path(pattern).suffix
    suffixes = IMAGE_SUFFIXES if not suffix or WILD & set(suffix) else (suffix.lower(),)
    pattern = re.sub(r"\.\w+$", lambda found: "".join(f"[{c.lower()}{c.upper()}]" for c in found[0]), pattern)
    return sorted(
        file
        for file in folder.glob(pattern)
        if file.suffix.lower() in suffixes and not is_litter(file.relative_to(folder).as_posix()) and file.is_file()
    )


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


def _classify(model: nn.Module, card: Card, files: list[Path]) -> Iterator[tuple[Path, Said]]:
    """Of each image the `BEST` classes with their probabilities, the likeliest first."""
    height, width = card.image_size
    for file in files:
        image = _decode(file)
        if isinstance(image, UserError):
            yield file, image
            continue
        if image.size != (width, height):
            image = ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)
        probabilities = _logits(model, card, np.asarray(image)).softmax(1)[0]
        best = probabilities.topk(min(BEST, len(card.classes)))
        yield file, {card.classes[index]: float(share) for share, index in zip(*best, strict=True)}


def _segment(model: nn.Module, card: Card, files: list[Path], out: Path) -> list[tuple[Path, Said]]:
    """Write a mask and an overlay of each image, and give the shares of the classes that it shows."""
    named: dict[str, Path] = {}
    for file in files:
        other = named.setdefault(folded(file.stem), file)
        if other is not file:
            raise UserError(f"{out}: {other} and {file} would have masks of the same name; give them in two calls")
    colours = class_colours(len(card.classes))
    said: list[tuple[Path, Said]] = []
    bar = progress(len(files), "predicting", lines=False)
    with replacing(out) as folder:
        for name in ("masks", "overlays"):
            (folder / name).mkdir(parents=True)
        for file in files:
            bar.update()
            decoded = _decode(file)
            if isinstance(decoded, UserError):
                said.append((file, decoded))
                continue
            image = np.asarray(decoded)
            height, width = image.shape[:2]
            mask = _logits(model, card, padded(image).numpy()).argmax(1)[0, :height, :width].byte().cpu().numpy()
            write_mask(folder / "masks" / f"{file.stem}.png", mask)
            Image.fromarray(overlay(image, mask, colours)).save(folder / "overlays" / f"{file.stem}.png")
            counts = np.bincount(mask.ravel(), minlength=len(card.classes)) / mask.size
            largest_first = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
            said.append((file, {card.classes[value]: float(counts[value]) for value in largest_first}))
    bar.close()
    if all(isinstance(one, UserError) for _, one in said):
        remove(out)  # which holds nothing
    return said


@torch.inference_mode()
def _logits(model: nn.Module, card: Card, image: np.ndarray) -> Tensor:
    """Of one image, uint8 (h, w, 3): float32 (1, classes, …)."""
    device = next(model.parameters()).device
    return logits_of(model, card, normalize(torch.tensor(image, device=device)[None], card.mean, card.std))


def _decode(file: Path) -> Image.Image | UserError:
    """The image, or why it cannot be used: one of many should not lose what the others gave."""
    try:
        return decode_bytes(file.read_bytes(), str(file))
    except UserError as error:
        return error
    except OSError as error:
        return UserError(f"{file}: cannot be read ({error.strerror}); check it, or leave it out")


def _print(said: Iterable[tuple[Path, Said]], as_json: bool) -> list[UserError]:
    """Print the classes of each image by their shares, the largest first; give what is wrong with the others."""
    unused, entries = [], []
    for file, shares in said:
        if isinstance(shares, UserError):
            unused.append(shares)
            entries.append({"image": str(file), "error": str(shares)})
        elif as_json:
            entries.append({"image": str(file), "classes": {name: round(share, 6) for name, share in shares.items()}})
        else:
            print(f"{file}: " + ", ".join(f"{name} {share:.1%}" for name, share in shares.items()))
    if as_json:
        print(json.dumps(entries, indent=2))
    return unused
