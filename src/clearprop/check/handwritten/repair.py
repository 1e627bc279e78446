"""Which edit of the source makes a backward right: a search over single edits, each of them run.

An edit that mends every gradient names the line, the cause and what to write. Where several do,
the one is believed after which most of what backward computes is a true gradient of something
that forward computes: a factor that was dropped is put back where it was dropped.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from clearprop.check.handwritten.driving import Driver, Run, is_number
from clearprop.check.handwritten.driving_classes import LayerDriver
from clearprop.check.handwritten.driving_functions import LossGradientDriver
from clearprop.check.handwritten.edits import Edit, compile_function, edits, scope_of
from clearprop.check.handwritten.edits.sites import called
from clearprop.check.handwritten.meaning import stems
from clearprop.check.handwritten.probing import Comparison, Shot, compare, play, quiet, watch
from clearprop.check.handwritten.slicing import blamed, slices_of
from clearprop.check.handwritten.sources import function_of
from clearprop.check.handwritten.state import copied, is_array
from clearprop.check.handwritten.truth import Cotangents

#: Among this many edits that mend the gradients, the best is taken.
ENOUGH = 12
#: What comes so much later than the first edit that mends the gradients is not tried.
_MARGIN = 1.0


def _drops_an_update(edit: Edit) -> bool:
    """Whether the edit leaves out ``x -= rate * dx``."""
    if len(edit.old) != 1 or edit.new:
        return False
    statement = edit.old[0]
    if not isinstance(statement, ast.AugAssign) or not isinstance(statement.op, ast.Sub):
        return False
    target = ast.unparse(statement.target).rpartition(".")[2]
    read = (ast.unparse(n).rpartition(".")[2] for n in ast.walk(statement.value))
    return any(target in stems(name) for name in read if name.isidentifier())


#: Causes that show only when something is called twice.
_OF_ORDER = ("accumulated", "stale-cache", "overwritten", "unset", "updated-parameter")


@dataclass(frozen=True)
class Repair:
    """An edit that makes gradients right, the function it is in, and which gradients."""

    edit: Edit
    function: FunctionType
    code: CodeType
    mended: tuple[str, ...]

    @property
    def cause(self) -> str:
        """The cause that the edit stands for."""
        moved = _moves_an_update(self.edit) or _drops_an_update(self.edit)
        return "updated-parameter" if moved else self.edit.cause


def _moves_an_update(edit: Edit) -> bool:
    """Whether the edit puts an update of a parameter after the lines that need the old one."""
    before, after = [ast.dump(s) for s in edit.old], [ast.dump(s) for s in edit.new]
    if sorted(before) != sorted(after) or before == after:
        return False
    return any(
        isinstance(s, ast.AugAssign)
        and isinstance(s.target, ast.Attribute | ast.Subscript)
        and isinstance(s.op, ast.Sub | ast.Add)
        for s in edit.old
    )


@dataclass(frozen=True)
class Clues:
    """Where a fault is looked for first, and the lines whose values are right."""

    suspect: int = 0
    cleared: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Part:
    """A function of the user's that takes part in backward."""

    function: FunctionType
    tree: ast.FunctionDef
    forward: ast.FunctionDef | None
    caching: bool = False


@contextmanager
def replaced(function: FunctionType, code: CodeType) -> Iterator[None]:
    """Give a function another body for a while, wherever it is known."""
    before = function.__code__
    function.__code__ = code
    try:
        yield
    finally:
        function.__code__ = before


class Budget:
    """Seconds of computing time; asking is cheap as long as there cannot be too few of them."""

    def __init__(self, seconds: float) -> None:
        self.end = time.process_time() + seconds
        self._look = time.perf_counter() + seconds

    @property
    def spent(self) -> bool:
        """Whether they are used up."""
        now = time.perf_counter()
        if now < self._look:
            return False
        left = self.end - time.process_time()
        self._look = now + left
        return left <= 0


def parts_of(driver: Driver, shot: Shot, files: set[str]) -> list[Part]:
    """Give the functions that backward ran, itself first; then forward, for what it keeps."""
    in_forward = _functions_run(driver, replace(shot, plan="f"), files)
    in_all = _functions_run(driver, shot, files)
    source = driver.source
    forward = forward_of(driver)
    forward_tree = source.tree(forward) if forward is not None else None
    backward = function_of(driver.backward_function)
    own = [f for f in in_all if f not in in_forward and f is not backward]
    found = []
    for function in [backward, *own]:
        tree = source.tree(function)
        if tree is not None and not _may_not_end(tree):
            found.append(Part(function, tree, forward_tree))
    if forward_tree is not None and forward is not backward:
        found.append(Part(forward, forward_tree, None, caching=True))
    return found


