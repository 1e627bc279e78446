"""A function that returns a loss and the gradients of arrays of its module."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from clearprop.check.handwritten.bodies import of_globals
from clearprop.check.handwritten.driving import Given, Gradient, Run
from clearprop.check.handwritten.driving_functions import LossGradientDriver
from clearprop.check.handwritten.driving_steps import Held, redrawn
from clearprop.check.handwritten.meaning import last_of, stems
from clearprop.check.handwritten.model import Candidate
from clearprop.check.handwritten.source import Source
from clearprop.check.handwritten.specs import Proposal, Spec
from clearprop.check.handwritten.state import arrays_in, exchange

_NUMBERS = {"N": 4, "D": 3, "M": 5, "H": 6, "T": 4, "V": 9, "K": 2}


class GlobalsDriver(LossGradientDriver):
    """A function that returns a loss and the gradients of arrays of its module: ``lossFun``."""

    rate = ""

    def __init__(self, candidate: Candidate, source: Source) -> None:
        super().__init__(candidate, source)
        self.names = of_globals(candidate.backward, candidate.namespace)

    def moves(self, name: str, value: Any) -> bool:
        """See `Driver.moves`."""
        return False

    def owed(self, leaves: Iterable[str], given: set[str]) -> list[str]:
        """See `Driver.owed`."""
        return []

    def proposed(self) -> list[Proposal]:
        """See `Driver.proposed`: labels of as many kinds as an array has columns, and a state."""
        shapes = [np.shape(self.candidate.namespace[n]) for n in self.names]
        square = next((s[0] for s in shapes if len(s) == 2 and s[0] == s[1] > 1), 0)
        sizes = {n for s in shapes for n in s if n not in (1, square)}
        found = []
        for size in sorted(sizes):
            specs: dict[str, Spec] = {}
            for p in self.inputs:
                if not p.required:
                    continue
                if re.match(r"^(h|a|c|s|prev|state|hidden)", p.name):
                    specs[p.name] = Spec("array", (square, 1))
                else:
                    specs[p.name] = Spec("labels", ("T",), of="V")
            found.append(Proposal("indices", specs, (_NUMBERS | {"V": size, "T": 4})))
        return found

    def start(self, given: Given) -> Run:
        """See `Driver.start`."""
        held = {n: redrawn(self.candidate.namespace[n]) for n in self.names}
        layer = Held(held)
        exchange(layer, {id(v): given[k] for k, v in arrays_in(layer).items() if k in given})
        return Run(layer=layer, given=given)

    def forward(self, run: Run) -> tuple[Any, ...]:
        """See `Driver.forward`."""
        namespace = self.candidate.namespace
        before = {n: namespace[n] for n in self.names}
        namespace.update(run.layer)
        try:
            return super().forward(run)
        finally:
            namespace.update(before)

    def gradients(self, run: Run, leaves: Iterable[str]) -> list[Gradient]:
        """See `Driver.gradients`."""
        found: list[Gradient] = []
        leaves = list(leaves)
        for label, value in zip(self.returned[1:], run.result, strict=False):
            found += [Gradient(label, x, value) for x in leaves if last_of(x) in stems(label)]
        return found
