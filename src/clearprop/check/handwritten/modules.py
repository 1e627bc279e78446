"""Modules for the code of a file, and its lines where Python looks for them."""

from __future__ import annotations

import linecache
import re
import sys
import types
from pathlib import Path

from clearprop.check.handwritten.reading import Block


def module_of(file: str, blocks: list[Block]) -> types.ModuleType:
    """Register a module for the blocks; one more for each cell, so that inspect finds its lines."""
    register_lines(blocks)
    stem = re.sub(r"\W", "_", Path(file).stem) or "file"
    name = _free_name(f"checked_{stem}")
    module = types.ModuleType(name)
    module.__file__ = file
    sys.modules[name] = module
    for each in dict.fromkeys(block.file for block in blocks):
        if each != file:
            cell = types.ModuleType(name_in(name, each))
            cell.__file__ = each
            cell.__dict__["__getattr__"] = module.__getattribute__
            sys.modules[cell.__name__] = cell
    return module


def name_in(name: str, file: str) -> str:
    """Give the name that a module has for the code of one cell."""
    return f"{name}_{file.rpartition(' cell ')[2]}"


def _free_name(name: str) -> str:
    number, found = 1, name
    while found in sys.modules:
        number += 1
        found = f"{name}_{number}"
    return found


def register_lines(blocks: list[Block]) -> None:
    """Let tracebacks and inspect show the user's lines: those of code, the others empty."""
    lines: dict[str, list[str]] = {}
    for block in blocks:
        if block.tree is None:
            continue
        text = block.text.splitlines(keepends=True)
        held = lines.setdefault(block.file, [])
        held += ["\n"] * (len(text) - len(held))
        held[block.line - 1 : len(text)] = text[block.line - 1 :]
    for file, text in lines.items():
        linecache.cache[file] = (sum(map(len, text)), None, text, file)
