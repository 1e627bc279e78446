"""In which order the edits of a backward pass are tried: those that explain the most come first.

An edit's turn is its rank, sooner on lines that only wrong gradients are made by, later where
all values are known to be right.
"""

from __future__ import annotations

import ast
import itertools
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.driving_classes import LayerDriver
from clearprop.check.handwritten.edits import Edit, edits, scope_of
from clearprop.check.handwritten.edits.caching import cached, meant, unpacked
from clearprop.check.handwritten.edits.scope import is_gradient
from clearprop.check.handwritten.edits.sites import called
from clearprop.check.handwritten.edits.slicing import blamed, slices_of
from clearprop.check.handwritten.formulas import is_formula
from clearprop.check.handwritten.probing import Comparison, Shot, play, quiet, watch
from clearprop.check.handwritten.solving import Solver
from clearprop.check.handwritten.sources import function_of
from clearprop.check.handwritten.truth import Cotangents

#: What comes later than this waits for the likely edits of all other lines.
_LIKELY = 2.4
#: Causes that show only when something is called twice.
_OF_ORDER = ("accumulated", "stale-cache", "overwritten", "unset", "updated-parameter")
#: What a line explains of the gradients that are wrong (`blamed`) → how late it is tried.
_LATER = {0: 0.0, 1: 0.5, 2: 0.6}


@dataclass(frozen=True)
class Clues:
    """Where a fault is looked for first, and the lines whose values are right.

    ``ends`` are the lines that give the only wrong gradient, where no value before it is wrong.
    """

    suspect: int = 0
    cleared: frozenset[int] = frozenset()
    ends: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Participant:
    """A function of the user's that takes part in backward."""

    function: FunctionType
    tree: ast.FunctionDef
    forward: ast.FunctionDef | None
    caching: bool = False


class Budget:
    """Seconds of computing time; asking is cheap as long as there cannot be too few of them.

    ``found`` says that something has been found in them.
    """

    def __init__(self, seconds: float) -> None:
        self.found = False
        self.half = time.process_time() + seconds / 2
        self.end = time.process_time() + seconds
        self._look = time.perf_counter() + seconds

    @property
    def half_spent(self) -> bool:
        """Whether half of them are used up."""
        return time.process_time() > self.half

    @property
    def spent(self) -> bool:
        """Whether they are used up."""
        now = time.perf_counter()
        if now < self._look:
            return False
        left = self.end - time.process_time()
        self._look = now + left
        return left <= 0


