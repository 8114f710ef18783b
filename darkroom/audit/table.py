"""The table of findings, `findings.csv`: written by the audit, read by what shows it."""

import csv
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import get_args

from darkroom.audit.findings import Finding, Kind, Place
from darkroom.common.files import replacing, write_csv, write_json
from darkroom.datasets.description import SPLITS

KINDS: tuple[Kind, ...] = get_args(Kind)
SCORE_DIGITS = 4


@dataclass(frozen=True)
class Named:
    """An image as people know it.

    Attributes:
        name: by which a parameter leaves it out.
        file: in the archive; empty where the images were no files.
        label: name of its class; empty where each pixel has one.
    """

    name: str = ""
    file: str = ""
    label: str = ""


@dataclass(frozen=True)
class Entry:
    """A finding and the names of its images; `other` is of the image that it repeats."""

    finding: Finding
    image: Named
    other: Named


Names = dict[str, list[Named]]  # of the images of each split
NAMED = [field.name for field in fields(Named)]
OTHER = ["other_split", "other_index", *(f"other_{name}" for name in NAMED)]
COLUMNS = ["kind", "score", "split", "index", *NAMED, "note", *OTHER]


def name_findings(findings: list[Finding], names: Names) -> list[Entry]:
    """Return findings with the names of their images, by kind and the surest of each first."""
    order = {kind: rank for rank, kind in enumerate(KINDS)}

    def named(place: Place | None) -> Named:
        return names[place.split][place.index] if place else Named()

    ranked = sorted(findings, key=lambda one: (order[one.kind], -one.score))
    return [Entry(one, named(one.place), named(one.other)) for one in ranked]


def count_by_split(entries: list[Entry], kind: str) -> dict[str, int]:
    """Return how many images of each split have a finding of a kind."""
    found = {entry.finding.place for entry in entries if entry.finding.kind == kind}
    return {split: sum(place.split == split for place in found) for split in SPLITS}


def write_findings(path: Path, entries: list[Entry]) -> None:
    """Write `findings.csv`: a row for each finding, its score rounded to four decimals."""
    rows = []
    for entry in entries:
        finding, other = entry.finding, entry.finding.other
        place = [other.split, other.index] if other else [None, None]
        score = round(finding.score, SCORE_DIGITS)
        image = [finding.kind, score, finding.place.split, finding.place.index, *astuple(entry.image), finding.note]
        rows.append([*image, *place, *astuple(entry.other)])
    write_csv(path, COLUMNS, rows)


def read_findings(path: Path) -> list[Entry]:
    """Read `findings.csv`."""
    with path.open(encoding="utf-8", newline="") as file:
        return [_read_row(row) for row in csv.DictReader(file)]


def _read_row(row: dict[str, str]) -> Entry:
    kind = next(kind for kind in KINDS if kind == row["kind"])
    other = Place(row["other_split"], int(row["other_index"])) if row["other_split"] else None
    finding = Finding(kind, Place(row["split"], int(row["index"])), float(row["score"]), other, row["note"])
    image, second = (Named(*(row[f"{prefix}{name}"] for name in NAMED)) for prefix in ("", "other_"))
    return Entry(finding, image, second)


def write_empty_audit(folder: Path, report: Path) -> None:
    """Write what stands for an audit where there is none: a table without a row to `folder`, and {} to `report`."""
    with replacing(folder) as temporary:
        temporary.mkdir()
        write_findings(temporary / "findings.csv", [])
    write_json(report, {})
