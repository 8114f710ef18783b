"""The audit of a prepared data set, and of the score of its model."""

from collections import Counter
from pathlib import Path
from typing import Any

from darkroom.audit.findings import Finding, Kind
from darkroom.audit.kinds import Audited, auditor_of
from darkroom.audit.parameters import AuditParameters
from darkroom.audit.table import Entry, name_findings, write_findings
from darkroom.common.files import replacing, write_json
from darkroom.common.numbers import round_metric
from darkroom.datasets.description import Description
from darkroom.device.setup import set_up
from darkroom.evaluation.intervals import as_lists

COUNTED: dict[Kind, str] = {  # kinds of findings by their names in audit.json
    "exact_duplicate": "exact_duplicates",
    "near_duplicate": "near_duplicates",
    "outlier": "outliers",
    "blank": "blank",
    "corrupt": "corrupt",
    "tiny": "tiny",
    "odd_size": "odd_size",
}
DUPLICATES: tuple[Kind, ...] = ("exact_duplicate", "near_duplicate")
# Images with likely wrong masks are no doubtful ones: the model itself judges them, and to leave them out of its score
# would be to leave out its own errors.
DOUBTFUL = ("label_error",)


def audit(
    parameters: AuditParameters, data: Path, model: Path, predictions: Path, found: Path, report: Path,
    where: str = "auto",
) -> None:  # fmt: skip
    """Write what looks wrong in a data set, and how much of the test score depends on it.

    Args:
        parameters: of the stage `audit`.
        data: folder of the prepared data set.
        model: the trained model.
        predictions: the folder that the stage `evaluate` wrote.
        found: folder to write `findings.csv` to, and pictures that the page shows besides the images.
        report: JSON file to write counts and scores to.
        where: the device, as in params.yaml.
    """
    description = Description.read(data)
    audited = Audited(data, description, parameters.seed, set_up(parameters.bits, device=where), model)
    with replacing(found) as folder:
        folder.mkdir()
        entries = find_entries(audited, folder)
        write_findings(folder / "findings.csv", entries)
    write_json(report, count_entries(data, description, entries) | _scores(description, predictions, entries))


def find_entries(audited: Audited, folder: Path) -> list[Entry]:
    """Return the findings in a data set with the names of their images.

    Args:
        audited: the data set.
        folder: for pictures that the page shows besides the images.
    """
    auditor = auditor_of(audited.description.kind)
    names = auditor.name_images(audited.data, audited.description)
    return name_findings(auditor.find(audited, folder), names)


def count_entries(data: Path, description: Description, entries: list[Entry]) -> dict[str, Any]:
    """Return the numbers of findings, as audit.json has them."""
    findings = [entry.finding for entry in entries]
    numbers = Counter(finding.kind for finding in findings)
    counts: dict[str, Any] = {name: numbers[kind] for kind, name in COUNTED.items() if kind in DUPLICATES}
    counts["leaked"] = len(leaked_images(findings))
    counts |= auditor_of(description.kind).count(data, description, entries)
    rest = {name: numbers[kind] for kind, name in COUNTED.items() if kind not in DUPLICATES}
    return counts | {name: number + counts.get(name, 0) for name, number in rest.items()}


def leaked_images(findings: list[Finding]) -> set[int]:
    """Return the indices of test images that training or validation has too, exactly or nearly."""
    leaked = set()
    for finding in findings:
        if finding.kind in DUPLICATES and finding.other is not None:
            for image, other in ((finding.place, finding.other), (finding.other, finding.place)):
                if image.split == "test" != other.split:
                    leaked.add(image.index)
    return leaked


def _scores(description: Description, predictions: Path, entries: list[Entry]) -> dict[str, Any]:
    """Return the test score of all images, and without those that leaked or have likely wrong labels."""
    findings = [entry.finding for entry in entries]
    leaked = leaked_images(findings)
    doubtful = {one.place.index for one in findings if one.kind in DOUBTFUL and one.place.split == "test"}
    name = description.score
    sets = {name: set(), f"{name}_without_leaked": leaked, f"{name}_without_doubtful": leaked | doubtful}
    auditor = auditor_of(description.kind)
    scores = {key: auditor.score(predictions, sorted(left_out)) for key, left_out in sets.items()}
    rounded = {key: None if value is None else round_metric(value) for key, (value, _) in scores.items()}
    return {**rounded, "intervals": as_lists({key: interval for key, (_, interval) in scores.items()})}
