"""Downloads that finish: retried, continued after a cut, and checked.

A proxy is taken from the environment, as requests does: HTTPS_PROXY, HTTP_PROXY, NO_PROXY.
"""

import hashlib
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from time import sleep
from urllib.parse import unquote, urlsplit

import requests
from urllib3.exceptions import HTTPError, InvalidHeader, LocationValueError, TimeoutError
from urllib3.util import Retry

from darkroom.common.errors import UserError
from darkroom.common.platform import can_name_file
from darkroom.common.progress import progress
from darkroom.sources.parts import Origin, Part

ATTEMPTS = 4  # in a row that bring no new byte, after which an address is given up
SECONDS_BEFORE_RETRY, MOST_SECONDS_BEFORE_RETRY = 2, 60  # doubled at each attempt that brings no new byte
MOST_SECONDS_TO_WAIT = 300  # that a server may ask for by Retry-After
TIMEOUT_SECONDS = 30  # to connect, and between two pieces of an answer
CHUNK = 1 << 15  # bytes
# A request to continue begins this many bytes before the end of the part. That they are the same shows that the server
# sends what it was asked for, and of the same file.
OVERLAP = 1024
TOO_BUSY = (408, 425, 429)  # answers besides those from 500 on after which a later attempt can succeed
HEADERS = {"Accept-Encoding": "identity"}  # Range counts bytes as they are sent, so they are not to be compressed
CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class _TryLaterError(Exception):
    """The download broke off, or the server is busy.

    Attributes:
        seconds: how long the server asks to wait.
    """

    def __init__(self, reason: str, seconds: float = 0) -> None:
        super().__init__(reason)
        self.seconds = seconds


class _DoesNotFitError(Exception):
    """What the server sends does not continue the part."""


def file_name(address: str) -> str:
    """Return the name of the file at a URL: the last part of its path.

    Raises:
        UserError: it names none.
    """
    try:
        name = PurePosixPath(unquote(urlsplit(address).path)).name
    except ValueError as error:
        raise UserError(f"{address}: {error}; check the address") from None
    if not name:
        raise UserError(f"{address}: names no file; give the archive's full address")
    if not can_name_file(name):
        raise UserError(f"{address}: Windows can have no file called {name!r}; fetch it by hand and give its new path")
    return name


def is_url(address: str) -> bool:
    """Return whether `address` is an http or https URL, and not a path."""
    return address.lower().startswith(("http://", "https://"))


def download(addresses: Sequence[str], part: Part, target: Path, checksum: str | None) -> None:
    """Download a file from the first of its addresses that gives it. It continues `part` where the server can.

    Args:
        addresses: URLs of the same file.
        part: what earlier calls left of it. If the network fails, it stays for the next call.
        target: where the file is written.
        checksum: `md5:…` or `sha256:…`.

    Raises:
        UserError: no address gives the file, or its checksum differs.
    """
    *others, last = addresses
    with requests.Session() as session:
        for address in others:
            try:
                _download_checked(session, address, part, target, checksum)
                return
            except UserError as error:
                print(f"{error}; trying the next mirror", flush=True)
        _download_checked(session, last, part, target, checksum)


def verify(path: Path, address: str, checksum: str) -> None:
    """Compare the checksum of a file.

    Args:
        path: of the file.
        address: where it is from, for the message.
        checksum: `md5:…` or `sha256:…`.

    Raises:
        UserError: it differs.
    """
    algorithm, expected = checksum.split(":")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
    if found != expected:
        raise UserError(f"{address}: {algorithm} is {found}, not {expected}; the file is damaged, or another version")


