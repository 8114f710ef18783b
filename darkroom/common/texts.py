"""Texts in lines and columns. A Chinese character is as wide as two letters."""

from unicodedata import east_asian_width


def width(text: str) -> int:
    """Return the width of a text in letters."""
    return sum(2 if east_asian_width(one) in "WF" else 1 for one in text)


def shorten(text: str, longest: int) -> str:
    """Return the text, cut and ended with … if it is wider than `longest` letters."""
    if width(text) <= longest:
        return text
    while width(text) > longest - 1:
        text = text[:-1]
    return f"{text}…"


def column(text: str, size: int) -> str:
    """Return the text in a column of `size` letters, shortened or filled up with spaces."""
    text = shorten(text, size)
    return text + " " * (size - width(text))
