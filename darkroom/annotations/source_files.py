"""The files of a source, each parsed once however many formats look at it."""

from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property

from darkroom.annotations.annotation_file import AnnotationFile
from darkroom.annotations.formats._base import load_format, load_formats
from darkroom.annotations.formats._shapes import FileContent, ShapeFormat
from darkroom.annotations.parameters import AUTO
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.common.parallel import on_all_cores

FEW_BYTES = 4 << 20  # below this, starting processes takes longer than reading
CHUNK = 64  # files that a worker gets at a time


class SourceFiles(dict[str, Member]):
    """The files of a source by their paths.

    Attributes:
        format_name: the one format that reads them, or `auto`.
    """

    def __init__(self, members: Mapping[str, Member], format_name: str = AUTO) -> None:
        super().__init__(members)
        self.format_name = format_name

    @cached_property
    def contents(self) -> Mapping[str, Mapping[Member, FileContent]]:
        """The contents of annotation files by the format that accepted them. Each file is parsed once."""
        formats = load_formats() if self.format_name == AUTO else [load_format(self.format_name)]
        shape_formats = [one for one in formats if isinstance(one, ShapeFormat)]
        found: dict[Member, list[str]] = {}  # names of the formats that a file may be of
        for one in shape_formats:
            for member in one.candidates(self):
                found.setdefault(member, []).append(one.name)
        files = list(found.items())
        if sum(member.size for member in found) < FEW_BYTES:
            read = iter(_read_files(files))
        else:
            read = on_all_cores(_read_files, files, "reading annotations", CHUNK)
        contents: dict[str, dict[Member, FileContent]] = defaultdict(dict)
        for (member, _), (name, content) in zip(files, read, strict=True):
            if content is not None:
                contents[name][member] = content
        return contents


def _read_files(files: list[tuple[Member, list[str]]]) -> list[tuple[str, FileContent | None]]:
    """Return for each file the first format that accepts it, and its content; no content where none accepts it."""
    return [_read_file(member, names) for member, names in files]


def _read_file(member: Member, names: list[str]) -> tuple[str, FileContent | None]:
    file = AnnotationFile(member)
    for name in names:
        annotation_format = load_format(name)
        assert isinstance(annotation_format, ShapeFormat)
        try:
            if not annotation_format.accepts(file):
                continue
        except UserError:
            continue
        refused: list[str] = []
        try:
            images, classes = annotation_format.read(file, refused.append)
        except UserError as error:
            return name, FileContent([], {}, [*refused, str(error)])
        return name, FileContent(images, classes, refused)
    return "", None
