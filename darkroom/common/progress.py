"""A progress bar with the time left on a terminal, and a line now and then elsewhere."""

import math
import sys
import time

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 30


class LineProgress:
    """The part of tqdm's interface that Darkroom uses, printing a line every half minute."""

    def __init__(self, total: int | None, description: str, unit: str, seconds_between_lines: float) -> None:
        self.total, self.description, self.unit = total, description, unit
        self.seconds_between_lines = seconds_between_lines
        self.n = 0
        self.started = self.printed = time.monotonic()

    def update(self, n: int = 1) -> None:
        self.n += n
        now = time.monotonic()
        if now - self.printed >= self.seconds_between_lines:
            self.printed = now
            rate = self.n / (now - self.started)
            done = f"{self.n} of {self.total}" if self.total else f"{self.n}"
            left = f", {(self.total - self.n) / rate:.0f} s left" if self.total and self.n else ""
            print(f"{self.description}: {done}{left}, {rate:.3g} {self.unit}/s", file=sys.stderr, flush=True)

    def set_postfix_str(self, text: str) -> None:
        """Figures beside the bar; lines do without them."""

    def reset(self) -> None:
        self.n = 0

    def close(self) -> None:
        """A bar leaves its last state on the terminal; lines leave nothing to do."""


def progress(
    total: int | None, description: str, unit: str = "image", lines: bool = True, shown: bool = True
) -> tqdm | LineProgress:
    """A bar over `total` units (None: unknown), to be moved on with `update(n)` and ended with `close()`.

    Args:
        lines: whether to print lines where there is no terminal.
        shown: whether to show anything at all.
    """
    if not shown:
        return LineProgress(total, description, unit, math.inf)
    if not sys.stderr.isatty():
        return LineProgress(total, description, unit, SECONDS_BETWEEN_LINES if lines else math.inf)
    return tqdm(total=total, desc=description, unit=unit, unit_scale=unit == "B", dynamic_ncols=True, leave=False)
