"""Predict the classes of any images."""

import json
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from torch import nn

from darkroom.annotations.pair import IMAGE_SUFFIXES
from darkroom.archives.names import is_litter
from darkroom.commands.kinds import Answer, commands_of
from darkroom.common.errors import UserError
from darkroom.device.setup import set_up
from darkroom.models.model_file import Card, load_model
from darkroom.revisions import read_at

WILD = frozenset("*?[")  # what makes a pattern of a name


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
    unused = _print(commands_of(card.kind).predict(task, model, card, files, out), as_json)
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
    device, path = set_up().device, Path("models", task, "model.safetensors")
    with tempfile.TemporaryDirectory() as folder:
        if revision is not None:
            path, written = Path(folder, path.name), path
            path.write_bytes(read_at(written, revision))
        model, card = load_model(path, device)
    return model, card


def _print(answers: Iterable[tuple[Path, Answer]], as_json: bool) -> list[UserError]:
    """Print the classes of each image by their shares, the largest first; give what is wrong with the others."""
    unused, entries = [], []
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
