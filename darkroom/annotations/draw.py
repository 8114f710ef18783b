"""Drawing the masks of many pairs on all cores."""

import io
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from darkroom.annotations.formats._base import AnnotationFormat, Drawing, DrawnShape, Mask, Orientation, load_format
from darkroom.annotations.mask_files import pages_of
from darkroom.annotations.pair import Classes, Pair, Size
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.annotations.shapes import Region, turned_upright
from darkroom.annotations.signs import Signs, count_touching, look_of, sample_of
from darkroom.annotations.source import Source
from darkroom.annotations.writers._base import DrawnImage, Writer, Written
from darkroom.common.errors import UserError
from darkroom.common.parallel import on_all_cores
from darkroom.datasets.channel_statistics import ChannelStatistics
from darkroom.datasets.decode import decode_bytes
from darkroom.datasets.pairs import IGNORED, write_mask

COPIED_FORMATS = {"JPEG": ".jpg", "PNG": ".png"}  # suffixes of image files that are copied; others become PNG
EXIF_ORIENTATION = 0x0112  # EXIF's tag
TURNED = range(2, 9)  # values of the tag that are not upright
CHUNK = 8  # pairs that a worker gets at a time


@dataclass(frozen=True)
class MaskJob:
    """A pair to convert.

    Attributes:
        pair: image and annotation.
        mask: path of the mask to write; None: it is not written.
        images: folder for the image; None: the image is not written.
        writer: writes the files of another layout; None: there is none.
    """

    pair: Pair
    mask: Path | None
    images: Path | None
    writer: Writer | None = None


@dataclass(frozen=True)
class DrawnMask:
    """What the report needs to know of one mask.

    Attributes:
        name: the pair's name with its split, as `Pair.key`.
        pixels: number of pixels by class id, (256,).
        objects: pixels of each object by class id. An object is a region of one class, connected by edges or corners.
        statistics: channel statistics of the image.
        points_outside: number of annotated points outside the image; drawing clips them.
        left_out: why shapes are missing from the mask, besides those of `Signs.refused`.
        orientation: how the annotator saw the photo, where the size that the annotation states tells; else None.
        is_ambiguous: nothing tells how the annotator saw the photo, and there is no mask.
        signs: what else may show a wrong conversion.
        error: why there is no mask; None where there is one.
        written: what the job's writer wrote; None where it has none.
    """

    name: str
    pixels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))
    objects: dict[int, list[int]] = field(default_factory=dict)
    statistics: ChannelStatistics = field(default_factory=ChannelStatistics)
    points_outside: int = 0
    left_out: list[str] = field(default_factory=list)
    orientation: Orientation | None = None
    is_ambiguous: bool = False
    signs: Signs = field(default_factory=Signs)
    error: str | None = None
    written: Written | None = None


def draw_masks(source: Source, jobs: list[MaskJob], parameters: AnnotationParameters) -> list[DrawnMask]:
    """Write the mask of each pair, and the image where a job has a folder for it.

    An annotation of a photo with an EXIF orientation was drawn on the photo as it is seen, turned upright, or as it is
    stored. The size that the annotation states tells which. Where both sizes are equal, `parameters.exif` decides, or
    the format's tool, or the other photos of the same annotation file.

    Args:
        source: the format and the classes.
        jobs: the pairs with the paths to write to.
        parameters: how annotations are read.

    Returns:
        What was drawn, in the order of `jobs`.

    Raises:
        UserError: an image or an annotation cannot be used, unless `skip_bad` is set.
    """
    drawn = _draw_on_all_cores(source, jobs, parameters, parameters.exif if parameters.exif != "auto" else None)
    orientations: dict[str, set[Orientation]] = defaultdict(set)  # that sizes tell, by group
    for job, one in zip(jobs, drawn, strict=True):
        if one.orientation is not None:
            orientations[_group(job.pair)].add(one.orientation)
    redrawn: dict[Orientation, list[int]] = defaultdict(list)  # indices of jobs
    for index, (job, one) in enumerate(zip(jobs, drawn, strict=True)):
        if not one.is_ambiguous:
            continue
        found = orientations[_group(job.pair)]
        if len(found) == 1:
            redrawn[min(found)].append(index)
            continue
        message = (
            f"{job.pair.image}: has an EXIF orientation, and nothing tells whether its annotation "
            f"{job.pair.annotation.name} was drawn on it as it is seen or as it is stored; set annotations.exif to "
            "seen or stored"
        )
        if not parameters.skip_bad:
            raise UserError(message)
        drawn[index] = DrawnMask(job.pair.key, error=message)
    for orientation, indices in redrawn.items():
        again = _draw_on_all_cores(source, [jobs[index] for index in indices], parameters, orientation)
        for index, one in zip(indices, again, strict=True):
            drawn[index] = one
    return drawn


