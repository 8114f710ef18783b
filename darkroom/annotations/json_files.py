"""JSON files of a source, in any encoding that is read as text."""

import json

from darkroom.archives.member import Member
from darkroom.common.errors import UserError


def read_json_file(member: Member) -> object:
    """The content of a JSON file.

    Raises:
        UserError: it is no JSON.
    """
    try:
        return json.loads(member.text())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{member}: is not JSON ({error}); save it again") from None


def json_with(key: str, member: Member) -> object:
    """As `read_json_file`, None of what is no JSON or does not mention `key`: large files of others are not parsed."""
    try:
        return read_json_file(member) if f'"{key}"' in member.text() else None
    except UserError:
        return None
