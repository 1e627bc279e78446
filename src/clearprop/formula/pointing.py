"""The line of a formula with a caret under the place of an error."""

from __future__ import annotations

from clearprop.errors import FormulaError


def pointed(text: str, error: FormulaError) -> str:
    """Show where an error is: the line, and below it a caret.

    Parameters
    ----------
    text : str
        The formula.
    error : FormulaError

    Returns
    -------
    str
        Two lines; empty where the error concerns the whole.

    Examples
    --------
    >>> print(pointed("1 + sin x", FormulaError("…", at=(1, 9))))
    1 + sin x
            ^
    """
    lines = text.splitlines()
    if not 0 < error.line <= len(lines):
        return ""
    line = "".join(c if c.isprintable() else " " for c in lines[error.line - 1])
    start = max(0, error.column - 61)  # a long line is shown around the place
    return f"{line[start : start + 100]}\n{' ' * (error.column - 1 - start)}^"
