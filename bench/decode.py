"""Measure how fast Tiny ImageNet is prepared, compared with a bare loop over the same decoder.

    python -m bench.decode ARCHIVE.zip

Prints images per second and core of both, and the median ratio of their times per image over some rounds.

The bare loop decodes images from memory. It runs on all cores at once, since cores that share a cache are slower
together. The preparation reads the zip archive, decodes on all cores and writes the packed arrays.
"""

import io
import shutil
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from PIL import Image

from darkroom.archives.index import open_archives
from darkroom.archives.member import Member
from darkroom.common.files import read_json, remove
from darkroom.common.platform import cores
from darkroom.datasets.parameters import SplitParameters
from darkroom.datasets.tiny_imagenet import prepare_tiny_imagenet

ROUNDS = 3


def main(archive: str) -> None:
    """Measure both with the zip archive at this path and print the results."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder, "raw")
        raw.mkdir()
        shutil.copyfile(archive, raw / "archive.zip")
        with open_archives(raw) as members:
            files = [member for name, member in members.items() if name.endswith(".JPEG")]
        ratios = []
        for _ in range(ROUNDS):
            bare, prepared = time_bare_loops(files), time_preparation(raw, Path(folder))
            images = sum(read_json(Path(folder, "prepared", "dataset.json"))["images"].values())
            ratios.append(prepared / images / (bare / len(files)))
            for name, number, seconds in (("bare loop", len(files), bare), ("preparation", images, prepared)):
                print(f"{name}: {number} images in {seconds:.1f} s, {number / seconds / cores():.0f} images/s per core")
    print(f"preparation takes this many times the bare loop: {statistics.median(ratios):.2f}")


def time_bare_loops(files: list[Member]) -> float:
    """Return the seconds to decode all files on all cores, each a part of them: the mean of the cores."""
    shares = [files[core :: cores()] for core in range(cores())]
    with ProcessPoolExecutor(cores()) as pool:
        return statistics.mean(pool.map(time_bare_loop, shares))


def time_bare_loop(files: list[Member]) -> float:
    """Return the seconds to decode `files` from memory."""
    contents = [file.read() for file in files]
    started = time.perf_counter()
    for content in contents:
        Image.open(io.BytesIO(content)).convert("RGB").tobytes()
    return time.perf_counter() - started


def time_preparation(raw: Path, folder: Path) -> float:
    """Return the seconds to prepare the archive in `raw`. The output goes to `folder`."""
    remove(folder / "prepared")
    started = time.perf_counter()
    parameters = SplitParameters(seed=0, validation=0.1)
    prepare_tiny_imagenet(parameters, "tasks.tiny_imagenet", raw, folder / "prepared")
    return time.perf_counter() - started


if __name__ == "__main__":
    main(sys.argv[1])
