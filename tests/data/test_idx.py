"""IDX files: every type and shape comes back as it was written, and no bad file gets through."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import pickle
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from clearprop.data import load_idx
from clearprop.data.gzip_stream import GzipStream
from clearprop.errors import DataError, DTypeError

Write = Callable[..., Path]
CODES = {
    "uint8": 0x08,
    "int8": 0x09,
    "int16": 0x0B,
    "int32": 0x0C,
    "float32": 0x0D,
    "float64": 0x0E,
}


def header(code: int, *sizes: int) -> bytes:
    return bytes([0, 0, code, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes)


def as_idx(array: np.ndarray) -> bytes:
    """A second, independent statement of the format: one element after the other by `struct`."""
    letter = {"uint8": "B", "int8": "b", "int16": "h", "int32": "i", "float32": "f", "float64": "d"}
    body = struct.pack(f">{array.size}{letter[array.dtype.name]}", *array.ravel().tolist())
    return header(CODES[array.dtype.name], *array.shape) + body


def refusal(path: object) -> str:
    """The text of the DataError, which is one paragraph that names the file."""
    with pytest.raises(DataError) as caught:
        load_idx(path)  # type: ignore[arg-type]
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith("load_idx: ")
    for part in ("Where: ", "Why: ", "Write instead: "):
        assert text.count(part) == 1
    return text


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: bytes, name: str = "data.idx") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


@contextlib.contextmanager
def at_most(size: int) -> Iterator[None]:
    """Fail if the block's Python and NumPy allocations pass `size` bytes at any moment."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < size


# What is right -------------------------------------------------------------------------------


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    array=st.sampled_from(sorted(CODES)).flatmap(
        lambda name: hnp.arrays(
            name, hnp.array_shapes(min_dims=1, max_dims=5, min_side=0, max_side=4)
        )
    ),
    packing=st.sampled_from(["plain", "gzip", "two members"]),
    cut=st.integers(0, 10_000),
)
def test_round_trip(tmp_path: Path, array: np.ndarray, packing: str, cut: int) -> None:
    content = as_idx(array)
    if packing == "gzip":
        content = gzip.compress(content)
    elif packing == "two members":
        cut %= len(content) + 1
        content = gzip.compress(content[:cut]) + gzip.compress(content[cut:])
    path = tmp_path / "round.idx"
    path.write_bytes(content)

    loaded = load_idx(path)
    assert loaded.dtype == array.dtype
    assert loaded.dtype.isnative
    assert loaded.flags.c_contiguous
    assert loaded.flags.writeable
    assert loaded.flags.aligned
    np.testing.assert_array_equal(loaded, array)  # NaN in the same places counts as equal
    loaded[...] = 0  # must neither crash nor touch the file
    assert path.read_bytes() == content


def test_known_bytes(write: Write) -> None:
    content = bytes.fromhex("00000c02 00000001 00000002 00000102 fffffffe")
    loaded = load_idx(write(content))
    np.testing.assert_array_equal(loaded, [[258, -2]])
    assert loaded.dtype == np.dtype(np.int32)


def test_name_says_nothing_about_compression(write: Write) -> None:
    array = np.arange(5, dtype=np.uint8)
    np.testing.assert_array_equal(load_idx(write(as_idx(array), "plain.gz")), array)
    np.testing.assert_array_equal(load_idx(write(gzip.compress(as_idx(array)), "packed")), array)


def test_path_may_be_a_str(write: Write) -> None:
    path = write(as_idx(np.array([7], np.uint8)))
    assert load_idx(str(path)).tolist() == [7]


def test_array_larger_than_a_piece_in_many_members(write: Write) -> None:
    array = np.random.default_rng(0).standard_normal((300, 257))
    content = as_idx(array)
    pieces = [content[i : i + 9973] for i in range(0, len(content), 9973)]
    path = write(b"".join(map(gzip.compress, pieces)) + gzip.compress(b""))
    np.testing.assert_array_equal(load_idx(path), array)


def test_loaded_array_pickles_and_outlives_its_file(write: Write) -> None:
    path = write(as_idx(np.array([1.5, 2.5])))
    loaded = load_idx(path)
    path.unlink()
    assert pickle.loads(pickle.dumps(loaded)).tolist() == [1.5, 2.5]