def _may_not_end(tree: ast.FunctionDef) -> bool:
    """Whether an edit could make a function run for ever."""
    return any(isinstance(node, ast.While) for node in ast.walk(tree))


def forward_of(driver: Driver) -> Any:
    """Give the function that is forward; None where a reference is."""
    if isinstance(driver, LayerDriver):
        if not driver.forward_name:
            return None
        found = inspect.getattr_static(driver.cls, driver.forward_name, None)
        return found if isinstance(found, FunctionType) else None
    return function_of(driver.candidate.forward)


def _functions_run(driver: Driver, shot: Shot, files: set[str]) -> list[FunctionType]:
    codes: list[CodeType] = []

    def note(frame: Any, event: str, arg: Any) -> None:
        if event == "call" and frame.f_code.co_filename in files and frame.f_code not in codes:
            codes.append(frame.f_code)

    watch(driver, shot, note)
    known = _functions_of(driver.candidate.namespace, driver.candidate.backward)
    return [known[code] for code in codes if code in known]


def _functions_of(namespace: dict[str, Any], thing: Any) -> dict[CodeType, FunctionType]:
    """Give every function of a module and its classes, by code."""
    found: dict[CodeType, FunctionType] = {}
    for value in [thing, *namespace.values()]:
        if isinstance(value, FunctionType):
            found[value.__code__] = value
        elif isinstance(value, type):
            for base in value.__mro__[:-1]:
                for item in vars(base).values():
                    inner = getattr(item, "__func__", item)
                    if isinstance(inner, FunctionType):
                        found[inner.__code__] = inner
    return found


def repair(
    driver: Driver,
    shot: Shot,
    others: list[Shot],
    parts: list[Part],
    truths: Cotangents,
    tolerance: float,
    seconds: float,
    clues: Clues | None = None,
    small: Shot | None = None,
) -> Repair | None:
    """Search for the edit that mends most of a probe, and spoils nothing in it.

    Parameters
    ----------
    others : list of Shot
        Probes at other inputs: what is mended in the one must be right in these.
    seconds : float
        Not longer than this.
    clues : Clues, optional
        Which lines are tried first, and which last.
    small : Shot, optional
        A probe of smaller arrays in which the same is wrong, to tell sooner what mends nothing.
    """
    wrong = {c.gradient.leaf for c in shot.wrong} or set(shot.truth.expected)
    right = {c.gradient.leaf for c in shot.comparisons if not c.kind}
    budget = Budget(seconds)
    more = budget
    whole: list[tuple[float, Repair]] = []
    halves: list[tuple[float, Repair]] = []
    outputs = None if shot.run is None else shot.run.outputs
    last = float("inf")
    less = None if small is None or small.run is None else small.run.outputs
    for turn, part, edit in _all_edits(driver, shot, parts, budget, clues or Clues()):
        if turn > last:
            break
        try:
            made = compile_function(
                edit.build(),
                part.function.__code__.co_filename,
                part.function.__globals__,
                part.function,
            )
        except (SyntaxError, ValueError, RecursionError, TypeError):
            continue
        with replaced(part.function, made.__code__) if _fits(part, made) else _nothing():
            if small is not None and not _mended(driver, small, less, tolerance) & wrong:
                continue
            mended = _mended(driver, shot, outputs, tolerance)
            full = bool(mended) if shot.error is not None else wrong <= mended
            if not mended & wrong or not right <= mended or (shot.error and not full):
                continue
            if not all(_holds(driver, other, mended & wrong, tolerance) for other in others):
                continue
            fit = _likeness(driver, shot, part, truths)
        rank = turn + 0.2 * part.caching + (edit.line in _lines_of_value(driver, part))
        believed = replace(edit, rank=rank)
        found = Repair(believed, part.function, made.__code__, tuple(sorted(mended & wrong)))
        (whole if full else halves).append((fit, found))
        if len(whole) >= ENOUGH or (whole and more.spent):
            break
        if len(whole) == 1 and more is budget:
            more, last = Budget(seconds / 4), turn + _MARGIN
    best = whole or halves
    if not best:
        return None
    top = max(fit for fit, _ in best)
    likeliest = [found for fit, found in best if fit >= top - 1e-9]
    return min(likeliest, key=lambda found: (-len(found.mended), found.edit.rank))


