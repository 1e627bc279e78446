"""Which samples are to test with, and which numbers are classes: rules that all sources share."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import numpy.typing as npt

from clearprop.data.files import place
from clearprop.errors import DataError, OptionError

TEST = 0.2  # of the samples, where the data do not say which are to test with
MOST_CLASSES = 20  # different numbers that are taken for classes without being asked to


def draw_rows(count: int, test: float | None, seed: int) -> npt.NDArray[np.bool_]:
    """Draw the rows to test with: ``round(test * count)``, at least 1 and at most all but one.

    Parameters
    ----------
    count : int
        The number of rows, at least 2.
    test : float
        The fraction of them that is to test with; by default `TEST`.
    seed : int
        The same seed draws the same rows.

    Returns
    -------
    ndarray of bool, shape (count,)

    Raises
    ------
    OptionError
        `test` or `seed` has no meaning.

    Examples
    --------
    >>> draw_rows(10, 0.3, seed=0).sum()
    np.int64(3)
    """
    fraction = check_test(test)
    drawn = min(max(round(fraction * count), 1), count - 1)
    rows = np.zeros(count, bool)
    rows[np.random.default_rng(check_seed(seed)).permutation(count)[:drawn]] = True
    return rows


def check_test(test: float | None) -> float:
    """Give the fraction to test with, if it is one."""
    if test is None:
        return TEST
    if isinstance(test, bool) or not isinstance(test, (int, float)) or not 0 < test < 1:
        raise OptionError(
            f"load: test is {test!r}.",
            why="it is the part of the samples that is to test with, between 0 and 1.",
            write=f"test={TEST}",
        )
    return test


def check_seed(seed: int) -> int:
    """Give the seed, if it is one."""
    try:
        number = operator.index(seed)
    except TypeError:
        number = -1
    if number < 0:
        raise OptionError(
            f"load: seed is {seed!r}.",
            why="it is a whole number, 0 or larger.",
            write="seed=0",
        )
    return number


def are_classes(values: npt.NDArray[np.float64]) -> bool:
    """Whether numbers are taken for classes: the rule for targets of which nothing else is said.

    They are, if all are whole, at most `MOST_CLASSES` are different, and there are at least as many
    rows as the square of the number of different ones.

    Examples
    --------
    >>> are_classes(np.array([0.0, 1, 1, 0])), are_classes(np.array([0.0, 1, 2, 3]))
    (True, False)
    """
    if (np.trunc(values) != values).any():
        return False
    different = len(np.unique(values))
    return different <= MOST_CLASSES and different**2 <= len(values)


def number_names(values: npt.NDArray[Any]) -> tuple[str, ...]:
    """Give numbers as the names of classes: whole ones without a point."""
    return tuple(str(int(v)) if v == int(v) else str(v) for v in values.tolist())


def check_several(classes: tuple[str, ...], path: str, caller: str) -> None:
    """Refuse a target that is the same everywhere."""
    if len(classes) < 2:
        raise DataError(
            f"{caller}: all samples are of one class, {classes[0]!r}.",
            where=place(path),
            why="a network learns to tell classes apart, and there is only one.",
            write="data.load(path, target='NAME'), with the column that is to be predicted; "
            "task='regression' if it is a number that happens to be constant",
        )
