"""Functions of a module that are whole, kept as text: a tenth of the memory."""

from __future__ import annotations

from typing import Any

from llvmlite import ir


def keep_as_text(module: Any) -> None:
    """Keep what has been written so far as text; it may be called, and not be changed.

    Blocks and instructions refer to each other: they would stay until the collector comes.
    """
    for function in module.functions:
        is_whole = function.blocks and all(block.is_terminated for block in function.blocks)
        if isinstance(function, ir.Function) and is_whole and "descr" not in vars(function):
            text = str(function)
            function.descr = lambda into, text=text: into.append(text)
            for block in function.blocks:
                block.instructions.clear()
