"""One file in an archive: where its bytes lie, and how to get at them."""

import os
import zipfile
import zlib
from typing import NamedTuple

from darkroom.archives.text import decode_text
from darkroom.common.errors import UserError

ZIP_LOCAL_HEADER = 30  # bytes before the name; APPNOTE.TXT section 4.3.7
ZIP_LIKELY_EXTRA = 64  # bytes of extra fields between name and content


class Member(NamedTuple):
    """One file in an archive: small, picklable, and readable from any process on this machine."""

    archive: str  # the archive's path, for messages
    name: str
    data: str  # the file that holds the bytes: the archive, or its decompressed copy
    offset: int  # in bytes, of a zip member's local header or of a tar member's content
    size: int  # in bytes, as stored
    method: int | None = None  # of a zip member, `zipfile.ZIP_STORED` or `ZIP_DEFLATED`
    crc: int = 0

    def __str__(self) -> str:
        return f"{self.archive}: {self.name}"

    def read(self) -> bytes:
        """The file's content.

        Raises:
            UserError: the bytes are not those that the archive promises.
        """
        if self.method is None:
            return self._exactly(self._pread(self.size, 0))
        most = ZIP_LOCAL_HEADER + len(self.name.encode()) + ZIP_LIKELY_EXTRA + self.size
        stored = self._pread(most, 0)
        start = ZIP_LOCAL_HEADER + int.from_bytes(stored[26:28], "little") + int.from_bytes(stored[28:30], "little")
        content = stored[start : start + self.size]
        if len(content) < self.size:  # after more extra fields than are likely
            content = self._exactly(self._pread(self.size, start))
        if self.method == zipfile.ZIP_DEFLATED:
            try:
                content = zlib.decompress(content, -zlib.MAX_WBITS)
            except zlib.error:
                raise UserError(f"{self}: is damaged; fetch the archive again") from None
        if zlib.crc32(content) != self.crc:
            raise UserError(f"{self}: is damaged; fetch the archive again")
        return content

    def text(self) -> str:
        """The file's content as text, of any encoding that `decode_text` finds.

        Raises:
            UserError: it is no text, or could be several.
        """
        return decode_text(self.read(), self)

    def _pread(self, size: int, start: int) -> bytes:
        file = os.open(self.data, os.O_RDONLY)
        try:
            return os.pread(file, size, self.offset + start)
        finally:
            os.close(file)

    def _exactly(self, content: bytes) -> bytes:
        if len(content) != self.size:
            raise UserError(f"{self}: is cut short; fetch the archive again")
        return content
