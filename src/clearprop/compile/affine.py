"""Places in memory: sums of loop variables with whole factors."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_numbers = itertools.count(1)


class Var:
    """A whole number in a loop nest: the variable of a loop, or a row that data chose.

    Attributes
    ----------
    extent : int
        It is at least 0 and below this.
    number : int
        In the order in which they were made.
    chosen : Chosen or None
        What it is computed from; None for the variable of a loop.
    """

    __slots__ = ("chosen", "extent", "number")

    def __init__(self, extent: int) -> None:
        self.extent = extent
        self.chosen: Any = None
        self.number = next(_numbers)

    def __repr__(self) -> str:
        return f"v{self.number}"


@dataclass(frozen=True)
class Affine:
    """``constant + Σ factor · variable``; factors are not 0, variables come in their order."""

    terms: tuple[tuple[Var, int], ...] = ()
    constant: int = 0

    def __add__(self, other: Place) -> Affine:
        if isinstance(other, int):
            return Affine(self.terms, self.constant + other)
        factors = dict(self.terms)
        for var, factor in other.terms:
            factors[var] = factors.get(var, 0) + factor
        return _affine(factors.items(), self.constant + other.constant)

    __radd__ = __add__

    def __mul__(self, factor: int) -> Affine:
        return _affine(((v, f * factor) for v, f in self.terms), self.constant * factor)

    def __neg__(self) -> Affine:
        return self * -1

    def __sub__(self, other: Place) -> Affine:
        return self + -other

    def factor(self, var: Var) -> int:
        """Give the factor of a variable, 0 where it does not occur."""
        return next((f for v, f in self.terms if v is var), 0)

    def without(self, var: Var) -> Affine:
        """Give the sum where the variable is 0."""
        return Affine(tuple(t for t in self.terms if t[0] is not var), self.constant)

    def replaced(self, new: dict[Var, Affine]) -> Affine:
        """Put sums in the place of variables."""
        if not any(v in new for v, _ in self.terms):
            return self
        made = Affine((), self.constant)
        for var, factor in self.terms:
            made += new.get(var, Affine(((var, 1),))) * factor
        return made

    @property
    def least(self) -> int:
        """The least it can be."""
        return self.constant + sum(f * (v.extent - 1) for v, f in self.terms if f < 0)

    @property
    def most(self) -> int:
        """The most it can be."""
        return self.constant + sum(f * (v.extent - 1) for v, f in self.terms if f > 0)


Place = Affine | int


def _affine(terms: Iterable[tuple[Var, int]], constant: int) -> Affine:
    kept = sorted(((v, f) for v, f in terms if f), key=lambda term: term[0].number)
    return Affine(tuple(kept), constant)


def whole(place: Place) -> Affine:
    """Give a place as a sum."""
    return Affine((), place) if isinstance(place, int) else place


def of(var: Var) -> Affine:
    """Give the sum that is one variable."""
    return Affine(((var, 1),))


def strides_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Give for each axis of an array in C order how many elements apart its neighbours are."""
    strides = []
    step = 1
    for length in reversed(shape):
        strides.append(step)
        step *= length
    return tuple(reversed(strides))


def flat(index: Iterable[Place], shape: tuple[int, ...]) -> Affine:
    """Give the place of an element in an array in C order."""
    place = Affine()
    for i, step in zip(index, strides_of(shape), strict=True):
        place += i * step
    return place
