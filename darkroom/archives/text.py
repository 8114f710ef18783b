"""Detecting the encoding of text that does not state it: lists, tables, JSON, and file names in zip archives."""

import codecs
import unicodedata
import warnings
from collections.abc import Callable
from itertools import pairwise

from darkroom.common.errors import UserError

# Byte order marks, the longer ones first, and the encodings that remove them.
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
THREE_BYTES = 0x800  # UTF-8 writes this and higher characters as three bytes, a pattern rare in other encodings
# A text is accepted in an encoding if this share of its letters is common in the encoding's language. The second share
# is tried if no encoding reaches the first.
COMMON_SHARES = (0.9, 0.75)
# In a text with fewer bytes beyond ASCII a single rare letter counts much, so a smaller share is enough.
ENOUGH_BYTES, SHORT_TEXT_SHARE = 12, 0.4
# If several encodings are possible, chardet chooses one whose confidence is higher by this factor than the next one's.
# It needs this many different letters.
CONFIDENCE_FACTOR, ENOUGH_LETTERS = 3.0, 8


def _is_common_hanzi(letter: str, encoded: bytes) -> bool:
    """Return whether a letter is in level 1 of GB 2312, the 3,755 most frequent."""
    return len(encoded) == 2 and 0xB0 <= encoded[0] <= 0xD7 and encoded[1] >= 0xA1


def _is_common_traditional_hanzi(letter: str, encoded: bytes) -> bool:
    """Return whether a letter is in level 1 of Big5, the 5,401 most frequent."""
    return len(encoded) == 2 and 0xA4 <= encoded[0] <= 0xC6


def _is_common_japanese(letter: str, encoded: bytes) -> bool:
    """Return whether a letter is kana or in level 1 of JIS X 0208's kanji, in Shift JIS.

    Half-width kana do not count: almost any bytes decode to them.
    """
    return len(encoded) == 2 and ("\u3041" <= letter <= "\u30fe" or 0x88 <= encoded[0] <= 0x97)


def _is_common_japanese_euc(letter: str, encoded: bytes) -> bool:
    """Return the same as `_is_common_japanese`, in EUC-JP."""
    return len(encoded) == 2 and ("\u3041" <= letter <= "\u30fe" or 0xB0 <= encoded[0] <= 0xCF)


def _is_common_hangul(letter: str, encoded: bytes) -> bool:
    """Return whether a letter is one of the 2,350 syllables of KS X 1001."""
    return len(encoded) == 2 and 0xB0 <= encoded[0] <= 0xC8 and encoded[1] >= 0xA1


