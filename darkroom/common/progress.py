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

    def __init__(self, total: int | None, description: str, unit: str, seconds_between_lines: float) -> None:
        self.total, self.description, self.unit = total, description, unit
        self.seconds_between_lines = seconds_between_lines
        self.n = 0
        self.started = self.printed = time.perf_counter()

    def update(self, n: int = 1) -> None:
        """Count `n` units, and print a line if the last one is old enough."""
        self.n += n
        now = time.perf_counter()
        if now - self.printed >= self.seconds_between_lines:
            self.printed = now
            rate = self.n / (now - self.started)
            done = f"{self.n} of {self.total}" if self.total else f"{self.n}"
            left = f", {(self.total - self.n) / rate:.0f} s left" if self.total and self.n else ""
            print(f"{self.description}: {done}{left}, {rate:.3g} {self.unit}/s", file=sys.stderr, flush=True)

    def set_postfix_str(self, text: str) -> None:
        """Do nothing: tqdm shows `text` beside the bar, lines do not."""

    def reset(self) -> None:
        """Start again at zero."""
        self.n = 0

    def close(self) -> None:
        """Do nothing: tqdm removes its bar."""


def progress(
    total: int | None, description: str, unit: str = "image", lines: bool = True, shown: bool = True
) -> TerminalProgress | LineProgress:
    """Return a progress bar: `update(n)` moves it on, `close()` ends it.

    Args:
        total: number of units. None: unknown.
        description: the bar's label.
        unit: what is counted.
        lines: print lines if there is no terminal.
        shown: False: show nothing at all.
    """
    if shown and sys.stderr.isatty():
        return tqdm(total=total, desc=description, unit=unit, unit_scale=unit == "B", dynamic_ncols=True, leave=False)
    return LineProgress(total, description, unit, SECONDS_BETWEEN_LINES if shown and lines else math.inf)
