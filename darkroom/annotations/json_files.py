"""JSON files of a source, in any encoding that is read as text."""

import json

from darkroom.archives.member import Member
from darkroom.archives.text import decode_text
from darkroom.common.errors import UserError


def read_json_file(member: Member) -> object:
    """The content of a JSON file.

    Raises:
        UserError: it is no JSON.
    """
    try:
        return _parsed(member, member.read())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{member}: is not JSON ({error}); save it again") from None


def json_with(key: str, member: Member) -> object:
    """As `read_json_file`, None of what is no JSON or does not mention `key`: large files of others are not parsed."""
    content = member.read()
    if f'"{key}"'.encode() not in content.replace(b"\0", b""):  # which UTF-16 has between letters
        return None
    try:
        return _parsed(member, content)
    except (ValueError, RecursionError, UserError):
        return None


def _parsed(member: Member, content: bytes) -> object:
    """JSON is UTF-8, UTF-16 or UTF-32 (RFC 8259 and those before it); some of Windows is neither."""
    try:
        return json.loads(content)
    except UnicodeDecodeError:
        return json.loads(decode_text(content, member))
