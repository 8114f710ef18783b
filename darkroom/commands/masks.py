"""The command `python -m darkroom masks`: convert annotations to masks, outside of the pipeline."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from darkroom.annotations.draw import MaskJob, draw_masks
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.annotations.report import list_left_out, mask_report
from darkroom.annotations.source import read_source
from darkroom.archives.index import index_archives, list_files
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.common.files import replacing, write_json
from darkroom.common.parameters import check
from darkroom.common.texts import column
from darkroom.figures.check_page import CheckedPair, find_image, write_check_page

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
    source: Path, out: Path, values: dict[str, Any], encoding: str | None = None, language: str = "en"
) -> None:
    """Write the masks of annotated images, and print a table of their classes.

    Args:
        source: a folder of images and annotations, or an archive of them.
        out: a new folder for `masks/NAME.png` (`masks/SPLIT/NAME.png` where the source has splits), `report.json` and
            `check.html`, by which they are checked by eye.
        values: fields of `AnnotationParameters`.
        encoding: encoding of an archive's file names where the archive does not state it; None: detected.
        language: of the page, a module of `darkroom.figures.languages`.

    Raises:
        UserError: there is nothing to convert, something cannot be converted, or `out` exists.
    """
    parameters = check(AnnotationParameters, values, "", "masks")
    if out.exists():
        raise UserError(f"{out}: exists already; give a new folder or remove it")
    with _open_source(source, encoding) as members, tempfile.TemporaryDirectory() as scratch:
        found = read_source(parameters, members, "annotations", str(source))
        images, masks = Path(scratch, "images"), Path(scratch, "masks")
        for split in {pair.split or "" for pair in found.pairs}:
            (images / split).mkdir(parents=True, exist_ok=True)
            (masks / split).mkdir(parents=True, exist_ok=True)
        jobs = [
            MaskJob(pair, masks / (pair.split or "") / f"{pair.name}.png", images / (pair.split or ""))
            for pair in found.pairs
        ]
        drawn = draw_masks(found, jobs, parameters)
        good = [one for one in drawn if not one.error]
        if not good:
            raise UserError(f"{source}: holds no annotated image that can be used")
        report = mask_report({ALL: good}, found.classes.names, [*found.refused, *list_left_out(drawn)])
        with replacing(out) as temporary:
            temporary.mkdir()
            shutil.copytree(masks, temporary / "masks")
            write_json(temporary / "report.json", report)
            pairs = [
                CheckedPair(one["name"], find_image(images, one["name"]), masks / f"{one['name']}.png", one["findings"])
                for one in report["check"]
            ]
            write_check_page(temporary / "check.html", source.name, pairs, found.classes.names, report, language)
    _print_table(report, found.format, out)


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


def _print_table(report: dict[str, Any], format_name: str, out: Path) -> None:
    print(f"{'id':>3} {'class':24}" + "".join(f"{name:>12}" for name in COLUMNS))
    for class_id, entry in enumerate(report["classes"]):
        cells = [f"{entry['splits'][ALL].get(name, 0):12{form}}" for name, form in COLUMNS.items()]
        print(f"{class_id:3} {column(entry['name'], 24)}" + "".join(cells))
    for reason in report["left_out"]:
        print(f"left out: {reason}")
    print(
        f"{out}: {report['images'][ALL]} masks from {format_name}, {report['without_foreground']} without foreground, "
        f"{report['points_outside']} points outside of their images, {len(report['left_out'])} left out"
    )
