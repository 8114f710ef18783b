"""Measure how fast annotations are converted to masks.

    python -m bench.masks [IMAGES]

Makes IMAGES (default 2000) images of 500×375 pixels with five LabelMe polygons of twenty points each, converts them
and prints images per second and core. The time includes starting the workers and writing images and masks.
"""

import json
import math
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from darkroom.annotations.convert import convert_annotations
from darkroom.annotations.parameters import AnnotationParameters, MaskParameters
from darkroom.common.platform import cores

WIDTH, HEIGHT = 500, 375
POLYGONS, POINTS = 5, 20
ROUNDS = 3


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


def main(count: int) -> None:
    """Convert `count` images a few times and print the best speed."""
    parameters = MaskParameters(seed=0, validation=0.1, test=0.1, annotations=AnnotationParameters())
    with tempfile.TemporaryDirectory() as scratch:
        raw = Path(scratch, "raw")
        raw.mkdir()
        write_scenes(raw / "scenes.zip", count)
        seconds = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            convert_annotations(parameters, "bench", raw, Path(scratch, "prepared"))
            seconds.append(time.perf_counter() - started)
    speed = count / min(seconds) / cores()
    print(f"{count} images of {WIDTH}×{HEIGHT} pixels with {POLYGONS} polygons each: {speed:.0f} images/s per core")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
