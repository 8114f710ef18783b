"""The page of an audit: one HTML file with the pictures of what looks wrong."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from darkroom.audit.table import KINDS, Entry, read_findings
from darkroom.common.files import read_json
from darkroom.datasets.description import SPLITS, Description
from darkroom.datasets.kinds import kind_of
from darkroom.datasets.left_out import names_left_out
from darkroom.figures.audit_pictures import Picture
from darkroom.figures.check_page import MOST_BYTES, hexadecimal
from darkroom.figures.kinds import figures_of
from darkroom.figures.languages import Texts, texts_of
from darkroom.figures.pages import write_page
from darkroom.figures.pictures import class_colours

TEMPLATE = Path(__file__).with_suffix(".html")
MOST_OF_KIND = 80  # findings that the page shows, the surest ones
SIZES = ("blank", "tiny", "odd_size")  # kinds whose note is the size of the image
DIGITS = 4  # of a score


def write_audit_page_of(data: Path, found: Path, report: Path, path: Path, task: str, language: str) -> None:
    """Write the page of a data set that was audited.

    Args:
        data: the prepared data set.
        found: the folder that the stage `audit` wrote.
        report: the JSON file that it wrote; {}: there was no audit.
        path: of the HTML file.
        task: the task's name.
        language: a module of `darkroom.figures.languages`.
    """
    counts = read_json(report)
    if counts:
        write_audit_page(path, task, data, found, counts, language)


def write_audit_page(
    path: Path,
    title: str,
    data: Path,
    found: Path,
    counts: dict[str, Any],
    language: str,
    can_leave_out: bool = True,
) -> None:
    """Write the page.

    Args:
        path: of the HTML file.
        title: the name of what was audited.
        data: the prepared data set.
        found: the folder of `findings.csv` and of predicted masks.
        counts: as in audit.json, without the scores where there is no model.
        language: a module of `darkroom.figures.languages`.
        can_leave_out: whether the names are those that a parameter of the task takes.
    """
    texts, description = texts_of(language), Description.read(data)
    entries = read_findings(found / "findings.csv")
    numbers = Counter(entry.finding.kind for entry in entries)
    chosen = [entry for kind in KINDS for entry in [e for e in entries if e.finding.kind == kind][:MOST_OF_KIND]]
    pictures = figures_of(description.kind).draw_findings(data, found, chosen)
    shown: list[dict[str, Any]] = []
    size = 0
    for entry, of_entry in zip(chosen, pictures, strict=True):
        size += sum(len(picture.image) + len(picture.mask) for picture in of_entry)
        if size <= MOST_BYTES:
            shown.append(_describe(texts, entry, of_entry))
    colours = np.rint(255 * class_colours(len(description.classes))).astype(np.uint8)
    used = {class_id for one in shown for image in one["images"] for class_id in image["classes"]}
    key = kind_of(description.kind).LEAVE_OUT if can_leave_out else None
    write_page(
        path,
        TEMPLATE,
        title=title,
        texts=texts,
        audit=texts.audit,
        shown=shown,
        total=len(entries),
        kinds=[kind for kind in KINDS if numbers[kind]],
        numbers=numbers,
        splits=[split for split in SPLITS if description.images[split]],
        scores=_scores(texts, description.score, counts),
        counts=_counts(texts, counts),
        unit=description.images,
        classes=[
            {"name": name, "colour": hexadecimal(colour)}
            for class_id, (name, colour) in enumerate(zip(description.classes, colours, strict=True))
            if class_id and class_id in used
        ],
        key=key and f"tasks.{title}.{key.rpartition('.')[0]}",
        left_out=names_left_out(data) if key == "audit.leave_out" else [],
    )


def _describe(texts: Texts, entry: Entry, pictures: list[Picture]) -> dict[str, Any]:
    """Return a finding as the page shows it. Findings without pictures have the names of their images all the same."""
    finding = entry.finding
    images = []
    sides = [("image", finding.place, entry.image)] + ([("other", finding.other, entry.other)] if finding.other else [])
    for role, place, named in sides:
        of_side = [one for one in pictures if one.role == role]
        images.append(
            {
                "role": texts.audit[role if len(sides) > 1 else "alone"],
                "pictures": [*of_side, *(one for one in pictures if role == "image" and one.mask)],
                "classes": [class_id for one in pictures for class_id in one.shares],
                "split": place.split if place else "",
                "index": place.index if place else "",
                "named": named,
            }
        )
    return {
        "kind": finding.kind,
        "score": f"{finding.score:.2f}",
        "note": _note(texts, entry),
        "images": images,
        "splits": sorted({image["split"] for image in images}),
    }


def _note(texts: Texts, entry: Entry) -> str:
    """Return what a person has to know of a finding besides its kind."""
    note = entry.finding.note
    match entry.finding.kind:
        case "label_error":
            return texts.audit["suggested"].format(entry.image.label, note)
        case "near_duplicate":
            words = texts.audit["comma"].join(texts.audit_notes.get(word, word) for word in note.split())
            return texts.audit["differs"].format(words) if words else ""
        case _:
            return note


def _scores(texts: Texts, name: str, counts: dict[str, Any]) -> list[dict[str, str]]:
    """Return the rows of the table of scores: all test images, then without some of them."""
    rows = []
    for suffix in ("", "_without_leaked", "_without_doubtful"):
        value = counts.get(f"{name}{suffix}")
        if value is not None:
            interval = counts["intervals"].get(f"{name}{suffix}")
            between = f"{interval[0]:.{DIGITS}f} – {interval[1]:.{DIGITS}f}" if interval else ""
            label = texts.audit[f"score{suffix}"].format(texts.scores[name])
            rows.append({"label": label, "value": f"{value:.{DIGITS}f}", "interval": between})
    return rows


def _counts(texts: Texts, counts: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the rows of the table of counts."""
    rows = []
    for name, value in counts.items():
        if name not in texts.audit_counts or value is None:
            continue
        if isinstance(value, dict):
            parts = [f"{texts.audit[split]} {number:,}" for split, number in value.items()]
            rows.append((texts.audit_counts[name], f"{sum(value.values()):,} ({texts.audit['comma'].join(parts)})"))
        else:
            rows.append((texts.audit_counts[name], f"{value:,}"))
    return rows