def in_turn(
    driver: Driver,
    shot: Shot,
    parts: list[Participant],
    budget: Budget,
    clues: Clues,
    truths: Cotangents | None = None,
) -> Iterator[tuple[float, Participant, Edit]]:
    """Give every edit of every part with its turn, the soonest first."""
    run = shot.run
    layer = {} if run is None or run.layer is None else _held(run.layer)
    if not layer and isinstance(driver, LayerDriver):
        layer = _attributes_after_forward(driver, shot)
    known = _locals_of(driver, shot, parts)
    unshaped = bool(shot.wrong) and all(c.kind == "shape" and _as_many(c) for c in shot.wrong)
    namespace = driver.candidate.namespace
    functions = [k for k, v in namespace.items() if k.isidentifier() and is_formula(v, namespace)]
    missing = shot.error is not None or any(c.kind in ("none", "shape") for c in shot.wrong)
    broadcasts = isinstance(shot.error, ValueError) and "broadcast" in str(shot.error)
    made = []
    misnamed: dict[CodeType, set[int]] = {}
    for place, part in enumerate(parts):
        upstream = _upstream_names(driver, part)
        values = known.get(part.function.__code__, {})
        own = layer if _is_method(part, values) else {}
        scope = scope_of(
            part.tree,
            own,
            part.forward,
            upstream,
            values=values,
            functions=functions,
            learned=_learned(part),
            numpy=driver.numpy,
        )
        repeated = _repeated(part.tree)
        if part.caching:
            scope = replace(scope, unpacked=unpacked(parts[0].tree))
            kept = meant(part.tree, scope, cached(part.tree, scope))
            misnamed[part.function.__code__] = {line for _, line in kept.values()}
        made.append((place, part, scope, _blame(parts, part, shot), repeated))
    waiting = True
    found: list[tuple[float, int, Participant, Edit]] = []
    for first in (True, False):
        for place, part, scope, blame, twice in made:
            named = misnamed.get(part.function.__code__, set())
            wanted = partial(_is_prime, part, shot, clues, blame, twice | named, first)
            for edit in edits(part.tree, scope, part.caching, wanted):
                if edit.cause == "none" and not missing:
                    continue
                turn = edit.rank + 0.2 * place + _doubt(part, edit, shot, clues, blame)
                turn -= 0.6 * (unshaped and edit.cause in ("shape", "exchanged"))
                turn -= 5.0 * (edit.line in twice and not edit.after)
                turn += 5.0 * (shot.plan != "fb" and edit.cause not in _OF_ORDER)
                turn -= 0.5 * _of_bare_name(edit)
                turn -= 2.0 * (part.caching and driver.suspects_cache)
                turn -= 0.5 * (broadcasts and edit.cause == "shape")
                moved = len(edit.old) > 1 and set(edit.old) == set(edit.new)
                turn -= 1.0 * (moved and isinstance(shot.error, NameError))
                found.append((turn, len(found), part, edit))
        found.sort(key=lambda each: each[:2])
        now = [each for each in found if each[0] <= _LIKELY or not first]
        found = [each for each in found if each[0] > _LIKELY]
        for turn, _, part, edit in now:
            if truths is not None and waiting and budget.half_spent and not budget.found:
                waiting = False
                yield from _solved(driver, shot, made, budget, clues, truths)
            if budget.spent:
                return
            yield turn, part, edit
        if truths is not None and waiting and not budget.found:
            waiting = False
            yield from _solved(driver, shot, made, budget, clues, truths)


def _solved(
    driver: Driver,
    shot: Shot,
    made: list[Any],
    budget: Budget,
    clues: Clues,
    truths: Cotangents,
) -> Iterator[tuple[float, Participant, Edit]]:
    """Give the edits that are computed: they come where none of the likely ones is right."""
    if shot.error is not None or shot.plan != "fb":
        return
    for _, part, scope, blame, _ in made:
        if part.caching:
            continue
        solver = Solver(driver, shot, part.function, part.tree, scope)
        for edit in solver.edits(truths, set(blame), clues.suspect):
            if budget.spent:
                return
            yield edit.rank - 0.5 * _of_bare_name(edit), part, edit


def _is_method(part: Participant, values: dict[str, Any]) -> bool:
    """Whether the first argument of a function is an object, and not an array as of ``im2col``."""
    first = next((a.arg for a in part.tree.args.args), "")
    plain = (np.ndarray, np.generic, int, float, tuple, list, dict)
    return first == "self" or not isinstance(values.get(first), plain)


def _is_prime(
    part: Participant,
    shot: Shot,
    clues: Clues,
    blame: dict[int, int],
    twice: set[int],
    first: bool,
    line: int,
) -> bool:
    """Whether the edits of a line have their turn now: first those that explain the most."""
    if part.caching:
        prime = shot.error is not None or shot.plan != "fb" or line in twice
    else:
        explains = not blame or blame.get(line, 2) < 2
        first_of_all = line == clues.suspect or line in twice or line in clues.ends
        prime = first_of_all or (explains and line not in clues.cleared)
    return prime == first


def _doubt(part: Participant, edit: Edit, shot: Shot, clues: Clues, blame: dict[int, int]) -> float:
    """Say how late an edit has its turn: lines that explain the most come first."""
    if part.caching:
        return 0.0 if shot.error is not None else 0.8
    lines = edit.lines
    if edit.line == clues.suspect:
        return -0.6
    if edit.line in clues.ends:
        return -0.05
    later = min((_LATER[blame[line]] for line in lines if line in blame), default=1.2)
    if blame and any(s not in edit.old for s in edit.new) and not edit.spot:
        later = min(later, 0.5)  # a line that is missing stands in none
    # A value may be right and what follows wrong: the derivative between them is missing.
    adds = edit.cause in ("mask", "local-factor") and edit.what.startswith(
        ("multiply by", "divide by")
    )
    right = lines <= clues.cleared and edit.cause != "exchanged" and not adds
    return later + 0.8 * right


