"""The same files as zip, tar, 7z or a folder give the same prepared bytes."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import CLASSES, jpeg_bytes, noise, scene_files, tiny_files, write_tar, write_zip

from darkroom.annotations.convert import convert_annotations
from darkroom.annotations.parameters import AnnotationParameters, MaskParameters
from darkroom.datasets.image_folder import prepare_image_folder
from darkroom.datasets.parameters import FolderParameters, SplitParameters
from darkroom.datasets.tiny_imagenet import prepare_tiny_imagenet
from darkroom.sources.fetch import fetch
from darkroom.sources.parameters import FetchParameters

Files = dict[str, bytes]


def photos() -> Files:
    return {f"photos/{name}/{n}.jpg": jpeg_bytes(noise(20, 24, n)) for n in range(8) for name in CLASSES}


def scenes() -> Files:
    files = scene_files(12)
    return {name: content.encode() if isinstance(content, str) else content for name, content in files.items()}


def prepare_photos(raw: Path, out: Path) -> None:
    parameters = FolderParameters(seed=0, validation=0.25, test=0.25, image_size=16)
    prepare_image_folder(parameters, "tasks.own", raw, out)


def prepare_scenes(raw: Path, out: Path) -> None:
    annotations = AnnotationParameters(format="auto")
    parameters = MaskParameters(seed=0, validation=0.2, test=0.2, annotations=annotations)
    convert_annotations(parameters, "tasks.own", raw, out)


def prepare_tiny(raw: Path, out: Path) -> None:
    prepare_tiny_imagenet(SplitParameters(seed=0, validation=0.25), "tasks.own", raw, out)


def as_folder(path: Path, files: Files) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def as_inner_folder(path: Path, files: Files) -> Path:
    return as_folder(path, files) / next(iter(files)).partition("/")[0]


def as_7z(path: Path, files: Files) -> Path:
    py7zr = pytest.importorskip("py7zr")
    with py7zr.SevenZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(content, name)
    return path


def backwards(path: Path, files: Files) -> Path:
    return write_tar(path, dict(reversed(files.items())))


FORMS = {
    "tar.gz": write_tar, "tar backwards": backwards, "7z": as_7z, "folder": as_folder, "inner folder": as_inner_folder,
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
@pytest.mark.parametrize(
    ("make", "prepare"),
    [(photos, prepare_photos), (scenes, prepare_scenes), (tiny_files, prepare_tiny)],
    ids=["photos", "scenes", "tiny"],
)
def test_all_forms_give_the_same_bytes(
    folder: Path, make: Callable[[], Files], prepare: Callable[[Path, Path], None], form: Callable[[Path, Files], Path]
) -> None:
    def prepared(archive: Path) -> dict[str, bytes]:
        fetch(FetchParameters(source="sample", archive=str(archive)), Path("raw"))
        prepare(Path("raw"), Path("out"))
        return {str(path.relative_to("out")): path.read_bytes() for path in Path("out").rglob("*") if path.is_file()}

    files = make()
    assert prepared(form(folder / "数据 of mine", files)) == prepared(write_zip(folder / "a.zip", files))
