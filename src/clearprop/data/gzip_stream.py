"""Reading a gzip file a bounded piece at a time.

The standard ``gzip`` module reads ahead by a buffer of its own choosing; here not a byte more is
decompressed than the caller asks for, so a small file that unfolds into terabytes costs nothing.
"""

from __future__ import annotations

import zlib
from typing import BinaryIO

MAGIC = b"\x1f\x8b"

# Measured on the MNIST training images: small enough to stay in the cache, 64 KiB is fastest.
PIECE = 1 << 16

_GZIP_FORMAT = 16 + zlib.MAX_WBITS  # zlib then checks each member's CRC and length by itself


class GzipStream:
    """The content of a gzip file, of one member or several, read front to back.

    Parameters
    ----------
    file : binary file
        Open at the first byte of the gzip file.

    Source
    ------
    RFC 1952, section 2.2: a gzip file is a series of members, with nothing before, between or
    after them.

    Examples
    --------
    >>> import gzip, io
    >>> stream = GzipStream(io.BytesIO(gzip.compress(b"back") + gzip.compress(b"prop")))
    >>> stream.read(4), stream.read(4), stream.read(4)
    (b'back', b'prop', b'')
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._member = zlib.decompressobj(_GZIP_FORMAT)
        self._waiting = b""  # compressed bytes that were read and not yet decompressed

    def read(self, size: int) -> bytes:
        """Return the next 1 to `size` bytes, or ``b""`` where the last member has ended.

        Parameters
        ----------
        size : int
            At least 1.

        Returns
        -------
        bytes

        Raises
        ------
        EOFError
            The file ends inside a member.
        zlib.error
            The compressed data are damaged, or a checksum or length differs, or what follows a
            member is not a member.
        """
        while True:
            if self._member.eof:
                self._waiting = self._member.unused_data or self._file.read(PIECE)
                if not self._waiting:
                    return b""
                if not self._waiting.startswith(MAGIC[: len(self._waiting)]):
                    raise zlib.error("incorrect header check")  # zlib would wait for a second byte
                self._member = zlib.decompressobj(_GZIP_FORMAT)
            ended = False
            if not self._waiting:
                self._waiting = self._file.read(PIECE)
                ended = not self._waiting
            content = self._member.decompress(self._waiting, size)
            self._waiting = self._member.unconsumed_tail
            if content:
                return content
            # Only a call without input and without output proves the end: zlib may hold output
            # back when `size` cut it short.
            if ended and not self._member.eof:
                raise EOFError("the gzip file ends inside a member")
