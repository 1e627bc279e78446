"""Forward is run with proposed inputs: how far it comes, and why none will do."""

from __future__ import annotations

import ast
import sys
from typing import Any

import numpy as np

from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.meaning import stems
from clearprop.check.handwritten.probing import line_of_error, quiet
from clearprop.check.handwritten.setups import Setup
from clearprop.check.handwritten.specs import Proposal
from clearprop.check.handwritten.truth import live


class NoSetupError(Exception):
    """No inputs were found that forward accepts.

    Where forward and backward are one function, ``line`` is that of its backward part which raised
    with the inputs that came furthest; 0 otherwise.
    """

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(reason)
        self.line = line


class Attempts:
    """Runs forward with proposed inputs, and says how far it came."""

    def __init__(self, driver: Driver, seed: int) -> None:
        self.driver, self.seed = driver, seed
        self.reason = "no inputs were found that its forward accepts"
        self.first = True
        self.found = False
        self.lines = 0
        self.furthest: tuple[tuple[int, int], BaseException] | None = None
        self.given_up: tuple[str, BaseException] | None = None

    def failure(self) -> NoSetupError:
        """Say why there are no inputs."""
        line = self._line_of_gradient(self.furthest[1]) if self.furthest else 0
        if self.furthest and line:
            return NoSetupError(_said(self.furthest[1]), line)
        return NoSetupError(self.reason)

    def raised_before(self, first: Setup) -> bool:
        """Whether likelier inputs were given up because the part that computes gradients raised."""
        if not self.given_up or first.shot.right or first.proposal.world == self.given_up[0]:
            return False
        self.furthest = (0, 0), self.given_up[1]
        return True

    def _line_of_gradient(self, error: BaseException) -> int:
        """Give the line of an error if that is where a gradient is computed; 0 otherwise."""
        tree = self.driver.source.tree(self.driver.backward_function)
        if self.driver.candidate.style != "loss and gradient" or not tree:
            return 0
        line = line_of_error(error, {self.driver.file})
        loss = (self.driver.source.returned(self.driver.backward_function) or [""])[0]
        last = 0
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign | ast.AugAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [ast.unparse(t).split("[")[0] for t in targets]
                if node.lineno == line and any(stems(name) for name in names):
                    return line
                last = max(last, node.lineno if loss in names else 0)
        return line if last and line > last else 0

    def __call__(self, proposal: Proposal) -> tuple[int, int] | None:
        """Run forward; give None where it ran to its end, else how far it came."""
        error: BaseException
        count = 0
        files = {self.driver.file}

        def trace(frame: Any, event: str, arg: Any) -> Any:
            nonlocal count
            if frame.f_code.co_filename not in files:
                return None
            count += event == "line"
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            with quiet():
                run = live(self.driver, proposal.draw(self.seed), self.seed)
            if _sensible(run.outputs):
                self.lines = count
                return None
            error = NoSetupError("forward gives no finite real numbers")
        except Exception as raised:
            error = raised
        finally:
            sys.settrace(before)
        if self.given_up is None and not self.found and self._line_of_gradient(error):
            self.given_up = proposal.world, error
        if self.first:
            self.first = False
            said = _said(error)
            self.reason = f"forward accepts no inputs that were tried; the first gave {said}"
        at = error.__traceback__
        lasti = 0
        while at is not None:
            if at.tb_frame.f_code.co_filename in files:
                lasti = at.tb_lasti
            at = at.tb_next
        if self.furthest is None or (count, lasti) > self.furthest[0]:
            self.furthest = (count, lasti), error
        return count, lasti


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
