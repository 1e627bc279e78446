"""What relates a gradient that was found to the one expected: the symptom tests of the catalogue.

Each test looks at numbers alone; it needs no source. The first that fits, in the order of `TESTS`,
names the cause where no single edit of the source does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearprop.check.handwritten.model import Array

_CLOSE = 1e-6


@dataclass(frozen=True)
class Case:
    """One wrong gradient, and everything that may explain it.

    Attributes
    ----------
    label, leaf : str
        ``dW``, ``W``.
    expected, found : ndarray
    upstream : ndarray
        The incoming gradient.
    under_other, expected_under_other : ndarray or None
        The gradient found, and expected, for another upstream gradient and the same inputs.
    others : dict
        The other expected gradients, by label.
    values : list of (str, ndarray)
        Everything that forward computed, by name.
    batch : int
        The number of samples.
    """

    label: str
    leaf: str
    expected: Array
    found: Array
    upstream: Array
    under_other: Array | None = None
    under_double: Array | None = None
    others: dict[str, Array] = field(default_factory=dict)
    values: list[tuple[str, Array]] = field(default_factory=list)
    batch: int = 0
    stages: list[tuple[str, Array]] = field(default_factory=list)
    read: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Symptom:
    """A cause, a sentence that says how it shows, and the factor that is missing, if one is."""

    cause: str
    sentence: str
    factor: str = ""
    term: str = ""


def symptom_of(case: Case) -> Symptom | None:
    """Give the first symptom that fits, or None."""
    with np.errstate(all="ignore"):
        for test in TESTS:
            found = test(case)
            if found is not None:
                return found
    return None


def close(a: Any, b: Any) -> bool:
    """Whether two arrays are equal to rounding, and of one shape."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or not a.size:
        return False
    scale = float(np.max(np.abs(b)))
    return bool(np.max(np.abs(a - b)) <= _CLOSE * scale) if np.isfinite(scale) else False


def _not_finite(c: Case) -> Symptom | None:
    if np.isfinite(c.found).all():
        return None
    what = "NaN" if np.isnan(c.found).any() else "infinity"
    return Symptom("not-finite", f"{c.label} holds {what} where the gradient is finite.")


def _ignored(c: Case) -> Symptom | None:
    if c.under_other is None or not close(c.under_other, c.found) or close(c.found, 0 * c.found):
        return None
    return Symptom(
        "upstream-ignored",
        f"{c.label} is the same whatever gradient comes in: the chain rule multiplies by it.",
    )


def _twice(c: Case) -> Symptom | None:
    if c.under_double is None or not close(c.under_double, 4 * c.found):
        return None
    return Symptom(
        "upstream-twice",
        f"{c.label} grows with the square of the gradient that comes in: it is used twice.",
    )


def _constant(c: Case) -> Symptom | None:
    if c.found.shape != c.expected.shape or not np.any(c.expected):
        return None
    at = int(np.argmax(np.abs(c.expected)))
    factor = float(c.found.flat[at] / c.expected.flat[at])
    if not np.isfinite(factor) or not close(c.found, factor * c.expected) or factor == 0:
        return None
    n = c.batch
    if abs(factor + 1) < 1e-6:
        return Symptom("sign", f"{c.label} has the opposite sign.")
    for times, words in ((factor, "too large"), (1 / factor, "too small")):
        if n > 1 and abs(abs(times) - n) < 1e-4 * n:
            sign = " and of the opposite sign" if factor < 0 else ""
            why = (
                "it should be divided by N"
                if times == factor
                else "it is divided by N once too often"
            )
            return Symptom("batch-factor", f"{c.label} is N = {n} times {words}{sign}: {why}.")
    return Symptom("factor", f"{c.label} is {factor:.6g} times what it should be.")


