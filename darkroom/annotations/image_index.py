"""Finding the image that an annotation names by a path, often a path on another machine."""

import posixpath
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from darkroom.annotations.pair import IMAGE_SUFFIXES, file_name, folded
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.datasets.split_folders import split_in


def path_in_url(url: str) -> str:
    """Return the path of an image that a URL names, as an absolute one; a plain path as it is.

    The path is that of the URL, or that in its query: Label Studio serves files as `/data/local-files/?d=PATH`.
    """
    if not url.startswith("/data/") and re.match(r"[A-Za-z][\w+.-]+://", url) is None:
        return url
    try:
        parts = urlsplit(url)
        is_local = parts.path.startswith("/data/local-files") and "d" in parse_qs(parts.query)
        path = parse_qs(parts.query)["d"][-1] if is_local else unquote(parts.path)
    except ValueError:
        return url
    return "/" + path.lstrip("/")


class ImageIndex:
    """The image files of a source by their names. Letter case and Unicode normal form matter only where names clash."""

    def __init__(self, members: Mapping[str, Member]) -> None:
        self.by_name: dict[str, list[Member]] = defaultdict(list)
        for name, member in members.items():
            if name.lower().endswith(IMAGE_SUFFIXES):
                self.by_name[folded(PurePosixPath(name).name)].append(member)

    def find(self, path: str, annotation: Member, split: str | None) -> Member | None:
        """Return the image that an annotation names, or None where there is none.

        That is the image at this path from the annotation's folder, else the nearest image whose path ends so.

        Args:
            path: the image's path as the annotation states it, with slashes or backslashes. Of an absolute path,
                leading folders that do not exist here are dropped.
            annotation: the annotation file.
            split: the annotation's split; images in folders of other splits are not considered.

        Raises:
            UserError: several images are equally near.
        """
        path = path.replace("\\", "/")
        is_absolute = path.startswith("/") or re.match("[A-Za-z]:", path) is not None
        beside = posixpath.normpath(posixpath.join(posixpath.dirname(annotation.name), path))
        parts = [part for part in path.split("/") if part not in ("", ".", "..") and not part.endswith(":")]
        same_name = self.by_name.get(folded(parts[-1]), []) if parts else []
        found = _with_path_end(same_name, beside.split("/"), whole=True)
        while not found and parts:
            found = _with_path_end(same_name, parts)
            parts = parts[1:] if is_absolute else []
        found = [member for member in found if split is None or split_in(member.name) in (None, split)]
        found = nearest_files(found, annotation.name)
        if len(found) > 1:
            raise UserError(
                f"{annotation}: its image {path!r} may be {found[0].name} or {found[1].name}; put the annotation "
                "beside its images, or give the image's folder too"
            )
        return found[0] if found else None


def _with_path_end(members: list[Member], parts: list[str], whole: bool = False) -> list[Member]:
    """Return the members whose path ends in `parts`, or with `whole` equals them.

    Names in the same letter case take precedence.
    """
    for form in (str, folded):
        wanted = [form(part) for part in parts]
        paths = [(member, [form(part) for part in member.name.split("/")]) for member in members]
        found = [m for m, path in paths if path[-len(wanted) :] == wanted and (not whole or len(path) == len(wanted))]
        if found:
            return found
    return []


def nearest_files(found: list[Member], annotation: str) -> list[Member]:
    """Return the images that share the most folders with the annotation.

    Of several, those whose folder's name is a word of the annotation's name take precedence.
    """
    if len(found) < 2:
        return found
    shared = [_count_shared_folders(member.name, annotation) for member in found]
    nearest = [member for member, count in zip(found, shared, strict=True) if count == max(shared)]
    words = re.split(r"[\W_]+", folded(file_name(annotation)))
    named = [member for member in nearest if folded(PurePosixPath(member.name).parent.name) in words]
    return named or nearest


def _count_shared_folders(one: str, other: str) -> int:
    folders, others = one.split("/")[:-1], other.split("/")[:-1]
    return len(posixpath.commonprefix([folders, others]))
