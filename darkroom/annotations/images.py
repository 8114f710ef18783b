"""Finding the image that an annotation names by a path, which may be of another machine."""

import posixpath
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import PurePosixPath

from darkroom.annotations.pair import IMAGE_SUFFIXES, file_name, folded
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.datasets.split_folders import split_in


class Images:
    """The image files of a source. Case and Unicode's normal forms make no difference where they need not."""

    def __init__(self, members: Mapping[str, Member]) -> None:
        self.by_file: dict[str, list[Member]] = defaultdict(list)
        for name, member in members.items():
            if name.lower().endswith(IMAGE_SUFFIXES):
                self.by_file[folded(PurePosixPath(name).name)].append(member)

    def find(self, path: str, annotation: Member, split: str | None) -> Member | None:
        """The image that `annotation` calls `path`: the one beside it, else the nearest whose path ends so.

        Args:
            path: with either kind of slashes; of an absolute one, the folders that are not there do not count.
            split: that the annotation belongs to; an image in another split's folder is not meant.

        Returns:
            None where there is none.

        Raises:
            UserError: several are as near.
        """
        path = path.replace("\\", "/")
        is_absolute = path.startswith("/") or re.match("[A-Za-z]:", path) is not None
        beside = posixpath.normpath(posixpath.join(posixpath.dirname(annotation.name), path))
        parts = [part for part in path.split("/") if part not in ("", ".", "..") and not part.endswith(":")]
        named_so = self.by_file.get(folded(parts[-1]), []) if parts else []
        found = _ending_in(named_so, beside.split("/"), whole=True)
        while not found and parts:
            found = _ending_in(named_so, parts)
            parts = parts[1:] if is_absolute else []
        found = [member for member in found if split is None or split_in(member.name) in (None, split)]
        found = _nearest(found, annotation.name)
        if len(found) > 1:
            raise UserError(
                f"{annotation}: its image {path!r} may be {found[0].name} or {found[1].name}; put the annotation "
                "beside its images, or give the image's folder too"
            )
        return found[0] if found else None


def _ending_in(members: list[Member], parts: list[str], whole: bool = False) -> list[Member]:
    """Those whose path ends in `parts`, or as a `whole` is made of them; in other case only where none has the same."""
    for form in (str, folded):
        wanted = [form(part) for part in parts]
        paths = [(member, [form(part) for part in member.name.split("/")]) for member in members]
        found = [m for m, path in paths if path[-len(wanted) :] == wanted and (not whole or len(path) == len(wanted))]
        if found:
            return found
    return []


def _nearest(found: list[Member], annotation: str) -> list[Member]:
    """Those that share the most folders with the annotation; of several, those in a folder that it is named after."""
    if len(found) < 2:
        return found
    shared = [_shared_folders(member.name, annotation) for member in found]
    nearest = [member for member, count in zip(found, shared, strict=True) if count == max(shared)]
    words = re.split(r"[\W_]+", folded(file_name(annotation)))
    named_after = [member for member in nearest if folded(PurePosixPath(member.name).parent.name) in words]
    return named_after or nearest


def _shared_folders(one: str, other: str) -> int:
    folders, others = one.split("/")[:-1], other.split("/")[:-1]
    return len(posixpath.commonprefix([folders, others]))
