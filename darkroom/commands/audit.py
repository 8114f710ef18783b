"""The command `python -m darkroom audit`: audit images without a trained model."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from darkroom.archives.index import index_archives, list_files
from darkroom.archives.member import Member
from darkroom.audit.audit import count_entries, find_entries
from darkroom.audit.findings import Finding, Place
from darkroom.audit.images import find_odd_images
from darkroom.audit.kinds import Audited
from darkroom.audit.table import KINDS, Entry, Named, name_findings, write_findings
from darkroom.audit.thumbnails import SIDE, Thumbnails
from darkroom.common.errors import UserError
from darkroom.common.files import replacing, write_json
from darkroom.common.parallel import on_all_cores
from darkroom.datasets.cifar10 import prepare_cifar10
from darkroom.datasets.decode import CHUNK, decode_splits, decoding_workers, image_sizes
from darkroom.datasets.description import SPLITS, Description
from darkroom.datasets.idx import prepare_mnist
from darkroom.datasets.image_folder import read_image_folder
from darkroom.datasets.packed import describe
from darkroom.datasets.parameters import SplitParameters
from darkroom.datasets.tiny_imagenet import prepare_tiny_imagenet
from darkroom.device.setup import set_up
from darkroom.figures.audit_page import write_audit_page
from darkroom.sources.fetch import fetch
from darkroom.sources.parameters import FetchParameters

IMAGE_SIZE = 64  # pixels of the side to which images of files are scaled and cropped
SUREST = 5  # findings of each kind that are printed
SEED = 0
Prepare = Callable[[SplitParameters, str, Path, Path], None]
LAYOUTS: tuple[tuple[str, Prepare], ...] = (  # the start of the name of a file that only this layout has
    ("data_batch_1", prepare_cifar10),
    ("batches.meta", prepare_cifar10),
    ("fine_label_names", prepare_cifar10),
    ("wnids.txt", prepare_tiny_imagenet),
    ("train-images-idx3", prepare_mnist),
    ("train-images.idx3", prepare_mnist),
)


@dataclass(frozen=True)
class Prepared:
    """A source that is prepared.

    Attributes:
        data: the folder of the prepared data set.
        is_task: it is that of a task.
        sizes: (height, width) of the files by split, where they were scaled.
        corrupt: files that do not decode, with the names of their splits and classes.
    """

    data: Path
    is_task: bool = False
    sizes: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    corrupt: list[tuple[str, Named]] = field(default_factory=list)


def audit_sources(sources: list[str], out: Path | None, as_json: bool) -> None:
    """Audit images, and print a summary.

    Args:
        sources: folders, archives, or names of tasks that are prepared.
        out: a new folder for `findings.csv`, `audit.json` and `audit.html`; of several sources, each has a folder in
            it. None: nothing is written.
        as_json: print JSON, a list if there are several sources.

    Raises:
        UserError: a source cannot be read, or `out` exists.
    """
    if out is not None and out.exists():
        raise UserError(f"{out}: exists already; give a new folder or remove it")
    told = []
    for source in sources:
        title = Path(source).resolve().name if Path(source).exists() else source
        told.append(_audit(source, title, out / title if out is not None and len(sources) > 1 else out, not as_json))
    if as_json:
        print(json.dumps(told if len(told) > 1 else told[0], indent=2, ensure_ascii=False))


def _audit(source: str, title: str, out: Path | None, has_summary: bool) -> dict[str, Any]:
    """Audit one source, and return its counts and findings."""
    with (
        tempfile.TemporaryDirectory(prefix="darkroom-audit-", ignore_cleanup_errors=True) as scratch,
        _prepared(source, Path(scratch)) as prepared,
    ):
        description = Description.read(prepared.data)
        audited = Audited(prepared.data, description, SEED, set_up())
        entries = [*find_entries(audited, Path(scratch, "found")), *_find_in_files(prepared)]
        entries = sorted(entries, key=lambda entry: KINDS.index(entry.finding.kind))
        if not prepared.is_task:
            entries = [replace(one, image=_by_file(one.image), other=_by_file(one.other)) for one in entries]
        counts = count_entries(prepared.data, description, entries)
        if out is not None:
            with replacing(out) as temporary:
                temporary.mkdir(parents=True)
                write_findings(temporary / "findings.csv", entries)
                write_json(temporary / "audit.json", counts)
                page = temporary / "audit.html"
                write_audit_page(page, title, prepared.data, temporary, counts, "en", prepared.is_task)
    if has_summary:
        _print_summary(source, description, counts, entries)
    findings = [
        {
            "kind": entry.finding.kind,
            "score": round(entry.finding.score, 4),
            "image": entry.image.name,
            "other": entry.other.name or None,
            "class": entry.image.label,
            "note": entry.finding.note,
        }
        for entry in entries
    ]
    return {"source": source, "images": description.images, **counts, "findings": findings}


@contextmanager
def _prepared(source: str, scratch: Path) -> Iterator[Prepared]:
    """Prepare a source in `scratch`. A task is prepared already."""
    path, task = Path(source), Path("data/prepared", source)
    if path.is_dir():
        yield _prepare(path, list_files(path), scratch)
    elif path.is_file():
        with index_archives([path], scratch) as members:
            yield _prepare(path, members, scratch)
    elif (task / "dataset.json").is_file():
        yield Prepared(task, is_task=True)
    else:
        raise UserError(f"{source}: is no folder, no archive, and no task that is prepared (`dvc repro prepare@TASK`)")


def _prepare(path: Path, members: dict[str, Member], scratch: Path) -> Prepared:
    """Prepare the files of a folder or an archive."""
    names = [PurePosixPath(name).name for name in members]
    for start, prepare in LAYOUTS:
        if any(name.startswith(start) for name in names):
            fetch(FetchParameters(source="sample", archive=str(path.absolute())), scratch / "raw", project=scratch)
            prepare(SplitParameters(seed=SEED, validation=0), "audit", scratch / "raw", scratch / "data")
            return Prepared(scratch / "data")
    splits, classes = read_image_folder(members, path)
    everything = [(split, member, label) for split in SPLITS for member, label in splits.get(split, [])]
    sizes = list(on_all_cores(image_sizes, [member for _, member, _ in everything], "reading images", CHUNK))
    labelled: dict[str, list[tuple[Member, int]]] = {split: [] for split in SPLITS}
    prepared = Prepared(scratch / "data", sizes={split: [] for split in SPLITS})
    for (split, member, label), size in zip(everything, sizes, strict=True):
        if size is None:
            prepared.corrupt.append((split, Named(member.name, member.name, label)))
        else:
            labelled[split].append((member, classes.index(label)))
            prepared.sizes[split].append(size)
    if not labelled["train"]:
        raise UserError(f"{path}: has no training image that decodes; replace the files")
    with decoding_workers(fit=True) as decode:
        decode_splits(decode, prepared.data, labelled, (IMAGE_SIZE, IMAGE_SIZE))
    describe(prepared.data, classes)
    return prepared


def _find_in_files(prepared: Prepared) -> list[Entry]:
    """Return what looks wrong in files and is not seen in packed images: their sizes, and files that do not decode."""
    from darkroom.audit.kinds.classification import name_images

    entries = [
        Entry(Finding("corrupt", Place(split, number), 1.0), named, Named())
        for number, (split, named) in enumerate(prepared.corrupt)
    ]
    if any(prepared.sizes.values()):
        shapes = {split: np.array(sizes, np.int64).reshape(-1, 2) for split, sizes in prepared.sizes.items()}
        blank = {
            n: Thumbnails(np.zeros((len(s), SIDE, SIDE, 3), np.uint8), [""] * len(s), s) for n, s in shapes.items()
        }
        odd = [finding for finding in find_odd_images(blank) if finding.kind in ("tiny", "odd_size")]
        entries += name_findings(odd, name_images(prepared.data, Description.read(prepared.data)))
    return entries


def _by_file(named: Named) -> Named:
    """Return an image whose name is that of its file, where it has one."""
    return replace(named, name=named.file, file="") if named.file else named


def _print_summary(source: str, description: Description, counts: dict[str, Any], entries: list[Entry]) -> None:
    images = ", ".join(f"{number:,} {split}" for split, number in description.images.items() if number)
    print(f"{source}: {images}")
    for name, value in counts.items():
        shown = ", ".join(f"{part} {n:,}" for part, n in value.items()) if isinstance(value, dict) else value
        print(f"  {name.replace('_', ' ')}: {shown}")
    for kind in KINDS:
        surest = [entry for entry in entries if entry.finding.kind == kind][:SUREST]
        if surest:
            print(f"{kind.replace('_', ' ')}:")
        for entry in surest:
            other = f" = {entry.other.name}" if entry.finding.other else ""
            note = f" ({entry.finding.note})" if entry.finding.note else ""
            print(f"  {entry.finding.score:.2f}  {entry.image.name}{other}{note}")
