"""The smallest failing case: sizes made smaller while the gradient stays wrong."""

from __future__ import annotations

from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.probing import (
    Comparison,
    Shot,
    prepare,
    prepared,
    quiet,
    shoot,
)
from clearprop.check.handwritten.proposing import numbers_for
from clearprop.check.handwritten.specs import Dims, Proposal

#: Letters in the order in which they are made smaller, and what is tried for each.
_LETTERS = ("N", "P", "Q", "T", "D", "M", "H", "C", "F", "V")
_SIZES = (1, 2, 3)


def smallest(
    driver: Driver, proposal: Proposal, leaf: str, seed: int, tolerance: float
) -> tuple[Shot, Comparison] | None:
    """Give the smallest probe in which the gradient of a leaf is wrong, and what is wrong there."""
    used = {letter for spec in proposal.specs.values() for letter in spec.shape}
    used |= {spec.value for spec in proposal.specs.values() if spec.kind == "size"}
    best: tuple[Shot, Comparison] | None = None
    dims: Dims = dict(proposal.dims)
    for letter in _LETTERS:
        if letter not in used and not {f"3{letter}", f"4{letter}", "CPQ"} & used:
            continue
        for size in _SIZES:
            if size >= dims[letter]:
                break
            failed = _fails(driver, proposal, dims | {letter: size}, leaf, seed, tolerance)
            if failed is not None:
                best, dims = failed, dims | {letter: size}
                break
    return best


#: Sizes for a search, smaller than those of the first probe but as telling.
_FEW: Dims = {"N": 2, "P": 5, "Q": 4, "T": 3, "F": 2}


def smaller(driver: Driver, proposal: Proposal, shot: Shot, tolerance: float) -> Shot | None:
    """Give a probe of smaller arrays in which the same gradients are wrong; None without one."""
    dims = {k: min(n, proposal.dims[k]) for k, n in _FEW.items() if k in proposal.dims}
    try:
        with quiet():
            given = proposal.resized(numbers_for(proposal.dims | dims)).draw(shot.seed)
            leaves = list(shot.leaves)
            small = prepared(driver, given, shot.seed, leaves=leaves, doubtful=False)
    except Exception:
        return None
    small.truth.doubts = shot.truth.doubts
    small = shoot(driver, small, tolerance)
    same = {c.gradient.leaf: c.kind for c in small.comparisons}
    if type(small.error) is not type(shot.error):
        return None
    return small if same == {c.gradient.leaf: c.kind for c in shot.comparisons} else None


def _fails(
    driver: Driver, proposal: Proposal, dims: Dims, leaf: str, seed: int, tolerance: float
) -> tuple[Shot, Comparison] | None:
    try:
        with quiet():
            shot = prepare(driver, proposal.resized(numbers_for(dims)), seed)
    except Exception:
        return None
    shot = shoot(driver, shot, tolerance)
    wrong = [c for c in shot.wrong if c.gradient.leaf == leaf and c.found is not None]
    return (shot, wrong[0]) if wrong else None
