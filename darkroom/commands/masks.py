"""Annotations to masks, outside of the pipeline."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from darkroom.annotations.draw import Order, draw_masks
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.annotations.report import left_out, mask_report
from darkroom.annotations.source import read_source
from darkroom.archives.index import index_archives, list_files
from darkroom.archives.member import Member
from darkroom.common.errors import UserError
from darkroom.common.files import replacing, write_json
from darkroom.common.parameters import check
from darkroom.figures.pictures import draw_contact_sheet

ALL = "all"  # the one split of a conversion that stands alone
COLUMNS = {
    "images": ",",
    "objects": ",",
    "pixels": ",",
    "share": ".2%",
    "smallest": ",",
    "largest": ",",
}  # of the table


def convert_masks(source: Path, out: Path, values: dict, encoding: str | None = None) -> None:
    """Write the masks of the annotated images in `source` to the new folder `out`, and print what they hold.

    Args:
        source: a folder of images and annotations, or an archive of them.
        out: gets `masks/NAME.png` (`masks/SPLIT/NAME.png` where the source has splits), `report.json` and
            `contact_sheet.png`.
        values: of `AnnotationParameters`.
        encoding: of an archive's names of which it does not say it; None: found out.

    Raises:
        UserError: nothing to convert, something that cannot be, or `out` is there already.
    """
    parameters = check(AnnotationParameters, values, "", "masks")
    if out.exists():
        raise UserError(f"{out}: is there already; give a new folder or remove it")
    with _members(source, encoding) as members, tempfile.TemporaryDirectory() as scratch:
        found = read_source(parameters, members, "annotations", str(source))
        images, masks = Path(scratch, "images"), Path(scratch, "masks")
        for split in {pair.split or "" for pair in found.pairs}:
            (images / split).mkdir(parents=True, exist_ok=True)
            (masks / split).mkdir(parents=True, exist_ok=True)
        orders = [
            Order(pair, masks / (pair.split or "") / f"{pair.name}.png", images / (pair.split or ""))
            for pair in found.pairs
        ]
        drawn = draw_masks(found, orders, parameters)
        good = [one for one in drawn if not one.error]
        if not good:
            raise UserError(f"{source}: holds no annotated image that can be used")
        report = mask_report({ALL: good}, found.classes.names, [*found.refused, *left_out(drawn)])
        with replacing(out) as temporary:
            temporary.mkdir()
            shutil.copytree(masks, temporary / "masks")
            write_json(temporary / "report.json", report)
            pictures = sorted(path for path in images.rglob("*") if path.is_file())
            paired = [masks / picture.relative_to(images).with_suffix(".png") for picture in pictures]
            draw_contact_sheet(pictures, paired, found.classes.names, temporary / "contact_sheet.png")
    _print_table(report, found.format, out)


@contextmanager
def _members(source: Path, encoding: str | None) -> Iterator[Mapping[str, Member]]:
    if source.is_dir():
        yield list_files(source)
    elif source.is_file():
        with index_archives([source], encoding=encoding) as members:
            yield members
    else:
        raise UserError(f"{source}: is not there; give a folder or an archive of images and annotations")


def _print_table(report: dict, format_name: str, out: Path) -> None:
    print(f"{'id':>3} {'class':24}" + "".join(f"{column:>12}" for column in COLUMNS))
    for number, entry in enumerate(report["classes"]):
        cells = [f"{entry['splits'][ALL].get(column, 0):12{form}}" for column, form in COLUMNS.items()]
        print(f"{number:3} {entry['name'][:24]:24}" + "".join(cells))
    for line in report["left_out"]:
        print(f"left out: {line}")
    print(
        f"{out}: {report['images'][ALL]} masks from {format_name}, {report['without_foreground']} without foreground, "
        f"{report['points_outside']} points outside of their images, {len(report['left_out'])} left out"
    )
