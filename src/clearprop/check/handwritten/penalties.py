"""Penalties that backward adds and forward does not have: another part of the loss has them."""

from __future__ import annotations

import re

from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.driving_classes import LayerDriver
from clearprop.check.handwritten.model import CONVENTION, Finding
from clearprop.check.handwritten.specs import Proposal

_STRENGTH = re.compile(
    r"^(\w*reg(ulari[sz]\w*)?\w*|lam(bda)?_?\w*|l[12](_\w+)?|\w*decay|\w*penalty\w*|wd)$", re.I
)


def penalties(driver: Driver) -> list[str]:
    """Name the arguments of a constructor that say how strong such a penalty is.

    ``self.dW += 2 * self.l2 * self.W`` is the derivative of a term that whoever adds up the loss
    computes; of what forward gives, it is the derivative where ``l2`` is 0.
    """
    if not isinstance(driver, LayerDriver) or not driver.forward_name:
        return []
    forward = driver.source.read_of_self(getattr(driver.cls, driver.forward_name, None))
    backward = driver.source.read_of_self(driver.backward_function)
    alone = set(backward) - set(forward)
    return [
        p.name
        for p in driver.constructor
        if type(p.default) is float
        and p.default
        and _STRENGTH.match(p.name)
        and {p.name, f"_{p.name}"} & alone
    ]


def said_of_penalties(driver: Driver, proposal: Proposal) -> list[Finding]:
    """Say which penalties were left out."""
    without = [
        name
        for name in penalties(driver)
        if (spec := proposal.specs.get(name)) is not None and spec.value == 0.0
    ]
    if not without:
        return []
    names = " and ".join(without)
    sentence = f"backward adds a penalty that forward does not have: judged with {names} = 0."
    return [Finding(CONVENTION, "penalty-apart", sentence)]
