"""Measure how fast annotations are converted to masks, compared with a plain script on one core.

    python -m bench.masks [IMAGES]

Makes IMAGES (default 2000) images of 500×375 pixels with five LabelMe polygons of twenty points each. The times include
starting the workers and all that is written. It needs a system on which a process can be bound to some cores.
"""

import io
import json
import math
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image, ImageDraw

from darkroom.commands.masks import convert_masks
from darkroom.common.platform import cores, peak_memory
from darkroom.device.memory import MEGABYTE

WIDTH, HEIGHT = 500, 375
POLYGONS, POINTS = 5, 20


def write_scenes(path: Path, count: int) -> None:
    """Write a zip archive of `count` smooth JPEG images, each with its LabelMe file."""
    generator = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(count):
            coarse = Image.fromarray(generator.integers(0, 256, (HEIGHT // 16, WIDTH // 16, 3), np.uint8))
            with archive.open(f"s{number}.jpg", "w") as file:
                coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
            shapes = [polygon(generator, f"class {value}") for value in range(POLYGONS)]
            content = {"version": "5.4.1", "shapes": shapes, "imagePath": f"s{number}.jpg", "imageData": None}
            archive.writestr(f"s{number}.json", json.dumps(content | {"imageHeight": HEIGHT, "imageWidth": WIDTH}))


def polygon(generator: np.random.Generator, label: str) -> dict[str, Any]:
    """Return a star-shaped polygon somewhere in the image, as LabelMe has it."""
    x, y, radius = generator.uniform(0, WIDTH), generator.uniform(0, HEIGHT), generator.uniform(20, 100)
    directions = [(2 * math.pi * step / POINTS, radius * generator.uniform(0.6, 1)) for step in range(POINTS)]
    points = [[x + r * math.cos(angle), y + r * math.sin(angle)] for angle, r in directions]
    return {"label": label, "points": points, "shape_type": "polygon", "group_id": None, "flags": {}}


def export_one_by_one(archive: Path, out: Path) -> None:
    """Convert as the usual script does: after each LabelMe file a label image, a PNG of the photo and an overlay."""
    colours = np.random.default_rng(0).integers(0, 256, (POLYGONS + 1, 3), np.uint8)
    with zipfile.ZipFile(archive) as files:
        for name in (name for name in files.namelist() if name.endswith(".json")):
            content = json.loads(files.read(name))
            image = Image.open(io.BytesIO(files.read(content["imagePath"]))).convert("RGB")
            labels = np.zeros((image.height, image.width), np.int32)
            for number, shape in enumerate(content["shapes"], 1):
                region = Image.new("L", image.size)
                ImageDraw.Draw(region).polygon([tuple(p) for p in shape["points"]], fill=1, outline=1)
                labels[np.array(region, bool)] = number
            folder = out / Path(name).stem
            folder.mkdir(parents=True)
            image.save(folder / "img.png")
            label = Image.fromarray(labels.astype(np.uint8), "P")
            label.putpalette(colours.ravel().tolist())
            label.save(folder / "label.png")
            Image.fromarray(np.asarray(image) // 2 + colours[labels] // 2).save(folder / "label_viz.png")


def seconds_on(cores: int, work: Callable[[], None]) -> float:
    """Return the seconds that `work` takes on some of the cores."""
    process = psutil.Process()
    before = process.cpu_affinity()
    process.cpu_affinity(before[:cores])
    try:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started
    finally:
        process.cpu_affinity(before)


def main(count: int) -> None:
    """Convert the images on one core, on all cores, and by the script."""
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch, "scenes.zip")
        write_scenes(archive, count)

        def convert(name: str) -> None:
            convert_masks(archive, Path(scratch, name), {})

        by_script = seconds_on(1, lambda: export_one_by_one(archive, Path(scratch, "script")))
        on_one = seconds_on(1, lambda: convert("one"))
        on_all = seconds_on(cores(), lambda: convert("all"))
    print(
        f"{count} images of {WIDTH}×{HEIGHT} pixels with {POLYGONS} polygons each; "
        f"at most {peak_memory() // MEGABYTE} MB in this process"
    )
    print(f"a script, one core:          {count / by_script:6.0f} images/s")
    print(f"darkroom masks, one core:    {count / on_one:6.0f} images/s, {by_script / on_one:.1f} times")
    print(f"darkroom masks, {cores()} cores:     {count / on_all:6.0f} images/s, {on_one / on_all:.2f} times one core")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
