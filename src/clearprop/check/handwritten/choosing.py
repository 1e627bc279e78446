"""Which inputs, and which way of calling backward, a candidate is judged with."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import numpy as np

from clearprop.check.handwritten.alternatives import is_alternative
from clearprop.check.handwritten.attempts import Attempts
from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.probing import prepare, quiet, shoot
from clearprop.check.handwritten.proposing import numbers_for, proposals
from clearprop.check.handwritten.setups import (
    Setup,
    better,
    fits,
    further,
    given_in,
    is_shaped,
    is_unfit,
    tells,
)
from clearprop.check.handwritten.sources import function_of
from clearprop.check.handwritten.specs import Dims, Proposal, Spec, array
from clearprop.check.handwritten.texts import Texts
from clearprop.check.handwritten.truth import TooManyError

#: For finding inputs, in seconds of processor time; and so many, in each world.
_SECONDS = 2.0
_MOST = 25
#: A forward that runs through more lines than this is given smaller inputs.
_LOOPS = 400
_SMALL: Dims = {"N": 2, "T": 3, "P": 5, "Q": 4}
#: Says that a file keeps a bias as a row.
_ROW = re.compile(r"zeros\(\(1, |zeros\(\[1, |shape\[0\] == 1|\(1, -1\)")
#: What is a number by its name.
_NUMBER = re.compile(r"^(alpha|beta|gamma|slope|scale|temperature|eps\w*|lam\w*|[kst])$", re.I)


def choose(
    driver: Driver, texts: Texts, given: dict[str, Spec], seed: int, tolerance: float
) -> Setup:
    """Find inputs that the code accepts; of several likely ones, those with which it is right.

    The first inputs that forward accepts are taken, unless others differ from them only in
    what nobody can know from outside (the form of the labels, a number, the shape of a
    bias, how backward is called) and make it right.
    """
    first: Setup | None = None
    worlds: dict[str, Proposal] = {}
    attempts = Attempts(driver, seed)
    loose = getattr(driver, "loose", []) if _ROW.search(texts.forward) is None else ["b", "bias"]
    tried: Counter[str] = Counter()

    def wanted(proposal: Proposal) -> bool:
        if driver.rate:
            return True
        return first is None or is_alternative(driver, first, proposal, loose, texts)

    for proposal in proposals(driver, texts, given, attempts, wanted, _SECONDS):
        worlds.setdefault(proposal.world, proposal)
        if first is not None and not is_alternative(driver, first, proposal, loose, texts):
            continue
        tried[proposal.world] += 1
        if tried[proposal.world] > _MOST:
            continue
        for way in driver.ways():
            light = attempts.lines > _LOOPS
            setup = _tried(driver, proposal, way, seed, tolerance, light)
            if setup is None or is_unfit(setup):
                continue
            if first is not None and tells(first) and not tells(setup) and not setup.shot.error:
                continue
            enough = first is None or given_in(setup.shot) >= given_in(first.shot)
            suits = enough and not (first is not None and _is_summed(driver, setup))
            if setup.shot.right and setup.shot.comparisons and suits:
                driver.upstream, driver.factor = way, setup.factor
                return setup
            if (
                first is None
                or better(setup, first, bool(driver.rate))
                or fits(setup, first, driver)
                or further(driver, setup, first)
            ):
                first = setup
        attempts.found = first is not None
        if driver.starts and not driver.inputs and first is not None:
            break
    if first is None or attempts.raised_before(first):
        raise attempts.failure()
    if driver.rate and not (driver.starts and is_shaped(first)) and not _knows_batches(driver):
        alone = _one_sample(driver, list(worlds.values()), seed, tolerance, first)
        first = alone or first
    first = _as_arrays(driver, first, seed, tolerance) or first
    driver.upstream, driver.factor = first.way, first.factor
    return first


def _is_summed(driver: Driver, setup: Setup) -> bool:
    """Whether inputs make a gradient right only because a library sums it to the shape."""
    run = setup.shot.run
    said = driver.conventions(run) if driver.chained and run is not None else []
    return any(finding.cause == "kept-dimension" for finding in said)


def _as_arrays(driver: Driver, first: Setup, seed: int, tolerance: float) -> Setup | None:
    """Give arrays for numbers whose gradients look like the output: states, or second inputs.

    ``c_prev`` of a cell whose size only its constructor knows broadcasts as a number, too.
    """
    if first.shot.run is None or driver.starts:
        return None
    shapes = {np.shape(out) for out in first.shot.run.outputs}
    made = {p.name for p in driver.constructor}
    names = (p.name for p in driver.inputs if p.required and not _NUMBER.match(p.name))
    open_to = {name for name in names if name not in made}
    changed: dict[str, Spec] = {}
    for c in first.shot.comparisons:
        spec = first.proposal.specs.get(c.gradient.leaf)
        free = spec is not None and spec.kind == "float" and c.kind == "shape"
        if not free or c.gradient.leaf not in open_to or c.found is None:
            continue
        if c.found.shape in shapes and c.found.ndim > 1:
            samples = c.found.shape[0] == first.proposal.dims["N"]
            start: tuple[int | str, ...] = ("N",) if samples else c.found.shape[:1]
            changed[c.gradient.leaf] = array(*start, *c.found.shape[1:])
    if not changed:
        return None
    proposal = replace(first.proposal, specs=first.proposal.specs | changed)
    setup = _tried(driver, proposal, first.way, seed, tolerance)
    return setup if setup is not None and is_shaped(setup) else None


def _one_sample(
    driver: Driver, proposals: list[Proposal], seed: int, tolerance: float, several: Setup
) -> Setup | None:
    """Give inputs of a single sample if a layer that updates itself runs, or is right, only then.

    ``self.bias -= learning_rate * output_gradient`` is meant for one row or column at a time.
    """
    runs: Setup | None = None
    for proposal in proposals:
        alone = proposal.resized({"N": 1})
        setup: Setup | None = None
        for way in driver.ways():
            other = _tried(driver, alone, way, seed, tolerance)
            if other is not None and (setup is None or further(driver, other, setup)):
                setup = other
        if setup is not None and setup.shot.right and setup.shot.comparisons:
            return setup
        if setup is not None and driver.starts and is_shaped(setup):
            return setup
        if setup is not None and runs is None and several.shot.error and is_shaped(setup):
            runs = setup
    return runs


def _knows_batches(driver: Driver) -> bool:
    """Whether a layer that updates itself reduces over an axis, as for many samples."""
    text = driver.source.text(driver.backward_function)
    return not driver.starts and bool(re.search(r"axis ?=", text))


def _tried(
    driver: Driver, proposal: Proposal, way: str, seed: int, tolerance: float, light: bool = False
) -> Setup | None:
    driver.upstream, driver.factor = way, 1.0
    for each in [_lighter(proposal), proposal] if light else [proposal]:
        driver.light = light
        try:
            with quiet():
                shot = prepare(driver, each, seed)
        except TooManyError:
            return _tried(driver, proposal, way, seed, tolerance, light=True)
        except Exception:
            continue
        code = getattr(function_of(driver.backward_function), "__code__", None)
        shot = shoot(driver, shot, tolerance)
        if not shot.right and driver.rescaled(shot.comparisons):
            shot = shoot(driver, shot, tolerance)
        return Setup(each, shot, way, code, driver.factor)
    return None


def _lighter(proposal: Proposal) -> Proposal:
    """Give smaller inputs of the same kind, for code that loops over every number."""
    smaller = {letter: min(proposal.dims[letter], n) for letter, n in _SMALL.items()}
    return proposal.resized(numbers_for(proposal.dims | smaller))
