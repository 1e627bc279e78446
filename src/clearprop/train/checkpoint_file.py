r"""One checkpoint as a file: arrays as safetensors, everything else as JSON in its metadata.

The metadata have one entry, whose JSON begins with the SHA-256 of the whole file, in which the
64 digits of the SHA-256 itself count as zeros. So every bit of the file is covered, the file may
be copied and renamed, and any program that reads safetensors reads its arrays.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from clearprop.errors import DataError, DTypeError, OptionError

FORMAT = 1

_KEY = "clearprop.checkpoint"
_MARK = b'{\\"sha256\\":\\"'  # as it stands in the file: JSON in a string of JSON
_BLANK = b"0" * 64
_SHA256 = re.compile(re.escape(_MARK) + rb"([0-9a-f]{64})")
_MOST_HEADER = 100_000_000  # bytes: more safetensors does not read
_CODES = {
    "bool": "BOOL",
    **{f"int{bits}": f"I{bits}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"U{bits}" for bits in (8, 16, 32, 64)},
    **{f"float{bits}": f"F{bits}" for bits in (16, 32, 64)},
}  # of safetensors


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after some step, read whole.

    Attributes
    ----------
    step : int
        Updates made.
    arrays : dict of ndarray
        As they were written, to the bit; they may be written to.
    facts : dict
        Everything else about the state, of what JSON has.
    model : Any
        What tells its model from others.
    plan : dict
        What the run was made from.
    made_with : dict
        Versions and processor, as from `describe_environment`.
    path : path
        The file.
    """

    step: int
    arrays: dict[str, npt.NDArray[Any]]
    facts: dict[str, Any]
    model: Any
    plan: dict[str, Any]
    made_with: dict[str, Any]
    path: Path


def copied(
    arrays: Mapping[str, npt.NDArray[Any]], over: Mapping[str, npt.NDArray[Any]] | None = None
) -> dict[str, npt.NDArray[Any]]:
    """Copy arrays, so that they may be changed while the copies are written.

    Parameters
    ----------
    arrays : mapping of ndarray
    over : mapping of ndarray, optional
        Copies of an earlier call, which nobody needs any more; those that fit are written over.
        New memory takes several times as long as the copying.

    Raises
    ------
    DTypeError
        One is no array, or of a dtype that is not saved.
    OptionError
        A name cannot be saved.
    """
    copies = {}
    for name, array in arrays.items():
        if not isinstance(name, str) or name == "__metadata__" or not _is_unicode(name):
            raise OptionError(
                f"checkpoint: no array can be called {name!r}.",
                why="a name is text; safetensors keeps '__metadata__' for itself.",
                write="{'W1': W1, ...}",
            )
        if not isinstance(array, (np.ndarray, np.generic)) or isinstance(array, np.ma.MaskedArray):
            raise DTypeError(
                f"checkpoint: {name} is a {type(array).__name__}, and no array.",
                why="numbers and text of other types are facts.",
                write=f"facts={{{name!r}: ...}}, or np.array({name})",
            )
        if array.dtype.name not in _CODES:
            raise DTypeError(
                f"checkpoint: {name} is an array of {array.dtype}.",
                why=f"arrays are saved of {', '.join(_CODES)}.",
                write=f"{name}.astype(np.float64), or several arrays that make it up",
            )
        dtype, old = array.dtype.newbyteorder("<"), (over or {}).get(name)
        if old is None or old.shape != array.shape or old.dtype != dtype:
            copies[name] = np.array(array, dtype, order="C")
        else:
            np.copyto(old, array)
            copies[name] = old
    return copies


def record_text(record: Mapping[str, Any]) -> str:
    """Write everything but the arrays as JSON, with room for the SHA-256.

    Raises
    ------
    DTypeError
        A part of it is none of what JSON has, so that it would not come back as it was.
    """
    try:
        for name, value in record.items():
            _check_json(value, name)
        whole = {"sha256": _BLANK.decode(), "format": FORMAT, **record}
        return json.dumps(whole, separators=(",", ":"))
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, a list in itself
        raise DTypeError(
            "checkpoint: the facts cannot be written as JSON.",
            why=f"{error}.",
            write="arrays, for what is large",
        ) from error


