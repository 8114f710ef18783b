"""Oxford-IIIT Pet: 7,349 photos of cats and dogs with trimaps.

Parkhi et al., "Cats and Dogs", CVPR 2012. The sample has 240 drawn scenes with several objects each, outlined in
LabelMe's JSON.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image

from darkroom.common.parallel import on_all_cores
from darkroom.sources.dataset import Dataset, PublishedFile
from darkroom.sources.sample.containers import jpeg, zip_stored
from darkroom.sources.sample.pictures import OVERSAMPLING, add_noise, random_colour, shrink, soft_noise
from darkroom.sources.sample.silhouettes import SILHOUETTES, fill, place, unit_vectors

# The publisher's pages and the server that they lead to.
ADDRESSES = ("https://www.robots.ox.ac.uk/~vgg/data/pets/data", "https://thor.robots.ox.ac.uk/pets")
MD5 = {
    "images.tar.gz": "5c4f3ee8e5d25df40f4fd59a7f44e54c",
    "annotations.tar.gz": "95a8c909bbe2e81eed6a22bccdf3f68f",
}
SCENES = 240
SHORTEST, LONGEST = 128, 208  # bounds of a scene's sides in pixels; sides are multiples of 16
QUALITY = 90  # of the JPEG files
CHUNK = 10  # scenes that a worker draws at a time

Shape = tuple[str, np.ndarray]  # an object's class and its outline in pixels, float64 (n, 2)


@dataclass(frozen=True)
class ObjectClass:
    """A class of objects.

    Attributes:
        share: of all objects.
        smallest: smallest half-size of an object, as a share of the scene's shorter side.
        largest: largest half-size.
        colour: mean colour, RGB.
    """

    share: float
    smallest: float
    largest: float
    colour: tuple[int, int, int]


CLASSES = {
    "house": ObjectClass(0.35, 0.10, 0.17, (190, 90, 70)),
    "tree": ObjectClass(0.30, 0.08, 0.15, (60, 140, 70)),
    "arrow": ObjectClass(0.20, 0.06, 0.11, (70, 90, 190)),
    "star": ObjectClass(0.15, 0.05, 0.08, (215, 190, 60)),
}
COLOUR_SPREAD = 40  # largest difference of an object's colour from its class's mean colour, in grey levels
MOST_OBJECTS = 7  # per scene
MOST_FOREGROUND = 0.14  # largest share of a scene's pixels that objects cover


def draw_sample() -> dict[str, bytes]:
    """Draw `scenes.zip`: 240 JPEG scenes of several sizes, each with a LabelMe 5 file of polygons beside it."""
    drawn = on_all_cores(_draw_scenes, list(range(SCENES)), "drawing the segmentation sample", CHUNK)

    def files() -> Iterator[tuple[str, bytes]]:
        for number, (image, shapes) in enumerate(drawn):
            name = f"scene_{number:03d}"
            yield f"scenes/{name}.jpg", jpeg(Image.fromarray(image), QUALITY)
            yield f"scenes/{name}.json", json.dumps(_labelme(f"{name}.jpg", image, shapes), indent=1).encode()

    return {"scenes.zip": zip_stored(files())}


def _draw_scenes(numbers: list[int]) -> list[tuple[np.ndarray, list[Shape]]]:
    """Draw scenes, each from a generator keyed by the scene's number."""
    cv2.setNumThreads(0)  # the worker processes use all cores already
    return [_draw_scene(np.random.default_rng([0, number])) for number in numbers]


def _draw_scene(draw: np.random.Generator) -> tuple[np.ndarray, list[Shape]]:
    """Draw a scene: an RGB image, uint8 (h, w, 3), and its objects from back to front."""
    height, width = (int(side) * 16 for side in draw.integers(SHORTEST // 16, LONGEST // 16 + 1, 2))
    canvas = _draw_landscape(height * OVERSAMPLING, width * OVERSAMPLING, draw)
    shapes: list[Shape] = []
    covered = 0.0
    shares = np.array([kind.share for kind in CLASSES.values()])
    for _ in range(draw.integers(1, MOST_OBJECTS + 1)):
        name = list(CLASSES)[int(np.searchsorted(shares.cumsum(), draw.random() * shares.sum(), side="right"))]
        kind = CLASSES[name]
        scale = (kind.smallest + draw.random() * (kind.largest - kind.smallest)) * min(height, width)
        centre = _choose_centre(draw, height, width, shapes)
        turn = unit_vectors((draw.random() - 0.5) * 0.5)
        points = np.rint(place(SILHOUETTES[name][0][1], centre, scale, turn, draw.random() < 0.5) * 100) / 100
        covered += scale * scale * 2 / (height * width)
        if covered > MOST_FOREGROUND:
            break
        _paint(canvas, points, kind.colour, draw)
        shapes.append((name, points))
    image = cv2.GaussianBlur(shrink(canvas), (3, 3), 0)
    return add_noise(image, 10, draw), shapes


def _draw_landscape(height: int, width: int, draw: np.random.Generator) -> np.ndarray:
    """Draw sky over ground, with clutter and texture; uint8 (height, width, 3)."""
    canvas = soft_noise(height, width, 3, draw) // 4 + 112
    horizon = int(height * (0.3 + 0.4 * draw.random()))
    canvas[horizon:] = soft_noise(height - horizon, width, 6, draw) // 4 + 64
    for _ in range(6):
        corners = draw.random((4, 2)) * min(height, width) * 0.2
        fill(canvas, corners + draw.random(2) * (width, height), random_colour(draw, 48, 208))
    return canvas


def _choose_centre(draw: np.random.Generator, height: int, width: int, shapes: list[Shape]) -> np.ndarray:
    """Return a position in the scene; in 3 of 10 cases a corner of the last object, so that objects overlap."""
    if shapes and draw.random() < 0.3:
        corners = shapes[-1][1]
        corner: np.ndarray = corners[int(draw.integers(len(corners)))]
        return corner
    return (0.1 + 0.8 * draw.random(2)) * (width, height)


def _paint(canvas: np.ndarray, points: np.ndarray, mean: tuple[int, int, int], draw: np.random.Generator) -> None:
    """Draw an object on `canvas` in a colour near `mean`, softly shaded."""
    mask = np.zeros(canvas.shape[:2], np.uint8)
    fill(mask, points * OVERSAMPLING + (OVERSAMPLING - 1) / 2, 255)
    colour = draw.integers(-COLOUR_SPREAD, COLOUR_SPREAD + 1, 3) + mean
    height, width = canvas.shape[:2]
    shade = soft_noise(height, width, 3, draw).astype(np.int16) // 4 - 32
    canvas[mask > 0] = np.clip(shade + colour, 0, 255)[mask > 0]


def _labelme(file: str, image: np.ndarray, shapes: list[Shape]) -> dict[str, Any]:
    """Return the content of a LabelMe file (https://github.com/wkentaro/labelme, format 5)."""
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


DATASET = Dataset(
    files=tuple(PublishedFile(tuple(f"{base}/{name}" for base in ADDRESSES), md5) for name, md5 in MD5.items()),
    draw_sample=draw_sample,
)
