"""Of two first probes of a candidate: which one is the likelier use of it."""

from __future__ import annotations

import re
import traceback
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.check.handwritten.driving import OUTPUT_NAMES, Driver
from clearprop.check.handwritten.guesses import DATA
from clearprop.check.handwritten.meaning import is_parameter
from clearprop.check.handwritten.probing import Shot
from clearprop.check.handwritten.specs import Proposal


@dataclass
class Setup:
    """What was chosen: inputs, the first probe, and whether backward starts the chain."""

    proposal: Proposal
    shot: Shot
    way: str
    code: Any = None
    factor: float = 1.0


def given_in(shot: Shot) -> int:
    """Count the gradients that backward gave."""
    return sum(c.kind != "none" for c in shot.comparisons)


def better(one: Setup, other: Setup, alone: bool = False) -> bool:
    """Whether a probe is a likelier use: backward runs where it raised, or less of it is wrong.

    What learns at once (``alone``) is often written for one sample: a vector.
    """
    alike = one.proposal.world == other.proposal.world
    if one.shot.error is not None and other.shot.error is not None and not alike:
        return not _flatter(one, other) and _lines(one) > _lines(other)
    if one.shot.error is not None or not one.shot.comparisons:
        return False
    if alike and (one.way, other.way) == ("output", "prediction"):
        return len(one.shot.wrong) <= len(other.shot.wrong) and _keeps_output(one)
    if other.shot.error is not None or not other.shot.comparisons:
        return alike or alone or (not _flatter(one, other) and is_shaped(one))
    wrong, before = ({c.gradient.leaf for c in s.shot.wrong} for s in (one, other))
    misshaped, were = (
        {c.gradient.leaf for c in s.shot.wrong if c.kind == "shape"} for s in (one, other)
    )
    return (
        alike
        and len(one.shot.comparisons) >= len(other.shot.comparisons)
        and (wrong < before or (wrong == before and misshaped < were))
    )


def fits(one: Setup, other: Setup, driver: Driver) -> bool:
    """Whether gradients have the shapes of what is taken for data, where nothing is a parameter.

    ``g`` of ``gate_forward(x, g)`` may be a scale or a gate: the shape of ``dg`` says which.
    """
    if any(is_parameter(p.name) for p in (*driver.inputs, *driver.constructor)):
        return False
    before = other.proposal.specs
    pairs = one.proposal.specs.items()
    changed = [name for name, spec in pairs if spec != before.get(name)]
    return (
        one.shot.error is None
        and bool(changed)
        and all(name in before for name in changed)
        and all(one.proposal.specs[name].shape != before[name].shape for name in changed)
        and all(as_the_data(other, name, one.proposal) for name in changed)
        and not any(c.kind == "shape" for c in one.shot.comparisons)
    )


def _flatter(one: Setup, other: Setup) -> bool:
    """Whether vectors or numbers stand where there were samples."""
    return any(
        len(spec.shape) > 1 and len(one.proposal.specs[name].shape) < 2
        for name, spec in other.proposal.specs.items()
        if name in one.proposal.specs
    )


def _lines(setup: Setup) -> int:
    """Give the line of backward at which a probe ended."""
    error = setup.shot.error
    frames = traceback.walk_tb(error.__traceback__) if error is not None else ()
    return max((line for frame, line in frames if frame.f_code is setup.code), default=0)


def _keeps_output(setup: Setup) -> bool:
    """Whether a loss makes its prediction itself, and keeps it."""
    run = setup.shot.run
    held = vars(run.layer) if run is not None and run.layer is not None else {}
    return any(name in held and np.ndim(held[name]) > 0 for name in OUTPUT_NAMES)


def is_shaped(setup: Setup) -> bool:
    """Whether all gradients have the shapes that they ought to have."""
    kinds = {c.kind for c in setup.shot.comparisons}
    return setup.shot.error is None and bool(kinds) and "shape" not in kinds


def tells(setup: Setup) -> bool:
    """Whether some gradient is not 0 everywhere, as that of a softmax of one class is."""
    return any(np.max(np.abs(c.expected), initial=0.0) > 1e-12 for c in setup.shot.comparisons)


def is_unfit(setup: Setup) -> bool:
    """Whether backward says that a plain number is not what it takes."""
    numbers = any(spec.kind == "float" for spec in setup.proposal.specs.values())
    said = str(setup.shot.error or "")
    return numbers and bool(re.search(r"'float' (object )?(has no|is not|object)", said))


def further(driver: Driver, one: Setup, other: Setup) -> bool:
    """Whether under another loss more gradients are right, where no loss is written down."""
    if not driver.starts or one.shot.error is not None:
        return False
    right = [len(s.shot.comparisons) - len(s.shot.wrong) for s in (one, other)]
    return other.shot.error is not None or right[0] > right[1]


def as_the_data(first: Setup, name: str, proposal: Proposal) -> bool:
    """Whether an argument is taken for data, as the shape of its gradient says that it is."""
    shape = proposal.specs[name].shape
    numbers = tuple(proposal.dims[n] if isinstance(n, str) else n for n in shape)
    return shape == DATA[proposal.world][0].shape and any(
        c.gradient.leaf == name and c.found is not None and c.found.shape == numbers
        for c in first.shot.comparisons
    )
