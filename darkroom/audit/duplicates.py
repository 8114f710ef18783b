"""Images that occur twice: exact copies, and copies that were changed a little."""

from darkroom.audit.findings import Finding, Place
from darkroom.audit.thumbnails import Thumbnails


def find_duplicates(thumbnails: dict[str, Thumbnails]) -> list[Finding]:
    """Return exact and near duplicates within and across splits.

    Args:
        thumbnails: by split.
    """
    first: dict[str, Place] = {}
    found = []
    for split in reversed(list(thumbnails)):
        for index, digest in enumerate(thumbnails[split].digests):
            other = first.setdefault(digest, Place(split, index))
            if other != Place(split, index):
                found.append(Finding("exact_duplicate", Place(split, index), 1.0, other))
    return found
