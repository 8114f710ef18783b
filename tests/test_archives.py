import gzip
import random
import zipfile
from pathlib import Path

import pytest
from conftest import write_tar, write_zip

from darkroom.archives.opened import opened
from darkroom.common.errors import UserError

FILES = {"set/a.txt": b"first" * 100, "set/b/c.txt": b"second"}


@pytest.mark.parametrize("kind", ["zip", "w:", "w:gz", "w:bz2", "w:xz"])
def test_members_are_read_from_every_format(folder: Path, kind: str) -> None:
    if kind == "zip":
        write_zip(folder / "raw" / "a.zip", FILES)
    else:
        write_tar(folder / "raw" / "a.tar", FILES, kind)
    with opened(folder / "raw") as members:
        assert {name: member.read() for name, member in members.items()} == FILES
    assert [path.name for path in folder.iterdir()] == ["raw"], "nothing unpacked stays behind"


@pytest.mark.parametrize("limit", [zipfile.ZIP64_LIMIT, 8], ids=["zip", "zip64"])
@pytest.mark.parametrize("before", [b"", b"#!/bin/sh\nunzip $0\n"], ids=["alone", "after a program"])
@pytest.mark.parametrize("comment", [b"", b"of 2015, PK\6\6 and all" * 9], ids=["", "comment"])
def test_zips_are_read_as_zipfile_reads_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch, limit: int, before: bytes, comment: bytes
) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", limit)  # beyond it, sizes and places stand in the extra fields
    path = folder / "raw" / "a.zip"
    path.parent.mkdir()
    path.write_bytes(before)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = comment
        archive.mkdir("set")
        for name, method in {"stored": zipfile.ZIP_STORED, "deflated": zipfile.ZIP_DEFLATED}.items():
            for ending in ("", ".é.あ"):
                archive.writestr(f"set/{name}{ending}", f"{name}{ending}" * 50, method)
        old = zipfile.ZipInfo("set/old")
        old.extra = b"UT\5\0\3abcd"  # of another kind, before the one that holds the place
        archive.writestr(old, b"old")
    path.write_bytes(path.read_bytes().replace(b"set/old", b"set/\x82ld"))  # é in the code page of DOS
    with opened(folder / "raw") as members, zipfile.ZipFile(path) as archive:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
        assert list(members) == names
        assert names[-1] == "set/éld"
        assert [member.read() for member in members.values()] == [archive.read(name) for name in names]


def test_encrypted_files_are_refused(folder: Path) -> None:
    path = write_zip(folder / "raw" / "a.zip", FILES)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="set/a.txt: is encrypted"), opened(folder / "raw"):
        pass


@pytest.mark.parametrize("limit", [zipfile.ZIP64_LIMIT, 8], ids=["zip", "zip64"])
def test_damaged_directories_never_end_in_a_traceback(
    folder: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", limit)
    path = write_zip(folder / "raw" / "a.zip", FILES)
    whole = path.read_bytes()
    draw, refused = random.Random(0), 0
    for _ in range(500):
        content = bytearray(whole)
        content[draw.randrange(whole.index(b"PK\1\2"), len(whole))] = draw.choice([0, 1, 0x7F, 0x80, 0xFF])
        path.write_bytes(content)
        try:
            with opened(folder / "raw") as members:
                for member in members.values():
                    member.read()
        except UserError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 100


def test_two_archives_are_one_tree_and_litter_is_left_out(folder: Path) -> None:
    write_tar(folder / "raw" / "images.tar.gz", {"images/a.jpg": b"1", "__MACOSX/images/._a.jpg": b"x"})
    write_tar(folder / "raw" / "masks.tar.gz", {"masks/a.png": b"2", "masks/.DS_Store": b"x"})
    with opened(folder / "raw") as members:
        assert list(members) == ["images/a.jpg", "masks/a.png"]


@pytest.mark.parametrize("name", ["../out.txt", "set/../../out.txt", "/etc/out.txt", "C:\\out.txt", "..\\out.txt"])
@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_names_that_lead_out_are_refused(folder: Path, name: str, write) -> None:
    write(folder / "raw" / "archive", {**FILES, name: b"x"})
    with pytest.raises(UserError, match="leads out of the archive"), opened(folder / "raw"):
        pass


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret"])
def test_links_that_lead_out_are_refused(folder: Path, target: str) -> None:
    write_tar(folder / "raw" / "a.tar.gz", FILES, links={"set/link": target})
    with pytest.raises(UserError, match="leads out of the archive"), opened(folder / "raw"):
        pass


def cut(content: bytes, share: float) -> bytes:
    return content[: int(len(content) * share)]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("kind", ["zip", "w:", "w:gz"])
def test_cut_archives_are_refused(folder: Path, kind: str, share: float) -> None:
    big = {f"set/{number}.bin": bytes(range(256)) * 80 for number in range(20)}
    path = folder / "raw" / "a"
    write_zip(path, big) if kind == "zip" else write_tar(path, big, kind)
    path.write_bytes(cut(path.read_bytes(), share))
    with pytest.raises(UserError, match="empty|damaged|cut short"), opened(folder / "raw"):
        pass


def test_tar_cut_between_members_is_refused(folder: Path) -> None:
    path = write_tar(folder / "raw" / "a.tar", {"a": b"x" * 512, "b": b"y" * 512}, "w:")
    path.write_bytes(path.read_bytes()[:1024])
    with pytest.raises(UserError, match="cut short"), opened(folder / "raw"):
        pass


def test_damaged_member_is_refused(folder: Path) -> None:
    path = write_zip(folder / "raw" / "a.zip", FILES)
    content = bytearray(path.read_bytes())
    content[45] ^= 0xFF
    path.write_bytes(content)
    with opened(folder / "raw") as members, pytest.raises(UserError, match="damaged"):
        members["set/a.txt"].read()


def test_other_files_are_refused(folder: Path) -> None:
    (folder / "raw").mkdir()
    (folder / "raw" / "page.html").write_text("<html>not found</html>")
    with pytest.raises(UserError, match="no zip and no tar"), opened(folder / "raw"):
        pass
    (folder / "raw" / "page.html").write_bytes(gzip.compress(b"no tar"))
    with pytest.raises(UserError, match="no zip and no tar"), opened(folder / "raw"):
        pass
