"""The IDX format: a header of type and dimensions, then the numbers, big-endian."""

from __future__ import annotations

import os
import sys
import zlib
from math import prod
from typing import Any, BinaryIO, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from clearprop.data.files import (
    as_path,
    cannot_open,
    count_bytes,
    likely_format,
    place,
    size_of_file,
)
from clearprop.data.gzip_stream import MAGIC as GZIP_MAGIC
from clearprop.data.gzip_stream import PIECE, GzipStream
from clearprop.errors import DataError

ELEMENT_TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}

MAX_DIMENSIONS = 64  # of a NumPy array


class RawIdx(NamedTuple):
    """The header's bytes as they stand in the file, and the array that follows them."""

    header: bytes
    array: npt.NDArray[Any]


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def load_idx(path: str | os.PathLike[str]) -> npt.NDArray[Any]:
    """Array that an IDX file holds, the file plain or compressed with gzip.

    Parameters
    ----------
    path : str or path
        The file. Whether it is compressed is read from its first two bytes, not from its name.

    Returns
    -------
    ndarray, shape and dtype as the file's header says
        uint8, int8, int16, int32, float32 or float64 in the byte order of this machine,
        C-contiguous and writable.

    Raises
    ------
    DataError
        The file is missing or cannot be read; is not an IDX file; ends too early or too late; or
        its gzip stream is damaged. Memory is taken only for what the file really holds, whatever
        its header promises.

    Source
    ------
    "The IDX file format" at the end of Y. LeCun, C. Cortes and C. J. C. Burges, *The MNIST
    database of handwritten digits*: two zero bytes, a type code, the number of dimensions, each
    size as a 4-byte integer, and the elements, the last index fastest; all big-endian.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "grid.idx")
    ...     _ = path.write_bytes(bytes([0, 0, 0x0B, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 5, 255, 255]))
    ...     load_idx(path)
    array([[ 5, -1]], dtype=int16)
    """
    return read_idx(as_path(path, "load_idx")).array


def read_idx(path: str) -> RawIdx:
    """Read header and array; see `load_idx`."""
    try:
        file_size = size_of_file(path, "load_idx", "train-images-idx3-ubyte.gz")
        with open(path, "rb") as file:
            compressed = file.read(2) == GZIP_MAGIC
            file.seek(0)
            if compressed:
                return _read_gzip(path, file, file_size)
            return _read_content(path, file, file_size)
    except OSError as error:
        raise cannot_open(path, error, "load_idx") from error
    except MemoryError as error:
        raise DataError(
            "load_idx: the content of the file does not fit in memory.",
            where=place(path),
            why="an IDX file is read whole.",
            write="load_idx(path) where more memory is free, or with a part of the file.",
        ) from error


def _read_gzip(path: str, file: BinaryIO, file_size: int) -> RawIdx:
    try:
        return _read_content(path, GzipStream(file), None)
    except EOFError as error:
        raise DataError(
            f"load_idx: the gzip stream is truncated: the file ends after "
            f"{count_bytes(file_size)}, before the stream does.",
            where=place(path),
            why="a download or a copy was cut short.",
            write="load_idx(path) after fetching the file again.",
        ) from error
    except zlib.error as error:
        # zlib's text: "Error -3 while decompressing data: incorrect data check"
        reason = str(error).rpartition(": ")[2]
        meaning = {
            "incorrect data check": "the checksum (CRC) at the end differs from the content",
            "incorrect length check": "the length at the end differs from the content",
            "incorrect header check": "bytes that are no gzip member follow the gzip stream",
        }.get(reason, f"the compressed data are invalid ({reason})")
        raise DataError(
            f"load_idx: the gzip stream is damaged: {meaning}; "
            f"the file has {count_bytes(file_size)}.",
            where=place(path),
            why="the file was changed after it was compressed, or was not copied as binary.",
            write="load_idx(path) after fetching the file again.",
        ) from error


