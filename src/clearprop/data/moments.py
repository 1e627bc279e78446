"""Mean and standard deviation of the columns of a table that is seen piece by piece."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from clearprop.data.files import place
from clearprop.data.preparing import Dtype, Standardized
from clearprop.errors import DataError


class Moments:
    r"""Of each column: count, mean, :math:`\sum (x - \mu)^2`, smallest and largest.

    Source
    ------
    T. F. Chan, G. H. Golub and R. J. LeVeque, "Updating formulae and a pairwise algorithm for
    computing sample variances", COMPSTAT 1982: how those of two pieces are joined.

    Examples
    --------
    >>> moments = Moments(1)
    >>> moments.add(np.array([[1.0], [2.0]])); moments.add(np.array([[6.0]]))
    >>> moments.mean, moments.squares / moments.count
    (array([3.]), array([4.66666667]))
    """

    def __init__(self, columns: int) -> None:
        self.count = 0
        self.mean = np.zeros(columns)
        self.squares = np.zeros(columns)
        self.low = np.full(columns, np.inf)
        self.high = np.full(columns, -np.inf)

    def add(self, rows: npt.NDArray[Any]) -> None:
        """Take rows in, of shape (N, D)."""
        if not len(rows):
            return
        with np.errstate(over="ignore", invalid="ignore"):  # `standardized` says which column
            mean = rows.mean(axis=0, dtype=np.float64)
            squares = np.square(rows - mean).sum(axis=0)
            before, self.count = self.count, self.count + len(rows)
            step = mean - self.mean
            self.mean = self.mean + step * (len(rows) / self.count)
            self.squares = self.squares + squares + step**2 * (before * len(rows) / self.count)
        self.low = np.minimum(self.low, rows.min(axis=0))
        self.high = np.maximum(self.high, rows.max(axis=0))

    def standardized(
        self, names: tuple[str, ...], dtype: Dtype, path: str, caller: str
    ) -> Standardized:
        """Give the preparation; a column that is constant is divided by 1, and becomes 0."""
        constant = self.low == self.high
        mean = np.where(constant, self.low, self.mean)
        with np.errstate(invalid="ignore"):
            std = np.where(constant, 1.0, np.sqrt(self.squares / self.count))
        wrong = np.flatnonzero(~(np.isfinite(mean) & np.isfinite(std) & (std > 0)))
        if wrong.size:
            column = wrong[0]
            raise DataError(
                f"{caller}: the column {names[column]!r} goes from {self.low[column]:g} to "
                f"{self.high[column]:g}.",
                where=place(path),
                why="the squares of such numbers are larger or smaller than what a float holds, so "
                "that there is no standard deviation.",
                write="the column in another unit, or its logarithm",
            )
        return Standardized(tuple(mean.tolist()), tuple(std.tolist()), dtype)


def standardized_target(
    t: npt.NDArray[Any], name: str, dtype: Dtype, path: str, caller: str
) -> Standardized | None:
    """Give the preparation of the targets to train with: of numbers (N, 1), None of classes."""
    if t.ndim == 1:
        return None
    moments = Moments(t.shape[1])
    moments.add(t)
    return moments.standardized((name,) * t.shape[1], dtype, path, caller)