def _group(pair: Pair) -> str:
    """Return a key of the pairs that were annotated in the same way.

    These are the images of one annotation file, or all images that have an annotation file each.
    """
    return pair.annotation.name if pair.is_one_of_many else ""


def _draw_on_all_cores(
    source: Source, jobs: list[MaskJob], parameters: AnnotationParameters, orientation: Orientation | None
) -> list[DrawnMask]:
    work = partial(_draw_chunk, source.format, source.classes, parameters.skip_bad, orientation)
    return list(on_all_cores(work, jobs, "converting annotations", CHUNK))


def _draw_chunk(
    format_name: str, classes: Classes, skip_bad: bool, orientation: Orientation | None, jobs: list[MaskJob]
) -> list[DrawnMask]:
    """Draw some masks in a worker process, which imports the format itself."""
    annotation_format = load_format(format_name)
    drawn = []
    for job in jobs:
        try:
            drawn.append(_draw(annotation_format, classes, job, skip_bad, orientation))
        except UserError as error:
            if not skip_bad:
                raise
            drawn.append(DrawnMask(job.pair.key, error=str(error)))
    return drawn


def _draw(
    annotation_format: AnnotationFormat,
    classes: Classes,
    job: MaskJob,
    skip_bad: bool,
    orientation: Orientation | None,
) -> DrawnMask:
    """Write a mask and its image.

    Args:
        annotation_format: the format that draws the mask.
        classes: the classes and their ids.
        job: what to draw.
        skip_bad: leave out shapes that cannot be drawn.
        orientation: how the annotator saw photos with an EXIF orientation; None: found out.
    """
    pair = job.pair
    left_out: list[str] = []

    def refuse(reason: str) -> None:
        if not skip_bad:
            raise UserError(reason)
        left_out.append(reason)

    content = annotation_format.read_embedded_image(pair) if pair.image is None else pair.image.read()
    image = decode_bytes(content, str(pair.image or pair.annotation), pair.page or 0)  # turned upright
    original = Image.open(io.BytesIO(content))
    if pair.page is not None:
        original.seek(pair.page)
    elif len(pages_of(original)) > 1:
        raise UserError(f"{pair.image}: has {len(pages_of(original))} pages; save each page as a file of its own")
    exif_value = original.getexif().get(EXIF_ORIENTATION)
    by_size: Orientation | None = None
    if exif_value in TURNED:
        by_size = _orientation_by_size(annotation_format.annotated_size(pair), original.size, image.size)
        orientation = orientation or by_size or annotation_format.ORIENTATION
        if orientation is None:
            return DrawnMask(pair.key, is_ambiguous=True)
    is_stored = exif_value in TURNED and orientation == "stored"
    size = original.size if is_stored else image.size
    writer = job.writer
    # Object ids that were asked for by name are needed. A layout that has a place for them does without.
    with_objects = writer is not None and writer.with_objects
    if writer is not None and writer.WANTS_OBJECTS:
        with_objects = annotation_format.tells_objects(pair)
    drawing = annotation_format.draw(pair, classes.ids, size, refuse, with_objects)
    if is_stored and exif_value is not None:
        drawing = _turn_upright(drawing, size, exif_value)
    mask = drawing.mask
    path = None if job.images is None else write_image(content, image, job.images, pair.name)
    if job.mask is not None:
        write_mask(job.mask, mask)
    written = None
    if writer is not None and path is not None:
        written = writer.write(DrawnImage(pair.name, pair.split, path, mask, drawing.objects, drawing.shapes))
    statistics = ChannelStatistics()
    statistics.add(image)
    pixels = np.bincount(mask.ravel(), minlength=256)
    sizes, touching = _measure_objects(mask, pixels)
    signs = Signs(drawing.unseen, touching, exif_value in TURNED, look_of(image), sample_of(mask), pair.refused)
    outside = drawing.points_outside
    return DrawnMask(pair.key, pixels, sizes, statistics, outside, left_out, by_size, signs=signs, written=written)


