"""Which inputs, and which way of calling backward, a candidate is judged with."""

from __future__ import annotations

import ast
import re
import sys
import traceback
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.check.handwritten.driving import OUTPUT_NAMES, Driver
from clearprop.check.handwritten.guesses import DATA
from clearprop.check.handwritten.meaning import is_parameter, is_prediction, stems
from clearprop.check.handwritten.probing import Shot, line_of_error, prepare, quiet, shoot
from clearprop.check.handwritten.proposing import numbers_for, proposals
from clearprop.check.handwritten.sources import function_of
from clearprop.check.handwritten.specs import Dims, Proposal, Spec
from clearprop.check.handwritten.texts import Texts
from clearprop.check.handwritten.truth import TooManyError, live

#: For finding inputs, in seconds of processor time; and so many, in each world.
_SECONDS = 2.0
_MOST = 25
#: A forward that runs through more lines than this is given smaller inputs.
_LOOPS = 400
_SMALL: Dims = {"N": 2, "T": 3, "P": 5, "Q": 4}
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
    code: Any = None


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
    attempts = Attempts(driver, seed)
    loose = getattr(driver, "loose", []) if _ROW.search(texts.forward) is None else ["b", "bias"]
    tried: Counter[str] = Counter()

    def wanted(proposal: Proposal) -> bool:
        if driver.rate:
            return True
        return first is None or _alternative(driver, first, proposal, loose, texts)

    for proposal in proposals(driver, texts, given, attempts, wanted, _SECONDS):
        worlds.setdefault(proposal.world, proposal)
        if first is not None and not _alternative(driver, first, proposal, loose, texts):
            continue
        tried[proposal.world] += 1
        if tried[proposal.world] > _MOST:
            continue
        for way in driver.ways():
            light = attempts.lines > _LOOPS
            setup = _tried(driver, proposal, way, seed, tolerance, light)
            if setup is None:
                continue
            enough = first is None or _given(setup.shot) >= _given(first.shot)
            if setup.shot.right and setup.shot.comparisons and enough:
                driver.upstream = way
                return setup
            if first is None or _better(setup, first) or _fits(setup, first, driver):
                first = setup
    if first is None or attempts.raised_before(first):
        raise attempts.failure()
    if driver.rate:
        first = _one_sample(driver, list(worlds.values()), seed, tolerance) or first
    driver.upstream = first.way
    return first


def _one_sample(
    driver: Driver, proposals: list[Proposal], seed: int, tolerance: float
) -> Setup | None:
    """Give inputs of a single sample if a layer that updates itself is right with them only.

    ``self.bias -= learning_rate * output_gradient`` is meant for one row or column at a time.
    """
    for proposal in proposals:
        setup = _tried(driver, proposal.resized({"N": 1}), driver.ways()[0], seed, tolerance)
        if setup is not None and setup.shot.right and setup.shot.comparisons:
            return setup
    return None


class Attempts:
    """Runs forward with proposed inputs, and says how far it came."""

    def __init__(self, driver: Driver, seed: int) -> None:
        self.driver, self.seed = driver, seed
        self.reason = "no inputs were found that its forward accepts"
        self.first = True
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
        if self.given_up is None and self._line_of_gradient(error):
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


def _tried(
    driver: Driver, proposal: Proposal, way: str, seed: int, tolerance: float, light: bool = False
) -> Setup | None:
    driver.upstream = way
    for each in [_lighter(proposal), proposal] if light else [proposal]:
        driver.light = light
        try:
            with quiet():
                shot = prepare(driver, each, seed)
        except TooManyError:
            return _tried(driver, proposal, way, seed, tolerance, light=True)
        except Exception:
            continue
        code = getattr(function_of(driver.backward_function), "__code__", None)
        return Setup(each, shoot(driver, shot, tolerance), way, code)
    return None


def _given(shot: Shot) -> int:
    """Count the gradients that backward gave."""
    return sum(c.kind != "none" for c in shot.comparisons)


def _lighter(proposal: Proposal) -> Proposal:
    """Give smaller inputs of the same kind, for code that loops over every number."""
    smaller = {letter: min(proposal.dims[letter], n) for letter, n in _SMALL.items()}
    return proposal.resized(numbers_for(proposal.dims | smaller))


def _better(one: Setup, other: Setup) -> bool:
    """Whether a probe is a likelier use: backward runs where it raised, or less of it is wrong."""
    alike = one.proposal.world == other.proposal.world
    if one.shot.error is not None and other.shot.error is not None and not alike:
        return not _flatter(one, other) and _lines(one) > _lines(other)
    if one.shot.error is not None or not one.shot.comparisons:
        return False
    if alike and (one.way, other.way) == ("output", "prediction"):
        return len(one.shot.wrong) <= len(other.shot.wrong) and _keeps_output(one)
    if other.shot.error is not None or not other.shot.comparisons:
        partly = not _flatter(one, other) and len(one.shot.wrong) < len(one.shot.comparisons)
        return alike or partly
    return (
        alike
        and len(one.shot.comparisons) >= len(other.shot.comparisons)
        and {c.gradient.leaf for c in one.shot.wrong} < {c.gradient.leaf for c in other.shot.wrong}
    )


def _fits(one: Setup, other: Setup, driver: Driver) -> bool:
    """Whether gradients have the shapes of what is taken for data, where nothing is a parameter.

    ``g`` of ``gate_forward(x, g)`` may be a scale or a gate: the shape of ``dg`` says which.
    """
    if any(is_parameter(p.name) for p in (*driver.inputs, *driver.constructor)):
        return False
    pairs = one.proposal.specs.items()
    changed = [name for name, spec in pairs if spec != other.proposal.specs.get(name)]
    return (
        one.shot.error is None
        and bool(changed)
        and all(_as_the_data(other, name, one.proposal) for name in changed)
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


def _alternative(
    driver: Driver, first: Setup, proposal: Proposal, loose: list[str], texts: Texts
) -> bool:
    """Whether inputs differ from the first ones only in what cannot be known from outside."""
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
        if spec == before or driver.is_label(name) or is_prediction(name):
            continue
        if spec.kind == before.kind == "value":
            if first.shot.error is not None and _made_equal(first.proposal, proposal):
                return False
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


def _more_general(one: Proposal, other: Proposal) -> bool:
    """Whether no argument has fewer axes or more axes of length 1, and some argument has more."""
    pairs = [
        (spec.shape, other.specs[n].shape) for n, spec in one.specs.items() if n in other.specs
    ]
    no_less = all(len(a) >= len(b) and a.count(1) <= b.count(1) for a, b in pairs)
    return no_less and any(len(a) > len(b) or a.count(1) < b.count(1) for a, b in pairs)


def _made_equal(first: Proposal, other: Proposal) -> bool:
    """Whether two lengths that forward took apart are one: a square in the place of a window."""
    pairs = [
        (name, name[:-1] + "w") for name in first.specs if name.endswith("h") and len(name) > 1
    ]
    return any(
        first.specs[h].value != first.specs[w].value
        and other.specs[h].value == other.specs[w].value
        for h, w in pairs
        if w in first.specs and h in other.specs and w in other.specs
    )


def _by_rows(proposal: Proposal, texts: Texts) -> bool:
    """Whether forward keeps the axis of the samples: what fits a vector alone is then no use."""
    kept = "keepdims=True" in texts.forward and re.search(r"axis=(-1|1)\b", texts.forward)
    return bool(kept) and any(is_parameter(name) for name in proposal.specs)


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