def _read_content(path: str, source: _Readable, total: int | None) -> RawIdx:
    """Read an IDX file whose content is `total` bytes long, or as long as it turns out to be."""
    start = bytes(_take(source, 4))
    _check_start(path, start)
    dtype, dimensions = ELEMENT_TYPES[start[2]], start[3]
    sizes = bytes(_take(source, 4 * dimensions))
    if len(sizes) < 4 * dimensions:
        raise DataError(
            f"load_idx: the header is truncated: {count_bytes(4 + len(sizes))} of "
            f"{count_bytes(4 + 4 * dimensions)}.",
            where=place(path),
            why=f"byte 3 promises the sizes of {dimensions} dimensions, 4 bytes each.",
            write="load_idx(path) after fetching the file again.",
        )
    header = start + sizes
    shape = tuple(int.from_bytes(sizes[i : i + 4], "big") for i in range(0, len(sizes), 4))
    promised = prod(shape) * dtype.itemsize
    name = dtype.newbyteorder("=").name

    def check_length(found: int) -> None:
        if found != promised:
            raise _wrong_length(path, header, f"shape {shape} of {name}", promised, found)

    if total is not None:
        check_length(total - len(header))
    body = _take(source, promised)
    check_length(len(body))
    # One byte more is enough to know; asking for it also lets a gzip stream check its end.
    check_length(promised + len(source.read(1)))

    try:
        array: npt.NDArray[Any] = np.ndarray(shape, dtype, buffer=body)
    except ValueError as error:  # no elements, and yet dimensions beyond what NumPy can address
        raise DataError(
            f"load_idx: the header promises the shape {shape} of {name}.",
            where=place(path),
            why="NumPy cannot hold an array of that shape.",
            write="load_idx(path) with the sizes in the header corrected.",
        ) from error
    if sys.byteorder == "little" and dtype.itemsize > 1:
        array.byteswap(inplace=True)
    return RawIdx(header, array.view(dtype.newbyteorder("=")))


def _take(source: _Readable, size: int) -> bytearray:
    """Read `size` bytes, or fewer where the source ends; memory grows only with what arrives."""
    taken = bytearray()
    while len(taken) < size:
        piece = source.read(min(PIECE, size - len(taken)))
        if not piece:
            break
        taken += piece
    return taken


def _check_start(path: str, start: bytes) -> None:
    if not start:
        raise DataError(
            "load_idx: the file is empty: 0 bytes.",
            where=place(path),
            why="an IDX file begins with a header of at least 8 bytes.",
            write="load_idx(path) after fetching the file again.",
        )
    if start[:2] != b"\0\0"[: len(start)]:
        raise DataError(
            f"load_idx: this is not an IDX file: it begins with the bytes {start.hex(' ')}.",
            where=place(path),
            why=f"an IDX file begins with 00 00. {likely_format(start)}".rstrip(),
            write="load_idx(path) with an IDX file, such as train-images-idx3-ubyte.gz of MNIST.",
        )
    if len(start) < 4:
        raise DataError(
            f"load_idx: the header is truncated: the content ends after {count_bytes(len(start))}.",
            where=place(path),
            why="an IDX file begins with a header of at least 8 bytes.",
            write="load_idx(path) after fetching the file again.",
        )
    if start[2] not in ELEMENT_TYPES:
        known = ", ".join(f"0x{code:02X} {dt.name}" for code, dt in ELEMENT_TYPES.items())
        raise DataError(
            f"load_idx: byte 2 of the header is 0x{start[2]:02X}, a type code that IDX does "
            "not have.",
            where=place(path),
            why=f"the type codes are {known}.",
            write="load_idx(path) with an IDX file; this one is damaged or of another format.",
        )
    if not 1 <= start[3] <= MAX_DIMENSIONS:
        raise DataError(
            f"load_idx: byte 3 of the header promises {start[3]} dimensions.",
            where=place(path),
            why=f"an array here has 1 to {MAX_DIMENSIONS} dimensions.",
            write="load_idx(path) with an IDX file; this one is damaged or of another format.",
        )


def _wrong_length(path: str, header: bytes, says: str, promised: int, found: int) -> DataError:
    fault = "truncated" if found < promised else "too long"
    at_least = "at least " if found == promised + 1 else ""
    return DataError(
        f"load_idx: the content is {fault}: the header promises {count_bytes(promised)} after "
        f"itself, and {at_least}{found:,} follow.",
        where=place(path),
        why=f"the header of {count_bytes(len(header))} says {says}.",
        write=f"load_idx(path) after fetching the file again; uncompressed it has "
        f"{count_bytes(len(header) + promised)}.",
    )