def _cut(c: Case) -> Symptom | None:
    if c.found.shape != c.expected.shape or not c.found.size or not np.any(c.found):
        return None
    if c.found.dtype.kind in "iub":
        return Symptom("dtype", f"{c.label} is of {c.found.dtype}: its decimals are cut off.")
    if (
        c.found.size > 1
        and (c.found == np.round(c.found)).all()
        and (np.abs(c.found - c.expected) < 1).all()
    ):
        return Symptom("dtype", f"{c.label} holds whole numbers: its decimals are cut off.")
    return None


def _exchanged(c: Case) -> Symptom | None:
    if c.found.size > c.expected.size and _sums(c) is not None:
        return None  # of what was broadcast, both have one gradient
    for label, other in c.others.items():
        if close(c.found, other) and not close(other, c.expected):
            return Symptom(
                "exchanged", f"{c.label} holds what {label} should be: they are exchanged."
            )
    return None


def _transposed(c: Case) -> Symptom | None:
    if c.found.ndim < 2:
        return None
    for axes in _orders(c.found.ndim):
        if close(c.found.transpose(axes), c.expected):
            return Symptom("transposed", f"{c.label} is the transpose of what it should be.")
    return None


def _orders(n: int) -> Iterator[tuple[int, ...]]:
    for i in range(n):
        for j in range(i + 1, n):
            axes = list(range(n))
            axes[i], axes[j] = axes[j], axes[i]
            yield tuple(axes)


def _sums(c: Case) -> Symptom | None:
    if c.found.ndim > c.expected.ndim or c.found.size > c.expected.size:
        for axes in _axes(c.found.ndim):
            for keep in (False, True):
                if close(c.found.sum(axis=axes, keepdims=keep), c.expected):
                    name = axes[0] if len(axes) == 1 else axes
                    return Symptom("batch-sum", f"{c.label} lacks the sum over axis {name}.")
    if c.found.ndim < c.expected.ndim and c.found.size:
        for axes in _axes(c.expected.ndim):
            if close(c.found, c.expected.sum(axis=axes)):
                return Symptom(
                    "batch-sum", f"{c.label} is summed over axis {axes[0]}, once too often."
                )
    if c.found.shape == c.expected.shape and c.found.size > 1:
        if close(np.sort(c.found, axis=None), np.sort(c.expected, axis=None)):
            return Symptom("window", f"{c.label} has the right numbers in the wrong places.")
        if np.ptp(c.found) == 0 and close(c.found.flat[0], c.expected.sum()):
            return Symptom("batch-sum", f"{c.label} is summed over all axes.")
    return None


def _axes(n: int) -> list[tuple[int, ...]]:
    single = [(i,) for i in range(n)]
    return single + [tuple(range(k)) for k in range(2, n + 1)] + ([(0, 2, 3)] if n == 4 else [])


def _shifted(c: Case) -> Symptom | None:
    """See whether the numbers stand next to where they should be, as a wrong window makes them."""
    if c.expected.ndim < 3:
        return None
    if c.found.ndim == c.expected.ndim and c.found.shape[:2] == c.expected.shape[:2]:
        if c.found.shape != c.expected.shape:
            return Symptom(
                "window",
                f"{c.label} has shape {c.found.shape} where {c.leaf} has {c.expected.shape}: "
                "the padding is cut off, or the window counted, in another way.",
            )
        for axis in range(2, c.found.ndim):
            for by in (1, -1, 2, -2):
                inside = [slice(None)] * c.found.ndim
                inside[axis] = slice(max(by, 0), c.found.shape[axis] + min(by, 0))
                there = [*inside]
                there[axis] = slice(max(-by, 0), c.found.shape[axis] + min(-by, 0))
                if close(c.found[tuple(inside)], c.expected[tuple(there)]):
                    return Symptom(
                        "window", f"{c.label} is shifted by {abs(by)} along axis {axis}."
                    )
    return None


def _partly(c: Case) -> Symptom | None:
    """See whether it is right at some places and wrong at others, as indexes make it."""
    if c.found.shape != c.expected.shape or c.expected.ndim < 3:
        return None
    scale = float(np.max(np.abs(c.expected)))
    wrong = np.abs(c.found - c.expected) > 1e-6 * scale
    if 0 < np.sum(wrong) < 0.9 * wrong.size:
        count = int(np.sum(wrong))
        return Symptom(
            "window",
            f"{c.label} is right at some places and wrong at {count} of {wrong.size}: look at the "
            "bounds of the loops and at the indexes.",
        )
    return None


