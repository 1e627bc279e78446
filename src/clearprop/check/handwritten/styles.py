"""The driver of each style."""

from __future__ import annotations

from clearprop.check.handwritten.bodies import of_globals
from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.driving_classes import LayerDriver, NetworkDriver
from clearprop.check.handwritten.driving_functions import (
    CostDriver,
    DerivativeDriver,
    LossGradientDriver,
    PairDriver,
    begins_at_target,
)
from clearprop.check.handwritten.driving_globals import GlobalsDriver
from clearprop.check.handwritten.driving_methods import MethodsDriver
from clearprop.check.handwritten.driving_steps import StepDriver
from clearprop.check.handwritten.engines import EngineDriver
from clearprop.check.handwritten.model import Candidate
from clearprop.check.handwritten.source import Source


def driver_for(candidate: Candidate, source: Source) -> Driver:
    """Give the driver of a candidate's style.

    Raises
    ------
    NoSetupError
        If its library does not know it.
    """
    if candidate.style == "torch":
        from clearprop.check.handwritten.torch_functions import TorchDriver

        return TorchDriver(candidate, source)
    if candidate.style == "autograd":
        from clearprop.check.handwritten.autograd_rules import RuleDriver

        return RuleDriver(candidate, source)
    if candidate.style == "loss and gradient" and of_globals(
        candidate.backward, candidate.namespace
    ):
        return GlobalsDriver(candidate, source)
    if candidate.style == "engine":
        return EngineDriver(candidate, source)
    if candidate.style == "training":
        made = hasattr(candidate.backward, "training")
        return (StepDriver if made else MethodsDriver)(candidate, source)
    if candidate.style == "pair" and begins_at_target(candidate):
        return CostDriver(candidate, source)
    return {
        "layer": LayerDriver,
        "pair": PairDriver,
        "derivative": DerivativeDriver,
        "network": NetworkDriver,
        "loss and gradient": LossGradientDriver,
    }[candidate.style](candidate, source)
