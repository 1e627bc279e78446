"""Many calls of forward and backward, and what they give beside the truth."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearprop.check.handwritten.driving import Driver, Given, Gradient, Run
from clearprop.check.handwritten.driving_functions import DerivativeDriver
from clearprop.check.handwritten.meaning import is_statistic, last_of
from clearprop.check.handwritten.model import Array
from clearprop.check.handwritten.randomness import frozen, reseed
from clearprop.check.handwritten.running import Ran
from clearprop.check.handwritten.specs import Proposal
from clearprop.check.handwritten.state import arrays_in, copied, is_array
from clearprop.check.handwritten.truth import AGREEMENT, Leaves, Truth, find_truth, leaves_of

#: Relative to the largest entry: what counts as wrong, by the size of the dtype of the code.
TOLERANCE = {8: 1e-7, 4: 2e-4, 2: 2e-2}

#: How far the two sides of the truth may be apart where the code computes in single precision.
SINGLE = 5e-2

#: What is done between making the object and reading the gradients: f forward, b backward; a
#: capital letter stands for other inputs.
PLANS = {
    "fb": "",
    "fbb": "a second call of backward",
    "Ffb": "forward with other inputs, forward, then backward",
    "FBfb": "a second round of forward and backward",
}


@dataclass
class Comparison:
    """One gradient beside the truth: nothing is wrong where ``kind`` is ""."""

    gradient: Gradient
    expected: Array
    found: Array | None
    kind: str = ""
    wrong: Array | None = None
    error: float = 0.0


@dataclass
class Shot:
    """One probe: what was given, what came back, what ought to have come back."""

    plan: str
    given: Given
    leaves: Leaves
    upstream: tuple[Any, ...]
    truth: Truth
    seed: int = 0
    before: tuple[Given, ...] = ()
    comparisons: list[Comparison] = field(default_factory=list)
    error: BaseException | None = None
    written: list[str] = field(default_factory=list)
    run: Run | None = None
    setting: str = ""
    ran: Ran | None = None

    @property
    def wrong(self) -> list[Comparison]:
        """The gradients that are not right."""
        return [c for c in self.comparisons if c.kind]

    @property
    def right(self) -> bool:
        """Whether backward ran, and every gradient is right."""
        return self.error is None and not self.wrong

    @property
    def title(self) -> str:
        """What was done, in words; "" for the plain round."""
        done = PLANS.get(self.plan, self.plan)
        return f"{done} with {self.setting}".strip() if self.setting else done

    @property
    def when(self) -> str:
        """Begin a sentence with what was done."""
        return f"With {self.setting}" if self.setting else f"After {self.title}"


@contextmanager
def quiet() -> Iterator[None]:
    """Let user code divide by zero and warn without a word."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def upstream_for(driver: Driver, outputs: tuple[Any, ...], seed: int) -> tuple[Any, ...]:
    """Draw a cotangent for each output; ones where backward starts the chain itself."""
    rng = np.random.default_rng([seed, 161803])
    if driver.starts or (
        driver.upstream in ("none", "prediction", "output")
        and not isinstance(driver, DerivativeDriver)
    ):
        return tuple(_ones(np.shape(y), driver.averages) for y in outputs)
    return tuple(
        rng.normal(size=np.shape(y)) if np.shape(y) else float(rng.uniform(1.2, 1.9))
        for y in outputs
    )


def _ones(shape: tuple[int, ...], averages: bool) -> Any:
    """Give what starts the chain: 1, or 1/N for each sample."""
    return np.full(shape, 1.0 / max(1, int(np.prod(shape))) if averages else 1.0) if shape else 1.0


def prepare(
    driver: Driver,
    proposal: Proposal,
    seed: int,
    plan: str = "fb",
    leaves: list[str] | None = None,
    earlier: Proposal | None = None,
) -> Shot:
    """Draw inputs, find out what may have a gradient, and the truth; nothing is compared yet."""
    given = proposal.draw(seed)
    before: tuple[Given, ...] = ()
    if "F" in plan:
        other = (earlier if earlier and plan == "FBfb" else proposal).draw(seed + 1000)
        names = {p.name for p in driver.inputs}
        before = ({k: v for k, v in other.items() if k in names},)
    return prepared(driver, given, seed, plan, before, leaves)


def prepared(
    driver: Driver,
    given: Given,
    seed: int,
    plan: str = "fb",
    before: tuple[Given, ...] = (),
    leaves: list[str] | None = None,
    doubtful: bool = True,
) -> Shot:
    """Do what `prepare` does for given inputs."""
    from clearprop.check.handwritten.truth import live

    given = driver.in_order(given)
    moved = leaves_of(driver, given, seed if driver.starts else 0)
    if leaves is not None:
        moved = {k: v for k, v in moved.items() if k in leaves}
    outputs = live(driver, {k: copied(v) for k, v in given.items()}, seed, before).outputs
    upstream = upstream_for(driver, outputs, seed)
    truth = find_truth(
        driver,
        given,
        moved,
        upstream,
        seed=seed,
        before=before,
        doubtful=doubtful,
        agreement=SINGLE if driver.single else AGREEMENT,
    )
    return Shot(plan, given, moved, upstream, truth, seed, before)


