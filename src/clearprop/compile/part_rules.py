"""What elementwise operations on complex numbers do with their parts, as NumPy computes them.

A real operand has the imaginary part 0, as in NumPy: an infinite number times a real one has a NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clearprop.graph import Node
from clearprop.primitive import PRIMITIVES, Primitive


@dataclass(frozen=True, eq=False)
class Part:
    """The real or the imaginary part of a value: a node, or a constant.

    Attributes
    ----------
    value : Node, array or number
    shape : tuple of int
    make : callable, optional
        Makes the part that a primitive gives of parts.
    """

    value: Any
    shape: tuple[int, ...]
    make: Callable[..., Part] | None = None

    def _apply(self, name: str, *others: Any) -> Part:
        assert self.make is not None
        parts = [o if isinstance(o, Part) else Part(o, ()) for o in others]
        return replace(self.make(PRIMITIVES[name], self, *parts), make=self.make)

    def __add__(self, other: Any) -> Part:
        return self._apply("add", other)

    def __sub__(self, other: Any) -> Part:
        return self._apply("subtract", other)

    def __mul__(self, other: Any) -> Part:
        return self._apply("multiply", other)

    def __truediv__(self, other: Any) -> Part:
        return self._apply("divide", other)

    def __neg__(self) -> Part:
        return self._apply("negative")

    def __ge__(self, other: Any) -> Part:
        return self._apply("greater_equal", other)

    def __and__(self, other: Any) -> Part:
        return self._apply("bitwise_and", other)

    def __or__(self, other: Any) -> Part:
        return self._apply("bitwise_or", other)

    def __invert__(self) -> Part:
        return self._apply("invert")

    def equals(self, other: Any) -> Part:
        """Compare elements."""
        return self._apply("equal", other)

    def of(self, name: str, *others: Any) -> Part:
        """Apply a primitive, by its name."""
        return self._apply(name, *others)

    def choose(self, yes: Any, no: Any) -> Part:
        """Give one or the other, where the part is a condition."""
        return self._apply("where", yes, no)


@dataclass(frozen=True, eq=False)
class Whole:
    """A complex value: its two parts."""

    re: Part
    im: Part

    def made_by(self, make: Callable[..., Part]) -> Whole:
        """Give the same, with a way to compute with its parts."""
        return Whole(replace(self.re, make=make), replace(self.im, make=make))

    @property
    def is_real(self) -> bool:
        """Whether it is a real operand, whose imaginary part is no value of the program."""
        return not isinstance(self.im.value, Node) and not np.any(self.im.value)

    def choose(self, yes: Whole, no: Whole) -> Whole:
        """Give one or the other, where its real part is a condition."""
        return Whole(self.re.choose(yes.re, no.re), self.re.choose(yes.im, no.im))


def _multiplied(x: Whole, y: Whole) -> Whole:
    return Whole(x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re)


def _divided(x: Whole, y: Whole) -> Whole:
    """R. L. Smith, Algorithm 116: complex division (1962), as NumPy has it."""
    re, im = y.re.of("absolute"), y.im.of("absolute")
    wide = re >= im
    large, small = wide.choose(y.re, y.im), wide.choose(y.im, y.re)
    ratio = small / large
    scale = (large + small * ratio).of("reciprocal")
    upper = wide.choose(x.re + x.im * ratio, x.re * ratio + x.im) * scale
    lower = wide.choose(x.im - x.re * ratio, x.im * ratio - x.re) * scale
    zero = re.equals(0.0) & im.equals(0.0)
    return Whole(zero.choose(x.re / re, upper), zero.choose(x.im / re, lower))


def _exponential(z: Whole) -> Whole:
    """C99, G.6.3.1; of half the real part twice, so that nothing is infinite too soon."""
    half = (z.re * 0.5).of("exp")
    turning = z.im.of("isfinite")
    up, down = z.re.equals(np.inf), z.re.equals(-np.inf)
    re, im = (half * z.im.of(name) * half for name in ("cos", "sin"))
    re = turning.choose(re, up.choose(np.inf, down.choose(0.0, re)))
    im = turning.choose(im, down.choose(0.0, im))
    return Whole(re, z.im.equals(0.0).choose(z.im, im))


def _power(x: Whole, exponent: Whole) -> Whole | None:
    """Give the square; other powers are NumPy's."""
    is_two = not isinstance(exponent.re.value, Node) and np.ndim(exponent.re.value) == 0
    if is_two and exponent.is_real and exponent.re.value == 2:
        return _multiplied(x, x)
    return None


def _any(name: str) -> Callable[[Whole], Part]:
    return lambda z: z.re.of(name) | z.im.of(name)


_Rule = Callable[..., Whole | Part | None]

_BY_NAME: dict[str, _Rule] = {
    "add": lambda x, y: Whole(x.re + y.re, x.im + y.im),
    "subtract": lambda x, y: Whole(x.re - y.re, x.im - y.im),
    "multiply": _multiplied,
    "divide": _divided,
    "negative": lambda z: Whole(-z.re, -z.im),
    "positive": lambda z: z,
    "square": lambda z: _multiplied(z, z),
    "power": _power,
    "conjugate": lambda z: Whole(z.re, -z.im),
    "exp": _exponential,
    "absolute": lambda z: z.re.of("hypot", z.im),
    "real_part": lambda z: z.re,
    "imag_part": lambda z: z.im,
    "complex_of": lambda x, y: Whole(x.re, y.re),
    "where": lambda condition, x, y: condition.choose(x, y),
    "equal": lambda x, y: x.re.equals(y.re) & x.im.equals(y.im),
    "not_equal": lambda x, y: ~(x.re.equals(y.re) & x.im.equals(y.im)),
    "isnan": _any("isnan"),
    "isinf": _any("isinf"),
    "isfinite": lambda z: z.re.of("isfinite") & z.im.of("isfinite"),
}

#: The parts of what a primitive gives, or the one real value; None where NumPy has to do it.
RULES: dict[Primitive, _Rule] = {PRIMITIVES[name]: rule for name, rule in _BY_NAME.items()}
