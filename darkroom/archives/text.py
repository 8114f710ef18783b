"""Text whose encoding nobody states: lists, tables, JSON, and the names of files in zip archives."""

import codecs
import unicodedata
import warnings
from collections.abc import Callable
from itertools import pairwise

from darkroom.common.errors import UserError

# Marks at the start of a text, the longer ones first, and the encodings that take them away.
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
THREE_BYTES = 0x800  # from this character on UTF-8 takes three, which hardly any other text happens to have
SHARES_OF_COMMON = (0.9, 0.75)  # of the letters of a text that are common in its language; the first that any has
SHARE_OF_FEW, ENOUGH_BYTES = 0.4, 12  # of a text of less bytes beyond ASCII, where a rare letter weighs much
# Where several encodings give common letters, chardet must be surer of one by this factor, on so many of them.
SURER, ENOUGH_LETTERS = 3.0, 8


def _common_hanzi(letter: str, written: bytes) -> bool:
    """Level 1 of GB 2312, the 3,755 most frequent."""
    return len(written) == 2 and 0xB0 <= written[0] <= 0xD7 and written[1] >= 0xA1


def _common_traditional_hanzi(letter: str, written: bytes) -> bool:
    """Level 1 of Big5, the 5,401 most frequent."""
    return len(written) == 2 and 0xA4 <= written[0] <= 0xC6


def _common_japanese(letter: str, written: bytes) -> bool:
    """Kana, and level 1 of JIS X 0208's kanji; not half-width kana, which nearly any bytes read as."""
    return len(written) == 2 and ("\u3041" <= letter <= "\u30fe" or 0x88 <= written[0] <= 0x97)


def _common_japanese_of_unix(letter: str, written: bytes) -> bool:
    """As `_common_japanese`, in EUC-JP."""
    return len(written) == 2 and ("\u3041" <= letter <= "\u30fe" or 0xB0 <= written[0] <= 0xCF)


def _common_hangul(letter: str, written: bytes) -> bool:
    """The 2,350 syllables of KS X 1001."""
    return len(written) == 2 and 0xB0 <= written[0] <= 0xC8 and written[1] >= 0xA1