# What is wrong: the header -------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_empty(write: Write, packed: bool) -> None:
    text = refusal(write(gzip.compress(b"") if packed else b""))
    assert "the file is empty: 0 bytes" in text


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_truncated_start(write: Write, size: int, packed: bool) -> None:
    content = header(0x08, 3)[:size]
    text = refusal(write(gzip.compress(content) if packed else content))
    assert f"header is truncated: the content ends after {size} byte" in text


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("size", [4, 5, 11])
def test_truncated_sizes(write: Write, size: int, packed: bool) -> None:
    content = header(0x08, 3, 4)[:size]
    text = refusal(write(gzip.compress(content) if packed else content))
    assert f"header is truncated: {size} bytes of 12 bytes" in text
    assert "the sizes of 2 dimensions" in text


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b"<!DOCTYPE html><title>404</title>", "web page"),
        (b"PK\x03\x04 and so on", "zip archive"),
        (b"\x93NUMPY\x01\x00", "np.load"),
        (b"BZh91AY&SY", "bzip2"),
        (b"\xfd7zXZ\x00", "xz"),
        (b"\x01\x00\x08\x01", "begins with the bytes 01 00 08 01"),
        (b"\x00\x01\x08\x01", "begins with the bytes 00 01 08 01"),
        (b"\x07", "begins with the bytes 07"),
    ],
)
def test_not_idx(write: Write, content: bytes, hint: str) -> None:
    for packed in (content, gzip.compress(content)):
        text = refusal(write(packed))
        assert "this is not an IDX file" in text
        assert hint in text


@pytest.mark.parametrize("code", sorted(set(range(256)) - set(CODES.values())))
def test_unknown_type(write: Write, code: int) -> None:
    text = refusal(write(header(code, 1) + b"\0" * 8))
    assert f"0x{code:02X}, a type code that IDX does not have" in text
    assert "0x0B int16" in text


@pytest.mark.parametrize("dimensions", [0, 65, 255])
def test_number_of_dimensions(write: Write, dimensions: int) -> None:
    text = refusal(write(bytes([0, 0, 8, dimensions]) + b"\0\0\0\1" * dimensions + b"\0"))
    assert f"promises {dimensions} dimensions" in text
    assert "1 to 64" in text


def test_most_dimensions(write: Write) -> None:
    assert load_idx(write(header(8, *[1] * 64) + b"\5")).shape == (1,) * 64


def test_empty_shape_that_numpy_cannot_hold(write: Write) -> None:
    text = refusal(write(header(0x0E, 0, 2**32 - 1, 2**32 - 1)))
    assert "(0, 4294967295, 4294967295) of float64" in text
    assert "NumPy cannot hold" in text


# What is wrong: the length -------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kept", [0, 1, 23])
def test_truncated_body(write: Write, kept: int, packed: bool) -> None:
    content = as_idx(np.ones((2, 3), np.float32))[: 12 + kept]
    text = refusal(write(gzip.compress(content) if packed else content))
    assert f"content is truncated: the header promises 24 bytes after itself, and {kept} fo" in text
    assert "shape (2, 3) of float32" in text
    assert "uncompressed it has 36 bytes" in text


def test_too_long(write: Write) -> None:
    content = as_idx(np.ones((2, 3), np.int16))
    text = refusal(write(content + b"\0" * 1234))
    assert "content is too long: the header promises 12 bytes after itself, and 1,246 f" in text
    for packed in (
        gzip.compress(content + b"\0"),
        gzip.compress(content + b"\0" * 1234),
        gzip.compress(content) + gzip.compress(b"x"),
    ):
        assert "too long: the header promises 12 bytes after itself, and at least 13" in refusal(
            write(packed)
        )


TERABYTES = [(2**32 - 1,), (2**20, 2**20), (2**32 - 1,) * 4, (2**32 - 1,) * 64]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("sizes", TERABYTES, ids=len)
def test_promised_terabytes_are_not_allocated(
    write: Write, sizes: tuple[int, ...], packed: bool
) -> None:
    content = header(0x0E, *sizes) + b"\0" * 100
    path = write(gzip.compress(content) if packed else content)
    with at_most(1_000_000):
        text = refusal(path)
    promised = 8
    for size in sizes:
        promised *= size
    assert f"promises {promised:,} bytes after itself, and 100 follow" in text


def test_a_plain_file_is_measured_before_it_is_read(write: Write) -> None:
    path = write(header(0x08, 20_000_001) + bytes(20_000_000))
    with at_most(1_000_000):
        assert "truncated" in refusal(path)


