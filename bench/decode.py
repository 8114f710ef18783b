"""How fast Tiny ImageNet is prepared, beside a bare loop over the same decoder.

    python -m bench.decode ARCHIVE.zip

Prints the images a second and core of both and their ratio. The bare loop decodes from memory, a share of the
images on every core at once, since cores that share a cache are slower together; preparing reads the zip, decodes
on all cores and writes the packed arrays. Both go through all images, in turns, and the median of the rounds'
ratios counts.
"""

import io
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
from darkroom.common.parallel import cores
from darkroom.datasets.parameters import SplitParameters
from darkroom.datasets.tiny_imagenet import prepare_tiny_imagenet

ROUNDS = 3


def main(archive: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder, "raw")
        raw.mkdir()
        (raw / "archive.zip").symlink_to(Path(archive).resolve())
        with open_archives(raw) as members:
            files = [member for name, member in members.items() if name.endswith(".JPEG")]
        ratios = []
        for _ in range(ROUNDS):
            bare, prepared = bare_loops(files), preparing(raw, Path(folder))
            images = sum(read_json(Path(folder, "prepared", "dataset.json"))["images"].values())
            ratios.append(prepared / images / (bare / len(files)))
            for name, number, seconds in (("bare loop", len(files), bare), ("preparing", images, prepared)):
                print(f"{name}: {number} images in {seconds:.1f} s, {number / seconds / cores():.0f} images/s a core")
    print(f"ratio of the times per core: {statistics.median(ratios):.2f}")


def bare_loops(files: list[Member]) -> float:
    """Seconds to decode `files` once, a share on every core, the mean of the cores."""
    shares = [files[core :: cores()] for core in range(cores())]
    with ProcessPoolExecutor(cores()) as pool:
        return statistics.mean(pool.map(bare_loop, shares))


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