# The letters beyond ASCII of languages in Latin script. Those of Western Europe are often mixed in one archive.
WESTERN = ("àáâãäåæçèéêëìíîïñòóôõöøùúûüÿßœ", "áéíóúýðþæö")
CENTRAL = ("áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "ąćęłńóśźż", "áéíóöőúüű", "ăâîşţ", "čćđšž", "äöüß")
TURKISH = ("çğıöşüâîûi",)  # i is among them since "İ".lower() begins with it
BALTIC = ("äõöüšž", "āčēģīķļņōŗšūž", "ąčęėįšųūž")

RUSSIAN = ("абвгдеёжзийклмнопрстуфхцчшщъыьэюя",)

# Encodings that Windows, DOS and Unix wrote without stating them. The value is a function that returns whether a letter
# is common in the language, or the alphabets one of which must hold all letters of a text.
LEGACY_ENCODINGS: dict[str, Callable[[str, bytes], bool] | tuple[str, ...]] = {
    "gb18030": _is_common_hanzi,
    "big5": _is_common_traditional_hanzi,
    "cp932": _is_common_japanese,
    "euc-jp": _is_common_japanese_euc,
    "cp949": _is_common_hangul,
    **dict.fromkeys(["cp1252", "cp437", "cp850"], WESTERN),
    **dict.fromkeys(["cp1250", "cp852"], CENTRAL),
    **dict.fromkeys(["cp1254", "cp857"], TURKISH),
    **dict.fromkeys(["cp1257", "cp775"], BALTIC),
    **dict.fromkeys(["cp1251", "cp866", "koi8-r"], RUSSIAN),
}


def decode_text(content: bytes, name: object) -> str:
    """Return the text in `content`, without a byte order mark.

    Args:
        content: of a file.
        name: the file's name, for the message.

    Raises:
        UserError: it is no text in any known encoding, or several are possible.
    """
    marked = next((encoding for mark, encoding in BYTE_ORDER_MARKS.items() if content.startswith(mark)), None)
    found = [marked] if marked else likely_encodings(content)
    if len(found) == 1:
        try:
            return content.decode(found[0])
        except UnicodeDecodeError:
            found = []
    problem = f"its encoding may be {' or '.join(found)}" if found else "is no text in any known encoding"
    raise UserError(f"{name}: {problem}; save it as UTF-8")


def likely_encodings(content: bytes) -> list[str]:
    """Return the encodings that `content`, without a byte order mark, may be in; a single one if that is certain.

    Valid UTF-8 is UTF-8. The exception is a short text whose accented letters could as well be Chinese letters of
    Windows.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return _legacy_encodings(content)
    letters = [letter for letter in text if ord(letter) > 127 and letter.isalpha()]
    if any(ord(letter) >= THREE_BYTES for letter in text) or not letters or _looks_like_words(text, letters, letters):
        return ["utf-8"]
    return ["utf-8", *_legacy_encodings(content)]


def _legacy_encodings(content: bytes) -> list[str]:
    """Return those of `LEGACY_ENCODINGS` that `content` may be in; a single one if that is certain.

    Its letters must be common in the encoding's language. If several encodings are possible, chardet chooses if its
    confidence is high enough. It knows letter frequencies, but is often wrong about the few letters of a file's name.
    """
    for share in COMMON_SHARES:
        texts = _decodings(content, share)
        if texts:
            break
    if sum(byte > 127 for byte in content) < ENOUGH_BYTES and all(_has_alphabet(name) for name in texts.values()):
        texts |= _decodings(content, SHORT_TEXT_SHARE)
    found = list(texts.values())
    letters = {letter for text in texts for letter in text if ord(letter) > 127}
    if len(found) < 2 or len(letters) / len(found) < ENOUGH_LETTERS:
        return found
    import chardet  # imported here, since few archives need it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # chardet warns if it finds none of `found`
        detected = chardet.detect_all(content, ignore_threshold=True, include_encodings=found)
    confidences = {codecs.lookup(row["encoding"]).name: row["confidence"] for row in detected if row["encoding"]}
    best, other, *_ = sorted(found, key=lambda encoding: -confidences.get(codecs.lookup(encoding).name, 0.0))
    first, second = (confidences.get(codecs.lookup(encoding).name, 0.0) for encoding in (best, other))
    return [best] if first > CONFIDENCE_FACTOR * second else found


def _decodings(content: bytes, share: float) -> dict[str, str]:
    """Return the texts that `content` may be, and the first encoding that gives each."""
    texts: dict[str, str] = {}
    for encoding, common in LEGACY_ENCODINGS.items():
        text = _decode_if_common(content, encoding, common, share)
        if text is not None:
            texts.setdefault(text, encoding)
    return texts


def _has_alphabet(encoding: str) -> bool:
    return isinstance(LEGACY_ENCODINGS[encoding], tuple)


def _decode_if_common(
    content: bytes, encoding: str, common: Callable[[str, bytes], bool] | tuple[str, ...], share: float
) -> str | None:
    """Return `content` decoded; None if a smaller share of its letters than `share` is common in the language."""
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
        fits = any(used <= set(alphabet) for alphabet in common) and _looks_like_words(text, foreign, letters)
    else:
        fits = sum(common(letter, letter.encode(encoding)) for letter in letters) >= share * len(letters)
    return text if fits else None


def _looks_like_words(text: str, foreign: list[str], letters: list[str]) -> bool:
    """Return whether a text looks like words of a language in Latin or Cyrillic script.

    Accented Latin letters are in words with at least as many plain letters; Cyrillic words hold no others. No capital
    follows a small letter.

    Args:
        text: the whole text.
        foreign: its characters beyond ASCII.
        letters: those of them that are letters.
    """
    words = "".join(letter if letter.isalpha() else " " for letter in text).split()
    accented = [word for word in words if not word.isascii()]
    plain = sum(letter.isascii() for word in accented for letter in word)
    if all("\u0400" <= letter <= "\u04ff" for letter in letters):
        plain = len(letters) if all(not letter.isascii() for word in accented for letter in word) else 0
    mixed = any(first.islower() and second.isupper() for word in accented for first, second in pairwise(word))
    return len(letters) == len(foreign) and plain >= len(letters) and not mixed
