"""How fast annotations become masks.

    python -m bench.masks [IMAGES]

Converts images of 500×375 pixels with five LabelMe polygons of twenty points each, which it makes itself, and
prints the images a second and core, the start of the workers and the writing of images and masks included.
"""

import json
import math
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from darkroom.annotations.convert import convert_annotations
from darkroom.annotations.parameters import AnnotationParameters, MaskParameters
from darkroom.common.parallel import cores

WIDTH, HEIGHT = 500, 375
POLYGONS, POINTS = 5, 20
ROUNDS = 3


def write_scenes(path: Path, count: int) -> None:
    """A zip of `count` JPEG files, smooth as photos are, each with its LabelMe file."""
    draw = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(count):
            coarse = Image.fromarray(draw.integers(0, 256, (HEIGHT // 16, WIDTH // 16, 3), np.uint8))
            with archive.open(f"s{number}.jpg", "w") as file:
                coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
            shapes = [polygon(draw, f"class {value}") for value in range(POLYGONS)]
            content = {"version": "5.4.1", "shapes": shapes, "imagePath": f"s{number}.jpg", "imageData": None}
            archive.writestr(f"s{number}.json", json.dumps(content | {"imageHeight": HEIGHT, "imageWidth": WIDTH}))


def polygon(draw: np.random.Generator, label: str) -> dict:
    """A star-shaped polygon somewhere in the image."""
    x, y, radius = draw.uniform(0, WIDTH), draw.uniform(0, HEIGHT), draw.uniform(20, 100)
    around = [(2 * math.pi * step / POINTS, radius * draw.uniform(0.6, 1)) for step in range(POINTS)]
    points = [[x + r * math.cos(angle), y + r * math.sin(angle)] for angle, r in around]
    return {"label": label, "points": points, "shape_type": "polygon", "group_id": None, "flags": {}}


def main(count: int) -> None:
    parameters = MaskParameters(seed=0, validation=0.1, test=0.1, annotations=AnnotationParameters())
    with tempfile.TemporaryDirectory() as scratch:
        raw = Path(scratch, "raw")
        raw.mkdir()
        write_scenes(raw / "scenes.zip", count)
        seconds = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            convert_annotations(parameters, "bench", raw, Path(scratch, "prepared"), Path(scratch, "data.json"))
            seconds.append(time.perf_counter() - started)
    speed = count / min(seconds) / cores()
    print(f"{count} images of {WIDTH}×{HEIGHT} pixels with {POLYGONS} polygons each: {speed:.0f} images/s a core")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