def test_memory_follows_the_content(write: Write) -> None:
    size = 10_000_000
    path = write(gzip.compress(header(0x08, size) + bytes(size), 1))
    with at_most(size * 5 // 4 + 1_000_000):
        assert load_idx(path).size == size
    short = write(gzip.compress(header(0x08, 2**32 - 1) + bytes(size), 1))
    with at_most(size * 5 // 4 + 1_000_000):
        assert "and 10,000,000 follow" in refusal(short)


class CountingStream(GzipStream):
    produced = 0

    def read(self, size: int) -> bytes:
        content = super().read(size)
        assert len(content) <= size
        CountingStream.produced += len(content)
        return content


@pytest.mark.parametrize("members", [1, 50])
def test_gzip_bomb(write: Write, monkeypatch: pytest.MonkeyPatch, members: int) -> None:
    monkeypatch.setattr("clearprop.data.idx.GzipStream", CountingStream)
    monkeypatch.setattr(CountingStream, "produced", 0)
    promised = 1000
    squeezer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = squeezer.compress(header(0x08, promised))
    zeros = bytes(1_000_000)
    bomb += b"".join(squeezer.compress(zeros) for _ in range(50)) + squeezer.flush()
    bomb += gzip.compress(zeros) * (members - 1)
    path = write(bomb)
    with at_most(1_000_000):
        text = refusal(path)
    assert "too long: the header promises 1,000 bytes after itself, and at least 1,001" in text
    assert CountingStream.produced == 8 + promised + 1


# What is wrong: the gzip stream --------------------------------------------------------------


def test_every_truncated_gzip(write: Write) -> None:
    packed = gzip.compress(as_idx(np.arange(40, dtype=np.int32)))
    for size in range(2, len(packed)):
        text = refusal(write(packed[:size]))
        assert f"gzip stream is truncated: the file ends after {size} bytes" in text
    assert "begins with the bytes 1f" in refusal(write(packed[:1]))


def test_gzip_truncated_while_output_is_held_back(write: Write) -> None:
    packed = gzip.compress(header(0x08, 3_000_000) + bytes(3_000_000))
    for size in (len(packed) - 1, len(packed) - 8, len(packed) - 9, len(packed) // 2):
        assert "gzip stream is truncated" in refusal(write(packed[:size]))


def test_every_flipped_bit_of_the_checksums(write: Write) -> None:
    packed = gzip.compress(as_idx(np.arange(40, dtype=np.int32)))
    for bit in range(64):
        broken = bytearray(packed)
        broken[len(packed) - 8 + bit // 8] ^= 1 << bit % 8
        text = refusal(write(bytes(broken)))
        assert "gzip stream is damaged" in text
        assert ("checksum (CRC)" if bit < 32 else "length at the end") in text


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_flipped_bit_changes_nothing_or_is_refused(tmp_path: Path, data: st.DataObject) -> None:
    array = np.random.default_rng(1).integers(0, 9, (7, 9)).astype(np.int16)
    content = as_idx(array)
    packed = bytearray(gzip.compress(content))
    bit = data.draw(st.integers(0, 8 * len(packed) - 1))
    packed[bit // 8] ^= 1 << bit % 8
    path = tmp_path / "flipped.idx"
    path.write_bytes(packed)
    try:
        loaded = load_idx(path)
    except DataError:
        return
    np.testing.assert_array_equal(loaded, array)  # a bit of the gzip header's time, say


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(start=st.sampled_from([b"", b"\0\0", b"\0\0\x08\1", b"\x1f\x8b\x08"]), rest=st.binary())
def test_arbitrary_bytes(tmp_path: Path, start: bytes, rest: bytes) -> None:
    path = tmp_path / "noise.idx"
    path.write_bytes(start + rest)
    with contextlib.suppress(DataError):
        assert isinstance(load_idx(path), np.ndarray)


@pytest.mark.parametrize(
    ("rest", "fault"),
    [
        (b"\0", "no gzip member follow"),
        (b"\0" * 600, "no gzip member follow"),
        (b"junk", "no gzip member follow"),
        (b"\x1f\x8b\x09\0", "unknown compression method"),
        (b"\x1f", "truncated"),
        (b"\x1f\x8b", "truncated"),
    ],
)
def test_bytes_after_the_gzip_stream(write: Write, rest: bytes, fault: str) -> None:
    text = refusal(write(gzip.compress(as_idx(np.arange(40, dtype=np.int32))) + rest))
    assert "gzip stream is" in text
    assert fault in text


def test_damage_inside_the_compressed_data(write: Write) -> None:
    broken = bytearray(gzip.compress(as_idx(np.arange(40, dtype=np.int32))))
    broken[10] = 0b111  # the last block, of the reserved third type
    assert "compressed data are invalid (invalid block type)" in refusal(write(bytes(broken)))


def test_gzip_stream_asks_for_no_more_than_it_is_asked() -> None:
    file = io.BytesIO(gzip.compress(bytes(1_000_000)) + gzip.compress(b"end"))
    stream = GzipStream(file)
    pieces = [stream.read(size) for size in (1, 10, 100_000)]
    assert all(len(p) <= n for p, n in zip(pieces, (1, 10, 100_000), strict=True))
    rest = bytearray()
    while piece := stream.read(70_000):
        rest += piece
    assert b"".join(pieces) + rest == bytes(1_000_000) + b"end"
    assert stream.read(1) == b""


# What is wrong: the path ---------------------------------------------------------------------


def test_missing(tmp_path: Path, write: Write) -> None:
    text = refusal(tmp_path / "train-images-idx3-ubyte")
    assert "there is no such file" in text
    assert "the folder holds nothing" in text
    write(b"", "train-images.idx3-ubyte")
    text = refusal(tmp_path / "train-images-idx3-ubyte")
    assert "'train-images.idx3-ubyte': is that the one?" in text
    assert repr(str(tmp_path / "train-images-idx3-ubyte")) in text
    assert "does not exist" in refusal(tmp_path / "no" / "such" / "file")


def test_missing_among_many(tmp_path: Path) -> None:
    for i in range(12):
        (tmp_path / f"{i:02}").touch()
    text = refusal(tmp_path / "something else")
    assert "'00', '01', " in text
    assert "and 4 more" in text


def test_relative_path_is_shown_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert repr(str(tmp_path / "gone")) in refusal("gone")
    assert "no such file" in refusal("")


def test_links(tmp_path: Path) -> None:
    (tmp_path / "broken").symlink_to("nowhere")
    assert "a link to 'nowhere', where nothing is" in refusal(tmp_path / "broken")
    (tmp_path / "loop").symlink_to("loop")
    assert "cannot be read" in refusal(tmp_path / "loop")


def test_folder(tmp_path: Path) -> None:
    (tmp_path / "a.idx").touch()
    text = refusal(tmp_path)
    assert "this is a folder, not a file" in text
    assert "holds 'a.idx'" in text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in refusal(tmp_path / "pipe")
    assert "not a regular file" in refusal("/dev/zero")


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 5000, "file/inside"])
def test_impossible_names(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    assert "cannot be read" in refusal(f"{tmp_path}/{name}")


def test_line_break_in_the_name_stays_in_the_paragraph(tmp_path: Path) -> None:
    assert "a\\nb" in refusal(tmp_path / "a\nb")


def test_permission(write: Write) -> None:
    path = write(as_idx(np.zeros(1, np.uint8)))
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    text = refusal(path)
    assert "permission denied" in text
    assert "chmod u+r" in text


def test_permission_whoever_runs_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", deny)
    text = refusal(__file__)
    assert "permission denied" in text
    assert f"chmod u+r {__file__!r}" in text


def test_fault_of_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("builtins.open", fail)
    assert "cannot be read: Input/output error" in refusal(__file__)


def test_content_larger_than_memory(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("clearprop.data.idx._take", full)
    assert "does not fit in memory" in refusal(write(as_idx(np.zeros(1, np.uint8))))


@pytest.mark.parametrize("path", [None, 3, 1.5, [], b"a".hex])
def test_not_a_path(path: object) -> None:
    with pytest.raises(DTypeError, match=r"load_idx: the path is of type .* Write instead: load_"):
        load_idx(path)  # type: ignore[arg-type]


def test_messages_survive_what_cannot_be_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.listdir", deny)
    text = refusal(tmp_path / "gone")
    assert "the folder holds names that may not be listed (Permission denied)" in text
    monkeypatch.setattr("os.path.abspath", deny)  # as where the current folder has been deleted
    assert "Where: 'gone'" in refusal("gone")
