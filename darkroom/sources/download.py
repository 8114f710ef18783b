"""Downloads and copies of archives. A file gets its name after its checksum is verified."""

import shutil
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pooch
import requests

from darkroom.common.errors import UserError
from darkroom.common.files import replacing
from darkroom.common.platform import can_name_file, quote
from darkroom.common.progress import progress

ATTEMPTS = 4
SECONDS_BEFORE_RETRY = 2
TIMEOUT_SECONDS = 30
QUOTES = "\"'“‘`"


def fetch_file(address: str, folder: Path, checksum: str | None = None) -> Path:
    """Download or copy the file at `address` into `folder` and verify its checksum.

    Args:
        address: an http or https URL, or the path of a local file.
        folder: where the file is written.
        checksum: `md5:…` or `sha256:…`.

    Returns:
        The file's path in `folder`. Its name is the last part of `address`.

    Raises:
        UserError: the file cannot be fetched, is empty, or its checksum differs. Nothing is left behind.
    """
    parts = urlsplit(address)
    is_url = parts.scheme in ("http", "https")
    name = Path(unquote(parts.path) if is_url else address).name
    if not name:
        raise UserError(f"{address}: names no file; give the archive's full address")
    if not can_name_file(name):
        raise UserError(f"{address}: Windows can have no file called {name!r}; fetch it by hand and give its new path")
    target = folder / name
    with replacing(target) as temporary:
        if is_url:
            _download(address, temporary)
        else:
            _copy(address, temporary)
        if temporary.stat().st_size == 0:
            raise UserError(f"{address}: is empty; give another archive")
        if checksum:
            _verify(temporary, address, checksum)
    return target


def _copy(address: str, target: Path) -> None:
    try:
        source = Path(address).expanduser()
    except RuntimeError:
        raise UserError(f"{address}: there is no such user; write the full path instead of ~") from None
    if source.is_dir():
        name = source.resolve().name
        command = quote(["tar", "-cf", f"{name}.tar", "-C", str(source.resolve().parent), name])
        raise UserError(f"{source}: is a folder; pack it first: {command}")
    if not source.is_file():
        hint = ", without quotes around it" if address[0] in QUOTES else ""
        raise UserError(f"{source}: no such file; `archive` takes a path or a URL{hint}")
    try:
        shutil.copyfile(source, target)
    except PermissionError:
        raise UserError(
            f"{source}: permission to read it is denied; allow it, or close the program that uses it"
        ) from None


def _download(url: str, target: Path) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        bar = progress(None, target.name.strip(".").removesuffix(".partial"), unit="B")
        download = pooch.HTTPDownloader(progressbar=bar, timeout=TIMEOUT_SECONDS)
        try:
            download(url, target, None)
            return
        except requests.RequestException as error:
            response = error.response
            if response is not None and response.status_code < 500:
                answer = f"{response.status_code} {response.reason}"
                raise UserError(f"{url}: the server answers {answer}; check the address") from None
            if attempt == ATTEMPTS:
                raise UserError(
                    f"{url}: {_reason(error)} ({ATTEMPTS} attempts); check the network and run again"
                ) from None
            time.sleep(SECONDS_BEFORE_RETRY * attempt)
        finally:
            bar.close()


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "the server does not answer"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection was cut"
    if isinstance(error, requests.ConnectionError):
        return "the server cannot be reached"
    return type(error).__name__


def _verify(path: Path, address: str, checksum: str) -> None:
    algorithm, expected = checksum.split(":")
    found = pooch.file_hash(str(path), alg=algorithm)
    if found != expected:
        raise UserError(f"{address}: {algorithm} is {found}, not {expected}; the file is damaged, or another version")