def write_image(content: bytes, image: Image.Image, folder: Path, name: str) -> Path:
    """Write an image to a folder and return its path. JPEG and PNG files that need no change are copied.

    Args:
        content: the image file.
        image: the image in it, turned upright, in RGB.
        folder: where it is written.
        name: of the new file, without a suffix.
    """
    original = Image.open(io.BytesIO(content))
    suffix = COPIED_FORMATS.get(original.format or "")
    if suffix and original.mode == "RGB" and not original.getexif():
        path = folder / f"{name}{suffix}"
        path.write_bytes(content)
    else:
        path = folder / f"{name}.png"
        image.save(path)
    return path


def _turn_upright(drawing: Drawing, size: Size, exif_value: int) -> Drawing:
    """Return what was drawn on a photo as it is stored, of this size, turned as the photo's EXIF tag says."""

    def turn(drawn: np.ndarray) -> np.ndarray:
        image = Image.fromarray(drawn)
        image.getexif()[EXIF_ORIENTATION] = exif_value
        return np.asarray(ImageOps.exif_transpose(image))

    def turn_shape(one: DrawnShape) -> DrawnShape:
        frame = np.zeros(size[::-1], np.uint8)
        frame[one.region.slices] = one.region.pixels
        frame = turn(frame)
        left, top, width, height = cv2.boundingRect(frame)
        region = Region(left, top, frame[top : top + height, left : left + width].astype(bool))
        geometry = turned_upright(one.shape.geometry, size, exif_value)
        return DrawnShape(one.class_id, replace(one.shape, geometry=geometry), region)

    objects = None if drawing.objects is None else turn(drawing.objects)
    shapes = None if drawing.shapes is None else [turn_shape(one) for one in drawing.shapes]
    return replace(drawing, mask=turn(drawing.mask), objects=objects, shapes=shapes)


def _orientation_by_size(stated: Size | None, stored: Size, upright: Size) -> Orientation | None:
    """Return how the annotator saw a photo, from the size that the annotation states; None where it does not tell."""
    if stated is None or stored == upright == stated:
        return None
    return "stored" if stated == stored else "seen"  # drawing refuses a size that is neither


def _measure_objects(mask: Mask, pixels: NDArray[np.int64]) -> tuple[dict[int, list[int]], int]:
    """Return the pixels of each object by class id, and the number of objects that touch the border.

    Args:
        mask: class ids (height, width).
        pixels: number of pixels by class id.
    """
    sizes, touching = {}, 0
    for class_id in (1 + np.flatnonzero(pixels[1:IGNORED])).tolist():
        region = (mask == class_id).view(np.uint8)
        x, y, width, height = cv2.boundingRect(region)  # most of the time would go to the pixels around
        part = region[y : y + height, x : x + width]
        found = cv2.connectedComponentsWithStats(part, connectivity=8)[2][1:]
        sizes[class_id] = found[:, cv2.CC_STAT_AREA].tolist()
        touching += count_touching(found, x, y, mask.shape[::-1])
    return sizes, touching
