"""An annotation file, parsed once however many formats look at it."""

import json
from functools import cached_property
from typing import Any
from xml.etree.ElementTree import Element

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from darkroom.archives.member import Member
from darkroom.archives.text import decode_text
from darkroom.common.errors import UserError

LARGEST = 2 << 30  # bytes of a file that is parsed


class AnnotationFile:
    """An annotation file.

    Attributes:
        member: the file.
    """

    def __init__(self, member: Member) -> None:
        self.member = member

    def __str__(self) -> str:
        return str(self.member)

    @cached_property
    def content(self) -> bytes:
        """The file's bytes.

        Raises:
            UserError: it is damaged, or too large.
        """
        if self.member.size > LARGEST:
            raise UserError(f"{self}: has {self.member.size >> 20} megabytes, which are too many; split it")
        return self.member.read()

    @cached_property
    def text(self) -> str:
        """The file's text, in the encoding that `decode_text` finds.

        Raises:
            UserError: it is no text, or its encoding is uncertain.
        """
        return decode_text(self.content, self.member)

    @cached_property
    def json(self) -> Any:  # noqa: ANN401 # its values are checked where they are used
        """The content of a JSON file: UTF-8, UTF-16 or UTF-32, as RFC 8259 has it, or text in an older encoding.

        Raises:
            UserError: the file is not JSON.
        """
        try:
            try:
                return json.loads(self.content)
            except UnicodeDecodeError:
                return json.loads(self.text)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{self}: is not JSON ({error}); save it again") from None

    @cached_property
    def xml(self) -> Element:
        """The root of an XML file.

        Raises:
            UserError: the file is not XML, or it declares entities, which annotation tools do not.
        """
        try:
            root: Element = fromstring(self.content, forbid_dtd=False)
        except DefusedXmlException:  # before ValueError, of which it is one
            raise UserError(f"{self}: declares XML entities, which can fill the memory; remove them") from None
        except (ParseError, ValueError, LookupError) as error:
            raise UserError(f"{self}: is not XML ({error}); export it again") from None
        return root

    def may_have(self, *keys: str) -> bool:
        """Return whether all keys stand in the file. It is quick, so that large files of other kinds are not parsed."""
        content = self.content.replace(b"\0", b"")  # UTF-16 has zero bytes between the letters
        return all(f'"{key}"'.encode() in content for key in keys)
