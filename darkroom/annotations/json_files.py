"""Reading the JSON files of a source."""

import json

from darkroom.archives.member import Member
from darkroom.archives.text import decode_text
from darkroom.common.errors import UserError


def read_json_file(member: Member) -> object:
    """Return the content of a JSON file.

    Raises:
        UserError: the file is not JSON.
    """
    try:
        return _parse(member, member.read())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{member}: is not JSON ({error}); save it again") from None


def read_json_with_key(member: Member, key: str) -> object:
    """Return the content of a JSON file that has `key` somewhere; None of any other file.

    The bytes are searched first, so that large JSON files of other kinds are not parsed.
    """
    content = member.read()
    if f'"{key}"'.encode() not in content.replace(b"\0", b""):  # UTF-16 has zero bytes between the letters
        return None
    try:
        return _parse(member, content)
    except (ValueError, RecursionError, UserError):
        return None


def _parse(member: Member, content: bytes) -> object:
    """Parse UTF-8, UTF-16 or UTF-32, as RFC 8259 has it, or text in an older encoding, as some Windows tools write."""
    try:
        parsed: object = json.loads(content)
    except UnicodeDecodeError:
        parsed = json.loads(decode_text(content, member))
    return parsed
