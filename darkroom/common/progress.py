"""A progress bar with the time left on a terminal, and a line now and then elsewhere."""

import math
import sys
import time
from typing import TYPE_CHECKING

from tqdm import tqdm

if TYPE_CHECKING:
    from typing import NoReturn

    TerminalProgress = tqdm[NoReturn]  # generic for the type checker alone
else:
    TerminalProgress = tqdm

SECONDS_BETWEEN_LINES = 30


class LineProgress:
    """A progress bar that prints a line every half minute, with the part of tqdm's interface that Darkroom uses.

    It is not tqdm with a long `mininterval`: that writes carriage returns into log files and starts a thread, which
    forked processes inherit.
    """

    def __init__(
        self, total: int | None, description: str, unit: str, seconds_between_lines: float, done: int = 0
    ) -> None:
        self.total, self.description, self.unit = total, description, unit
        self.seconds_between_lines = seconds_between_lines
        self.n = self.first = done
        self.started = self.printed = time.perf_counter()

    def update(self, n: int = 1) -> None:
        """Count `n` units, and print a line if the last one is old enough."""
        self.n += n
        now = time.perf_counter()
        if now - self.printed >= self.seconds_between_lines:
            self.printed = now
            rate = (self.n - self.first) / (now - self.started)
            done = f"{self._amount(self.n)} of {self._amount(self.total)}" if self.total else self._amount(self.n)
            left = f", {(self.total - self.n) / rate:.0f} s left" if self.total and rate else ""
            speed = f"{rate / 1e6:.3g} MB/s" if self.unit == "B" else f"{rate:.3g} {self.unit}/s"
            print(f"{self.description}: {done}{left}, {speed}", file=sys.stderr, flush=True)

    def _amount(self, n: int) -> str:
        return f"{n / 1e6:.1f}" if self.unit == "B" else f"{n}"

    def set_postfix_str(self, text: str) -> None:
        """Do nothing: tqdm shows `text` beside the bar, lines do not."""

    def reset(self) -> None:
        """Start again at zero."""
        self.n = self.first = 0

    def close(self) -> None:
        """Do nothing: tqdm removes its bar."""


def progress(
    total: int | None,
    description: str,
    unit: str = "image",
    lines: bool = True,
    shown: bool = True,
    done: int = 0,
) -> TerminalProgress | LineProgress:
    """Return a progress bar: `update(n)` moves it on, `close()` ends it.

    Args:
        total: number of units. None: unknown.
        description: the bar's label.
        unit: what is counted.
        lines: print lines if there is no terminal.
        shown: False: show nothing at all.
        done: units that were done before, which do not count for the speed.
    """
    if shown and sys.stderr.isatty():
        return tqdm(
            total=total,
            desc=description,
            unit=unit,
            unit_scale=unit == "B",
            dynamic_ncols=True,
            leave=False,
            initial=done,
        )
    return LineProgress(total, description, unit, SECONDS_BETWEEN_LINES if shown and lines else math.inf, done)
