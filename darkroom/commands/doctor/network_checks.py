"""Proxies, and on request the servers of the data sets."""

from __future__ import annotations

import importlib.util
import socket
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Mapping, Sequence  # noqa: UP035 - those of collections.abc take no [] in Python 3.8
from urllib.parse import urlsplit

from darkroom.commands.doctor.machine import Finding, Machine

VARIABLES = ("http_proxy", "https_proxy", "all_proxy")
SCHEMES = ("http", "https", "socks4", "socks5", "socks5h")
LOCAL = ("localhost", "127.0.0.1", "::1")
SECONDS = 10
THREADS = 8
Servers = Mapping[str, Sequence[Sequence[str]]]  # of each data set, the addresses of each of its files


def check_proxies(machine: Machine) -> list[Finding]:
    """Look at the variables that name proxies. A proxy of this machine must answer; others are not asked."""
    given = {name: value for name, value in machine.environ.items() if name.lower() in VARIABLES and value}
    findings = [finding for name, value in given.items() for finding in _check_proxy(machine, name, value)]
    names = ", ".join(f"{name}={_hidden(value)}" for name, value in given.items())
    return findings or [Finding("proxy", names or "none")]


def _check_proxy(machine: Machine, name: str, value: str) -> list[Finding]:
    shown = f"{name}={_hidden(value)}"
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in SCHEMES or "/" in parts.netloc or parts.path not in ("", "/"):
        example = machine.export(name, "http://HOST:PORT")
        return [Finding("proxy", f"{shown} is no address of a proxy", "fault", example)]
    if parts.scheme.startswith("socks") and importlib.util.find_spec("socks") is None:
        mend = machine.export(name, f"http://{host}:{port or 1080}")
        return [Finding("proxy", f"{shown}: downloads and pip take no SOCKS without PySocks", "fault", mend)]
    if host in LOCAL:
        try:
            socket.create_connection((host, port or 80), timeout=2).close()
        except OSError:
            return [Finding("proxy", f"{shown}: nothing answers there", "fault", machine.unset(name))]
    return []


def _hidden(value: str) -> str:
    """Return a proxy's address without its user and password."""
    start, _, rest = value.rpartition("://")
    return f"{start}://{rest.rpartition('@')[2]}" if start else rest.rpartition("@")[2]


def published_files() -> Servers:
    """Return the addresses of all files of all published data sets. It imports packages."""
    from darkroom.sources.dataset import dataset_names, load_dataset

    return {name: [file.addresses for file in load_dataset(name).files] for name in dataset_names()}


def check_servers(machine: Machine, servers: Servers) -> list[Finding]:
    """Ask each address for its header. A file is within reach if one of its addresses answers."""
    addresses = sorted({one for files in servers.values() for file in files for one in file})
    with ThreadPoolExecutor(THREADS) as pool:
        answers = dict(zip(addresses, pool.map(_error_of, addresses)))  # noqa: B905 - `strict` is new in 3.10
    findings = []
    for name, files in servers.items():
        dead = [one for file in files for one in file if answers[one]]
        lost = [file[0] for file in files if all(answers[one] for one in file)]
        if lost:
            mend = f"dvc exp run -S tasks.TASK.archive=PATH  # of {lost[0].rpartition('/')[2]}, brought by other means"
            found = f"{name}: no address of {len(lost)} of {len(files)} files answers: {answers[lost[0]]}"
            findings.append(Finding("data sets", found, "fault", mend))
        elif dead:
            found = f"{name}: {urlsplit(dead[0]).hostname} does not answer, another mirror does"
            findings.append(Finding("data sets", found, "note", ""))
        elif files:
            findings.append(Finding("data sets", f"{name}: all addresses answer"))
    return findings


def _error_of(address: str) -> str:
    """Return why a server does not answer, or nothing."""
    request = urllib.request.Request(address, method="HEAD", headers={"User-Agent": "darkroom"})
    try:
        urllib.request.urlopen(request, timeout=SECONDS).close()
    except urllib.error.HTTPError as error:
        return "" if error.code in (403, 405) else f"{error.code} {error.reason}"  # some refuse to send a header alone
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error)) or type(error).__name__
    return ""
