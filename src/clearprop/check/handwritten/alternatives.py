"""Which inputs are tried beside the first ones: those that differ in what nobody can know."""

from __future__ import annotations

import re

from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.meaning import is_parameter, is_prediction
from clearprop.check.handwritten.setups import Setup, as_the_data
from clearprop.check.handwritten.specs import Proposal
from clearprop.check.handwritten.texts import Texts

#: Nobody can know from outside whether a slope is one number or one for each feature.
_LONE: set[tuple[str | int, ...]] = {(), ("D",)}


def is_alternative(
    driver: Driver, first: Setup, proposal: Proposal, loose: list[str], texts: Texts
) -> bool:
    """Whether inputs differ from the first ones only in what cannot be known from outside."""
    if _given_samples(driver, first.proposal, proposal):
        return False
    if isinstance(first.shot.error, AssertionError):
        return True  # the code itself says that it is not meant for such inputs
    if first.shot.error is not None and _more_general(proposal, first.proposal):
        return True
    if proposal.world != first.proposal.world:
        if texts.ranks or _rank(proposal) == _rank(first.proposal):
            return False
        if any(
            is_parameter(name) and spec.kind == "float" and first.proposal.specs[name].shape
            for name, spec in proposal.specs.items()
            if name in first.proposal.specs
        ):
            return False
        misfit = first.shot.error is not None or not first.shot.comparisons
        shapes = any(c.kind == "shape" for c in first.shot.comparisons)
        if proposal.world == "vector" and _by_rows(proposal, texts):
            return False
        if misfit:
            return _rank(proposal) >= 1  # whatever is wrong may be right for single numbers
        return shapes and _rank(proposal) > _rank(first.proposal)
    if proposal.dims != first.proposal.dims:
        return False
    for name, spec in proposal.specs.items():
        before = first.proposal.specs[name]
        shares = spec.kind == before.kind == "value" and type(before.value) is float
        if shares and 0 < before.value < 1 and spec.value in (0, 1):
            return False  # nothing is dropped, or everything: that hides a mask
        narrower = before.kind == "array" and spec.kind in ("probabilities", "unit", "positive")
        if narrower and not re.search(r"log|sqrt|clip|soft|power", texts.forward):
            return False  # nothing asks for what is positive, and it hides kinks
        if spec == before or driver.is_label(name) or is_prediction(name):
            continue
        if spec.kind == before.kind == "value":
            continue
        if name in loose and 1 in spec.shape:
            continue
        if len(before.shape) == 1 and 1 in spec.shape and _suits(first, name, proposal):
            continue
        if not is_parameter(name) and as_the_data(first, name, proposal):
            continue
        lone = "gamma" not in proposal.specs and {spec.shape, before.shape} == _LONE
        if re.match(r"^(alpha|beta|slope|scale)", name) and lone:
            continue
        if (
            first.proposal.world == proposal.world
            and {spec.kind, before.kind}
            <= {
                "array",
                "probabilities",
                "unit",
                "positive",
            }
            and spec.shape == before.shape
        ):
            continue
        if is_parameter(name) or first.shot.error is None:
            return False
    return True


def _given_samples(driver: Driver, first: Proposal, other: Proposal) -> bool:
    """Whether a parameter gets an axis of the samples that it had not.

    No parameter knows how many samples there are, even where a sum over them is forgotten and
    its gradient has such an axis.
    """
    made = {p.name for p in driver.constructor}
    return any(
        "N" in spec.shape and "N" not in first.specs[name].shape
        for name, spec in other.specs.items()
        if name in first.specs and (name in made or is_parameter(name))
    )


def _more_general(one: Proposal, other: Proposal) -> bool:
    """Whether no argument has fewer axes or more axes of length 1, and some argument has more."""
    pairs = [
        (spec.shape, other.specs[n].shape) for n, spec in one.specs.items() if n in other.specs
    ]
    no_less = all(len(a) >= len(b) and a.count(1) <= b.count(1) for a, b in pairs)
    return no_less and any(len(a) > len(b) or a.count(1) < b.count(1) for a, b in pairs)


def _by_rows(proposal: Proposal, texts: Texts) -> bool:
    """Whether forward keeps the axis of the samples: what fits a vector alone is then no use."""
    kept = "keepdims=True" in texts.forward and re.search(r"axis=(-1|1)\b", texts.forward)
    return bool(kept) and any(is_parameter(name) for name in proposal.specs)


def _suits(first: Setup, name: str, proposal: Proposal) -> bool:
    """Whether a gradient has the shape that another guess gives a vector: ``(1, 1, 1, F)``."""
    shapes = [
        c.found.shape
        for c in first.shot.comparisons
        if c.kind == "shape" and c.found is not None and c.gradient.leaf == name
    ]
    shape = tuple(proposal.dims[n] if isinstance(n, str) else n for n in proposal.specs[name].shape)
    return shape in shapes and sum(n > 1 for n in shape) == 1


def _rank(proposal: Proposal) -> int:
    return max((len(spec.shape) for spec in proposal.specs.values()), default=0)