def _download_checked(session: requests.Session, address: str, part: Part, target: Path, checksum: str | None) -> None:
    """Download a file from one address and move it to `target`.

    If bytes of several answers were put together and the checksum differs, the file is fetched once more from zero.
    """
    ranges = True
    for is_last in (False, True):
        began_with_part = part.size > 0
        joined = _download_whole(session, address, part, checksum is not None, ranges)
        if part.size == 0:
            part.clear()
            raise UserError(f"{address}: is empty; give another archive")
        try:
            if checksum:
                verify(part.path, address, checksum)
            break
        except UserError as error:
            part.clear()
            if is_last or not (began_with_part or joined):
                raise
            print(f"{error}; fetching it once more from the start", flush=True)
            ranges = began_with_part  # else it was this server that sent other bytes than it was asked for
    shutil.move(part.path, target)
    part.clear()


def _download_whole(session: requests.Session, address: str, part: Part, has_checksum: bool, ranges: bool) -> bool:
    """Complete `part` from one address, in as many attempts as bring new bytes.

    Args:
        session: for all requests.
        address: the URL.
        part: what is there already.
        has_checksum: whether a checksum will tell if the parts belong together.
        ranges: whether to ask for the missing bytes alone.

    Returns:
        Whether bytes of this address were added to bytes that were there.

    Raises:
        UserError: the server refuses, or attempts bring nothing.
    """
    failures, joined = 0, False
    while not part.is_whole:
        before = part.size
        try:
            joined |= _receive(session, address, part, has_checksum, ranges)
        except _DoesNotFitError as error:
            if not ranges:
                raise UserError(f"{address}: {error}; give another address") from None
            part.clear()
            ranges = False
        except _TryLaterError as error:
            joined |= 0 < before < part.size
            failures = 1 if part.size > before else failures + 1
            if failures == ATTEMPTS:
                if not (has_checksum or part.origin.validator):
                    part.clear()
                kept = f", {part.size / 1e6:.1f} MB are kept" if part.size else ""
                raise UserError(
                    f"{address}: {error} ({ATTEMPTS} attempts{kept}); check the network and run again"
                ) from None
            if error.seconds > MOST_SECONDS_TO_WAIT:
                raise UserError(f"{address}: {error}, and asks to wait {error.seconds:.0f} s; run again then") from None
            sleep(max(error.seconds, _back_off(failures)))
    return joined


def _back_off(failures: int) -> float:
    """Return how many seconds to wait. They vary by the time of day, so that not all clients come back at once."""
    seconds: float = min(SECONDS_BEFORE_RETRY * 2 ** (failures - 1), MOST_SECONDS_BEFORE_RETRY)
    return seconds * (0.5 + time.time_ns() % 1000 / 2000)


def _receive(session: requests.Session, address: str, part: Part, has_checksum: bool, ranges: bool) -> bool:
    """Send one request and write what it brings to `part`. Return whether it was added to what was there.

    Without a checksum, bytes are only joined if the server vouches by If-Range that the file is the same.
    """
    tail = part.tail(OVERLAP) if ranges and (has_checksum or part.origin.validator) else b""
    start = part.size - len(tail) if tail else 0
    headers = dict(HEADERS)
    if start:
        headers["Range"] = f"bytes={start}-"
        if not has_checksum and part.origin.validator:
            headers["If-Range"] = part.origin.validator
    try:
        with session.get(address, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as response:
            check_status(response, address)
            if start and response.status_code == requests.codes.partial_content:
                origin = _origin_of_range(response, part.origin, start)
            elif response.status_code == requests.codes.ok:
                origin, start, tail = origin_of(response), 0, b""
                if not has_checksum:  # it may be another file than the part is of
                    part.clear()
            else:
                raise _DoesNotFitError(f"the server answers {response.status_code} where it was not asked for a range")
            part.note(origin)
            _write(response, part, file_name(address), start, tail)
    except LocationValueError:  # of a name that no host can have
        raise UserError(f"{address}: is no valid URL; check the address") from None
    except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError, HTTPError) as error:
        raise _TryLaterError(reason_of(error)) from None
    except requests.RequestException as error:
        raise UserError(f"{address}: {reason_of(error)}; check the address") from None
    return start > 0


