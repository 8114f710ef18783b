"""The page by which masks are checked by eye: one HTML file with thumbnails of images and masks."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from darkroom.common.parallel import on_all_cores
from darkroom.datasets.description import Description
from darkroom.datasets.pairs import IGNORED, image_folder, mask_path
from darkroom.datasets.report import read_report
from darkroom.figures.languages import Texts, texts_of
from darkroom.figures.pages import write_page
from darkroom.figures.pictures import class_colours
from darkroom.figures.thumbnails import CHUNK, make_thumbnails, side_for

TEMPLATE = Path(__file__).with_suffix(".html")
IMAGE_SUFFIXES = (".jpg", ".png")  # of prepared images
MOST_BYTES = 18_000_000  # of all thumbnails, in base64
MOST_LISTED = 300  # lines about what was left out


@dataclass(frozen=True)
class CheckedPair:
    """A pair to look at.

    Attributes:
        name: as `annotations.leave_out` takes it.
        image: the image file.
        mask: the mask file.
        findings: what looks wrong: kind, value and what it is about, as the report has them.
    """

    name: str
    image: Path
    mask: Path
    findings: list[dict[str, Any]]


def write_check_page_of(data: Path, path: Path, task: str, language: str) -> None:
    """Write the page of a prepared data set, if it was made of annotations.

    Args:
        data: the prepared data set.
        path: of the HTML file.
        task: the task's name.
        language: a module of `darkroom.figures.languages`.
    """
    report = read_report(data)
    if "check" not in report:
        return
    pairs = []
    for entry in report["check"]:
        split, name = entry["split"], entry["name"].rpartition("/")[2]
        image = find_image(image_folder(data, split), name)
        pairs.append(CheckedPair(entry["name"], image, mask_path(data, split, name), entry["findings"]))
    write_check_page(path, task, pairs, Description.read(data).classes, report, language)


def write_check_page(
    path: Path, title: str, pairs: list[CheckedPair], classes: list[str], report: dict[str, Any], language: str
) -> None:
    """Write the page.

    Args:
        path: of the HTML file.
        title: the name of what is checked.
        pairs: those to show, in their order.
        classes: class names by id.
        report: of the conversion.
        language: a module of `darkroom.figures.languages`.
    """
    texts = texts_of(language)
    colours = np.rint(255 * class_colours(len(classes))).astype(np.uint8)
    work = partial(make_thumbnails, side_for(len(pairs)), colours)
    files = [(pair.image, pair.mask) for pair in pairs]
    entries: list[dict[str, Any]] = []
    size = 0
    for pair, thumbnail in zip(pairs, on_all_cores(work, files, "drawing the page", CHUNK), strict=True):
        size += len(thumbnail.image) + len(thumbnail.mask)
        if size <= MOST_BYTES:
            entries.append(
                {
                    "name": pair.name,
                    "thumbnail": thumbnail,
                    "values": {finding["kind"]: finding["value"] for finding in pair.findings},
                    "findings": [_describe(texts, finding) for finding in pair.findings],
                }
            )
    write_page(
        path,
        TEMPLATE,
        title=title,
        texts=texts,
        check=texts.check,
        entries=entries,
        total=sum(report["images"].values()),
        kinds=[kind for kind in texts.findings if any(kind in entry["values"] for entry in entries)],
        counts=report["findings"],
        classes=[
            {"id": class_id, "name": name, "colour": hexadecimal(colour)}
            for class_id, (name, colour) in enumerate(zip(classes, colours, strict=True))
        ],
        ignored=IGNORED,
        left_out=report["left_out"][:MOST_LISTED],
        left_out_count=len(report["left_out"]),
    )


def find_image(folder: Path, name: str) -> Path:
    """Return the image file of a pair; `name` is its path in the folder without suffix."""
    return next(path for suffix in IMAGE_SUFFIXES if (path := folder / f"{name}{suffix}").exists())


def _describe(texts: Texts, finding: dict[str, Any]) -> str:
    """Return a finding as the page shows it."""
    label, _ = texts.findings[finding["kind"]]
    value, about = finding["value"], "; ".join(finding["about"])
    match finding["kind"]:
        case "empty" | "turned":
            return label
        case "full":
            return f"{label}{texts.colon}{about} ({value:.1%})"
        case "alike" | "once":
            return f"{label}{texts.colon}{about}"
        case "left_out":
            return f"{label}{texts.colon}{value:,} ({about})"
        case _:
            return f"{label}{texts.colon}{value:,}"


def hexadecimal(colour: Iterable[int]) -> str:
    """Return a colour of red, green and blue as CSS writes it."""
    return "#" + "".join(f"{part:02x}" for part in colour)
