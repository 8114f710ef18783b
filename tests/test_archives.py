import gzip
import io
import itertools
import os
import random
import shutil
import sys
import tarfile
import types
import unicodedata
import zipfile
import zlib
from pathlib import Path

import pytest
from conftest import write_tar, write_zip

from darkroom.archives.index import list_files, open_archives
from darkroom.archives.text import likely_encodings
from darkroom.common.errors import UserError

FILES = {"set/a.txt": b"first" * 100, "set/b/c.txt": b"second"}


@pytest.mark.parametrize("kind", ["zip", "w:", "w:gz", "w:bz2", "w:xz"])
def test_members_are_read_from_every_format(folder: Path, kind: str) -> None:
    if kind == "zip":
        write_zip(folder / "raw" / "a.zip", FILES)
    else:
        write_tar(folder / "raw" / "a.tar", FILES, kind)
    with open_archives(folder / "raw") as members:
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
    with open_archives(folder / "raw") as members, zipfile.ZipFile(path) as archive:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
        assert list(members) == names
        assert names[-1] == "set/éld"
        assert [member.read() for member in members.values()] == [archive.read(name) for name in names]


def test_encrypted_files_are_refused(folder: Path) -> None:
    path = write_zip(folder / "raw" / "a.zip", FILES)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="set/a.txt: is encrypted"), open_archives(folder / "raw"):
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
            with open_archives(folder / "raw") as members:
                for member in members.values():
                    member.read()
        except UserError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 100


def test_two_archives_are_one_tree_and_litter_is_left_out(folder: Path) -> None:
    write_tar(folder / "raw" / "images.tar.gz", {"images/a.jpg": b"1", "__MACOSX/images/._a.jpg": b"x"})
    write_tar(folder / "raw" / "masks.tar.gz", {"masks/a.png": b"2", "masks/.DS_Store": b"x"})
    with open_archives(folder / "raw") as members:
        assert list(members) == ["images/a.jpg", "masks/a.png"]


@pytest.mark.parametrize("name", ["../out.txt", "set/../../out.txt", "/etc/out.txt", "C:\\out.txt", "..\\out.txt"])
@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_names_that_lead_out_are_refused(folder: Path, name: str, write) -> None:
    write(folder / "raw" / "archive", {**FILES, name: b"x"})
    with pytest.raises(UserError, match="leads out of the archive"), open_archives(folder / "raw"):
        pass


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret"])
def test_links_that_lead_out_are_refused(folder: Path, target: str) -> None:
    write_tar(folder / "raw" / "a.tar.gz", FILES, links={"set/link": target})
    with pytest.raises(UserError, match="leads out of the archive"), open_archives(folder / "raw"):
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
    with pytest.raises(UserError, match="empty|damaged|cut short"), open_archives(folder / "raw"):
        pass


@pytest.mark.parametrize("kind", ["w:gz", "w:bz2", "w:xz"])
def test_damaged_compressed_tars_are_refused(folder: Path, kind: str) -> None:
    path = write_tar(folder / "raw" / "a.tar", {"set/a.bin": random.Random(0).randbytes(9000)}, kind)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(UserError, match="a.tar: is damaged or cut short"), open_archives(folder / "raw"):
        pass


def test_tar_cut_between_members_is_refused(folder: Path) -> None:
    path = write_tar(folder / "raw" / "a.tar", {"a": b"x" * 512, "b": b"y" * 512}, "w:")
    path.write_bytes(path.read_bytes()[:1024])
    with pytest.raises(UserError, match="cut short"), open_archives(folder / "raw"):
        pass


def test_damaged_member_is_refused(folder: Path) -> None:
    path = write_zip(folder / "raw" / "a.zip", FILES)
    content = bytearray(path.read_bytes())
    content[45] ^= 0xFF
    path.write_bytes(content)
    with open_archives(folder / "raw") as members, pytest.raises(UserError, match="damaged"):
        members["set/a.txt"].read()


def test_decompression_bombs_are_refused(folder: Path) -> None:
    write_zip(folder / "raw" / "a.zip", {"set/a.txt": b"0" * 9000})
    with open_archives(folder / "raw") as members:
        [member] = members.values()
    assert member.unpacked == len(member.read()) == 9000
    with pytest.raises(UserError, match="a.txt: would unpack .* bytes to 1073741824; fetch another"):
        member._replace(unpacked=1 << 30).read()
    with pytest.raises(UserError, match="a.txt: is damaged"):  # it has more bytes than the directory says
        member._replace(unpacked=100).read()


def test_other_files_are_refused(folder: Path) -> None:
    (folder / "raw").mkdir()
    (folder / "raw" / "page.html").write_text("<html>not found</html>")
    with pytest.raises(UserError, match="no zip and no tar"), open_archives(folder / "raw"):
        pass
    (folder / "raw" / "page.html").write_bytes(gzip.compress(b"no tar"))
    with pytest.raises(UserError, match="no zip and no tar"), open_archives(folder / "raw"):
        pass


def raw_zip(path: Path, names: list[bytes], extra: bytes = b"", content: bytes = b"x") -> Path:
    """A zip whose names are these bytes, without a flag that says what they are in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    marks = [f"{number:03}".ljust(len(name), "N")[: len(name)] for number, name in enumerate(names)]
    with zipfile.ZipFile(path, "w") as archive:
        for mark in marks:
            info = zipfile.ZipInfo(mark)
            info.extra = extra
            archive.writestr(info, content)
    written = path.read_bytes()
    for mark, name in zip(marks, names, strict=True):
        written = written.replace(mark.encode(), name)
    path.write_bytes(written)
    return path


def names_in(raw: Path, encoding: str | None = None) -> list[str]:
    with open_archives(raw, encoding) as members:
        assert all(member.read() for member in members.values())
        return list(members)


WORDS = {
    "gb18030": ["裂缝", "锈蚀", "标注", "图片", "正常", "缺陷", "背景", "行人"],
    "big5": ["裂縫", "鏽蝕", "標註", "圖片", "正常", "缺陷", "背景", "行人"],
    "cp932": ["ひび", "錆び", "画像", "正常", "不良", "背景", "歩行者", "りんご"],
    "cp949": ["균열", "녹슨", "사진", "정상", "불량", "배경", "보행자", "고양이", "강아지", "자동차"],
    "cp1252": ["Größe", "café", "Äpfel", "señal", "forêt", "Mädchen"],
    "cp437": ["Größe", "café", "Äpfel", "señal", "forêt", "Mädchen"],
    "euc_jp": ["ひび", "錆び", "画像", "正常", "不良", "背景", "歩行者", "りんご"],
    "cp1250": ["nepřítel", "žlutý", "kůň", "město", "člověk", "úředník"],
    "cp852": ["nepřítel", "žlutý", "kůň", "město", "člověk", "úředník"],
    "cp1254": ["güneş", "çocuk", "ışık", "ağaç", "kırmızı", "öğrenci"],
    "cp1257": ["žalia", "ėjimas", "ąžuolas", "šviesa", "kačių", "gėlė"],
    "cp1251": ["трещина", "ржавчина", "собака", "дерево", "дорога"],
    "cp866": ["трещина", "ржавчина", "собака", "дерево", "дорога"],
    "utf-8": ["裂缝", "café"],
}


@pytest.mark.parametrize("encoding", WORDS)
def test_names_of_an_encoding_that_nothing_tells(folder: Path, encoding: str) -> None:
    names = [f"some set/{word}/{number}.png" for number, word in enumerate(WORDS[encoding])]
    raw_zip(folder / "raw" / "a.zip", [name.encode(encoding) for name in names])
    assert names_in(folder / "raw") == names


@pytest.mark.parametrize("encoding", WORDS)
def test_names_are_never_read_wrongly(encoding: str) -> None:
    """However few there are: in what is certain they read as they were written."""
    for count in (1, 2, 3):
        for words in itertools.combinations(WORDS[encoding], count):
            content = "\n".join(words).encode(encoding)
            found = likely_encodings(content)
            assert len(found) != 1 or content.decode(found[0]) == "\n".join(words), (words, found)


def test_names_that_may_be_in_several_encodings(folder: Path) -> None:
    raw_zip(folder / "raw" / "a.zip", ["猫/1.png".encode("gbk"), "狗/1.png".encode("gbk")])
    with pytest.raises(
        UserError,
        match=r"a.zip: does not state .* gb18030 \(猫/1.png\) or .*: set encoding, or --encoding",
    ):
        names_in(folder / "raw")
    assert names_in(folder / "raw", "gbk") == ["猫/1.png", "狗/1.png"]
    with pytest.raises(UserError, match="is not valid ascii"):
        names_in(folder / "raw", "ascii")
    with pytest.raises(UserError, match="there is no such encoding"):
        names_in(folder / "raw", "gbk3")


def test_the_unicode_path_field_comes_first(folder: Path) -> None:
    old, name = "猫.png".encode("gbk"), "猫.png"
    for checksum, expected in ((zlib.crc32(old), [name]), (0, None)):
        content = b"\1" + checksum.to_bytes(4, "little") + name.encode()
        extra = (0x7075).to_bytes(2, "little") + len(content).to_bytes(2, "little") + content
        raw_zip(folder / "raw" / "a.zip", [old], extra)
        if expected:
            assert names_in(folder / "raw") == expected
        else:  # it belongs to the name that the entry had before it was renamed
            with pytest.raises(UserError, match="does not state the encoding"):
                names_in(folder / "raw")


def test_backslashes_and_forms_of_unicode(folder: Path) -> None:
    raw_zip(folder / "raw" / "a.zip", [b"set\\cat\\1.png", unicodedata.normalize("NFD", "set/Ü.png").encode()])
    assert names_in(folder / "raw") == ["set/cat/1.png", "set/Ü.png"]
    write_zip(folder / "raw" / "a.zip", {unicodedata.normalize(form, "Ü.png"): b"x" for form in ("NFC", "NFD")})
    with pytest.raises(UserError, match="is in the archive twice"):
        names_in(folder / "raw")
    raw_zip(folder / "raw" / "a.zip", [b"..\\..\\a.png"])
    with pytest.raises(UserError, match="leads out of the archive"):
        names_in(folder / "raw")


def linked_tar(path: Path, links: dict[str, tuple[bytes, str]]) -> None:
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, (kind, target) in links.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)


def test_links_in_tars_are_what_they_lead_to(folder: Path) -> None:
    links = {
        "hard.txt": (tarfile.LNKTYPE, "set/a.txt"),
        "set/soft.txt": (tarfile.SYMTYPE, "a.txt"),
        "far/soft.txt": (tarfile.SYMTYPE, "../set/b/c.txt"),
        "chain.txt": (tarfile.SYMTYPE, "far/soft.txt"),
        "other": (tarfile.SYMTYPE, "set/b"),
        "through.txt": (tarfile.SYMTYPE, "other/c.txt"),
    }
    linked_tar(folder / "raw" / "a.tar", links)
    with open_archives(folder / "raw") as members:
        found = {name: member.read() for name, member in members.items()}
    first, second = FILES.values()
    assert found == {
        **FILES, "hard.txt": first, "set/soft.txt": first, "far/soft.txt": second, "chain.txt": second,
        "other/c.txt": second, "through.txt": second,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("links", "message"),
    [({"x.txt": "nowhere.txt"}, "x.txt: is a link to nowhere.txt, which is not in the archive"),
     ({"x": "y", "y": "x"}, "is a link that leads back to itself"),
     ({"x.txt": "../../etc/passwd"}, "leads out of the archive")],
)  # fmt: skip
def test_links_to_nothing_are_refused(folder: Path, links: dict[str, str], message: str) -> None:
    linked_tar(folder / "raw" / "a.tar", {name: (tarfile.SYMTYPE, target) for name, target in links.items()})
    with pytest.raises(UserError, match=message):
        names_in(folder / "raw")


def test_links_in_zips_are_refused_by_name(folder: Path) -> None:
    (folder / "raw").mkdir()
    with zipfile.ZipFile(folder / "raw" / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("set/link.png")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        archive.writestr(info, "a.png")
    with pytest.raises(UserError, match="a.zip: set/link.png: is a link"):
        names_in(folder / "raw")


LITTER = [
    ".DS_Store", "set/._a.png", "__MACOSX/set/a.png", "set/.ipynb_checkpoints/a-checkpoint.png", "set/@eaDir/a.png",
    "set/Thumbs.db", "set/DESKTOP.INI", ".git/config", "$RECYCLE.BIN/a.png", "set/~$a.xlsx", ".hidden/a.png",
]  # fmt: skip


def test_what_systems_leave_behind_is_left_out(folder: Path) -> None:
    files = {**dict.fromkeys(LITTER, b"x"), "set/_b.png": b"x", "set/a.png": b"x"}
    for pack in (write_zip, write_tar):
        pack(folder / "raw" / "a", files)
        assert names_in(folder / "raw") == ["set/_b.png", "set/a.png"]
    for name in files:
        (folder / "set of files" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "set of files" / name).write_bytes(b"x")
    assert list(list_files(folder / "set of files")) == ["set/_b.png", "set/a.png"]


def test_a_tar_that_ends_in_a_zip_is_a_tar(folder: Path) -> None:
    inner = write_zip(folder / "inner.zip", {"other.txt": b"other"}).read_bytes()
    path = write_tar(folder / "raw" / "a.tar", {**FILES, "inner.zip": inner}, "w:")
    content = path.read_bytes()
    end = content.rindex(inner) + len(inner)
    path.write_bytes(content[: end + (-end) % 512 + 1024])
    assert names_in(folder / "raw") == [*FILES, "inner.zip"]


def test_messages_name_no_temporary_file(folder: Path) -> None:
    path = write_tar(folder / "raw" / "a.tar.gz", FILES)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError) as damaged:
        names_in(folder / "raw")
    assert "unpacked" not in str(damaged.value) and "a.tar.gz" in str(damaged.value)


def write_7z(path: Path, files: dict[str, bytes], **options) -> Path:
    py7zr = pytest.importorskip("py7zr")
    path.parent.mkdir(parents=True, exist_ok=True)
    with py7zr.SevenZipFile(path, "w", **options) as archive:
        for name, content in files.items():
            archive.writestr(content, name)
    return path


def test_7z_archives_are_read(folder: Path) -> None:
    files = {**FILES, "猫/ö.txt": b"third", "empty": b"", "set/.DS_Store": b"x"}
    write_7z(folder / "raw" / "a.7z", files)
    with open_archives(folder / "raw") as members:
        found = {name: member.read() for name, member in members.items()}
    assert found == {name: content for name, content in files.items() if "DS_Store" not in name}
    assert [path.name for path in folder.iterdir()] == ["raw"], "nothing unpacked stays behind"


def test_bad_7z_archives_are_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_7z(folder / "raw" / "a.7z", {"set/a.bin": random.Random(0).randbytes(9000)}, password="secret")
    with pytest.raises(UserError, match="a.7z: is encrypted; pack it again without a password"):
        names_in(folder / "raw")
    whole = write_7z(path, {"set/a.bin": random.Random(0).randbytes(9000)}).read_bytes()
    for content in (cut(whole, 0.5), whole[:40], whole[:2000] + b"\0" * 9 + whole[2009:]):
        path.write_bytes(content)
        with pytest.raises(UserError, match="a.7z: is damaged or cut short") as error:
            names_in(folder / "raw")
        assert "\n" not in str(error.value)
    path.write_bytes(whole)
    free = shutil.disk_usage(folder)._replace(free=5000)
    monkeypatch.setattr("darkroom.archives.unpacked_index.shutil.disk_usage", lambda path: free)
    with pytest.raises(UserError, match="a.7z: unpacks to 0.0 GB, and 0.0 GB are free"):
        names_in(folder / "raw")


@pytest.mark.skipif(os.name == "nt", reason="making links needs rights there")
def test_links_in_7z_archives_are_refused(folder: Path) -> None:
    py7zr = pytest.importorskip("py7zr")
    (folder / "raw").mkdir()
    (folder / "link.png").symlink_to("/etc/passwd")
    with py7zr.SevenZipFile(folder / "raw" / "a.7z", "w") as archive:
        archive.write(folder / "link.png", "set/link.png")
    with pytest.raises(UserError, match="a.7z: set/link.png: is a link; pack the file itself"):
        names_in(folder / "raw")


class FakeRarInfo:
    """What rarfile tells of a file."""

    def __init__(self, filename: str, content: bytes = b"", kind: str = "file") -> None:
        self.filename, self.content, self.kind, self.file_size = filename, content, kind, len(content)

    def is_dir(self) -> bool:
        return self.kind == "dir"

    def is_file(self) -> bool:
        return self.kind in ("file", "secret")

    def needs_password(self) -> bool:
        return self.kind == "secret"


@pytest.fixture
def rar(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[FakeRarInfo | Exception]:
    """The files in a rar archive, which nothing free can make. A stand-in for rarfile reads them."""
    infos: list[FakeRarInfo | Exception] = []
    fake = types.ModuleType("rarfile")
    fake.Error = type("Error", (Exception,), {})
    fake.RarCannotExec = type("RarCannotExec", (fake.Error,), {})

    class RarFile:
        def __init__(self, path: Path) -> None:
            assert path.read_bytes().startswith(b"Rar!")

        def __enter__(self) -> "RarFile":
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def infolist(self) -> list[FakeRarInfo]:
            return [info for info in infos if isinstance(info, FakeRarInfo)]

        def open(self, info: FakeRarInfo) -> io.BytesIO:
            for error in infos:
                if isinstance(error, Exception):
                    raise error
            return io.BytesIO(info.content)

    fake.RarFile = RarFile
    monkeypatch.setitem(sys.modules, "rarfile", fake)
    (folder / "raw").mkdir()
    (folder / "raw" / "a.rar").write_bytes(b"Rar!\x1a\x07\x01\x00 and more")
    return infos


def test_rar_archives_are_read(folder: Path, rar: list[FakeRarInfo | Exception]) -> None:
    rar += [FakeRarInfo("set/", kind="dir"), FakeRarInfo("set\\a.txt", b"first"), FakeRarInfo("猫.txt", b"second")]
    with open_archives(folder / "raw") as members:
        assert {name: member.read() for name, member in members.items()} == {"set/a.txt": b"first", "猫.txt": b"second"}
    assert [path.name for path in folder.iterdir()] == ["raw"]


@pytest.mark.parametrize(
    ("info", "message"),
    [(FakeRarInfo("../a.txt", b"x"), "leads out of the archive"),
     (FakeRarInfo("link", kind="link"), "a.rar: link: is a link; pack the file itself"),
     (FakeRarInfo("a.txt", b"x", "secret"), "a.rar: is encrypted"),
     (FakeRarInfo("set/", kind="dir"), "a.rar: holds no files")],
)  # fmt: skip
def test_bad_rar_archives_are_one_line(
    folder: Path, rar: list[FakeRarInfo | Exception], info: FakeRarInfo, message: str
) -> None:
    rar.append(info)
    with pytest.raises(UserError, match=message):
        names_in(folder / "raw")


def test_what_rarfile_complains_of_is_one_line(folder: Path, rar: list[FakeRarInfo | Exception]) -> None:
    fake = sys.modules["rarfile"]
    rar += [FakeRarInfo("a.txt", b"x"), fake.Error("bad\nheader")]
    with pytest.raises(UserError, match=r"a.rar: is damaged or cut short \(bad header\)"):
        names_in(folder / "raw")
    rar[1] = fake.RarCannotExec("Cannot find working tool")
    with pytest.raises(UserError, match="a.rar: rarfile unpacks by a program that is not here; install unrar"):
        names_in(folder / "raw")


@pytest.mark.parametrize(("start", "library"), [(b"7z\xbc\xaf\x27\x1c", "py7zr"), (b"Rar!\x1a\x07\x00", "rarfile")])
def test_libraries_that_are_not_installed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, start: bytes, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)  # as if it were not there
    (folder / "raw").mkdir()
    (folder / "raw" / "a").write_bytes(start + bytes(100))
    with pytest.raises(UserError, match=f"install a library: pip install {library}; or pack a zip or tar"):
        names_in(folder / "raw")