def check_status(response: requests.Response, address: str) -> None:
    """Raise an error if the answer is not the file.

    Raises:
        _TryLaterError: the server is busy.
        _DoesNotFitError: it has no bytes from where it was asked to continue.
        UserError: it refuses.
    """
    status = response.status_code
    answer = f"{status} {response.reason}".strip()
    if status in TOO_BUSY or status >= 500:
        raise _TryLaterError(f"the server answers {answer}", _retry_after(response))
    if status == requests.codes.requested_range_not_satisfiable:
        raise _DoesNotFitError(f"the server answers {answer}")
    if status not in (requests.codes.ok, requests.codes.partial_content):
        raise UserError(f"{address}: the server answers {answer}; check the address")


def origin_of(response: requests.Response) -> Origin:
    """Return what an answer with the file, or with its beginning, says of the whole file."""
    length = response.headers.get("Content-Length", "")
    size = int(length) if length.isdecimal() else None
    if response.status_code == requests.codes.partial_content:
        found = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        size = int(found[3]) if found and found[3].isdecimal() else None
    return Origin(size, _validator(response))


def _origin_of_range(response: requests.Response, known: Origin, start: int) -> Origin:
    """Return what an answer to a request for a range says of the whole file.

    Raises:
        _DoesNotFitError: it is another range, or of another file than `known`.
    """
    stated = response.headers.get("Content-Range", "")
    found = CONTENT_RANGE.fullmatch(stated)
    if not found or int(found[1]) != start:
        raise _DoesNotFitError(f"the server was asked for bytes from {start} on and sends {stated or 'others'}")
    origin = origin_of(response)
    if known.size not in (None, origin.size):
        raise _DoesNotFitError(f"the file has {origin.size} bytes, and had {known.size} before")
    return Origin(origin.size or known.size, origin.validator or known.validator)


def _write(response: requests.Response, part: Part, name: str, start: int, tail: bytes) -> None:
    """Write the body of an answer to `part`, from the byte `start` on.

    Bytes beyond those that arrive stay: if the file is the same, they are right.

    Args:
        response: of the server.
        part: where to write.
        name: of the file, for the progress bar.
        start: place of the first byte in the file.
        tail: bytes from there on that are there already.

    Raises:
        _DoesNotFitError: the answer begins with others than `tail`.
    """
    part.path.parent.mkdir(parents=True, exist_ok=True)
    bar = progress(part.origin.size, name, unit="B", done=start)
    try:
        part.path.touch()
        with part.path.open("r+b", buffering=0) as file:
            file.seek(start)
            compared = 0
            for chunk in response.raw.stream(CHUNK, decode_content=False):
                known = tail[compared : compared + len(chunk)]
                if not chunk.startswith(known):
                    raise _DoesNotFitError("the server sends other bytes than before")
                compared += len(known)
                file.write(chunk)
                bar.update(len(chunk))
            end = file.tell()
            if part.origin.size is None:
                part.note(Origin(end, part.origin.validator))
            if end == part.origin.size:
                file.truncate()
    finally:
        bar.close()
    if not part.is_whole:
        raise _TryLaterError("the connection was cut")


def _validator(response: requests.Response) -> str | None:
    """Return what `If-Range` can name the file by: a strong ETag, or the time of its last change."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified")


def _retry_after(response: requests.Response) -> float:
    try:
        return Retry().parse_retry_after(response.headers.get("Retry-After", "0"))
    except InvalidHeader:
        return 0


def reason_of(error: Exception) -> str:
    """Return in a few words why a request failed."""
    if isinstance(error, requests.exceptions.SSLError):
        return "the server's certificate is not valid here"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy cannot be reached"
    if isinstance(error, (requests.Timeout, TimeoutError)):
        return "the server does not answer"
    if isinstance(error, (requests.exceptions.ChunkedEncodingError, HTTPError)):
        return "the connection was cut"
    if isinstance(error, requests.ConnectionError):
        return "the server cannot be reached"
    return type(error).__name__
