"""The other probes of a candidate: sizes, settings, forms of labels, orders of calls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.probing import (
    PLANS,
    Shot,
    prepare,
    prepared,
    quiet,
    shoot,
)
from clearprop.check.handwritten.proposing import OTHER_DIMS, numbers_for
from clearprop.check.handwritten.running import Ran
from clearprop.check.handwritten.setups import Setup
from clearprop.check.handwritten.specs import Dims, Proposal, Spec, array, other_form, value
from clearprop.check.handwritten.state import is_real

#: So many times further apart than numbers are usually drawn.
_FURTHER = 3.0

_PADDING = re.compile(r"^pad(ding)?$", re.I)
#: The setting of `behind_another`, in words.
TRANSPOSED = "arrays that another layer has transposed (not contiguous)"


def other_probes(
    driver: Driver,
    setup: Setup,
    base: Shot,
    text: str,
    seed: int,
    tolerance: float,
    ran: Ran | None = None,
) -> Iterator[Shot]:
    """Probe with other sizes, and in other orders; what forward does not accept is left out.

    ``ran`` notes which lines of backward run.
    """
    leaves = list(base.leaves)
    if driver.starts:  # a factor that gradients have in common may depend on sizes
        yield from _drawn_anew(driver, setup, leaves, seed, tolerance, ran)
        return
    other = setup.proposal.resized(_other_dims(setup.proposal))
    plans = [plan for plan in PLANS if plan != "fb" and not (driver.rate and plan.lower() != "ffb")]
    if getattr(driver, "queues", False):
        plans = []
    probes = [
        (other, "fb"),
        *((proposal, "fb") for proposal in _other_settings(driver, setup.proposal, text)),
        *((setup.proposal, plan) for plan in plans),
    ]
    count = setup.proposal.dims["N"]
    smaller = numbers_for(setup.proposal.dims | {"N": count - 2 if count > 2 else 3})
    fixed = any(  # a constructor was told the number of samples
        (s.kind == "size" and s.value == "N") or (s.kind == "shape" and "N" in s.shape)
        for s in setup.proposal.specs.values()
    )
    earlier = setup.proposal if fixed else setup.proposal.resized(smaller)
    for proposal, plan in probes:
        try:
            with quiet():
                shot = prepare(driver, proposal, seed + 1, plan, leaves, earlier)
        except Exception:
            continue
        shot = replace(shot, setting=_neutral(driver, setup.proposal, proposal))
        shot = shoot(driver, shot, tolerance, None if ran is None else ran.fresh())
        if shot.error is not None and any(_deep(spec) for spec in proposal.specs.values()):
            continue  # that forward takes more axes does not say that backward should
        if shot.error is not None and driver.candidate.style == "engine":
            continue  # nor that it should take what NumPy broadcasts
        if ran is not None and shot.ran is not None:
            ran.add(shot.ran)
        yield shot
    if re.search(r"maximum|minimum|where\(|clip\(|abs\(|[<>]", text):
        yield from _spread(driver, setup, leaves, seed, tolerance, ran)
    yield from behind_another(driver, base, tolerance)


def _spread(
    driver: Driver,
    setup: Setup,
    leaves: list[str],
    seed: int,
    tolerance: float,
    ran: Ran | None,
) -> Iterator[Shot]:
    """Probe with inputs that lie further apart, to both sides of a margin or of a bound."""
    given = setup.proposal.draw(seed + 2)
    for p in driver.inputs:
        value = given.get(p.name)
        spec = setup.proposal.specs.get(p.name)
        if spec is not None and spec.kind == "array" and is_real(value):
            given[p.name] = _FURTHER * np.asarray(value)
    try:
        with quiet():
            shot = prepared(driver, given, seed + 2, "fb", (), leaves)
    except Exception:
        return
    shot = shoot(driver, shot, tolerance, None if ran is None else ran.fresh())
    if ran is not None and shot.ran is not None:
        ran.add(shot.ran)
    if shot.error is None:
        yield shot


def behind_another(driver: Driver, base: Shot, tolerance: float) -> Iterator[Shot]:
    """Probe with what another layer may give: a transpose, whose rows do not lie in one piece.

    The numbers are those of a probe that is right, and so is the truth, as long as forward gives
    the same: ``torch.rand_like(x)`` draws other numbers for such an array. Of it,
    ``np.zeros_like(x).reshape(-1)`` is a copy, and what is written into it is lost.
    """
    if not base.right:
        return
    inputs = {p.name for p in driver.inputs}
    given = {k: turned(v) if k in inputs else v for k, v in base.given.items()}
    upstream = tuple(turned(w) for w in base.upstream)
    shot = replace(base, given=given, upstream=upstream, before=(), setting=TRANSPOSED)
    shot = shoot(driver, shot, tolerance)
    if shot.error is not None or _same_outputs(base, shot):
        yield shot


def _same_outputs(base: Shot, shot: Shot) -> bool:
    """Whether forward gave the same: not if a mask is drawn in the order of memory."""
    assert base.run is not None and shot.run is not None
    pairs = zip(base.run.outputs, shot.run.outputs, strict=True)
    return all(np.allclose(a, b, rtol=1e-6, atol=1e-9, equal_nan=True) for a, b in pairs)


def turned(value: Any) -> Any:
    """Give an array of the same numbers that lies in memory as a transpose does."""
    return np.asfortranarray(value) if isinstance(value, np.ndarray) and value.ndim > 1 else value


def _drawn_anew(
    driver: Driver,
    setup: Setup,
    leaves: list[str],
    seed: int,
    tolerance: float,
    ran: Ran | None,
) -> Iterator[Shot]:
    """Probe with other numbers."""
    for other in range(seed + 1, seed + 4):
        try:
            with quiet():
                shot = prepare(driver, setup.proposal, other, "fb", leaves)
        except Exception:
            continue
        shot = shoot(driver, shot, tolerance, None if ran is None else ran.fresh())
        if ran is not None and shot.ran is not None:
            ran.add(shot.ran)
        yield shot


def _deep(spec: Spec) -> bool:
    return spec.shape[:2] == ("N", 2)


def _neutral(driver: Driver, usual: Proposal, proposal: Proposal) -> str:
    """Say which number is no longer 1, if a probe is for that; or that nothing is padded."""
    for p in [*driver.inputs, *driver.constructor]:
        spec = proposal.specs.get(p.name)
        neutral = type(p.default) is float and p.default == 1.0
        neutral = neutral or (bool(_PADDING.match(p.name)) and p.default == 1)
        if neutral and spec is not None and spec != usual.specs.get(p.name):
            return f"{p.name} = {spec.value}"
    return ""


def _other_settings(driver: Driver, proposal: Proposal, text: str) -> Iterator[Proposal]:
    """Vary what has a default or a guessed number: stride, padding, a flag, the form of labels."""
    changes: dict[str, Spec] = {}
    for p in [*driver.inputs, *driver.constructor]:
        if re.match(r"^(stride|step)s?$", p.name, re.I) and p.default in (1, 2):
            changes[p.name] = value(3 - p.default)
        elif _PADDING.match(p.name) and p.default in (0, 1):
            changes[p.name] = value(1 - p.default)
        elif re.match(r"^(reg\w*|lam\w*|l2\w*|weight_decay)$", p.name, re.I) and p.default == 0:
            if not re.search(rf"\bif\b.*\b{p.name}\b", text):  # else `reaching` asks for it
                changes[p.name] = value(0.3)
        elif type(p.default) is float and p.default == 1.0:
            changes[p.name] = value(0.7)  # 1 is the one number that hides where it is left out
        elif re.match(r"^(bias|use_bias|affine)$", p.name, re.I) and type(p.default) is bool:
            yield proposal.with_specs({p.name: value(not p.default)})
    for name, spec in proposal.specs.items():
        if isinstance(spec.value, dict) and spec.value.get("stride") in (1, 2):
            yield proposal.with_specs(
                {name: value(spec.value | {"stride": 3 - spec.value["stride"]})}
            )
    for name, spec in changes.items():
        yield proposal.with_specs({name: spec})
    if len(changes) > 1:
        yield proposal.with_specs(changes)
    for given in driver.settings(proposal):
        specs = {k: v if isinstance(v, Spec) else value(v) for k, v in given.items()}
        yield proposal.with_specs(specs)
    if any(spec.kind == "shape" for spec in proposal.specs.values()):
        return  # a constructor was told how many axes there are
    for name, spec in proposal.specs.items():
        if spec == array("N", "D") and re.search(r"reshape\(-1, \w+\.shape", text):
            yield proposal.with_specs({name: array("N", 2, "D")})
        if spec == array("N", "D") and "reshape(" in text:  # more axes, which it may flatten
            deep = proposal.with_specs({name: array("N", 2, 3)})
            yield deep.resized(numbers_for(proposal.dims | {"D": 6, "H": 7}))
        other = other_form(spec)
        if other is not None:
            yield proposal.with_specs({name: other})


def _other_dims(proposal: Proposal) -> Dims:
    even = {"D": 4, "H": 6, "M": 8} if proposal.dims["D"] % 2 == 0 else {}
    grouped = {"C": 6, "F": 4} if (proposal.dims.get("C"), proposal.dims.get("F")) == (4, 6) else {}
    alone = {"N": 1} if proposal.dims["N"] == 1 else {}
    return numbers_for(proposal.dims | OTHER_DIMS | even | grouped | alone)
