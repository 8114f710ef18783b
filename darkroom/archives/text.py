"""Text whose encoding nobody states: lists, tables, JSON, and names of files in zip archives."""

import codecs

from charset_normalizer import from_bytes

from darkroom.common.errors import UserError

# Marks at the start of a text, the longer ones first, and the encodings that take them away.
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# What Windows of China, Taiwan, Japan, Korea and the West, and DOS, write without saying so.
LEGACY_ENCODINGS = ("gb18030", "big5", "cp932", "cp949", "cp1252", "cp437")


def decode_text(content: bytes, name: object, encoding: str | None = None) -> str:
    """The text in `content`, without a byte order mark.

    Args:
        name: of the file, for the message.
        encoding: what it is in where neither a mark says so nor UTF-8 fits; None: found out.

    Raises:
        UserError: it is in no encoding that reads as text, or in several.
    """
    marked = next((encoding for mark, encoding in MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(marked)
    except UnicodeDecodeError:
        pass
    found = [encoding] if encoding else likely_encodings([content])
    if len(found) != 1:
        what = f"could be {' or '.join(found)}" if found else "is no text"
        raise UserError(f"{name}: is not UTF-8 and {what}; save it as UTF-8")
    try:
        return content.decode(found[0])
    except (UnicodeDecodeError, LookupError):
        raise UserError(f"{name}: does not read as {found[0]}; save it as UTF-8") from None


def likely_encodings(contents: list[bytes]) -> list[str]:
    """The encodings of `LEGACY_ENCODINGS` in which all of `contents` read as text; one where it is clear."""
    found = from_bytes(b"\n".join(contents), cp_isolation=list(LEGACY_ENCODINGS)).best()
    return [found.encoding] if found is not None else []
