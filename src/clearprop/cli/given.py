"""NAME=VALUE, as commands take it."""

from __future__ import annotations

from collections.abc import Container

from clearprop.errors import OptionError


def split_given(text: str) -> tuple[list[str], str] | None:
    """Split at the first ``=``; None where what stands before it is no name.

    Returns
    -------
    tuple
        The parts of the name, between dots, and the value.

    Examples
    --------
    >>> split_given("x = 4,3"), split_given("params.W=3,5"), split_given("3=x")
    ((['x'], '4,3'), (['params', 'W'], '3,5'), None)
    """
    name, sign, value = (part.strip() for part in text.partition("="))
    parts = name.split(".")
    return (parts, value) if sign and all(part.isidentifier() for part in parts) else None


def must_be_new(name: str, found: Container[str]) -> None:
    """Refuse a name that has a value already."""
    if name in found:
        raise given_twice(name)


def given_twice(name: str) -> OptionError:
    """Make the error for two values of one name."""
    return OptionError(
        f"{name} is given twice.", why="a name has one value.", write=f"one {name}=…"
    )
