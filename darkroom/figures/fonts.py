"""Fonts for the names in figures, in any script, and numbers in place of names that no font can write."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib import font_manager
from matplotlib.font_manager import FontPath, FontProperties

from darkroom.common.files import remove, replacing
from darkroom.common.platform import system
from darkroom.figures.tables import write_table

LEGEND = "names.csv"  # beside the figures whose names are numbered
# Families with Chinese characters, those of simplified Chinese first. The first with all characters is taken, so that
# figures of a data set look alike on machines with the same fonts.
CHINESE = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "Microsoft YaHei", "PingFang SC",
    "Hiragino Sans GB", "Heiti SC", "STHeiti", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "SimHei", "DengXian",
    "Droid Sans Fallback", "Arial Unicode MS", "Noto Sans CJK TC", "Noto Sans TC", "Microsoft JhengHei", "PingFang TC",
    "Noto Sans CJK JP", "Noto Sans JP", "Noto Serif CJK SC", "SimSun", "Songti SC",
)  # fmt: skip
BLANK = ("lastresort", "adobeblank")  # families that show boxes, or nothing, for every character
FIRST_CHINESE, FIRST_RARE = 0x2E80, 0x20000  # code points: from the one on, and from the other on few fonts have them
MOST_SHOWN = 10  # characters in the line about missing ones


class Names:
    """How figures write names: as they are, or as `#3` where no font has the characters.

    Attributes:
        numbers: the number of each name that has one. Names of classes have their ids.
        unwritable: the characters that no font has.
        used: the names that were replaced by their numbers.
    """

    def __init__(self, classes: Iterable[str], unwritable: set[str]) -> None:
        self.numbers = {name: number for number, name in enumerate(classes)}
        self.unwritable = unwritable
        self.used: dict[str, int] = {}

    def written(self, name: str) -> str:
        """Return the name, or its number if it cannot be written."""
        if not self.unwritable & set(name):
            return name
        self.used[name] = self.numbers.setdefault(name, len(self.numbers))
        return f"#{self.used[name]}"


_current: ContextVar[Names | None] = ContextVar("names", default=None)


def written(name: str) -> str:
    """Return a name as the figures of the surrounding `readable` show it."""
    names = _current.get()
    return names.written(name) if names else name


@contextmanager
def readable(classes: Iterable[str], others: Iterable[str], legend: Path) -> Iterator[Names]:
    """Draw figures in fonts that have the characters of all names.

    Where no installed font has them, names are numbered, one line on stderr says which font to install, and `legend`
    holds the numbers.

    Args:
        classes: the names of the classes, by id.
        others: further names that figures show, such as those of images.
        legend: the CSV file to write, if names were numbered.
    """
    classes = list(classes)
    families, unwritable = families_for(set().union(*classes, *others))
    names = Names(classes, unwritable)
    token = _current.set(names)
    try:
        with mpl.rc_context({"font.family": [*mpl.rcParams["font.family"], *families]}):
            yield names
    finally:
        _current.reset(token)
    if not names.used:
        remove(legend)  # of earlier figures
        return
    with replacing(legend) as temporary:
        table = pd.DataFrame({"number": list(names.used.values()), "name": list(names.used)})
        write_table(temporary, table.sort_values("number"))
    print(_advice(unwritable, legend.name), file=sys.stderr)


def families_for(characters: set[str]) -> tuple[list[str], set[str]]:
    """Return the font families that figures need besides the default one, and the characters that no font has.

    No family is needed where the default has all characters, as for English names. Else it is the first family with
    all of the others; if there is none, each of the first families that has one more of them.
    """
    default = _characters_in(font_manager.findfont(FontProperties()))
    missing = {ord(one) for one in characters - {"\n"}} - default
    if not missing:
        return [], set()
    _find_new_fonts()
    families = _installed_families()
    chosen = next(([name] for name, files in families.items() if missing <= _characters_of(files)), None)
    if chosen is None:
        chosen = []
        for name, files in families.items():
            if found := missing & _characters_of(files):
                chosen.append(name)
                missing -= found
    else:
        missing = set()
    return chosen, {chr(one) for one in missing}


def _installed_families() -> dict[str, list[FontPath]]:
    """Return the files of each installed family, those of `CHINESE` in their order first, then the others by name."""
    files: dict[str, list[FontPath]] = {}
    for font in font_manager.fontManager.ttflist:
        if not font.name.lower().replace(" ", "").startswith(BLANK):
            files.setdefault(font.name, []).append(FontPath(font.fname, font.index))
    order = [name for name in CHINESE if name in files]
    return {name: files[name] for name in (*order, *sorted(files.keys() - set(CHINESE)))}


def _find_new_fonts() -> None:
    """Make fonts known that were installed after matplotlib listed them."""
    known = {font.fname for font in font_manager.fontManager.ttflist}
    for path in sorted(set(font_manager.findSystemFonts()) - known):
        try:
            font_manager.fontManager.addfont(path)
        except (OSError, RuntimeError, ValueError, NotImplementedError):
            continue  # a font that matplotlib cannot use, such as one of coloured bitmaps


def _characters_of(files: list[FontPath]) -> frozenset[int]:
    """Return the code points that all fonts of a family have, bold and light ones too, whichever is taken."""
    return frozenset.intersection(*map(_characters_in, files))


@cache
def _characters_in(file: FontPath) -> frozenset[int]:
    """Return the code points that a font has; none if it was removed or cannot be read."""
    try:
        return frozenset(font_manager.get_font(file).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()


def _advice(unwritable: set[str], legend: str) -> str:
    """Return the line that says which characters no font has, and which font to install on this system."""
    first, last = min(unwritable), max(unwritable)
    shown = "".join(sorted(unwritable)[:MOST_SHOWN]) + ("…" if len(unwritable) > MOST_SHOWN else "")
    if ord(last) < FIRST_CHINESE:
        font = "a font that has them, such as one of the Noto fonts"
    elif system() == "Linux":
        package = "fonts-hanazono" if ord(first) >= FIRST_RARE else "fonts-noto-cjk"
        font = f"one (Debian, Ubuntu and Colab: apt-get install {package})"
    else:
        font = "Noto Sans SC"
    return (
        f"figures: no installed font has {shown!r}, so names with these characters are numbered, and {legend} beside "
        f"the figures lists them: install {font}, then draw again"
    )
