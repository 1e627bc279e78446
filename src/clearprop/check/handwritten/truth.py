"""The truth, from two sides: the exact derivative of a forward, and a numerical one.

Where the forward is NumPy it is traced and differentiated exactly. Along random directions a
numerical derivative must agree; what they do not agree on is not judged, and the reason is kept.
Where the forward cannot be traced, the numerical derivative alone is the truth; a forward in torch
is differentiated by torch, as long as numbers agree.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearprop.check.handwritten.driving import Driver, Given, NoOutputError, Run
from clearprop.check.handwritten.meaning import is_gradient_of, is_parameter, last_of, stems
from clearprop.check.handwritten.model import Array
from clearprop.check.handwritten.randomness import frozen, reseed
from clearprop.check.handwritten.state import arrays_in, attributes_of, copied, is_array, is_real
from clearprop.check.numerical import Estimate, derivatives, extrapolated
from clearprop.errors import ClearpropError
from clearprop.tracing import Graph, trace
from clearprop.transforms import vjp

Leaves = dict[str, Any]

#: Relative to the largest entry: beyond it the two sides do not agree.
AGREEMENT = 1e-5
#: Of more numbers than this, smaller inputs are looked for before numerical derivatives.
_MANY = 80
_TWO_VALUES = "forward gives two values for one input: it draws at random, or keeps a state"


class TooManyError(Exception):
    """Forward cannot be traced, and smaller inputs would do for numerical derivatives."""


@dataclass
class Truth:
    """What the gradients ought to be.

    Attributes
    ----------
    expected : dict
        Of each leaf, the gradient of ``sum(upstream * output)``.
    doubts : dict
        Of a leaf that cannot be judged, why.
    exact : bool
        Whether the forward was traced.
    untraced : str
        Why it was not.
    """

    expected: dict[str, Array] = field(default_factory=dict)
    doubts: dict[str, str] = field(default_factory=dict)
    exact: bool = True
    untraced: str = ""


def live(driver: Driver, given: Given, seed: int = 0, before: tuple[Given, ...] = ()) -> Run:
    """Make the object and call forward, earlier inputs first."""
    with frozen(seed):
        run = driver.start(given)
        for earlier in before:
            run.given = given | {k: _alike(v, given.get(k)) for k, v in earlier.items()}
            driver.forward(run)
            reseed(seed)
        run.given = given
        driver.forward(run)
    return run


def _alike(value: Any, recorded: Any) -> Any:
    """Record a value where its successor is: ``x.dot(W)`` of a plain x would not record W."""
    if not is_real(value) or not is_real(recorded) or isinstance(recorded, np.ndarray):
        return value
    return value + 0.0 * np.sum(recorded)


def leaves_of(driver: Driver, given: Given, seed: int = 0) -> Leaves:
    """Give what may have a gradient: real inputs of forward, and arrays of the object.

    ``seed`` is for objects that draw their arrays.
    """
    names = {p.name for p in driver.inputs}
    leaves: Leaves = {
        k: v for k, v in given.items() if k in names and _may_move(v) and driver.moves(k, v)
    }
    passed = {k: copied(v) for k, v in given.items()}
    with frozen(seed):
        run = driver.start(passed)
    for name in names:  # parameters["W1"]
        if isinstance(given.get(name), dict | list):
            inside = arrays_in(given[name]).items()
            leaves |= {name + path: value for path, value in inside if is_real(value)}
    if run.layer is not None:
        held = arrays_in(run.layer)
        made = {p.name for p in driver.constructor if is_real(given.get(p.name))}
        paths = [p for p, value in attributes_of(run.layer).items() if is_array(value)]
        leaves |= {name: given[name] for name in made}
        for path, value in held.items():
            known = any(_is_passed(path, value, name, passed[name]) for name in made)
            own = not known and not _is_gradient(path, [*paths, *made, *names])
            if is_real(value) and path not in leaves and own:
                leaves[path] = _telling(path, value)
        for path, value in attributes_of(run.layer).items():  # self.b = 0.0
            setting = path in {p.name for p in driver.constructor}
            if type(value) is float and path.isidentifier() and is_parameter(path) and not setting:
                leaves.setdefault(path, value)
        for p in driver.constructor:
            if isinstance(given.get(p.name), float) and p.name not in leaves:
                leaves[p.name] = given[p.name]
    return leaves


def _telling(path: str, value: Any) -> Any:
    """Give the array, or other numbers where it holds one number: ones and zeros hide faults."""
    if value.size < 2 or np.ptp(value) > 0 or re.search(r"run|mov|mean|var|avg", path, re.I):
        return value.copy()
    rng = np.random.default_rng(len(path))
    return value + (0.3 * rng.normal(size=value.shape)).astype(value.dtype)


def _is_passed(path: str, value: Any, name: str, given: Any) -> bool:
    """Whether an array that an object holds is one that its constructor was given."""
    return value is given or (last_of(path) == name and value.size == given.size)


def _is_gradient(path: str, held: list[str]) -> bool:
    return any(is_gradient_of(path, other) for other in held if other != path)


def _may_move(value: Any) -> bool:
    return is_real(value) or isinstance(value, float)


def function_of(
    driver: Driver, given: Given, seed: int = 0, before: tuple[Given, ...] = ()
) -> Callable[[Leaves], tuple[Any, ...]]:
    """Give forward as a function of its leaves, with a new object at each call."""

    def outputs(leaves: Leaves) -> tuple[Any, ...]:
        values = {key: copied(value) for key, value in given.items()} | {
            key: copied(value) for key, value in leaves.items()
        }
        made = live(driver, values, seed, before).outputs
        if not made:
            raise NoOutputError("forward gives no numbers")
        return made

    return outputs


def find_truth(
    driver: Driver,
    given: Given,
    leaves: Leaves,
    upstream: tuple[Any, ...],
    *,
    seed: int = 0,
    before: tuple[Given, ...] = (),
    doubtful: bool = True,
    agreement: float = AGREEMENT,
) -> Truth:
    """Differentiate ``sum(upstream * output)`` exactly, and see whether numbers agree.

    With ``doubtful`` false the numerical side is left out, where it has agreed before.
    """
    forward = function_of(driver, given, seed, before)
    names = list(leaves)

    def weighed(*values: Any) -> Any:
        parts = forward(dict(zip(names, values, strict=True)))
        total: Any = 0.0
        for w, part in zip(upstream, parts, strict=True):
            total = total + np.sum(w * part)
        return total

    values = [np.float64(v) if isinstance(v, float) else v for v in leaves.values()]
    truth = Truth()
    try:
        own = driver.differentiated(given, leaves, upstream)
        if own is None:
            _, pull = vjp(weighed, *values)
            found = pull(np.float64(1.0))
            own = {n: np.asarray(g) for n, g in zip(names, found, strict=True)}
        truth.expected = own
    except (ClearpropError, TypeError, ValueError, IndexError, AttributeError) as error:
        truth.exact, truth.untraced = False, f"{type(error).__name__}: {error}"
    if not truth.exact:
        if not driver.light and sum(map(np.size, values)) > _MANY:
            raise TooManyError("numerical derivatives of so many numbers take long")
        _numerically(truth, weighed, names, values)
    elif doubtful:
        _agree(truth, weighed, names, values, agreement)
        if driver.chained and any(why != _TWO_VALUES for why in truth.doubts.values()):
            driver.own = False
            truth = Truth(exact=False, untraced="the derivative of its forward is another one")
            _numerically(truth, weighed, names, values)
    return truth


def _numerically(truth: Truth, f: Any, names: list[str], values: list[Any]) -> None:
    for i, name in enumerate(names):

        def alone(x: Any, i: int = i) -> Any:
            return f(*values[:i], x, *values[i + 1 :])

        x = np.asarray(values[i], np.float64)
        estimates = list(derivatives(alone, x, list(np.ndindex(x.shape))))
        g = np.array([e.value for e in estimates]).reshape(x.shape)
        truth.expected[name] = g
        size = np.max(np.abs(g), initial=1e-3)
        if any(not e.error <= 1e-4 * size for e in estimates):
            truth.doubts[name] = "the numerical derivative does not settle: a kink, a jump or noise"


def _agree(truth: Truth, f: Any, names: list[str], values: list[Any], agreement: float) -> None:
    rng = np.random.default_rng(31415)
    first, again = f(*values), f(*values)
    if not (first == again or (np.isnan(first) and np.isnan(again))):
        truth.doubts = dict.fromkeys(names, _TWO_VALUES)
        return
    for i, name in enumerate(names):
        direction = rng.normal(size=np.shape(values[i]))
        slope = float(np.sum(direction * truth.expected[name]))

        def along(t: Any, i: int = i, direction: Any = direction) -> Any:
            moved = np.asarray(values[i] + t * direction)[()]
            y = f(*values[:i], moved, *values[i + 1 :])
            return y if isinstance(t, complex) else float(y)

        seen = complex_step(along, extrapolated(along))
        size = max(
            abs(slope),
            abs(seen.value),
            1e-2 * float(np.max(np.abs(truth.expected[name]), initial=0.0)),
        )
        if not abs(slope - seen.value) <= agreement * size + 20 * seen.error:
            truth.doubts[name] = (
                f"the exact derivative ({slope:.6g}) and the numerical one ({seen.value:.6g}) "
                "do not agree along a random direction"
            )


def complex_step(f: Callable[[Any], Any], seen: Estimate) -> Estimate:
    """Sharpen an estimate by one step along the imaginary axis, where the code allows it.

    :math:`f'(0) ≈ Im f(ih)/h` has no rounding error of a difference. It is believed where
    it lies within what central differences allow.
    """
    try:
        with np.errstate(all="ignore"):
            y = f(1e-30j)
        value = float(np.imag(y)) / 1e-30
    except Exception:  # whatever the user's code makes of complex numbers
        return seen
    if np.isfinite(value) and abs(value - seen.value) <= 10 * seen.error:
        return Estimate(value, 1e-14 * abs(value))
    return seen


@dataclass
class Cotangents:
    """The true gradients of all that forward computes, for recognising what backward computes.

    ``scaled`` says that a multiple of one is recognised as well.
    """

    values: list[tuple[str, Array]] = field(default_factory=list)
    forwards: list[tuple[str, Array]] = field(default_factory=list)
    scaled: bool = False

    def knows(self, value: Any) -> bool:
        """Whether a value is a true gradient of something, up to axes and order."""
        if not is_array(value) or value.dtype.kind != "f" or not value.size:
            return False
        return any(self.same(value, g) for _, g in self.values)

    def same(self, value: Array, other: Array) -> bool:
        """Whether a value is a gradient; a multiple counts where what is learned is scaled."""
        if self.scaled and value.shape == other.shape and np.any(other):
            value = value / (float(np.sum(value * other) / np.sum(other**2)) or 1.0)
        return _same(value, other)

    def likeness(self, value: Any, name: str = "") -> float:
        """1 for a true gradient of something, 1/2 for one in another shape, else 0.

        Of a value whose name says what it is the gradient of, nothing else counts.
        """
        if not self.knows(value):
            return 0.0
        said = stems(last_of(name)) if name else ()
        meant = [g for label, g in self.values if label and last_of(label) in said]
        alike = [g for g in meant or [g for _, g in self.values] if self.same(value, g)]
        shaped = any(g.shape == value.shape for g in alike)
        return 1.0 if shaped else 0.5 if alike else 0.0


def _same(a: Array, b: Array) -> bool:
    if a.size != b.size:
        return False
    scale = float(np.max(np.abs(b), initial=0.0))
    if scale == 0.0:
        return False
    if a.shape == b.shape:
        return bool(np.max(np.abs(a - b)) <= 1e-8 * scale)
    return bool(np.max(np.abs(np.sort(a, axis=None) - np.sort(b, axis=None))) <= 1e-8 * scale)


def cotangents_of(
    driver: Driver, given: Given, leaves: Leaves, upstream: tuple[Any, ...], seed: int = 0
) -> Cotangents:
    """Trace forward and give every value in it, and every cotangent, with names where known."""
    forward = function_of(driver, given, seed)

    def weighed(**values: Any) -> Any:
        total: Any = 0.0
        for w, part in zip(upstream, forward(values), strict=True):
            total = total + np.sum(w * part)
        return total

    names = list(leaves)

    def positional(*values: Any) -> Any:
        return weighed(**dict(zip(names, values, strict=True)))

    found = Cotangents(scaled=driver.starts)
    try:
        graph: Graph = trace(
            positional, *[np.float64(v) if isinstance(v, float) else v for v in leaves.values()]
        )
        gradients = graph.backward()
    except (ClearpropError, TypeError, ValueError, IndexError, AttributeError):
        return found
    for node in graph:
        name = graph.name_of(node) or ""
        if name.startswith("values["):
            name = names[int(name[7:-1])]
        shape = np.shape(node.value)
        if is_real(np.asarray(node.value)):
            found.forwards.append((name, np.asarray(node.value)))
            if gradients.reached(node):
                g = np.asarray(gradients[node])
                if g.shape == shape:
                    found.values.append((name, g))
    return found