# The letters beyond ASCII that languages in Latin letters have. Those of the West are often mixed in one archive.
WESTERN = ("àáâãäåæçèéêëìíîïñòóôõöøùúûüÿßœ", "áéíóúýðþæö")
CENTRAL = ("áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "ąćęłńóśźż", "áéíóöőúüű", "ăâîşţ", "čćđšž", "äöüß")
TURKISH = ("çğıöşüâîûi",)  # the capital of i has a dot, and its small letter begins with i
BALTIC = ("äõöüšž", "āčēģīķļņōŗšūž", "ąčęėįšųūž")

RUSSIAN = ("абвгдеёжзийклмнопрстуфхцчшщъыьэюя",)

# What systems of China, Taiwan, Japan and Korea, and Windows and DOS of languages with an alphabet, write without
# saying so; and which letters are common there, or the alphabets of which one must have all letters.
LEGACY_ENCODINGS: dict[str, Callable[[str, bytes], bool] | tuple[str, ...]] = {
    "gb18030": _common_hanzi,
    "big5": _common_traditional_hanzi,
    "cp932": _common_japanese,
    "euc-jp": _common_japanese_of_unix,
    "cp949": _common_hangul,
    **dict.fromkeys(["cp1252", "cp437", "cp850"], WESTERN),
    **dict.fromkeys(["cp1250", "cp852"], CENTRAL),
    **dict.fromkeys(["cp1254", "cp857"], TURKISH),
    **dict.fromkeys(["cp1257", "cp775"], BALTIC),
    **dict.fromkeys(["cp1251", "cp866", "koi8-r"], RUSSIAN),
}


def decode_text(content: bytes, name: object) -> str:
    """The text in `content`, without a byte order mark.

    Args:
        name: of the file, for the message.

    Raises:
        UserError: it is in no encoding that reads as text, or may be in several.
    """
    marked = next((encoding for mark, encoding in MARKS.items() if content.startswith(mark)), None)
    found = [marked] if marked else likely_encodings(content)
    if len(found) == 1:
        try:
            return content.decode(found[0])
        except UnicodeDecodeError:
            found = []
    what = f"may be {' or '.join(found)}" if found else "does not read as text"
    raise UserError(f"{name}: {what}; save it as UTF-8")


def likely_encodings(content: bytes) -> list[str]:
    """The encodings in which `content`, without a byte order mark, reads as text; one where that is certain.

    It is UTF-8 wherever it can be, but for a few bytes that may be accented letters in it as well as Chinese ones of
    Windows.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return _legacy_encodings(content)
    letters = [letter for letter in text if ord(letter) > 127 and letter.isalpha()]
    if any(ord(letter) >= THREE_BYTES for letter in text) or not letters or _reads_as_words(text, letters, letters):
        return ["utf-8"]
    return ["utf-8", *_legacy_encodings(content)]


def _legacy_encodings(content: bytes) -> list[str]:
    """Those of `LEGACY_ENCODINGS` in which `content` reads as text; one where that is certain.

    In each the letters must be common ones. Where that leaves several, chardet decides, if it is sure: it knows how
    often letters occur, but is often wrong on the few of a file's name.
    """
    for share in SHARES_OF_COMMON:
        texts = _readings(content, share)
        if texts:
            break
    if sum(byte > 127 for byte in content) < ENOUGH_BYTES and all(_has_alphabet(name) for name in texts.values()):
        texts |= _readings(content, SHARE_OF_FEW)
    found = list(texts.values())
    letters = {letter for text in texts for letter in text if ord(letter) > 127}
    if len(found) < 2 or len(letters) / len(found) < ENOUGH_LETTERS:
        return found
    import chardet  # here, since few need it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it may say none of them
        told = chardet.detect_all(content, ignore_threshold=True, include_encodings=found)
    sure = {codecs.lookup(one["encoding"]).name: one["confidence"] for one in told if one["encoding"]}
    best, other, *_ = sorted(found, key=lambda encoding: -sure.get(codecs.lookup(encoding).name, 0.0))
    first, second = (sure.get(codecs.lookup(encoding).name, 0.0) for encoding in (best, other))
    return [best] if first > SURER * second else found


def _readings(content: bytes, share: float) -> dict[str, str]:
    """What `content` reads as, and in which encoding; the first of those that make the same of it."""
    texts: dict[str, str] = {}
    for encoding, common in LEGACY_ENCODINGS.items():
        text = _as_text(content, encoding, common, share)
        if text is not None:
            texts.setdefault(text, encoding)
    return texts


def _has_alphabet(encoding: str) -> bool:
    return isinstance(LEGACY_ENCODINGS[encoding], tuple)


def _as_text(
    content: bytes, encoding: str, common: Callable[[str, bytes], bool] | tuple[str, ...], share: float
) -> str | None:
    """`content` in `encoding`, None where less than `share` of its letters are common in its language."""
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        return None
    foreign = [letter for letter in text if ord(letter) > 127]
    letters = [letter for letter in foreign if unicodedata.category(letter)[0] == "L"]
    if not letters or any(unicodedata.category(letter)[0] == "C" for letter in foreign):
        return None
    if isinstance(common, tuple):
        used = {letter.lower()[0] for letter in letters}
        fits = any(used <= set(alphabet) for alphabet in common) and _reads_as_words(text, foreign, letters)
    else:
        fits = sum(common(letter, letter.encode(encoding)) for letter in letters) >= share * len(letters)
    return text if fits else None


def _reads_as_words(text: str, foreign: list[str], letters: list[str]) -> bool:
    """Whether letters with accents stand among more plain ones, small after small, as in words of the West."""
    words = "".join(letter if letter.isalpha() else " " for letter in text).split()
    accented = [word for word in words if not word.isascii()]
    plain = sum(letter.isascii() for word in accented for letter in word)
    if all("\u0400" <= letter <= "\u04ff" for letter in letters):
        plain = len(letters) if all(not letter.isascii() for word in accented for letter in word) else 0
    mixed = any(one.islower() and other.isupper() for word in accented for one, other in pairwise(word))
    return len(letters) == len(foreign) and plain >= len(letters) and not mixed
