"""Texts of other people, as a terminal, a file and a reader may have them."""

from __future__ import annotations

import unicodedata


def legible(text: str) -> str:
    r"""Make control characters visible: a name must not write to the terminal, or turn a line.

    Examples
    --------
    >>> print(legible("a\x1b[31m\tb\nc"))
    a\x1b[31m    b
    c
    """
    return "".join(_legible(c) for c in text.expandtabs(4))


def legible_name(text: str) -> str:
    r"""Make a name legible, in one line.

    Examples
    --------
    >>> print(legible_name("a\nb"))
    a\nb
    """
    return legible(text).replace("\n", r"\n")


def _legible(c: str) -> str:
    if c == "\n" or c.isprintable():
        return c
    if unicodedata.category(c) == "Zs":
        return " "
    return c.encode("unicode_escape").decode("ascii")
