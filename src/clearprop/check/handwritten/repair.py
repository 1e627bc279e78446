"""Which edit of the source makes a backward right: a search over single edits, each of them run.

An edit that mends every gradient names the line, the cause and what to write. Where several do,
the one is believed after which most of what backward computes is a true gradient of something
that forward computes: a factor that was dropped is put back where it was dropped.
"""

from __future__ import annotations

import ast
import gc
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from clearprop.check.handwritten.driving import Driver, Run, is_number
from clearprop.check.handwritten.driving_classes import LayerDriver
from clearprop.check.handwritten.driving_functions import LossGradientDriver
from clearprop.check.handwritten.edits import Edit, compile_function
from clearprop.check.handwritten.edits.origins import at_origins
from clearprop.check.handwritten.edits.slicing import dead_names
from clearprop.check.handwritten.meaning import stems
from clearprop.check.handwritten.probing import Shot, compare, play, quiet, watch
from clearprop.check.handwritten.sources import function_of
from clearprop.check.handwritten.state import copied, is_array
from clearprop.check.handwritten.truth import Cotangents
from clearprop.check.handwritten.turns import Budget, Clues, Participant, in_turn

#: Among this many edits that mend the gradients, the best is taken.
ENOUGH = 12
#: What comes so much later than the first edit that mends the gradients is not tried.
_MARGIN = 1.0
#: An edit is believed less, by so much, for each value that is computed and then read nowhere.
_UNREAD = 1.5


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
        training = getattr(self.function, "training", None)
        learned = training.step.parameters if training is not None else ()
        moved = _moves_an_update(self.edit, learned) or _drops_an_update(self.edit)
        return "updated-parameter" if moved else self.edit.cause


def _moves_an_update(edit: Edit, learned: tuple[str, ...]) -> bool:
    """Whether the edit puts an update of a parameter after the lines that need the old one."""
    before, after = [ast.dump(s) for s in edit.old], [ast.dump(s) for s in edit.new]
    if sorted(before) != sorted(after) or before == after:
        return False
    return any(
        isinstance(s, ast.AugAssign)
        and (isinstance(s.target, ast.Attribute | ast.Subscript) or s.target.id in learned)
        and isinstance(s.op, ast.Sub | ast.Add)
        for s in edit.old
    )


@contextmanager
def replaced(function: FunctionType, code: CodeType) -> Iterator[None]:
    """Give a function another body for a while, wherever it is known."""
    before = function.__code__
    function.__code__ = code
    try:
        yield
    finally:
        function.__code__ = before