def play(driver: Driver, shot: Shot, started: Callable[[Run], None] | None = None) -> Run:
    """Make the object and call it as the plan says; raise what it raises.

    ``started`` gets the run as soon as there is one.
    """
    given = {k: copied(v) for k, v in shot.given.items()}
    inner = {k: copied(v) for k, v in shot.leaves.items() if k not in given}
    given = given | inner
    with frozen(shot.seed):
        run = driver.start(given)
        run.given = given
        if started is not None:
            started(run)
        for step in shot.plan:
            if step == "F":
                run.given = given | {k: copied(v) for k, v in shot.before[0].items()}
                driver.forward(run)
                reseed(shot.seed)
            elif step == "B":
                other = np.random.default_rng(7)
                driver.backward(run, tuple(_like(other, y) for y in run.outputs))
                reseed(shot.seed)
            elif step == "f":
                run.given = given
                driver.forward(run)
            else:
                run.upstream = copied_parts(shot.upstream)
                driver.backward(run, run.upstream)
    return run


def _like(rng: np.random.Generator, y: Any) -> Any:
    return rng.normal(size=np.shape(y)) if np.shape(y) else 1.0


def copied_parts(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """Copy a cotangent of each output."""
    return tuple(copied(part) for part in parts)


def shoot(driver: Driver, shot: Shot, tolerance: float, ran: Ran | None = None) -> Shot:
    """Run the user's code once and compare; the shot is filled in and given back.

    ``ran`` notes which lines of backward run.
    """
    shot.comparisons, shot.error, shot.written, shot.ran = [], None, [], ran
    try:
        with quiet(), nullcontext() if ran is None else ran.watching():
            shot.run = play(driver, shot)
    except Exception as error:
        shot.error = error
        return shot
    found = driver.gradients(shot.run, shot.leaves)
    done = {g.leaf for g in found}
    found += [
        Gradient(f"d{last_of(leaf)}", leaf, None)
        for leaf in driver.owed(shot.leaves, done)
        if np.any(shot.truth.expected.get(leaf, 0.0))
    ]
    shot.comparisons = [
        compare(g, shot.truth.expected[g.leaf], tolerance)
        for g in found
        if g.leaf not in shot.truth.doubts and g.leaf in shot.truth.expected
    ]
    shot.written = written(shot)
    return shot


def written(shot: Shot) -> list[str]:
    """Name the caller's arrays that no longer hold what they held."""
    assert shot.run is not None
    names = [
        name
        for name, value in shot.given.items()
        if is_array(value) and _changed(value, shot.run.given.get(name))
    ]
    if shot.run.layer is not None:
        held = arrays_in(shot.run.layer)
        names += [
            name
            for name, value in shot.leaves.items()
            if name not in shot.given and name in held and _changed(value, held[name])
            if not _is_state(shot, name)
        ]
    changed = any(_changed(a, b) for a, b in zip(shot.upstream, shot.run.upstream, strict=True))
    return [*names, *(["upstream"] if changed else [])]


def _is_state(shot: Shot, name: str) -> bool:
    """Whether an array of the object is no parameter: the output does not depend on it.

    A running mean is renewed by each forward pass, in training.
    """
    compared = {c.gradient.leaf for c in shot.comparisons}
    reached = np.any(shot.truth.expected.get(name, 0.0)) and not is_statistic(last_of(name))
    return name not in compared and not reached


def _changed(before: Any, after: Any) -> bool:
    return is_array(before) and not np.array_equal(
        before, after, equal_nan=before.dtype.kind == "f"
    )


def compare(gradient: Gradient, expected: Array, tolerance: float) -> Comparison:
    """Compare one gradient: none, shape, not-finite, value, or nothing wrong."""
    if gradient.value is None or not _is_numeric(gradient.value):
        return Comparison(gradient, expected, None, "none")
    found = np.asarray(gradient.value)
    if found.dtype.kind == "b":  # a mask in the place of a gradient: 0 and 1
        found = found.astype(float)
    if found.shape != expected.shape:
        if found.size == expected.size and _squeezed(found) == _squeezed(expected):
            inner = compare(
                Gradient(gradient.label, gradient.leaf, found.reshape(expected.shape)),
                expected,
                tolerance,
            )
            kind = inner.kind or "kept-dimension"
            return Comparison(gradient, expected, found, kind, inner.wrong, inner.error)
        return Comparison(gradient, expected, found, "shape")
    if found.dtype.itemsize < 8 and found.dtype.kind == "f":
        tolerance = max(tolerance, TOLERANCE[found.dtype.itemsize])
    size = np.max(np.abs(expected), initial=0.0)
    with np.errstate(all="ignore"):
        off = np.abs(found - expected)
        bad = ~(off <= tolerance * np.maximum(np.abs(expected), 0.1 * size) + 1e-13)
    error = float(np.max(np.where(np.isfinite(off), off, np.inf), initial=0) / max(size, 1e-300))
    if not bad.any():
        return Comparison(gradient, expected, found, error=error if size > 1e-12 else 0.0)
    kind = "value" if np.isfinite(found).all() else "not-finite"
    return Comparison(gradient, expected, found, kind, bad, error)


def _is_numeric(value: Any) -> bool:
    try:
        return np.asarray(value).dtype.kind in "fiub"
    except (ValueError, TypeError):  # a list of arrays of several shapes
        return False


def _squeezed(a: Array) -> tuple[int, ...]:
    return tuple(n for n in a.shape if n != 1)


def line_of_error(error: BaseException, files: set[str]) -> int:
    """Give the last line in the user's files that an error passed; 0 for none."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((f.lineno or 0 for f in reversed(frames) if f.filename in files), 0)


def watch(
    driver: Driver,
    shot: Shot,
    trace: Callable[[Any, str, Any], Any],
    started: Callable[[Run], None] | None = None,
) -> bool:
    """Run once more with a trace function; say whether the code came to its end."""
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with quiet():
            play(driver, shot, started)
    except Exception:
        return False
    finally:
        sys.settrace(before)
    return True
