"""Finding the fastest of several addresses of a file, by the first bytes that each sends."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from darkroom.sources.download import CHUNK, HEADERS, file_name, origin_of
from darkroom.sources.parts import Origin, Part

PROBE_BYTES = 1 << 18  # that each address is asked for
PROBE_SECONDS = 4.0  # after which the address that has sent most is the fastest

Ranks = dict[str, int]  # of hosts that were probed before, the fastest first


@dataclass
class _Probe:
    """A short download from one address.

    Attributes:
        address: the URL.
        content: the first bytes of the file, as far as they have come.
        origin: what the server says of the file.
        has_ended: whether all came that were asked for.
        has_failed: whether the server refused or broke off.
    """

    address: str
    content: bytearray = field(default_factory=bytearray)
    origin: Origin = field(default_factory=Origin)
    has_ended: bool = False
    has_failed: bool = False


def order_by_speed(addresses: Sequence[str], part: Part, ranks: Ranks) -> list[str]:
    """Return the addresses of a file, the fastest first and those that fail last.

    All are asked at the same time for the beginning of the file. It ends when one of them has sent it. What that one
    sent is kept in `part`, if it is empty.

    Args:
        addresses: URLs of the same file.
        part: what is there of the file.
        ranks: of hosts. Where those of all addresses are known from other files, nothing is asked.
    """
    hosts = {address: urlsplit(address).netloc for address in addresses}
    if len(addresses) == 1:
        return list(addresses)
    if all(host in ranks for host in hosts.values()):
        return sorted(addresses, key=lambda address: ranks[hosts[address]])
    probes = _race(addresses)
    ordered = sorted(probes, key=lambda probe: (probe.has_failed, not probe.has_ended, -len(probe.content)))
    best = ordered[0]
    if part.size == 0 and best.content and not best.has_failed:
        part.note(best.origin)
        part.path.write_bytes(best.content)
    for probe in ordered:
        ranks.setdefault(hosts[probe.address], len(ranks))
    if best.content:
        print(
            f"{file_name(addresses[0])}: {hosts[best.address]} is the fastest of {len(addresses)} mirrors", flush=True
        )
    return [probe.address for probe in ordered]


def _race(addresses: Sequence[str]) -> list[_Probe]:
    """Ask all addresses, until the first has sent its bytes. Return the state of all at that moment."""
    probes = [_Probe(address) for address in addresses]
    changed, is_over = threading.Condition(), threading.Event()

    def ask(probe: _Probe) -> None:
        try:
            _ask(probe, is_over)
        except (requests.RequestException, HTTPError, OSError):
            probe.has_failed = True
        finally:
            with changed:
                changed.notify()

    for probe in probes:  # daemons: an address that does not answer holds nobody up
        threading.Thread(target=ask, args=(probe,), daemon=True).start()
    with changed:
        changed.wait_for(
            lambda: any(probe.has_ended for probe in probes) or all(probe.has_failed for probe in probes), PROBE_SECONDS
        )
    is_over.set()
    return [
        _Probe(probe.address, bytearray(probe.content), probe.origin, probe.has_ended, probe.has_failed)
        for probe in probes
    ]


def _ask(probe: _Probe, is_over: threading.Event) -> None:
    headers = {**HEADERS, "Range": f"bytes=0-{PROBE_BYTES - 1}"}
    end = time.monotonic() + PROBE_SECONDS
    with requests.get(probe.address, headers=headers, stream=True, timeout=PROBE_SECONDS) as response:
        stated = response.headers.get("Content-Range", "")
        is_beginning = response.status_code == requests.codes.ok or (
            response.status_code == requests.codes.partial_content and stated.startswith("bytes 0-")
        )
        if not is_beginning:
            probe.has_failed = True
            return
        probe.origin = origin_of(response)
        for chunk in response.raw.stream(CHUNK, decode_content=False):
            if is_over.is_set() or time.monotonic() > end:
                return
            probe.content += chunk
            if len(probe.content) >= PROBE_BYTES:
                break
        probe.has_ended = True
