"""The command `python -m darkroom masks`: convert annotations, outside of the pipeline."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from darkroom.annotations.draw import MaskJob, draw_masks
from darkroom.annotations.formats._base import load_format, load_formats
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.annotations.report import list_left_out, mask_report
from darkroom.annotations.source import make_names_unique, read_source
from darkroom.annotations.writers import PNG
from darkroom.annotations.writers._base import load_writer
from darkroom.archives.index import index_archives, list_files
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.common.files import remove, replacing, write_json
from darkroom.common.parameters import check
from darkroom.common.texts import column
from darkroom.figures.check_page import CheckedPair, files_by_stem, write_check_page

ALL = "all"  # name of the one split in the report
COLUMNS = {  # columns of the printed table, with the format of their numbers
    "images": ",",
    "objects": ",",
    "pixels": ",",
    "share": ".2%",
    "smallest": ",",
    "largest": ",",
}


def convert_masks(
    source: Path,
    out: Path,
    values: dict[str, Any],
    encoding: str | None = None,
    language: str = "en",
    to: str = PNG,
    with_objects: bool = False,
) -> None:
    """Write annotated images in another layout, and print a table of their classes.

    Args:
        source: a folder of images and annotations, or an archive of them.
        out: a new folder. By default for `masks/NAME.png` (`masks/SPLIT/NAME.png` where the source has splits),
            `report.json` and `check.html`, by which they are checked by eye.
        values: fields of `AnnotationParameters`.
        encoding: encoding of an archive's file names where the archive does not state it; None: detected.
        language: of the page, a module of `darkroom.figures.languages`.
        to: name of the layout.
        with_objects: write object ids beside the masks, `objects/NAME.png`.

    Raises:
        UserError: there is nothing to convert, something cannot be converted, or `out` exists.
    """
    parameters = check(AnnotationParameters, values, "", "masks")
    if out.exists():
        raise UserError(f"{out}: exists already; give a new folder or remove it")
    if with_objects and to != PNG:
        raise UserError(f"--instances: is for --to {PNG}; {to} holds objects by itself where the source has them")
    with _open_source(source, encoding) as members, replacing(out) as temporary:
        found = read_source(parameters, members, "annotations", str(source))
        if with_objects and not load_format(found.format).HAS_OBJECTS:
            formats = ", ".join(one.name for one in load_formats() if one.HAS_OBJECTS)
            raise UserError(
                f"{source}: --instances: {found.format} does not tell objects of a class from each other; {formats} do"
            )
        temporary.mkdir()
        kind = load_writer(to)
        writer = kind(temporary, found.classes.names, with_objects or kind.WANTS_OBJECTS)
        pairs = found.pairs if kind.HAS_SPLIT_FOLDERS else make_names_unique(found.pairs, across_splits=True)
        jobs = [MaskJob(pair, None, writer.image_folder(pair.split), writer) for pair in pairs]
        for folder in {job.images for job in jobs if job.images is not None}:
            folder.mkdir(parents=True, exist_ok=True)
        drawn = draw_masks(found, jobs, parameters)
        good = [one for one in drawn if not one.error]
        if not good:
            raise UserError(f"{source}: holds no annotated image that can be used")
        report = mask_report({ALL: good}, found.classes.names, [*found.refused, *list_left_out(drawn)])
        written = [one.written for one in good if one.written is not None]
        writer.finish(written)
        if to == PNG:
            images, masks = temporary / "images", temporary / "masks"
            write_json(temporary / "report.json", report)
            by_name = files_by_stem(images)
            checked = [
                CheckedPair(one["name"], by_name[one["name"]], masks / f"{one['name']}.png", one["findings"])
                for one in report["check"]
            ]
            write_check_page(temporary / "check.html", source.name, checked, found.classes.names, report, language)
            remove(images)  # they were for the page
    _print_table(report, found.format, out, to)
    remarks = writer.remarks(written)
    if remarks:
        print(f"{out}: {'; '.join(remarks)}")


@contextmanager
def _open_source(source: Path, encoding: str | None) -> Iterator[Mapping[str, Member]]:
    """Give the files of a folder or an archive by their paths."""
    if source.is_dir():
        yield list_files(source)
    elif source.is_file():
        with index_archives([source], encoding=encoding) as members:
            yield members
    else:
        raise UserError(f"{source}: does not exist; give a folder or an archive of images and annotations")


def _print_table(report: dict[str, Any], format_name: str, out: Path, to: str) -> None:
    print(f"{'id':>3} {'class':24}" + "".join(f"{name:>12}" for name in COLUMNS))
    for class_id, entry in enumerate(report["classes"]):
        cells = [f"{entry['splits'][ALL].get(name, 0):12{form}}" for name, form in COLUMNS.items()]
        print(f"{class_id:3} {column(entry['name'], 24)}" + "".join(cells))
    as_what = "" if to == PNG else f" as {to}"
    for reason in report["left_out"]:
        print(f"left out: {reason}")
    print(
        f"{out}: {report['images'][ALL]} masks from {format_name}{as_what}, "
        f"{report['without_foreground']} without foreground, "
        f"{report['points_outside']} points outside of their images, {len(report['left_out'])} left out"
    )
