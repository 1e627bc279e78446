"""The text of a function, by its code object."""

from __future__ import annotations

import inspect
import linecache
from tokenize import TokenError
from types import CodeType


def lines_of(code: CodeType) -> list[str]:
    """Give the lines of the source that a code object was made from; none where it is not known.

    `inspect.getsourcelines` looks through all modules that are loaded on its way, and raises where
    one of them has lost its file since: a package that became a namespace. We have the file.
    """
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename)
    if code.co_name == "<module>":
        return lines
    lines = lines[code.co_firstlineno - 1 :]
    try:
        return inspect.getblock(lines)
    except (SyntaxError, TokenError):  # the file is another one by now
        return lines[:1]
