"""``cp.check``: is the derivative of a function right?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.arguments import argument_names
from clearprop.check.numerical import derivatives
from clearprop.check.report import CORRECT, NOT_JUDGED, WRONG, Finding, Report
from clearprop.errors import DTypeError
from clearprop.places import current_line
from clearprop.transforms import vjp
from clearprop.trees import tree_leaves, tree_map

#: Relative error that counts as wrong, by size of the dtype in bytes.
TOLERANCE = {2: 3e-2, 4: 3e-4, 8: 1e-7}


def check_function(
    f: Callable[..., Any], args: Any, samples: int, seed: int, name: str | None
) -> Report:
    """Do what `clearprop.check.check` says."""
    name = name or str(getattr(f, "__name__", type(f).__name__))
    names = [
        leaf
        for part, arg in zip(argument_names(f, len(args)), args, strict=True)
        for leaf in tree_leaves(arg, part)
    ]
    args = tree_map(_prepared, args)
    flat = [value for _, value in tree_leaves(args)]
    chosen = [i for i, value in enumerate(flat) if _is_real(value)]
    rng = np.random.default_rng(seed)

    def call(*leaves: Any) -> Any:
        given = list(flat)
        for i, value in zip(chosen, leaves, strict=True):
            given[i] = value
        rest = iter(given)
        return f(*tree_map(lambda _: next(rest), args))

    call.__name__ = name  # for errors
    if not chosen:
        raise DTypeError(
            f"No argument of {name} holds real numbers: there is nothing to check.",
            where=current_line(2),
            why="Integers, booleans and objects cannot move by a small amount.",
            write="x.astype(float)",
        )
    tested = [flat[i] for i in chosen]
    y, pullback = vjp(call, *tested)
    weights = tree_map(lambda part: _weights(rng, part), y)
    found = pullback(weights)
    wide = [_wide(value) for value in tested]  # float64 whatever is tested
    flat_weights = [_wide(part) for _, part in tree_leaves(weights)]

    def scalar(*leaves: Any) -> float:
        parts = [part for _, part in tree_leaves(call(*leaves))]
        pairs = zip(flat_weights, parts, strict=True)
        return float(sum(np.sum(np.real(w * p)) for w, p in pairs))

    leaf_names = [names[i][0] for i in chosen]
    once, again = scalar(*wide), scalar(*wide)
    if once != again and not (np.isnan(once) and np.isnan(again)):
        reason = "The function gave two values for one input: it holds a state or a random draw."
        return Report(name, [Finding(leaf, NOT_JUDGED, reason=reason) for leaf in leaf_names])
    findings = []
    for number, leaf in enumerate(leaf_names):

        def alone(x: Any, number: int = number) -> float:
            return scalar(*wide[:number], x, *wide[number + 1 :])

        indices = list(np.ndindex(wide[number].shape))
        if len(indices) > samples:
            indices = [indices[k] for k in rng.choice(len(indices), samples, replace=False)]
        tolerance = TOLERANCE[min(8, np.finfo(tested[number].dtype).dtype.itemsize)]
        given = np.asarray(found[number])
        findings.append(compare(leaf, given, alone, wide[number], indices, tolerance))
    return Report(name, findings)


def compare(
    name: str,
    found: np.ndarray[Any, Any],
    f: Callable[[Any], float],
    x: np.ndarray[Any, Any],
    indices: list[tuple[int, ...]],
    tolerance: float,
) -> Finding:
    """Compare a gradient with the numerical one at some elements."""
    if found.shape != x.shape:
        reason = f"It has shape {found.shape}, {name} has shape {x.shape}."
        return Finding(name, WRONG, np.inf, elements=x.size, reason=reason)
    if not x.size:
        return Finding(name, CORRECT, reason="It has no elements.")
    values, errors = zip(*derivatives(f, x, indices), strict=True)
    expected, doubt = np.array(values), np.array(errors)
    given = _wide(np.array([found[index] for index in indices]))
    finite = np.isfinite(given)
    scale = np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected))
    size = np.maximum(np.abs(expected), np.where(finite, np.abs(given), 0.0))
    judged = np.isfinite(expected) & (doubt <= 1e-3 * np.maximum(size, 1e-3 * scale) + 1e-9)
    off = np.where(finite, np.abs(given - expected), np.inf)
    wrong = judged & (off > tolerance * (size + 0.01 * scale) + 8 * doubt)
    # Relative to what can be told apart: a slope of 1e-36 is 0 within the numerical error.
    error = np.where(judged, off / np.maximum(size, 0.01 * scale + 1e6 * doubt + 1e-300), -1.0)
    error = np.where(wrong, off / np.maximum(size, 1e-300), error)
    reasons = []
    if not judged.any():
        reasons.append("The function is not smooth, or not finite, wherever it was moved.")
        return Finding(name, NOT_JUDGED, elements=x.size, reason=reasons[0])
    worst = int(np.argmax(np.where(wrong, error, -1.0) if wrong.any() else error))
    if not finite[worst]:
        reasons.append(f"The gradient is {given[worst]}.")
    if not judged.all():
        reasons.append(f"At {np.sum(~judged)} the function has a kink or is not finite.")
    return Finding(
        name,
        WRONG if wrong.any() else CORRECT,
        float(error[worst]),
        indices[worst],
        given[worst].item(),
        expected[worst].item(),
        int(judged.sum()),
        x.size,
        " ".join(reasons),
    )


def _prepared(value: Any) -> Any:
    if type(value) is complex:
        return np.complex128(value)
    return np.float64(value) if type(value) in (float, int) else value


def _is_real(value: Any) -> bool:
    """Whether a value can move: a real number does, and so do both parts of a complex one."""
    return getattr(getattr(value, "dtype", None), "kind", "-") in "fc"


def _wide(value: Any) -> np.ndarray[Any, Any]:
    return np.asarray(value, np.complex128 if np.iscomplexobj(value) else np.float64)


def _weights(rng: np.random.Generator, part: Any) -> Any:
    shape, dtype = np.shape(part), np.asarray(part).dtype
    if dtype.kind == "c":  # of both parts, so that each is looked at
        weights = rng.uniform(0.5, 1.5, shape) + 1j * rng.uniform(0.5, 1.5, shape)
        return weights.astype(dtype)[()] if shape else dtype.type(weights)
    return np.ones((), dtype)[()] if shape == () else rng.uniform(0.5, 1.5, shape).astype(dtype)
