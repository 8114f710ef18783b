"""The sample for segmentation: scenes with several things each, outlined in LabelMe's JSON."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from darkroom.common.parallel import on_all_cores
from darkroom.sources.sample.containers import jpeg, zip_stored
from darkroom.sources.sample.pictures import OVERSAMPLING, add_noise, shrunk, soft_noise
from darkroom.sources.sample.silhouettes import SILHOUETTES, fill, placed, unit_vectors

SCENES = 240
SHORTEST, LONGEST = 128, 208  # sides, in pixels, in steps of 16
QUALITY = 90
CHUNK = 10  # scenes that a worker draws at a time


@dataclass(frozen=True)
class Thing:
    """A class of things: its share of all, half-sizes as shares of the scene's shorter side, and usual colour."""

    share: float
    smallest: float
    largest: float
    colour: tuple[int, int, int]


THINGS = {
    "house": Thing(0.35, 0.10, 0.17, (190, 90, 70)),
    "tree": Thing(0.30, 0.08, 0.15, (60, 140, 70)),
    "arrow": Thing(0.20, 0.06, 0.11, (70, 90, 190)),
    "star": Thing(0.15, 0.05, 0.08, (215, 190, 60)),
}
COLOUR_SPREAD = 40  # grey levels by which a thing's colour strays from its class's
MOST_THINGS = 7
MOST_FOREGROUND = 0.14  # of a scene's pixels


def scenes_archive() -> bytes:
    """`scenes.zip`: 240 JPEG scenes of differing sizes, each with a LabelMe 5 file of polygons beside it."""
    drawn = on_all_cores(_scenes, list(range(SCENES)), "drawing the segmentation sample", CHUNK)

    def files() -> Iterator[tuple[str, bytes]]:
        for number, (image, shapes) in enumerate(drawn):
            name = f"scene_{number:03d}"
            yield f"scenes/{name}.jpg", jpeg(Image.fromarray(image), QUALITY)
            yield f"scenes/{name}.json", json.dumps(_labelme(f"{name}.jpg", image, shapes), indent=1).encode()

    return zip_stored(files())


def _scenes(numbers: list[int]) -> list[tuple[np.ndarray, list[tuple[str, np.ndarray]]]]:
    """Each scene from a generator keyed by its number."""
    cv2.setNumThreads(0)  # none of its own: they would not outlive the fork that made this process
    return [_scene(np.random.default_rng([0, number])) for number in numbers]


def _scene(draw: np.random.Generator) -> tuple[np.ndarray, list[tuple[str, np.ndarray]]]:
    """An RGB image, uint8 (h, w, 3), and its things from back to front: class and outline in its pixels."""
    height, width = (int(side) * 16 for side in draw.integers(SHORTEST // 16, LONGEST // 16 + 1, 2))
    canvas = _landscape(height * OVERSAMPLING, width * OVERSAMPLING, draw)
    shapes: list[tuple[str, np.ndarray]] = []
    covered = 0.0
    shares = np.array([thing.share for thing in THINGS.values()])
    for _ in range(draw.integers(1, MOST_THINGS + 1)):
        name = list(THINGS)[int(np.searchsorted(shares.cumsum(), draw.random() * shares.sum(), side="right"))]
        thing = THINGS[name]
        scale = (thing.smallest + draw.random() * (thing.largest - thing.smallest)) * min(height, width)
        centre = _centre(draw, height, width, shapes)
        turn = unit_vectors((draw.random() - 0.5) * 0.5)
        points = np.rint(placed(SILHOUETTES[name][0][1], centre, scale, turn, draw.random() < 0.5) * 100) / 100
        covered += scale * scale * 2 / (height * width)
        if covered > MOST_FOREGROUND:
            break
        _paint(canvas, points, thing.colour, draw)
        shapes.append((name, points))
    image = cv2.GaussianBlur(shrunk(canvas), (3, 3), 0)
    return add_noise(image, 10, draw), shapes


def _landscape(height: int, width: int, draw: np.random.Generator) -> np.ndarray:
    """Sky over ground with clutter and texture; uint8 (height, width, 3)."""
    canvas = soft_noise(height, width, 3, draw) // 4 + 112
    horizon = int(height * (0.3 + 0.4 * draw.random()))
    canvas[horizon:] = soft_noise(height - horizon, width, 6, draw) // 4 + 64
    for _ in range(6):
        corners = draw.random((4, 2)) * min(height, width) * 0.2
        fill(canvas, corners + draw.random(2) * (width, height), tuple(int(c) for c in draw.integers(48, 208, 3)))
    return canvas


def _centre(draw: np.random.Generator, height: int, width: int, shapes: list[tuple[str, np.ndarray]]) -> np.ndarray:
    """A place in the scene: now and then on a corner of a thing that stands there, so that things overlap."""
    if shapes and draw.random() < 0.3:
        return shapes[-1][1][int(draw.integers(len(shapes[-1][1])))]
    return (0.1 + 0.8 * draw.random(2)) * (width, height)


def _paint(canvas: np.ndarray, points: np.ndarray, usual: tuple[int, int, int], draw: np.random.Generator) -> None:
    """Draw a thing over what stands there, its colour near the usual one, softly shaded."""
    mask = np.zeros(canvas.shape[:2], np.uint8)
    fill(mask, points * OVERSAMPLING + (OVERSAMPLING - 1) / 2, 255)
    colour = draw.integers(-COLOUR_SPREAD, COLOUR_SPREAD + 1, 3) + usual
    shade = soft_noise(*canvas.shape[:2], 3, draw).astype(np.int16) // 4 - 32
    canvas[mask > 0] = np.clip(shade + colour, 0, 255)[mask > 0]


def _labelme(file: str, image: np.ndarray, shapes: list[tuple[str, np.ndarray]]) -> dict:
    """The content of a LabelMe file (https://github.com/wkentaro/labelme, format 5)."""
    height, width = image.shape[:2]
    return {
        "version": "5.4.1",
        "flags": {},
        "shapes": [
            {"label": name, "points": points.tolist(), "group_id": None, "shape_type": "polygon", "flags": {}}
            for name, points in shapes
        ],
        "imagePath": file,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }
