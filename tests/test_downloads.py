"""Downloads from a server that throttles, cuts, redirects, is busy, and lies about what it sends."""

import gzip
import hashlib
import http.server
import random
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path

import pytest
from filelock import FileLock

from darkroom.common.errors import UserError
from darkroom.common.progress import LineProgress
from darkroom.sources import download, probe
from darkroom.sources.dataset import Dataset, PublishedFile
from darkroom.sources.datasets import oxford_pets
from darkroom.sources.fetch import fetch, own_mirror
from darkroom.sources.parameters import DownloadParameters, FetchParameters
from darkroom.sources.parts import open_part, original_project, parts_folder

CONTENT = random.Random(0).randbytes(2_000_000)
MD5 = hashlib.md5(CONTENT).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SIZE = len(CONTENT)
PIECE = 1 << 14


@dataclass
class File:
    """What the server does at a path.

    Attributes:
        content: of the file.
        cuts: after how many bytes the connection is cut, request by request.
        is_reset: whether a cut is a reset, and not an end.
        statuses: answers before the file: a status and headers, request by request.
        headers: of the answers with the file.
        lie: changes (status, headers, body) of an answer to a request for a range.
        pause: seconds between two pieces.
        requests: the headers that came.
        sent: bytes of bodies.
    """

    content: bytes = CONTENT
    cuts: list[int] = field(default_factory=list)
    is_reset: bool = False
    statuses: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    lie: Callable[[int, int, dict[str, str], bytes], tuple[int, dict[str, str], bytes]] | None = None
    pause: float = 0
    requests: list[dict[str, str]] = field(default_factory=list)
    sent: int = 0


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        file = self.server.files.get(self.path)
        if file is None:
            self.send_error(404)
            return
        asked = {name.lower(): value for name, value in self.headers.items()}
        file.requests.append(asked)
        if file.statuses:
            status, headers = file.statuses.pop(0)
            self.answer(status, {"Content-Length": "0", **headers})
            return
        status, headers, body, start = 200, {}, file.content, 0
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", asked.get("range", ""))
        if found and asked.get("if-range") in (None, file.headers.get("ETag"), file.headers.get("Last-Modified")):
            start, end = int(found[1]), min(int(found[2] or SIZE), len(file.content) - 1)
            status, body = 206, file.content[start : end + 1]
            headers = {"Content-Range": f"bytes {start}-{end}/{len(file.content)}"}
            if file.lie:
                status, headers, body = file.lie(start, status, headers, body)
        self.answer(status, {"Content-Length": str(len(body)), **headers, **file.headers})
        limit = file.cuts.pop(0) if file.cuts else len(body)
        for place in range(0, min(limit, len(body)), PIECE):
            piece = body[place : min(place + PIECE, limit)]
            try:
                self.wfile.write(piece)
            except ConnectionError:  # the client has enough
                return
            file.sent += len(piece)
            if file.pause:
                self.server.quiet.wait(file.pause)
        if limit < len(body) and file.is_reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def answer(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass

    def finish(self) -> None:
        with suppress(ValueError, OSError):  # the connection was reset
            super().finish()


class Server(http.server.ThreadingHTTPServer):
    """A server of files by path, on this machine."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, File] = {}
        self.quiet = threading.Event()
        self.base = f"http://127.0.0.1:{self.server_port}"

    def add(self, name: str, **options) -> File:
        self.files[f"/{name}"] = file = File(**options)
        return file

    def handle_error(self, request: object, client_address: object) -> None:
        pass


@pytest.fixture
def servers() -> Iterator[Callable[[], Server]]:
    started: list[Server] = []

    def start() -> Server:
        started.append(Server())
        threading.Thread(target=started[-1].serve_forever, args=(0.01,), daemon=True).start()
        return started[-1]

    yield start
    for server in started:
        server.quiet.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def server(servers: Callable[[], Server]) -> Server:
    return servers()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that a download would have waited; it does not wait."""
    waited: list[float] = []
    monkeypatch.setattr(download, "sleep", waited.append)
    return waited


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "DARKROOM_MIRROR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def archive(address: str, checksum: bool = True) -> FetchParameters:
    return FetchParameters(source="sample", archive=address, sha256=SHA256 if checksum else None)


def published(monkeypatch: pytest.MonkeyPatch, *addresses: str, content: bytes = CONTENT) -> FetchParameters:
    """The parameters of a data set of one file."""
    file = PublishedFile(addresses, hashlib.md5(content).hexdigest())
    monkeypatch.setattr(oxford_pets, "DATASET", Dataset((file,), dict))
    return FetchParameters(dataset="oxford_pets", source="published")


def fetched(parameters: FetchParameters, mirror: str | None = None) -> bytes:
    fetch(parameters, Path("raw"), mirror)
    [path] = Path("raw").iterdir()
    return path.read_bytes()


CUTS = [300_000, 1_100, 500_000, 400_000, 200_000]  # the second brings 76 new bytes


@pytest.mark.parametrize("checksum", [True, False], ids=["checksum", "validator"])
def test_five_cuts_cost_five_percent_at_most(folder: Path, server: Server, waits: list[float], checksum: bool) -> None:
    headers = {"Last-Modified": formatdate(1e9, usegmt=True)}
    file = server.add("set.zip", cuts=list(CUTS), headers=headers, pause=0.001)
    server.add("old.zip", statuses=[(302, {"Location": "/set.zip"})] * 9)
    assert fetched(archive(f"{server.base}/old.zip", checksum)) == CONTENT
    assert not file.cuts and len(file.requests) == 6
    assert file.sent <= 1.05 * SIZE
    assert all("range" in asked for asked in file.requests[1:]), "it is sent along to where a redirect leads"
    assert all(("if-range" in asked) is not checksum for asked in file.requests[1:])
    assert [1 <= seconds <= 2 for seconds in waits] == [True] * 5, "each attempt brought bytes"


def test_connections_that_are_reset(folder: Path, server: Server, waits: list[float]) -> None:
    file = server.add("set.zip", cuts=[600_000, 600_000], is_reset=True, pause=0.001)
    assert fetched(archive(f"{server.base}/set.zip")) == CONTENT
    assert len(file.requests) == 3


def test_the_next_call_continues(folder: Path, server: Server, waits: list[float]) -> None:
    Path(".dvc").mkdir()
    file = server.add("set.zip", cuts=[1_500_000])
    parameters = archive(f"{server.base}/set.zip")

    def stop(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(download, "sleep", stop)
        fetch(parameters, Path("data/raw/task"))
    assert not Path("data/raw/task").exists(), "DVC deletes a stage's outputs"
    fetch(parameters, Path("data/raw/task"))
    assert Path("data/raw/task/set.zip").read_bytes() == CONTENT
    assert file.requests[1]["range"].startswith("bytes=14") and file.sent <= 1.05 * SIZE
    assert not [*Path(".dvc/tmp/darkroom-downloads").glob("*.part")], "the part has become the file"


def test_what_is_given_up_is_kept(folder: Path, server: Server, waits: list[float]) -> None:
    file = server.add("set.zip", cuts=[1_500_000, 0, 0, 0])
    parameters = archive(f"{server.base}/set.zip")
    with pytest.raises(UserError, match=r"the connection was cut \(4 attempts, 1.5 MB are kept\); check the network"):
        fetched(parameters)
    assert not Path("raw").exists()
    assert len(waits) == 3 and waits[0] < 2 < waits[2] <= 8, "longer from attempt to attempt"
    assert fetched(parameters) == CONTENT
    assert file.sent <= 1.05 * SIZE


@pytest.mark.parametrize("header", ["ETag", "Last-Modified"])
def test_a_changed_file_is_not_joined_to_an_old_part(
    folder: Path, server: Server, waits: list[float], header: str
) -> None:
    versions = {"ETag": ['"1"', '"2"'], "Last-Modified": [formatdate(1e9, usegmt=True), formatdate(2e9, usegmt=True)]}
    file = server.add("set.zip", cuts=[1_500_000, 0, 0, 0], headers={header: versions[header][0]})
    with pytest.raises(UserError, match="are kept"):
        fetched(archive(f"{server.base}/set.zip", checksum=False))
    file.content, file.headers, file.cuts = CONTENT[::-1], {header: versions[header][1]}, [500_000]
    assert fetched(archive(f"{server.base}/set.zip", checksum=False)) == CONTENT[::-1]
    assert [asked["if-range"] for asked in file.requests[-2:]] == versions[header]


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"1"'}], ids=["none", "weak"])
def test_without_checksum_and_validator_nothing_is_joined(
    folder: Path, server: Server, waits: list[float], headers: dict[str, str]
) -> None:
    file = server.add("set.zip", cuts=[1_500_000], headers=headers)
    assert fetched(archive(f"{server.base}/set.zip", checksum=False)) == CONTENT
    file.cuts = [1_500_000] * 4
    with pytest.raises(UserError, match=r"the connection was cut \(4 attempts\); check the network"):
        fetched(archive(f"{server.base}/set.zip", checksum=False))
    assert all("range" not in asked for asked in file.requests)
    assert not [*Path(".downloads").glob("*.part")]


def ignores(start: int, status: int, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, CONTENT


def from_zero(start: int, status: int, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    return 206, {"Content-Range": f"bytes 0-{SIZE - 1}/{SIZE}"}, CONTENT


def says_nothing(start: int, status: int, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    return 206, {}, body


def wrong_bytes(start: int, status: int, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    return 206, headers, CONTENT[: len(body)]


def wrong_later(start: int, status: int, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    return 206, headers, body[:5000] + bytes(len(body) - 5000)


def has_none(start: int, status: int, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    return 416, {}, b""


def other_size(start: int, status: int, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    return 206, {"Content-Range": f"bytes {start}-{SIZE + 8}/{SIZE + 9}"}, body + bytes(9)


LIES = [ignores, from_zero, says_nothing, wrong_bytes, wrong_later, has_none, other_size]


@pytest.mark.parametrize("lie", LIES)
def test_lies_about_ranges_end_in_the_right_bytes(folder: Path, server: Server, waits: list[float], lie) -> None:
    file = server.add("set.zip", cuts=[1_000_000], lie=lie)
    assert fetched(archive(f"{server.base}/set.zip")) == CONTENT
    assert file.sent <= 3.1 * SIZE


@pytest.mark.parametrize("lie", LIES)
def test_lies_without_a_checksum(folder: Path, server: Server, waits: list[float], lie) -> None:
    """The end of the part, which is asked for again, shows wrong bytes. Only later ones cannot be known."""
    server.add("set.zip", cuts=[1_000_000], lie=lie, headers={"ETag": '"1"'})
    assert (fetched(archive(f"{server.base}/set.zip", checksum=False)) == CONTENT) is (lie is not wrong_later)


def test_a_server_that_lied_is_asked_for_no_range_again(folder: Path, server: Server, waits: list[float]) -> None:
    file = server.add("set.zip", cuts=[1_000_000, SIZE, 1_000_000], lie=wrong_later)
    assert fetched(archive(f"{server.base}/set.zip")) == CONTENT
    assert ["range" in asked for asked in file.requests] == [False, True, False, False]


def test_a_server_without_ranges_is_given_up_in_the_end(folder: Path, server: Server, waits: list[float]) -> None:
    file = server.add("set.zip", cuts=[1_000_000, 1_200_000, *[900_000] * 9], lie=ignores)
    with pytest.raises(UserError, match=r"the connection was cut \(4 attempts, 1.2 MB are kept\)"):
        fetched(archive(f"{server.base}/set.zip"))
    assert len(file.requests) == 5, "the second brought new bytes, the next three did not"


def test_a_part_of_another_file_is_fetched_anew(folder: Path, server: Server, waits: list[float]) -> None:
    server.add("set.zip")
    with open_part(Path(".downloads"), "set.zip", f"sha256:{SHA256}", "") as part:
        part.path.write_bytes(bytes(1_000_000) + CONTENT[1_000_000:1_500_000])
    assert fetched(archive(f"{server.base}/set.zip")) == CONTENT
    with open_part(Path(".downloads"), "set.zip", f"sha256:{SHA256}", "") as part:
        part.path.write_bytes(CONTENT + b"more")
    assert fetched(archive(f"{server.base}/set.zip")) == CONTENT


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_busy_servers_are_asked_again(folder: Path, server: Server, waits: list[float], status: int) -> None:
    file = server.add("set.zip", statuses=[(status, {}), (status, {})])
    assert fetched(archive(f"{server.base}/set.zip")) == CONTENT
    assert len(file.requests) == 3 and len(waits) == 2


def test_a_server_says_when_to_come_back(folder: Path, server: Server, waits: list[float]) -> None:
    dates = formatdate(time.time() + 90, usegmt=True)
    file = server.add("set.zip", statuses=[(429, {"Retry-After": text}) for text in ("17", dates, "soon")])
    assert fetched(archive(f"{server.base}/set.zip")) == CONTENT
    assert waits[0] == 17 and 60 < waits[1] <= 91 and waits[2] <= 8
    file.statuses = [(429, {"Retry-After": "3600"})]
    with pytest.raises(UserError, match="answers 429 Too Many Requests, and asks to wait 3600 s; run again then"):
        fetched(archive(f"{server.base}/set.zip"))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 204])
def test_refusals_are_one_line_after_one_request(folder: Path, server: Server, waits: list[float], status: int) -> None:
    file = server.add("set.zip", statuses=[(status, {})] * 9)
    with pytest.raises(UserError, match=f"set.zip: the server answers {status} .*; check the address"):
        fetched(archive(f"{server.base}/set.zip"))
    assert len(file.requests) == 1 and not waits
    assert not Path("raw").exists()


@pytest.mark.parametrize(
    ("address", "message"),
    [("http://127.0.0.1:9/set.zip", "cannot be reached .4 attempts"), ("http://127.0.0.1:9/", "names no file"),
     ("http://[::1/set.zip", "Invalid IPv6 URL; check the address"), ("http://a..b/set.zip", "is no valid URL")],
)  # fmt: skip
def test_addresses_that_lead_nowhere(folder: Path, waits: list[float], address: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        fetched(archive(address))


def test_redirects_in_a_circle(folder: Path, server: Server, waits: list[float]) -> None:
    server.add("set.zip", statuses=[(302, {"Location": "/set.zip"})] * 99)
    with pytest.raises(UserError, match="TooManyRedirects; check the address"):
        fetched(archive(f"{server.base}/set.zip"))


def test_names_wrong_checksums_and_empty_files(folder: Path, server: Server, waits: list[float]) -> None:
    server.add("sets/%E7%8C%AB%20a.zip?version=1")
    server.add("empty.zip", content=b"")
    fetch(archive(f"{server.base}/sets/猫%20a.zip?version=1"), Path("raw"))
    assert [path.name for path in Path("raw").iterdir()] == ["猫 a.zip"]
    other = archive(f"{server.base}/sets/猫%20a.zip?version=1").model_copy(update={"sha256": "0" * 64})
    with pytest.raises(UserError, match="sha256 is .*, not 0000"):
        fetched(other)
    with pytest.raises(UserError, match=r"empty.zip: is empty"):
        fetched(archive(f"{server.base}/empty.zip", checksum=False))
    assert not [path for path in Path(".downloads").iterdir() if path.suffix != ".lock"], "nothing wrong is kept"


def test_bytes_are_kept_as_they_are_sent(folder: Path, server: Server) -> None:
    """Some servers call a .tar.gz compressed on its way, and it would be decompressed."""
    packed = gzip.compress(CONTENT[:1000])
    server.add("set.tar.gz", content=packed, headers={"Content-Encoding": "gzip"})
    assert fetched(archive(f"{server.base}/set.tar.gz", checksum=False)) == packed


def test_a_proxy_is_honoured(folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.files["http://files.invalid/set.zip"] = file = File()
    monkeypatch.setenv("http_proxy", server.base)
    assert fetched(archive("http://files.invalid/set.zip")) == CONTENT
    assert file.requests[0]["host"] == "files.invalid"


def test_the_fastest_mirror_is_taken_and_its_first_bytes_are_kept(
    folder: Path, servers: Callable[[], Server], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slow, fast, missing = servers(), servers(), servers()
    first, second = slow.add("set.zip", pause=0.2), fast.add("copy-of-set.zip?download=1")
    addresses = (f"{missing.base}/set.zip", f"{slow.base}/set.zip", f"{fast.base}/copy-of-set.zip?download=1")
    assert fetched(published(monkeypatch, *addresses)) == CONTENT
    assert Path("raw/set.zip").is_file(), "the name is the publisher's"
    assert f"set.zip: 127.0.0.1:{fast.server_port} is the fastest of 3 mirrors" in capsys.readouterr().out
    assert first.sent + second.sent <= 1.05 * SIZE + probe.PROBE_BYTES
    assert second.sent <= 1.05 * SIZE
    assert [asked["range"] for asked in second.requests] == [
        f"bytes=0-{probe.PROBE_BYTES - 1}", f"bytes={probe.PROBE_BYTES - download.OVERLAP}-"
    ]  # fmt: skip


def test_the_hosts_are_probed_once_for_all_files(
    folder: Path, servers: Callable[[], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, fast = servers(), servers()
    files = []
    for name in ("a.gz", "b.gz", "c.gz"):
        slow.add(name, pause=0.2)
        fast.add(name)
        files.append(PublishedFile((f"{slow.base}/{name}", f"{fast.base}/{name}"), MD5))
    monkeypatch.setattr(oxford_pets, "DATASET", Dataset(tuple(files), dict))
    fetch(FetchParameters(dataset="oxford_pets", source="published"), Path("raw"))
    assert [path.read_bytes() == CONTENT for path in Path("raw").iterdir()] == [True] * 3
    assert [len(file.requests) for file in slow.files.values()] == [1, 0, 0]


def test_a_mirror_that_breaks_off_is_continued_by_the_next(
    folder: Path, servers: Callable[[], Server], monkeypatch: pytest.MonkeyPatch, waits: list[float],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    breaking, good = servers(), servers()
    first = breaking.add("set.zip", cuts=[SIZE, 900_000, *[0] * 9])
    second = good.add("set.zip", pause=0.2)  # of the probe, which it loses
    parameters = published(monkeypatch, f"{breaking.base}/set.zip", f"{good.base}/set.zip")
    monkeypatch.setattr(download, "sleep", lambda seconds: setattr(second, "pause", 0))
    assert fetched(parameters) == CONTENT
    assert "the connection was cut (4 attempts, 1.2 MB are kept)" in capsys.readouterr().out
    assert first.sent + second.sent <= 1.05 * SIZE + probe.PROBE_BYTES


def test_mirrors_of_wrong_bytes_are_passed_over(
    folder: Path, servers: Callable[[], Server], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong, good = servers(), servers()
    wrong.add("set.zip", content=b"<html>please log in</html>" * 100)
    content = CONTENT[:300_000]
    good.add("set.zip", content=content, pause=0.02)
    parameters = published(monkeypatch, f"{wrong.base}/set.zip", f"{good.base}/set.zip", content=content)
    assert fetched(parameters) == content
    assert "md5 is" in capsys.readouterr().out


def test_mirrors_that_all_fail_are_one_line(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match=r"b/set.zip: the server answers 404 Not Found; check the address"):
        fetched(published(monkeypatch, f"{server.base}/a/set.zip", f"{server.base}/b/set.zip"))
    assert "a/set.zip: the server answers 404 Not Found; check the address; trying the next" in capsys.readouterr().out
    assert not Path("raw").exists()


def test_files_are_fetched_all_or_not_at_all(folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.add("a.zip")
    files = [PublishedFile((f"{server.base}/{name}.zip",), MD5) for name in "ab"]
    monkeypatch.setattr(oxford_pets, "DATASET", Dataset(tuple(files), dict))
    with pytest.raises(UserError, match="b.zip: the server answers 404"):
        fetch(FetchParameters(dataset="oxford_pets", source="published"), Path("raw"))
    assert not Path("raw").exists()


@pytest.mark.parametrize("kind", ["folder", "url"])
def test_the_own_mirror_comes_first(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch, kind: str, capsys: pytest.CaptureFixture[str],
    waits: list[float],
) -> None:  # fmt: skip
    original, copy = server.add("original/set.zip"), server.add("我的/set.zip".encode().decode("latin1"))
    server.files["/%E6%88%91%E7%9A%84/set.zip"] = copy
    mirror = f"{server.base}/我的/" if kind == "url" else str(folder / "我的 mirror")
    (folder / "我的 mirror").mkdir()
    (folder / "我的 mirror" / "set.zip").write_bytes(CONTENT)
    parameters = published(monkeypatch, f"{server.base}/original/set.zip")
    assert fetched(parameters, mirror) == CONTENT
    assert not original.requests and len(copy.requests) == (kind == "url")
    copy.content = CONTENT[::-1]
    (folder / "我的 mirror" / "set.zip").write_bytes(CONTENT[::-1])
    assert fetched(parameters, mirror) == CONTENT
    assert original.requests
    printed = capsys.readouterr().out
    assert "md5 is" in printed and "going on without the mirror" in printed
    (folder / "我的 mirror" / "set.zip").unlink()
    server.files.pop("/%E6%88%91%E7%9A%84/set.zip")
    assert fetched(parameters, mirror) == CONTENT


def test_a_mirror_that_is_no_folder_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("file").touch()
    for mirror in ("nowhere", "file"):
        with pytest.raises(UserError, match=f"{mirror}: .*; DARKROOM_MIRROR and `mirror` take a folder or a URL"):
            fetched(published(monkeypatch, "http://127.0.0.1:9/set.zip"), mirror)


def test_the_environment_names_a_mirror_before_the_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    assert own_mirror(DownloadParameters()) is None
    assert own_mirror(DownloadParameters(mirror="a")) == "a"
    monkeypatch.setenv("DARKROOM_MIRROR", "b")
    assert own_mirror(DownloadParameters(mirror="a")) == "b"


def test_what_dvc_has_is_not_downloaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = Path(".dvc/cache/files/md5", MD5[:2], MD5[2:])
    cached.parent.mkdir(parents=True)
    cached.write_bytes(CONTENT)
    assert fetched(published(monkeypatch, "http://127.0.0.1:9/set.zip")) == CONTENT


def test_parts_are_found_again_by_a_copy_of_the_project(folder: Path) -> None:
    project, target = folder / "猫 project", Path("data/raw/task")
    copy = project / ".dvc/tmp/exps/standalone/tmp123"
    (copy / ".dvc").mkdir(parents=True)
    assert original_project(copy) == project == original_project(project)
    assert parts_folder(copy, target) == parts_folder(project, target) == project / ".dvc/tmp/darkroom-downloads"
    assert parts_folder(folder, target) == Path("data/raw/.downloads"), "there is no DVC"


def test_two_processes_do_not_write_one_part(folder: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.add("set.zip")
    Path(".downloads").mkdir()
    other = FileLock(Path(".downloads", f"sha256-{SHA256}.lock"))
    other.acquire()
    done: list[bytes] = []
    thread = threading.Thread(target=lambda: done.append(fetched(archive(f"{server.base}/set.zip"))))
    thread.start()
    thread.join(0.2)
    assert not done
    other.release()
    thread.join(20)
    assert done == [CONTENT]
    assert "set.zip: another process downloads it; waiting" in capsys.readouterr().out


def test_notes_cut_short_by_a_crash(folder: Path, server: Server) -> None:
    with open_part(Path(".downloads"), "set.zip", f"sha256:{SHA256}", "") as part:
        part.path.write_bytes(CONTENT[:1000])
        part.path.with_suffix(".json").write_text('{"size": 20')
    server.add("set.zip")
    assert fetched(archive(f"{server.base}/set.zip")) == CONTENT


def test_progress_tells_rate_and_time_left(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter([0.0, 10.0])
    monkeypatch.setattr("darkroom.common.progress.time.perf_counter", lambda: next(clock))
    bar = LineProgress(170_000_000, "set.zip", "B", 5, done=50_000_000)
    bar.update(20_000_000)
    assert capsys.readouterr().err == "set.zip: 70.0 of 170.0, 50 s left, 2 MB/s\n"