def file_content(arrays: Mapping[str, npt.NDArray[Any]], text: str) -> list[bytes | memoryview]:
    """Give what a file of a checkpoint holds, in parts, of which the arrays are not copied.

    ``safetensors.numpy.save`` makes two copies on the way, which takes longer than all the rest.

    Parameters
    ----------
    arrays : mapping of ndarray
        As from `copied`.
    text : str
        As from `record_text`.

    Raises
    ------
    OptionError
        The text, or the number of arrays, is too large for safetensors.
    """
    entries: dict[str, Any] = {"__metadata__": {_KEY: text}}
    end = 0
    # the widest first: then each begins at a multiple of its size
    for name in sorted(arrays, key=lambda name: (-arrays[name].itemsize, name)):
        array, start, end = arrays[name], end, end + arrays[name].nbytes
        code = _CODES[array.dtype.name]
        entries[name] = {"dtype": code, "shape": array.shape, "data_offsets": [start, end]}
    header = json.dumps(entries, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    if len(header) > _MOST_HEADER:
        raise OptionError(
            f"checkpoint: the facts take {len(header):,} bytes.",
            why=f"safetensors reads {_MOST_HEADER:,} at most.",
            write="arrays, for what is large",
        )
    beginning = len(header).to_bytes(8, "little") + header
    at = beginning.index(_MARK + _BLANK) + len(_MARK)
    data = [_bytes(arrays[name]) for name in entries if name in arrays]
    digest = hashlib.sha256(beginning)
    for part in data:
        digest.update(part)
    return [beginning[:at], digest.hexdigest().encode(), beginning[at + len(_BLANK) :], *data]


def _bytes(array: npt.NDArray[Any]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def read_whole(path: Path) -> bytes:
    """Read the file of a checkpoint, if every bit of it is as it was written.

    Raises
    ------
    DataError
        It is cut off or damaged, or no checkpoint, or cannot be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise _refused(path, "is no file", "a checkpoint is one file.")
        content = path.read_bytes()
    except OSError as error:
        raise _refused(
            path, f"cannot be read: {error.strerror}", "the disk or the folder refuses it."
        ) from error
    header = _header_length(content)
    found = _SHA256.search(content, 8, min(8 + header, len(content)))
    if found is not None:
        start, end = found.span(1)
        digest = hashlib.sha256(memoryview(content)[:start])
        digest.update(_BLANK)
        digest.update(memoryview(content)[end:])
        if digest.hexdigest().encode() == found[1]:
            return content
    cut = "the disk was full, or it was copied in part."
    expected = _length(content, header)
    if not content:
        raise _refused(path, "is empty", cut)
    if len(content) < expected:
        raise _refused(path, f"is cut off after {len(content):,} of {expected:,} bytes", cut)
    if found is None:
        raise _refused(path, "is no checkpoint", "it holds something else, or its header is lost.")
    raise _refused(path, "is damaged", "its SHA-256 is not the one that was written into it.")


def parse(content: bytes, path: Path) -> Checkpoint:
    """Make a checkpoint of the content of its file.

    Raises
    ------
    DataError
        It is of a newer format, or of no form that was ever written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        header = json.loads(content[8 : 8 + _header_length(content)])
        record = json.loads(header["__metadata__"][_KEY])
        if record["format"] > FORMAT:
            raise DataError(
                f"checkpoint: {path.name} has format {record['format']}.",
                where=repr(str(path)),
                why=f"it is of a newer clearprop; this one reads formats up to {FORMAT}.",
                write="pip install --upgrade clearprop",
            )
        arrays = {name: np.array(array) for name, array in load(content).items()}
        parts = ("step", "facts", "model", "plan", "made_with")
        return Checkpoint(**{part: record[part] for part in parts}, arrays=arrays, path=path)
    except DataError:
        raise
    except (LookupError, TypeError, ValueError, RecursionError, SafetensorError) as error:
        why = f"its SHA-256 is right, its form is not: {type(error).__name__}: {error}."
        raise _refused(path, "is no checkpoint", why) from error


def read_checkpoint(path: Path) -> Checkpoint:
    """Read one checkpoint, if every bit of it is as it was written.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    Checkpoint

    Raises
    ------
    DataError
        It is cut off or damaged, no checkpoint, of a newer format, or cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "mine.safetensors")
    ...     _ = path.write_bytes(b"something else")
    ...     read_checkpoint(path)
    Traceback (most recent call last):
    clearprop.errors.DataError: checkpoint: mine.safetensors is no checkpoint. Where: ...
    """
    return parse(read_whole(path), path)


def _check_json(value: Any, path: str) -> None:
    if isinstance(value, Mapping):
        for name, part in value.items():
            if not isinstance(name, str):
                raise _not_json(f"the name {name!r} in {path}")
            _check_json(part, f"{path}[{name!r}]")
    elif isinstance(value, (list, tuple)):
        for number, part in enumerate(value):
            _check_json(part, f"{path}[{number}]")
    elif not isinstance(value, (str, int, float, type(None))):
        raise _not_json(path)


def _not_json(path: str) -> DTypeError:
    return DTypeError(
        f"checkpoint: {path} is none of what JSON has.",
        why="it would not come back as it was; arrays are saved as arrays.",
        write="text, int(value), float(value), a list, a dict with text for names",
    )


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _header_length(content: bytes) -> int:
    return int.from_bytes(content[:8], "little")


def _length(content: bytes, header: int) -> int:
    """Give how long the file should be, as far as its beginning says so."""
    if len(content) < 8:
        return 8
    if header > _MOST_HEADER or content[8:9] not in {b"", b"{"}:
        return 0
    try:
        entries = json.loads(content[8 : 8 + header])
        ends = (entry.get("data_offsets", (0, 0))[1] for entry in entries.values())
        return 8 + header + int(max(ends, default=0))
    except (ValueError, AttributeError, TypeError, IndexError, RecursionError):
        return 8 + header


def _refused(path: Path, problem: str, why: str) -> DataError:
    return DataError(
        f"checkpoint: {path.name} {problem}.",
        where=repr(str(path)),
        why=why,
        write="another checkpoint",
    )
