"""Points that occur twice."""

from collections import defaultdict
from pathlib import Path

from darkroom.audit.findings import Finding, Place
from darkroom.audit.table import Named, Names
from darkroom.datasets.description import SPLITS
from darkroom.datasets.points import read_points


def name_points(data: Path) -> Names:
    """Return a name for each point: its split and its row, counted from 0."""
    return {split: [Named(f"{split}/{index}") for index in range(len(read_points(data, split)[1]))] for split in SPLITS}


def find_equal_points(data: Path) -> list[Finding]:
    """Return points whose features equal those of another point, each with one that it repeats.

    A test point that training or validation has too is `other` of one finding at least.
    """
    groups: dict[bytes, list[Place]] = defaultdict(list)
    for split in reversed(SPLITS):
        for index, features in enumerate(read_points(data, split)[0] + 0.0):  # which makes -0.0 equal to 0.0
            groups[features.tobytes()].append(Place(split, index))
    findings = []
    for first, *copies in groups.values():
        findings += [Finding("exact_duplicate", copy, 1.0, first) for copy in copies]
        further = [copy for copy in copies if copy.split == "test"]
        if copies and copies[-1].split != "test":
            findings += [Finding("exact_duplicate", copies[-1], 1.0, other) for other in further]
    return findings