def _mask(c: Case) -> Symptom | None:
    if c.found.shape != c.expected.shape or c.found.size < 3:
        return None
    here, there = c.found != 0, np.abs(c.expected) > 0
    inside = here & there
    if (here != there).any() and (not inside.any() or close(c.found[inside], c.expected[inside])):
        count = int(np.sum(here != there))
        where = (
            "passes where it should be stopped"
            if (here & ~there).any()
            else "is stopped where it should pass"
        )
        return Symptom(
            "mask",
            f"{c.label} {where}, at {count} of {c.found.size} entries: the mask is another one.",
        )
    return None


#: Functions of one value of forward that are factors of local derivatives.
_SHAPES: list[tuple[str, Callable[[Array], Array]]] = [
    ("{}", lambda v: v),
    ("(1 - {})", lambda v: 1 - v),
    ("{} * (1 - {})", lambda v: v * (1 - v)),
    ("(1 - {}**2)", lambda v: 1 - v * v),
    ("({} > 0)", lambda v: (v > 0) * 1.0),
    ("2 * {}", lambda v: 2 * v),
    ("{}**2", lambda v: v * v),
    ("1 / {}", lambda v: 1 / v),
    ("np.exp({})", np.exp),
    ("np.cos({})", np.cos),
    ("np.sign({})", np.sign),
]


def _factor(c: Case) -> Symptom | None:
    if c.found.shape != c.expected.shape:
        return None
    for name, value in c.values[:60]:
        if not name or value.dtype.kind != "f" or not _fits(value, c.expected):
            continue
        for text, function in _SHAPES:
            factor = function(value)
            if np.ptp(factor) == 0:
                continue
            shown = text.replace("{}", name)
            if close(c.found * factor, c.expected):
                return Symptom("local-factor", f"{c.label} lacks the factor {shown}.", shown)
            if close(c.found, c.expected * factor):
                return Symptom("local-factor", f"{c.label} has the factor {shown} once too often.")
    return None


def _fits(value: Array, other: Array) -> bool:
    try:
        return np.broadcast_shapes(value.shape, other.shape) == other.shape and value.size > 1
    except ValueError:
        return False


def _mean_path(c: Case) -> Symptom | None:
    """See whether what is missing is the same for all samples, or for a whole row."""
    if c.found.shape != c.expected.shape or c.found.ndim < 1:
        return None
    rest = c.expected - c.found
    for axis in range(rest.ndim):
        mean = rest.mean(axis=axis, keepdims=True)
        if rest.shape[axis] > 2 and close(rest, mean + 0 * rest) and np.any(rest):
            return Symptom(
                "missing-term",
                f"{c.label} lacks a term that is the same all along axis {axis}, as the path "
                "through a mean or a sum gives.",
            )
    for label, other in c.others.items():
        if close(rest, other):
            return Symptom("missing-term", f"{c.label} lacks a term equal to {label}.")
    return None


def _missing_product(c: Case) -> Symptom | None:
    """See whether what is missing is a product of something in backward and something it reads."""
    if c.found.shape != c.expected.shape or c.found.ndim > 2:
        return None
    rest = c.expected - c.found
    known = [(n, v) for n, v in c.values if n.startswith("self.") or n in c.read]
    for left, a in c.stages[-16:]:
        for right, b in [*known[:16], *c.stages[-16:]]:
            for text, product in _products(left, a, right, b):
                if product.shape == rest.shape and close(product, rest):
                    return Symptom("missing-term", f"{c.label} lacks the term {text}.", "", text)
    return None


