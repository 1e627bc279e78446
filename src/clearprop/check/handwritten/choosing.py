"""Which inputs, and which way of calling backward, a candidate is judged with."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.meaning import is_prediction, is_target
from clearprop.check.handwritten.probing import Shot, prepare, quiet, shoot
from clearprop.check.handwritten.proposing import Proposal, Spec, Texts, proposals
from clearprop.check.handwritten.truth import live

_TRIES = 3000
_SECONDS = 2.5


@dataclass
class Setup:
    """What was chosen: inputs, the first probe, and whether backward starts the chain."""

    proposal: Proposal
    shot: Shot
    way: str


class NoSetupError(Exception):
    """No inputs were found that forward accepts."""


def choose(
    driver: Driver, texts: Texts, given: dict[str, Spec], seed: int, tolerance: float
) -> Setup:
    """Find inputs that the code accepts; of several likely ones, those with which it is right.

    The first inputs that forward accepts are taken, unless others differ from them only in
    what nobody can know from outside (the form of the labels, a number, the shape of a
    bias, how backward is called) and make it right.
    """
    first: Setup | None = None
    reason = "no inputs were found that its forward accepts"
    end = time.monotonic() + _SECONDS
    tries = alike = 0
    for proposal in proposals(driver, texts, given):
        tries += 1
        if tries > _TRIES or time.monotonic() > end or alike >= 8:
            break
        if first is not None and not _alternative(first, proposal):
            continue
        try:
            with quiet():
                outputs = live(driver, proposal.draw(seed), seed).outputs
            if not _sensible(outputs):
                continue
        except Exception as error:
            if tries == 1:
                reason = f"forward accepts no inputs that were tried; the first gave {_said(error)}"
            continue
        alike += first is not None
        for way in driver.ways():
            setup = _tried(driver, proposal, way, seed, tolerance)
            if setup is None:
                continue
            if setup.shot.right and setup.shot.comparisons:
                driver.upstream = way
                return setup
            if first is None or _better(setup.shot, first.shot):
                first = setup
    if first is None:
        raise NoSetupError(reason)
    driver.upstream = first.way
    return first


def _tried(
    driver: Driver, proposal: Proposal, way: str, seed: int, tolerance: float
) -> Setup | None:
    driver.upstream = way
    try:
        with quiet():
            shot = prepare(driver, proposal, seed)
    except Exception:
        return None
    return Setup(proposal, shoot(driver, shot, tolerance), way)


def _better(one: Shot, other: Shot) -> bool:
    """Whether a probe is a likelier use: backward runs where it raised."""
    return (
        one.error is None
        and bool(one.comparisons)
        and (other.error is not None or not other.comparisons)
    )


def _alternative(first: Setup, proposal: Proposal) -> bool:
    """Whether inputs differ from the first ones only in what cannot be known from outside."""
    if proposal.world != first.proposal.world:
        return first.shot.error is not None or not first.shot.comparisons
    if proposal.dims != first.proposal.dims:
        return False
    for name, spec in proposal.specs.items():
        before = first.proposal.specs[name]
        if spec == before or is_target(name) or is_prediction(name):
            continue
        if spec.kind == before.kind == "value":
            continue
        if re.match(r"^(b|bias)", name) and 1 in spec.shape:
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
        return first.shot.error is not None
    return True


def _sensible(outputs: tuple[Any, ...]) -> bool:
    if not outputs:
        return False
    for y in outputs:
        array = np.asarray(y)
        if array.dtype.kind != "f" or not array.size or not np.isfinite(array).all():
            return False
    return True


def _said(error: BaseException) -> str:
    text = str(error).split("\n")[0][:160]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
