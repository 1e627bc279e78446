"""Every exception of clearprop, and the one form their messages have.

A message is one paragraph: what happened, where, why, and the line to write instead.
Each class also inherits the built-in exception that Python users expect at that point,
so ``except ValueError`` goes on working.
"""

from __future__ import annotations


class ClearpropError(Exception):
    """Base of all errors that clearprop raises on purpose.

    Parameters
    ----------
    what : str
        What happened, with the operation and the shapes and dtypes involved.
    where : str, optional
        The line of the user's code, or the file, that it concerns.
    why : str, optional
        The reason.
    write : str, optional
        The line to write instead.

    Examples
    --------
    >>> str(ClearpropError("affine: x is (3, 4), W is (5, 2).", why="4 is not 5.", write="W.T"))
    'affine: x is (3, 4), W is (5, 2). Why: 4 is not 5. Write instead: W.T'
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        why: str | None = None,
        write: str | None = None,
    ) -> None:
        self.what = what
        self.where = where
        self.why = why
        self.write = write
        parts = [
            what,
            where and f"Where: {where}.",
            why and f"Why: {why}",
            write and f"Write instead: {write}",
        ]
        super().__init__(" ".join(part for part in parts if part))


class ShapeError(ClearpropError, ValueError):
    """Arrays whose shapes do not fit together."""


class DTypeError(ClearpropError, TypeError):
    """An array or value of a type that has no derivative, or that does not fit."""


class OptionError(ClearpropError, ValueError):
    """An option of a layer, a network or a command whose value has no meaning there."""


class LabelError(ClearpropError, ValueError):
    """Labels that are fractional, out of range, or of a shape that fits no batch."""


class BoundsError(ClearpropError, IndexError):
    """A number of a row that a table does not have."""


class LostGradientError(ClearpropError, TypeError):
    """An operation that would cut the record, so that a gradient would be lost silently."""


class MissingRuleError(ClearpropError, TypeError):
    """A function that clearprop has no derivative for."""


class StagingError(ClearpropError, TypeError):
    """A function that makes no program: what it computes is not fixed by one run of it."""


class MissingMethodError(ClearpropError, AttributeError):
    """A name that arrays or other libraries have and that is not here; it says what is."""


class UnknownKeywordError(ClearpropError, TypeError):
    """A keyword that a function does not have, though that of another library has."""


class ArgumentsError(ClearpropError, TypeError):
    """Arguments that a function cannot be called with: one is missing, or there are too many."""


class NonFiniteError(ClearpropError, ArithmeticError):
    """A NaN or an infinity where a finite number is needed."""


class UnknownNameError(ClearpropError, KeyError):
    """A name that is neither an argument nor an intermediate value of the graph."""

    __str__ = Exception.__str__  # KeyError would print the repr of the message


class OrderError(ClearpropError, RuntimeError):
    """A call that came too early or too late, such as ``backward`` before ``forward``."""


class DataError(ClearpropError, ValueError):
    """A data file that is truncated, too long, or not what it says it is."""


class RunError(ClearpropError, OSError):
    """A run folder that exists already, or that cannot be written or read."""

    __str__ = Exception.__str__  # OSError would look for an errno


class MissingExtraError(ClearpropError, ImportError):
    """A package that an extra of clearprop installs is not there."""


class NotRunError(ClearpropError, NameError):
    """A name of a file that is checked, whose statement was not run or failed."""


class FormulaError(ClearpropError, ValueError):
    """A formula that cannot be read, or not be computed; it knows the place in the text.

    Attributes
    ----------
    line, column : int
        Where in the formula, from 1; 0 where it concerns the whole.
    """

    def __init__(
        self,
        what: str,
        *,
        at: tuple[int, int] = (0, 0),
        where: str | None = None,
        why: str | None = None,
        write: str | None = None,
    ) -> None:
        self.line, self.column = at
        if self.line and where is None:
            where = f"line {self.line}, column {self.column}"
        super().__init__(what, where=where, why=why, write=write)
