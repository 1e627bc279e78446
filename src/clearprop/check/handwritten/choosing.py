"""Which inputs, and which way of calling backward, a candidate is judged with."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.guesses import DATA
from clearprop.check.handwritten.meaning import is_parameter, is_prediction, is_target, stems
from clearprop.check.handwritten.probing import Shot, line_of_error, prepare, quiet, shoot
from clearprop.check.handwritten.proposing import proposals
from clearprop.check.handwritten.specs import Proposal, Spec
from clearprop.check.handwritten.texts import Texts
from clearprop.check.handwritten.truth import live

#: For finding inputs, in seconds of processor time; and so many, in each world.
_SECONDS = 2.0
_MOST = 25
#: Says that a file keeps a bias as a row.
_ROW = re.compile(r"zeros\(\(1, |zeros\(\[1, |shape\[0\] == 1|\(1, -1\)")
#: Nobody can know from outside whether a slope is one number or one for each feature.
_LONE: set[tuple[str | int, ...]] = {(), ("D",)}


@dataclass
class Setup:
    """What was chosen: inputs, the first probe, and whether backward starts the chain."""

    proposal: Proposal
    shot: Shot
    way: str
    factor: float = 1.0


class NoSetupError(Exception):
    """No inputs were found that forward accepts.

    Where forward and backward are one function, ``line`` is that of its backward part which raised
    with the inputs that came furthest; 0 otherwise.
    """

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(reason)
        self.line = line


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
    attempts = _Attempts(driver, seed)
    loose = getattr(driver, "loose", []) if _ROW.search(texts.forward) is None else ["b", "bias"]
    tried: Counter[str] = Counter()

    def wanted(proposal: Proposal) -> bool:
        if driver.rate:
            return True
        return first is None or _alternative(first, proposal, loose, bool(texts.ranks))

    for proposal in proposals(driver, texts, given, attempts, wanted, _SECONDS):
        worlds.setdefault(proposal.world, proposal)
        if first is not None and not _alternative(first, proposal, loose, bool(texts.ranks)):
            continue
        tried[proposal.world] += 1
        if tried[proposal.world] > _MOST:
            continue
        for way in driver.ways():
            setup = _tried(driver, proposal, way, seed, tolerance)
            if setup is None or _unfit(setup):
                continue
            enough = first is None or len(setup.shot.comparisons) >= len(first.shot.comparisons)
            if setup.shot.right and setup.shot.comparisons and enough:
                driver.upstream, driver.factor = way, setup.factor
                return setup
            if (
                first is None
                or _better(setup, first, bool(driver.rate))
                or _further(driver, setup, first)
            ):
                first = setup
        if driver.starts and not driver.inputs and first is not None:
            break
    if first is None:
        raise attempts.failure()
    if driver.rate and not (driver.starts and _shaped(first)) and not _knows_batches(driver):
        first = _one_sample(driver, list(worlds.values()), seed, tolerance) or first
    driver.upstream, driver.factor = first.way, first.factor
    return first


def _one_sample(
    driver: Driver, proposals: list[Proposal], seed: int, tolerance: float
) -> Setup | None:
    """Give inputs of a single sample if a layer that updates itself is right with them only.

    ``self.bias -= learning_rate * output_gradient`` is meant for one row or column at a time.
    """
    for proposal in proposals:
        alone = proposal.resized({"N": 1})
        setup: Setup | None = None
        for way in driver.ways():
            other = _tried(driver, alone, way, seed, tolerance)
            if other is not None and (setup is None or _further(driver, other, setup)):
                setup = other
        if setup is not None and setup.shot.right and setup.shot.comparisons:
            return setup
        if setup is not None and driver.starts and _shaped(setup):
            return setup
    return None


def _knows_batches(driver: Driver) -> bool:
    """Whether a layer that updates itself reduces over an axis, as for many samples."""
    text = driver.source.text(driver.backward_function)
    return not driver.starts and bool(re.search(r"axis ?=", text))


def _shaped(setup: Setup) -> bool:
    """Whether all gradients have the shapes that they ought to have."""
    kinds = {c.kind for c in setup.shot.comparisons}
    return setup.shot.error is None and bool(kinds) and "shape" not in kinds


class _Attempts:
    """Runs forward with proposed inputs, and says how far it came."""

    def __init__(self, driver: Driver, seed: int) -> None:
        self.driver, self.seed = driver, seed
        self.reason = "no inputs were found that its forward accepts"
        self.first = True
        self.furthest: tuple[tuple[int, int], BaseException] | None = None

    def failure(self) -> NoSetupError:
        """Say why there are no inputs."""
        tree = self.driver.source.tree(self.driver.backward_function)
        if self.driver.candidate.style != "loss and gradient" or not self.furthest or not tree:
            return NoSetupError(self.reason)
        error = self.furthest[1]
        line = line_of_error(error, {self.driver.file})
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign | ast.AugAssign) and node.lineno == line:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [ast.unparse(t).split("[")[0] for t in targets]
                if any(stems(name) for name in names):
                    return NoSetupError(_said(error), line)
        return NoSetupError(self.reason)

    def __call__(self, proposal: Proposal) -> tuple[int, int] | None:
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
                return None
            error = NoSetupError("forward gives no finite real numbers")
        except Exception as raised:
            error = raised
        finally:
            sys.settrace(before)
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


def _tried(
    driver: Driver, proposal: Proposal, way: str, seed: int, tolerance: float
) -> Setup | None:
    driver.upstream, driver.factor = way, 1.0
    try:
        with quiet():
            shot = prepare(driver, proposal, seed)
    except Exception:
        return None
    shot = shoot(driver, shot, tolerance)
    if not shot.right and driver.rescaled(shot.comparisons):
        shot = shoot(driver, shot, tolerance)
    return Setup(proposal, shot, way, driver.factor)


def _better(one: Setup, other: Setup, alone: bool = False) -> bool:
    """Whether a probe is a likelier use: backward runs where it raised, with inputs of a kind.

    What learns at once (``alone``) is often written for one sample: a vector.
    """
    return (
        (one.proposal.world == other.proposal.world or bool(one.shot.run and alone))
        and one.shot.error is None
        and bool(one.shot.comparisons)
        and (other.shot.error is not None or not other.shot.comparisons)
    )


def _unfit(setup: Setup) -> bool:
    """Whether backward says that a plain number is not what it takes."""
    numbers = any(spec.kind == "float" for spec in setup.proposal.specs.values())
    said = str(setup.shot.error or "")
    return numbers and bool(re.search(r"'float' (object )?(has no|is not|object)", said))


def _further(driver: Driver, one: Setup, other: Setup) -> bool:
    """Whether under another loss more gradients are right, where no loss is written down."""
    if not driver.starts or one.shot.error is not None:
        return False
    right = [len(s.shot.comparisons) - len(s.shot.wrong) for s in (one, other)]
    return other.shot.error is not None or right[0] > right[1]


def _alternative(first: Setup, proposal: Proposal, loose: list[str], fixed: bool) -> bool:
    """Whether inputs differ from the first ones only in what cannot be known from outside."""
    if proposal.world != first.proposal.world:
        if fixed or _rank(proposal) == _rank(first.proposal):
            return False
        if any(
            is_parameter(name) and spec.kind == "float" and first.proposal.specs[name].shape
            for name, spec in proposal.specs.items()
            if name in first.proposal.specs
        ):
            return False
        misfit = first.shot.error is not None or not first.shot.comparisons
        shapes = any(c.kind == "shape" for c in first.shot.comparisons)
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
        if spec == before or is_target(name) or is_prediction(name):
            continue
        if spec.kind == before.kind == "value":
            continue
        if name in loose and 1 in spec.shape:
            continue
        if len(before.shape) == 1 and 1 in spec.shape and _suits(first, name, proposal):
            continue
        if not is_parameter(name) and _as_the_data(first, name, proposal):
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


def _as_the_data(first: Setup, name: str, proposal: Proposal) -> bool:
    """Whether an argument is taken for data, as the shape of its gradient says that it is."""
    shape = proposal.specs[name].shape
    numbers = tuple(proposal.dims[n] if isinstance(n, str) else n for n in shape)
    return shape == DATA[proposal.world][0].shape and any(
        c.gradient.leaf == name and c.found is not None and c.found.shape == numbers
        for c in first.shot.comparisons
    )


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