def _lines_of_value(driver: Driver, part: Part) -> set[int]:
    """Give the lines from which a function that returns value and gradients makes its value.

    They are forward, which is believed: of two lines that can be mended the other is at fault.
    """
    if not isinstance(driver, LossGradientDriver):
        return set()
    returns = [n.value for n in ast.walk(part.tree) if isinstance(n, ast.Return)]
    parts = [value.elts for value in returns if isinstance(value, ast.Tuple)]
    needed = {
        node.id
        for elements in parts
        for node in ast.walk(elements[-1 if driver.gradient_first else 0])
        if isinstance(node, ast.Name)
    }
    lines: set[int] = set()
    assigned = [n for n in ast.walk(part.tree) if isinstance(n, ast.Assign | ast.AugAssign)]
    for _ in assigned:
        for node in assigned:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            made = {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
            if made & needed and node.lineno not in lines:
                lines.add(node.lineno)
                needed |= {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}
    return lines


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _fits(part: Part, made: Any) -> bool:
    return len(made.__code__.co_freevars) == len(part.function.__code__.co_freevars)


def _all_edits(
    driver: Driver, shot: Shot, parts: list[Part], budget: Budget, clues: Clues
) -> Iterator[tuple[float, Part, Edit]]:
    run = shot.run
    layer = {} if run is None or run.layer is None else _held(run.layer)
    if not layer and isinstance(driver, LayerDriver):
        layer = _attributes_after_forward(driver, shot)
    known = _locals_of(driver, shot, parts)
    unshaped = bool(shot.wrong) and all(c.kind == "shape" and _as_many(c) for c in shot.wrong)
    functions = [k for k, v in driver.candidate.namespace.items() if isinstance(v, FunctionType)]
    missing = shot.error is not None or any(c.kind in ("none", "shape") for c in shot.wrong)
    made = []
    for place, part in enumerate(parts):
        upstream = _upstream_names(driver, part)
        values = known.get(part.function.__code__, {})
        scope = scope_of(
            part.tree, layer, part.forward, upstream, values=values, functions=functions
        )
        made.append((place, part, scope, _blame(parts, part, shot), _repeated(part.tree)))
    for first in (True, False):
        found: list[tuple[float, int, Part, Edit]] = []
        for place, part, scope, blame, twice in made:
            wanted = partial(_is_prime, part, shot, clues, blame, twice, first)
            for edit in edits(part.tree, scope, part.caching, wanted):
                if edit.cause == "none" and not missing:
                    continue
                turn = edit.rank + 0.2 * place + _doubt(part, edit, shot, clues, blame)
                turn -= 0.6 * (unshaped and edit.cause in ("shape", "exchanged"))
                turn -= 5.0 * (edit.line in twice and not edit.after)
                turn += 5.0 * (shot.plan != "fb" and edit.cause not in _OF_ORDER)
                moved = len(edit.old) > 1 and set(edit.old) == set(edit.new)
                turn -= 1.0 * (moved and isinstance(shot.error, NameError))
                found.append((turn, len(found), part, edit))
        found.sort(key=lambda each: each[:2])
        for turn, _, part, edit in found:
            if budget.spent:
                return
            yield turn, part, edit


def _is_prime(
    part: Part,
    shot: Shot,
    clues: Clues,
    blame: dict[int, int],
    twice: set[int],
    first: bool,
    line: int,
) -> bool:
    """Whether the edits of a line have their turn now: first those that explain the most."""
    if part.caching:
        prime = shot.error is not None or shot.plan != "fb"
    else:
        explains = not blame or blame.get(line, 2) < 2
        prime = line == clues.suspect or line in twice or (explains and line not in clues.cleared)
    return prime == first


#: What a line explains of the gradients that are wrong (`slicing.blamed`) → how late it is tried.
_LATER = {0: 0.0, 1: 0.5, 2: 0.6}


def _doubt(part: Part, edit: Edit, shot: Shot, clues: Clues, blame: dict[int, int]) -> float:
    """Say how late an edit has its turn, beside its rank: lines that explain the most come first."""
    if part.caching:
        return 0.0 if shot.error is not None else 0.8
    lines = edit.lines
    if edit.line == clues.suspect:
        return -0.6
    later = min((_LATER[blame[line]] for line in lines if line in blame), default=1.2)
    if blame and any(s not in edit.old for s in edit.new) and not edit.spot:
        later = min(later, 0.5)  # a line that is missing stands in none
    return later + 0.8 * (lines <= clues.cleared)


def _blame(parts: list[Part], part: Part, shot: Shot) -> dict[int, int]:
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


def _line_of_error(part: Part, error: BaseException) -> int:
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


def _as_many(c: Comparison) -> bool:
    return c.found is not None and c.found.size == c.expected.size


def _held(layer: Any) -> dict[str, Any]:
    """Give what an object holds, and the numbers that its class gives it."""
    own = vars(type(layer)).items()
    numbers = {k: v for k, v in own if isinstance(v, int | float) and not isinstance(v, bool)}
    return numbers | dict(vars(layer))


def _locals_of(driver: Driver, shot: Shot, parts: list[Part]) -> dict[CodeType, dict[str, Any]]:
    """Run once, and give the last values of the names in each part."""
    found: dict[CodeType, dict[str, Any]] = {part.function.__code__: {} for part in parts}

    def note(frame: Any, event: str, arg: Any) -> Any:
        names = found.get(frame.f_code)
        if names is None:
            return None
        if event == "return":
            names.update(frame.f_locals)
        return note

    watch(driver, shot, note)
    return found


def _attributes_after_forward(driver: LayerDriver, shot: Shot) -> dict[str, Any]:
    try:
        with quiet():
            return _held(play(driver, replace(shot, plan="f")).layer)
    except Exception:
        return {}


def _upstream_names(driver: Driver, part: Part) -> list[str]:
    takes = getattr(driver, "upstreams", [])
    if part.function is function_of(driver.backward_function) and takes:
        return [takes[0].name]
    names = [a.arg for a in part.tree.args.args if a.arg != "self"]
    return names[:1]


def _mended(driver: Driver, shot: Shot, outputs: Any, tolerance: float) -> set[str]:
    """Run the edited code; give the leaves whose gradients are right."""
    try:
        with quiet():
            run = play(driver, shot)
    except Exception:
        return set()
    if outputs is not None and not _same_outputs(outputs, run.outputs):
        return set()
    if not _unwritten(shot, run):
        return set()
    judged = [
        g
        for g in driver.gradients(run, shot.leaves)
        if g.leaf in shot.truth.expected and g.leaf not in shot.truth.doubts
    ]
    fine = {
        g.leaf for g in judged if compare(g, shot.truth.expected[g.leaf], tolerance).kind in _FINE
    }
    if shot.error is not None:  # what it should give is not known: all that it gives is right
        given = {g.leaf for g in judged}
        owed = [x for x in driver.owed(shot.leaves, given) if np.any(shot.truth.expected.get(x, 0))]
        return fine if fine == given and not owed else set()
    return fine


_FINE = ("",)


def _unwritten(shot: Shot, run: Run) -> bool:
    if "upstream" in shot.written:
        return True
    return all(
        np.array_equal(a, b)
        for a, b in zip(shot.upstream, run.upstream, strict=False)
        if is_array(a)
    )


def _same_outputs(before: tuple[Any, ...], after: tuple[Any, ...]) -> bool:
    return len(before) == len(after) and all(
        is_number(b) and np.shape(a) == np.shape(b) and np.allclose(a, b, equal_nan=True)
        for a, b in zip(before, after, strict=True)
    )


def _holds(driver: Driver, other: Shot, mended: set[str], tolerance: float) -> bool:
    """Whether gradients are right at other inputs as well."""
    there = {c.gradient.leaf for c in other.comparisons} if other.error is None else mended
    return _mended(driver, other, None, tolerance) >= mended & there


def _likeness(driver: Driver, shot: Shot, part: Part, truths: Cotangents) -> float:
    """Say how many of the values that backward names are true gradients."""
    if not truths.values:
        return 0.0
    named: dict[str, Any] = {}
    code = part.function.__code__

    def note(frame: Any, event: str, arg: Any) -> Any:
        if frame.f_code is not code:
            return None
        if event == "return":
            named.update({k: copied(v) for k, v in frame.f_locals.items() if is_array(v)})
        return note

    if not watch(driver, shot, note):
        return 0.0
    return float(sum(truths.likeness(value, name) for name, value in named.items()))
