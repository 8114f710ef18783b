"""How fast Tiny ImageNet is prepared, beside a bare loop over the same decoder.

    python -m bench.decode ARCHIVE.zip

Prints the images a second and core of both and their ratio. The bare loop decodes from memory, one on
every core at once, since cores that share a cache are slower together; preparing reads the zip, decodes
on all cores and writes the packed arrays. Both take turns, three times, and the best time of each counts.
"""

import io
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from PIL import Image

from darkroom.archives import Member, opened
from darkroom.common.files import read_json, remove
from darkroom.common.parallel import cores
from darkroom.datasets.parameters import SplitParameters
from darkroom.datasets.tiny_imagenet import prepare_tiny_imagenet

ROUNDS = 3
BARE_IMAGES = 10_000


def main(archive: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder, "raw")
        raw.mkdir()
        (raw / "archive.zip").symlink_to(Path(archive).resolve())
        with opened(raw) as members:
            files = [member for name, member in members.items() if name.endswith(".JPEG")][:BARE_IMAGES]
            rounds = [(bare_loops(files), preparing(raw, Path(folder))) for _ in range(ROUNDS)]
        bare, prepared = min(first for first, _ in rounds) / len(files), min(second for _, second in rounds)
        images = sum(read_json(Path(folder, "prepared", "dataset.json"))["images"].values())
    per_core = prepared * cores() / images
    print(f"bare loop: {1 / bare:.0f} images/s a core")
    print(f"preparing: {images} images in {prepared:.1f} s on {cores()} cores, {1 / per_core:.0f} images/s a core")
    print(f"ratio of the times per core: {per_core / bare:.2f}")


def bare_loops(files: list[Member]) -> float:
    """Seconds to decode `files` once on every core, the mean of the cores."""
    with ProcessPoolExecutor(cores()) as pool:
        return statistics.mean(pool.map(bare_loop, [files] * cores()))


def bare_loop(files: list[Member]) -> float:
    """Seconds to decode `files` from memory."""
    contents = [file.read() for file in files]
    started = time.perf_counter()
    for content in contents:
        Image.open(io.BytesIO(content)).convert("RGB").tobytes()
    return time.perf_counter() - started


def preparing(raw: Path, folder: Path) -> float:
    """Seconds that the stage takes where nothing was prepared before."""
    remove(folder / "prepared")
    started = time.perf_counter()
    parameters = SplitParameters(seed=0, validation=0.1)
    prepare_tiny_imagenet(parameters, "tasks.tiny_imagenet", raw, folder / "prepared", folder / "data.json")
    return time.perf_counter() - started


if __name__ == "__main__":
    main(sys.argv[1])