def _blame(parts: list[Participant], part: Participant, shot: Shot) -> dict[int, int]:
    """Say how well each line of a part explains the gradients that are wrong."""
    wrong = [c.gradient.label for c in shot.wrong]
    right = [c.gradient.label for c in shot.comparisons if not c.kind]
    found = blamed(parts[0].tree, wrong, right) if not part.caching else {}
    if shot.error is not None:
        line = _line_of_error(parts[0], shot.error)
        found = dict.fromkeys(slices_of(parts[0].tree).around(line), 1) | {line: 0}
    if part is parts[0] or part.caching:
        return found
    calls = [
        node.lineno
        for node in ast.walk(parts[0].tree)
        if isinstance(node, ast.Call) and called(node)[0] == part.function.__name__
    ]
    best = min((found[line] for line in calls if line in found), default=1)
    return {node.lineno: best for node in ast.walk(part.tree) if isinstance(node, ast.stmt)}


def _line_of_error(part: Participant, error: BaseException) -> int:
    """Give the line of a function that an error passed; 0 for none."""
    frames = traceback.walk_tb(error.__traceback__)
    return next((n for frame, n in frames if frame.f_code is part.function.__code__), 0)


def _repeated(tree: ast.FunctionDef) -> set[int]:
    """Give the lines of statements that say what the one before them says."""
    lines = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for one, other in itertools.pairwise(body) if isinstance(body, list) else ():
            if ast.dump(one) == ast.dump(other):
                lines |= {one.lineno, other.lineno}
    return lines


def _of_bare_name(edit: Edit) -> bool:
    """Whether an edit is of ``a = b`` or ``return y``, which compute nothing."""
    (*_, statement) = edit.old or (None,)
    bare = isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Name)
    if isinstance(statement, ast.Return) and isinstance(statement.value, ast.Name):
        bare = not is_gradient(statement.value.id)
    return bare and edit.spot is not None and edit.cause not in ("sign", "wrong-value")


def _as_many(c: Comparison) -> bool:
    return c.found is not None and c.found.size == c.expected.size


def _held(layer: Any) -> dict[str, Any]:
    """Give what an object holds, and the numbers that its class gives it."""
    own = vars(type(layer)).items()
    numbers = {k: v for k, v in own if isinstance(v, int | float) and not isinstance(v, bool)}
    return numbers | dict(vars(layer))


def _locals_of(
    driver: Driver, shot: Shot, parts: list[Participant]
) -> dict[CodeType, dict[str, Any]]:
    """Run once, and give the last values of the names in each part."""
    found: dict[CodeType, dict[str, Any]] = {part.function.__code__: {} for part in parts}

    def note(frame: Any, event: str, arg: Any) -> Any:
        names = found.get(frame.f_code)
        if names is None:
            return None
        if event == "return":
            names.update({k: driver.plain(v) for k, v in frame.f_locals.items()})
        return note

    watch(driver, shot, note)
    return found


def _attributes_after_forward(driver: LayerDriver, shot: Shot) -> dict[str, Any]:
    try:
        with quiet():
            return _held(play(driver, replace(shot, plan="f")).layer)
    except Exception:
        return {}


def _learned(part: Participant) -> tuple[str, ...] | None:
    """Give what a training loop learns; None for other code."""
    training = getattr(part.function, "training", None)
    return None if training is None else tuple(training.step.parameters)


def _upstream_names(driver: Driver, part: Participant) -> list[str]:
    if driver.arriving and part.function is function_of(driver.backward_function):
        return [driver.arriving]
    if _learned(part) is not None:
        return []
    takes = getattr(driver, "upstreams", [])
    if driver.upstream == "prediction" and part.function is function_of(driver.backward_function):
        return []
    if part.function is function_of(driver.backward_function) and takes:
        return [takes[0].name]
    names = [a.arg for a in part.tree.args.args if a.arg != "self"]
    return names[:1]