@contextmanager
def uncollected() -> Iterator[None]:
    """Let no collection of cycles come between many small trees, which are none."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def parts_of(driver: Driver, shot: Shot, files: set[str]) -> list[Participant]:
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
            found.append(Participant(function, tree, forward_tree))
    if forward_tree is not None and forward is not backward:
        found.append(Participant(forward, forward_tree, None, caching=True))
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
    parts: list[Participant],
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
    solved = 0
    last = float("inf")
    less = None if small is None or small.run is None else small.run.outputs
    for turn, part, edit in in_turn(driver, shot, parts, budget, clues or Clues(), truths):
        if turn > last:
            break
        code = _compiled(edit, part)
        if code is None:
            continue
        with replaced(part.function, code):
            if small is not None and not _mended(driver, small, less, tolerance) & wrong:
                continue
            mended = _mended(driver, shot, outputs, tolerance)
            full = bool(mended) if shot.error is not None else wrong <= mended
            if not mended & wrong or not right <= mended or (shot.error and not full):
                continue
            if not all(_holds(driver, other, mended & wrong, tolerance) for other in others):
                continue
            fit = _likeness(driver, shot, part, truths)
            writes = bool(shot.written) and _writes(driver, shot)
        rank = turn + 0.2 * part.caching + (edit.line in _lines_of_value(driver, part))
        rank += writes  # what leaves the caller's arrays alone is likelier meant
        rank += _UNREAD * len(dead_names(edit.build())) if not part.caching else 0.0
        believed = replace(edit, rank=rank)
        found = Repair(believed, part.function, code, tuple(sorted(mended & wrong)))
        (whole if full else halves).append((fit, found))
        solved += full and edit.solved
        budget.found = budget.found or full
        if len(whole) >= ENOUGH + solved or (whole and more.spent):
            break
        if len(whole) == 1 and more is budget:
            unread = max(rank - turn, 0.0)
            more, last = Budget(seconds / 4), turn + _MARGIN + unread
    best = whole or halves
    if not best:
        return None
    top = max(fit for fit, _ in best)
    likeliest = [found for fit, found in best if fit >= top - 1e-9]
    chosen = min(
        likeliest,
        key=lambda found: (-len(found.mended), round(found.edit.rank, 6), found.edit.line),
    )
    part = next(part for part in parts if part.function is chosen.function)
    for edit, likelier in at_origins(chosen.edit) if not part.caching else ():
        code = _compiled(edit, part)
        if code is None:
            continue
        with replaced(part.function, code):
            mends = _mended(driver, shot, outputs, tolerance) >= set(chosen.mended) | right and all(
                _holds(driver, other, set(chosen.mended), tolerance) for other in others
            )
            fit = _likeness(driver, shot, part, truths) if mends else -1.0
        if fit > top + 1e-9 or (likelier and fit >= top - 1e-9):
            return Repair(edit, part.function, code, chosen.mended)
    return chosen


def _compiled(edit: Edit, part: Participant) -> CodeType | None:
    """Compile an edited function; None where it is none, or closes over something else."""
    try:
        made = compile_function(
            edit.build(),
            part.function.__code__.co_filename,
            part.function.__globals__,
            part.function,
        )
    except (SyntaxError, ValueError, RecursionError, TypeError):
        return None
    return made.__code__ if _fits(part, made) else None


def _lines_of_value(driver: Driver, part: Participant) -> set[int]:
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


def _fits(part: Participant, made: Any) -> bool:
    return len(made.__code__.co_freevars) == len(part.function.__code__.co_freevars)


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


def _writes(driver: Driver, shot: Shot) -> bool:
    """Whether an array of the caller is still written to."""
    again = replace(shot, written=[])
    try:
        with quiet():
            run = play(driver, again)
    except Exception:
        return True
    return not _unwritten(again, run)


def _same_outputs(before: tuple[Any, ...], after: tuple[Any, ...]) -> bool:
    return len(before) == len(after) and all(
        is_number(b) and np.shape(a) == np.shape(b) and np.allclose(a, b, equal_nan=True)
        for a, b in zip(before, after, strict=True)
    )


def _holds(driver: Driver, other: Shot, mended: set[str], tolerance: float) -> bool:
    """Whether gradients are right at other inputs as well."""
    there = {c.gradient.leaf for c in other.comparisons} if other.error is None else mended
    return _mended(driver, other, None, tolerance) >= mended & there


def _likeness(driver: Driver, shot: Shot, part: Participant, truths: Cotangents) -> float:
    """Say how many of the values that backward names are true gradients."""
    if not truths.values:
        return 0.0
    named: dict[str, Any] = {}
    watched = function_of(driver.backward_function) if part.caching else part.function
    code = watched.__code__

    def note(frame: Any, event: str, arg: Any) -> Any:
        if frame.f_code is not code:
            return None
        if event == "return":
            named.update({k: copied(v) for k, v in frame.f_locals.items() if is_array(v)})
        return note

    if not watch(driver, shot, note):
        return 0.0
    several: list[tuple[str, Any]] = []
    for name, value in named.items():  # another name for the same says nothing more
        if not any(np.array_equal(value, other) for _, other in several):
            several.append((name, value))
    return float(sum(truths.likeness(value, name) for name, value in several))
