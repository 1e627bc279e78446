"""Machine code kept on disk, so that a program is compiled once and not in every process.

An entry is a file, named by all that its code depends on::

    magic, 8 bytes | format, 4 | key, 32 | length of the code, 8 | SHA-256 of the code, 32 | code

An entry that is not exactly that is made again and replaced. Whatever goes wrong with files, the
code is made, and one warning says why it is not kept.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import secrets
import struct
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm

from clearprop.compile.machine.engine import Processor, this_processor
from clearprop.compile.machine.folder import VARIABLE, Folder, UntrustedError, cache_path

_MAGIC = b"clearmc\n"
_FORMAT = 3  # one more whenever `engine.machine_code` makes other code of the same text
_HEAD = struct.Struct("<8sI32sQ32s")
_SUFFIX, _TEMPORARY = ".code", ".tmp"

MOST_BYTES = 512 * 2**20  # of all entries; the least recently used go first
_OLD_SECONDS = 3600.0  # no write takes so long: what it left is left for good

_warned: set[str] = set()


def load_or_make(
    text: str | bytes, make: Callable[[], bytes], processor: Processor | None = None
) -> bytes:
    """Give the machine code of a program: from the disk, or made and kept there.

    Parameters
    ----------
    text : str or bytes
        All that the code is made of besides the processor and the versions: the module's text.
    make : callable
        It makes the code, without arguments.
    processor : Processor, optional
        The one the code is for; by default the one that runs this.

    Returns
    -------
    bytes

    Warns
    -----
    RuntimeWarning
        Once for each reason: the folder or the entry could have been written by others, and is not
        used; or the folder cannot be written to.

    Notes
    -----
    The folder is ``clearprop/machine-code`` in the user's folder for caches. The environment
    variable ``CLEARPROP_CACHE`` names another, or says ``off``.
    """
    try:
        path = cache_path()
        folder = None if path is None else Folder(path)
    except UntrustedError as error:
        _warn_untrusted(error)
        return make()
    except (OSError, RuntimeError) as error:  # RuntimeError: a user without a home
        _warn(f"Machine code is not kept on disk: {error}.", f"{VARIABLE}=FOLDER or {VARIABLE}=off")
        return make()
    if folder is None:
        return make()
    key = _key(text, processor or this_processor())
    with folder:
        code = _load(folder, key)
        if code is None:
            code = make()
            _store(folder, key, code)
    return code


def _key(text: str | bytes, processor: Processor) -> bytes:
    """Give the SHA-256 of all that the code depends on."""
    from clearprop import __version__

    hashed = hashlib.sha256()
    for part in (
        *(_FORMAT, __version__, _writers(), llvmlite.__version__, llvm.llvm_version_info),
        *(llvm.get_default_triple(), processor.name, processor.features),
        *(struct.calcsize("P"), sys.byteorder, platform.system(), platform.machine()),
        text,
    ):
        data = part if isinstance(part, bytes) else str(part).encode()
        hashed.update(struct.pack("<Q", len(data)))  # where a part ends is part of the key
        hashed.update(data)
    return hashed.digest()


@functools.cache
def _writers() -> bytes:
    """Give the SHA-256 of what writes machine code: no plan says how it is written."""
    hashed = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        hashed.update(path.read_bytes())
    return hashed.digest()


def _load(folder: Folder, key: bytes) -> bytes | None:
    """Give the code of an entry, if there is one, and it is ours and whole."""
    try:
        content = folder.read(key.hex() + _SUFFIX, _HEAD.size + MOST_BYTES)
    except UntrustedError as error:
        _warn_untrusted(error)
        return None
    except OSError:  # as a rule there is none
        return None
    if len(content) < _HEAD.size:
        return None
    magic, form, its_key, length, digest = _HEAD.unpack_from(content)
    code = content[_HEAD.size :]
    is_whole = (magic, form, its_key, length) == (_MAGIC, _FORMAT, key, len(code))
    return code if is_whole and hashlib.sha256(code).digest() == digest else None


def _store(folder: Folder, key: bytes, code: bytes) -> None:
    """Keep the code, and remove what is too much."""
    if len(code) > MOST_BYTES:
        return
    name = key.hex() + _SUFFIX
    temporary = f"{os.getpid()}-{secrets.token_hex(8)}{_TEMPORARY}"
    head = _HEAD.pack(_MAGIC, _FORMAT, key, len(code), hashlib.sha256(code).digest())
    try:
        folder.write(name, temporary, head, code)
        _tidy(folder, name)
    except OSError as error:
        if _load(folder, key) is None:  # else another process was faster
            _warn(
                f"Machine code is not kept on disk: {folder.path}: {error.strerror}.",
                f"{VARIABLE}=FOLDER or {VARIABLE}=off",
            )


def _tidy(folder: Folder, newest: str) -> None:
    """Remove what a killed process left, and the entries that were not used for longest."""
    files = folder.files()
    for used, _, name in files:
        if name.endswith(_TEMPORARY) and used < time.time() - _OLD_SECONDS:
            folder.remove(name)
    entries = sorted(file for file in files if file[2].endswith(_SUFFIX))
    too_much = sum(size for _, size, _ in entries) - MOST_BYTES
    for _, size, name in entries:
        if too_much <= 0:
            return
        if name != newest:
            folder.remove(name)
            too_much -= size


def _warn_untrusted(error: UntrustedError) -> None:
    _warn(f"{error.path} is not used: code is loaded from it. Why: {error.why}", error.write)


def _warn(what: str, write: str) -> None:
    """Warn, once in a process."""
    if what not in _warned:
        _warned.add(what)
        warnings.warn(f"{what} Write instead: {write}", RuntimeWarning, stacklevel=3)
