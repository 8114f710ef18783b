"""A file in an archive: the position of its bytes, and how to read them."""

import io
import zipfile
import zlib
from typing import NamedTuple

from darkroom.archives.text import decode_text
from darkroom.common.errors import UserError

ZIP_LOCAL_HEADER = 30  # bytes before the name; APPNOTE.TXT section 4.3.7
ZIP_LIKELY_EXTRA = 64  # bytes of extra fields between name and content in almost all archives
# A member that unpacks to more than BOMB_SIZE bytes and BOMB_RATIO times its own is a decompression bomb.
BOMB_SIZE, BOMB_RATIO = 256 << 20, 100


class Member(NamedTuple):
    """A file in an archive. It is small, picklable and readable from any process on this machine.

    Attributes:
        archive: path of the archive, for messages.
        name: of the file in the archive.
        data: path of the file that holds the bytes: the archive or its decompressed copy.
        offset: position in `data`: of a zip member's local header, or of a tar member's content.
        size: bytes in `data`.
        method: compression of a zip member: `zipfile.ZIP_STORED` or `ZIP_DEFLATED`. None: a tar member or a file.
        crc: CRC-32 of a zip member's content.
        unpacked: bytes of a zip member's content, as the archive states them.
    """

    archive: str
    name: str
    data: str
    offset: int
    size: int
    method: int | None = None
    crc: int = 0
    unpacked: int = 0

    def __str__(self) -> str:
        return f"{self.archive}: {self.name}"

    def read(self) -> bytes:
        """Return the file's content.

        Raises:
            UserError: it is damaged or cut short, or it is large and unpacks to far more bytes than it has.
        """
        if self.method is None:
            return self._check_size(self._read_at(self.size, 0))
        # One read for header and content: the sizes of the header's parts are known only after reading it.
        most = ZIP_LOCAL_HEADER + len(self.name.encode()) + ZIP_LIKELY_EXTRA + self.size
        stored = self._read_at(most, 0)
        start = ZIP_LOCAL_HEADER + int.from_bytes(stored[26:28], "little") + int.from_bytes(stored[28:30], "little")
        content = stored[start : start + self.size]
        if len(content) < self.size:  # the extra fields are longer than ZIP_LIKELY_EXTRA
            content = self._check_size(self._read_at(self.size, start))
        if self.method == zipfile.ZIP_DEFLATED:
            if self.unpacked > max(BOMB_SIZE, BOMB_RATIO * self.size):
                raise UserError(f"{self}: would unpack {self.size} bytes to {self.unpacked}; fetch another archive")
            try:
                content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, self.unpacked + 1)
            except zlib.error:
                raise UserError(f"{self}: is damaged; fetch the archive again") from None
        if zlib.crc32(content) != self.crc:
            raise UserError(f"{self}: is damaged; fetch the archive again")
        return content

    def text(self) -> str:
        """Return the file's content as text, in the encoding that `decode_text` finds.

        Raises:
            UserError: it is no text, or its encoding is uncertain.
        """
        return decode_text(self.read(), self)

    def _read_at(self, size: int, start: int) -> bytes:
        """Return up to `size` bytes from `start`. Where the data end before, there are fewer."""
        parts = []
        with io.FileIO(self.data) as file:  # unbuffered and binary on every system
            file.seek(self.offset + start)
            while size and (part := file.read(size)):  # systems read at most two gigabytes at once
                parts.append(part)
                size -= len(part)
        return b"".join(parts)

    def _check_size(self, content: bytes) -> bytes:
        if len(content) != self.size:
            raise UserError(f"{self}: is cut short; fetch the archive again")
        return content
