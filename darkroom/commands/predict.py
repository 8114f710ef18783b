"""Predict the classes of any images."""

import json
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import nn

from darkroom.annotations.pair import IMAGE_SUFFIXES
from darkroom.annotations.writers import PNG
from darkroom.archives.names import is_litter
from darkroom.commands.kinds import Answer, commands_of
from darkroom.common.errors import UserError
from darkroom.common.files import in_order
from darkroom.device.setup import set_up
from darkroom.models.model_file import Card, load_model
from darkroom.revisions import read_at

WILDCARDS = frozenset("*?[")


def predict(task: str, names: list[str], revision: str | None, out: Path | None, as_json: bool, to: str = PNG) -> None:
    """Print the predictions of a task's model for image files. Write the masks and overlays of a segmentation.

    Images that cannot be used are listed on stderr after the predictions of the others.

    Args:
        task: the task's name.
        names: files, folders of images, or patterns with `*`.
        revision: a git revision or the name of an experiment. None: the model in `models/`.
        out: a new folder for masks and overlays, or for another layout. A segmentation needs it.
        as_json: print JSON.
        to: name of the layout of a segmentation's predictions, such as labelme, in which they can be corrected.

    Raises:
        UserError: there is no model or no image, or an image cannot be used.
    """
    if not names:
        raise UserError("predict: no images given; give image files or folders")
    files = image_files(names)
    model, card = model_of(task, revision)
    unused = _print(commands_of(card.kind).predict(task, model, card, files, out, to), as_json)
    for error in unused:
        print(error, file=sys.stderr)
    if unused:
        raise UserError(f"{len(unused)} of {len(files)} images cannot be used; the lines above say why")


def image_files(names: list[str]) -> list[Path]:
    """Return the image files that files, folders and patterns stand for, each once, in their order.

    Folders and patterns leave out files that operating systems create, such as `.DS_Store`. The suffix of a pattern
    matches upper and lower case.

    Raises:
        UserError: a name stands for no image.
    """
    files: dict[Path, None] = {}
    for name in names:
        path = Path(name)
        if path.is_file():
            found = [path]
        elif path.is_dir():
            found = _search(path, "**/*")
        else:
            parts = path.parts
            first = next((place for place, part in enumerate(parts) if WILDCARDS & set(part)), None)
            found = [] if first is None else _search(Path(*parts[:first]), "/".join(parts[first:]))
        if not found:
            raise UserError(f"{name}: is no image and no folder of images")
        files |= dict.fromkeys(found)
    return list(files)


def _search(folder: Path, pattern: str) -> list[Path]:
    """Return the files in `folder` that match `pattern` and have its suffix, or any image suffix if it has none."""
    suffix = Path(pattern).suffix
    suffixes = IMAGE_SUFFIXES if not suffix or WILDCARDS & set(suffix) else (suffix.lower(),)
    pattern = re.sub(r"\.\w+$", lambda found: "".join(f"[{c.lower()}{c.upper()}]" for c in found[0]), pattern)
    return in_order(
        file
        for file in folder.glob(pattern)
        if file.suffix.lower() in suffixes and not is_litter(file.relative_to(folder).as_posix()) and file.is_file()
    )


def model_of(task: str, revision: str | None) -> tuple[nn.Module, Card]:
    """Return a task's model on this machine's device, and its card.

    Args:
        task: the task's name.
        revision: a git revision or the name of an experiment. None: the model in `models/`.

    Raises:
        UserError: there is no model, or its file is damaged.
    """
    device, path = set_up().device, Path("models", task, "model.safetensors")
    with tempfile.TemporaryDirectory() as folder:
        if revision is not None:
            content = read_at(path, revision)
            path = Path(folder, path.name)
            path.write_bytes(content)
        model, card = load_model(path, device)
    return model, card


def _print(answers: Iterable[tuple[Path, Answer]], as_json: bool) -> list[UserError]:
    """Print the classes of each image with their shares. Return the errors of the images that cannot be used."""
    unused: list[UserError] = []
    entries: list[dict[str, Any]] = []
    for file, shares in answers:
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