def _products(left: str, a: Array, right: str, b: Array) -> Iterator[tuple[str, Array]]:
    if a.ndim == b.ndim == 2:
        if a.shape[1] == b.shape[0]:
            yield f"{left} @ {right}", a @ b
        if a.shape[1] == b.shape[1]:
            yield f"{left} @ {right}.T", a @ b.T
        if a.shape[0] == b.shape[0]:
            yield f"{left}.T @ {right}", a.T @ b
            yield f"{right}.T @ {left}", b.T @ a
    if a.shape == b.shape:
        yield f"{left} * {right}", a * b
        yield left, a
    elif a.ndim and b.ndim and a.shape[-1:] == b.shape:
        yield f"{left} * {right}", a * b


def _spread(c: Case) -> Symptom | None:
    """See whether what is missing is a mean's path and a variance's: a + b v along one axis."""
    if c.found.shape != c.expected.shape or c.found.ndim < 1:
        return None
    rest = c.expected - c.found
    for name, v in c.values:
        if not name or v.shape != rest.shape or v.dtype.kind != "f":
            continue
        for axis in range(rest.ndim):
            if rest.shape[axis] < 4:
                continue
            mean = v.mean(axis=axis, keepdims=True)
            spread = v - mean
            size = (spread * spread).sum(axis=axis, keepdims=True)
            slope = (rest * spread).sum(axis=axis, keepdims=True) / size
            if close(rest.mean(axis=axis, keepdims=True) + slope * spread, rest):
                return Symptom(
                    "missing-term",
                    f"{c.label} lacks the paths through the mean and the variance: what is missing "
                    f"is a + b * {name} along axis {axis}.",
                )
    return None


def _diagonal(c: Case) -> Symptom | None:
    if c.found.shape != c.expected.shape or c.upstream.shape != c.found.shape:
        return None
    for name, y in c.values:
        if y.shape != c.found.shape or not y.ndim or not np.allclose(y.sum(axis=-1), 1):
            continue
        diagonal = close(c.found, c.upstream * y * (1 - y)) or close(c.found, c.upstream * y)
        if diagonal and (y >= 0).all():
            return Symptom(
                "jacobian",
                f"{c.label} has only the diagonal of the Jacobian: each {name or 'output'} "
                "depends on every input of its row.",
            )
    return None


def _of_scores(c: Case) -> Symptom | None:
    """See whether a loss of probabilities gives the gradient of what softmax made them of."""
    p = next((v for name, v in c.values if name == c.leaf and v.shape == c.found.shape), None)
    if p is None or p.ndim == 0 or c.found.shape != c.expected.shape:
        return None
    if not ((p > 0).all() and np.allclose(p.sum(axis=-1), 1)):
        return None
    behind = p * (c.expected - np.sum(c.expected * p, axis=-1, keepdims=True))
    if not any(close(c.found * n, behind) for n in (1, len(p))):
        return None
    return Symptom(
        "local-factor",
        f"{c.label} is the gradient of the scores that a softmax made {c.leaf} of; "
        f"forward is given {c.leaf}.",
    )


def _unchanged(c: Case) -> Symptom | None:
    if not c.upstream.ndim or not close(c.found, c.upstream):
        return None
    rows = (y for _, y in c.values if y.shape == c.found.shape and (y > 0).all())
    softmax = any(np.allclose(y.sum(axis=-1), 1) for y in rows)
    return Symptom(
        "jacobian" if softmax else "local-factor",
        f"{c.label} is the gradient that comes in, unchanged: the derivative of what forward does "
        "is missing.",
    )


def _zero(c: Case) -> Symptom | None:
    if np.any(c.found):
        return None
    return Symptom("none", f"{c.label} is 0 everywhere: it is never written.")


TESTS: list[Callable[[Case], Symptom | None]] = [
    _not_finite,
    _cut,
    _zero,
    _constant,
    _ignored,
    _twice,
    _exchanged,
    _transposed,
    _diagonal,
    _of_scores,
    _sums,
    _shifted,
    _mask,
    _factor,
    _unchanged,
    _missing_product,
    _mean_path,
    _spread,
    _partly,
]
