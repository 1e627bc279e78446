"""What learns in place: training loops, and classes with a method that learns."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Sequence
from types import FunctionType, ModuleType
from typing import Any

from clearprop.check.handwritten.bodies import is_stub
from clearprop.check.handwritten.classes import network_methods_of
from clearprop.check.handwritten.driving import Parameter, arguments_of
from clearprop.check.handwritten.driving_steps import OUTPUT, TARGET, Training
from clearprop.check.handwritten.loading import Loaded
from clearprop.check.handwritten.model import Candidate, Place
from clearprop.check.handwritten.naming import (
    BACKWARD_METHODS,
    FORWARD_METHODS,
    LOSS_METHODS,
    is_upstream,
)
from clearprop.check.handwritten.placeholders import Placeholder
from clearprop.check.handwritten.reading import Block
from clearprop.check.handwritten.sources import function_of, node_of, place_of
from clearprop.check.handwritten.step_functions import function_from, loops_in
from clearprop.check.handwritten.steps import (
    Step,
    learned_in,
    sets,
    step_of,
    uses,
)

#: Methods that learn, beside those that are called backward.
_TRAINERS = ("train_step", "train", "fit_partial", "partial_fit", "learn", "update", "step", "fit")
_PREDICTS = ("predict", "think", "run", "query", "output", "predict_proba", "forward_prop")
_LOSSES = (
    *LOSS_METHODS,
    *("calculate_loss", "compute_cost", "calculate_cost", "mse_loss", "get_loss", "error", "mse"),
    *("cross_entropy", "cross_entropy_loss", "binary_cross_entropy", "objective", "loss_fn"),
)


def trained_by(kind: type) -> tuple[str, str, list[str]] | None:
    """Give the method that predicts, the one that learns, and losses; None where there are none.

    The one that learns takes a target, or nothing: what takes a gradient from above is a layer.
    """
    keeps = node_of(getattr(kind, "__init__", None))
    text = ast.unparse(keeps) if keeps is not None else ""
    if "self." not in text:
        return None
    names = [*FORWARD_METHODS, *_PREDICTS]
    forward = next((n for n in names if n not in LOSS_METHODS and _own(kind, n)), "")
    losses = [n for n in _LOSSES if _own(kind, n)]
    if not forward and losses and len(_required(kind, losses[0])) == 2:
        forward = losses[0]
    elif not forward or forward == "__call__" or len(_required(kind, forward)) > 1:
        return None
    targets = [n for n in _required(kind, "__init__") if TARGET.search(n)]
    for name in (*BACKWARD_METHODS, *_TRAINERS):
        if not _own(kind, name) or is_stub(getattr(kind, name)):
            continue
        taken = _required(kind, name)
        above = [n for n in taken if is_upstream(n) and len(n) > 1]
        taught = [n for n in taken if TARGET.search(n) and not OUTPUT.match(n) and n not in above]
        asked = forward not in losses and any(
            TARGET.search(n) and not OUTPUT.match(n) for n in _required(kind, forward)
        )
        if above or asked or name == forward:
            continue
        from_start = not taken and targets and not _required(kind, forward)
        if (taught or from_start) and (name in BACKWARD_METHODS or _learns(kind, name)):
            return forward, name, [n for n in losses if n != name]
    return None


def _learns(kind: type, name: str) -> bool:
    node = node_of(getattr(kind, name))
    return node is not None and any(u.startswith("self.") for u in learned_in(node.body))


def _own(kind: type, name: str) -> bool:
    return any(isinstance(function_of(vars(b).get(name)), FunctionType) for b in kind.__mro__[:-1])


def _required(kind: type, name: str) -> list[str]:
    found = inspect.getattr_static(kind, name, None)
    return [p.name for p in arguments_of(found, 1) if p.required] if found is not None else []


def steps_in_class(
    kind: type, name: str, place: Place, namespace: dict[str, Any]
) -> Candidate | None:
    """Give the step of a method that computes its output itself."""
    for method in (*_TRAINERS, *BACKWARD_METHODS):
        if not _own(kind, method):
            continue
        function = function_of(getattr(kind, method))
        node = node_of(function)
        step = step_of([*node.body]) if node is not None else None
        if node is None or step is None:
            continue
        if not any(p.startswith("self.") for p in step.parameters):
            continue
        arguments = tuple(arguments_of(function, 1))
        file = function.__code__.co_filename
        return _candidate(name, place, step, arguments, namespace, file, kind)
    return None


def step_in_function(
    function: FunctionType, name: str, place: Place, namespace: dict[str, Any]
) -> Candidate | None:
    """Give the step of a function that trains: one that has arguments for data and targets."""
    node = node_of(function)
    step = step_of([*node.body]) if isinstance(node, ast.FunctionDef) else None
    if step is None or any(p.startswith("self.") for p in step.parameters):
        return None
    arguments = tuple(arguments_of(function, 0))
    return _candidate(name, place, step, arguments, namespace, function.__code__.co_filename)


def steps_of_scripts(blocks: list[Block], loaded: Loaded) -> list[Candidate]:
    """Give the training loops that stand in a file outside of functions."""
    found = []
    for block in blocks:
        for loop in loops_in(block.tree) if block.tree else ():
            step = step_of([loop])
            if step is None:
                continue
            line = loop.lineno
            place = Place(block.file, line, block.text.splitlines()[line - 1].strip())
            made = _script(step, place, loaded.namespace)
            if made is not None:
                found.append(made)
    return found


def _script(step: Step, place: Place, namespace: dict[str, Any]) -> Candidate | None:
    known = {n for s in (*step.before, *step.forward, *step.backward) for n in uses(s)}
    held = {n: namespace[n] for n in sorted(known) if n in namespace}
    data = [n for n, v in held.items() if not callable(v) and not isinstance(v, ModuleType)]
    problem = ""
    bound = {n for s in (*step.before, *step.forward, *step.backward) for n in sets(s)}
    for name, value in held.items():
        if isinstance(value, Placeholder) and name not in bound:
            problem = f"its data are not there: {value!r}".replace("<", "").replace(">", "")
    made = _candidate("training loop", place, step, (), namespace, place.file, data=data)
    return Candidate(
        made.name, made.style, made.place, made.forward, made.backward, "", namespace, problem
    )


def _candidate(
    name: str,
    place: Place,
    step: Step,
    arguments: tuple[Parameter, ...],
    namespace: dict[str, Any],
    file: str,
    owner: type | None = None,
    data: Sequence[str] = (),
) -> Candidate:
    known = [*(["self"] if owner else []), *(p.name for p in arguments), *data]
    prelude = None
    cls = owner.__name__ if owner else ""
    if step.before:
        prelude = function_from(list(step.before), known, "locals()", file, namespace, cls)
    known += sorted({n for s in step.before for n in sets(s)} - set(known))
    known += [n for n in step.parameters if n not in known]
    known = [n for n in known if "." not in n]
    gives = ", ".join(each or "None" for each in (step.loss, step.output, step.target))
    forward = function_from(
        list(step.forward), known, f"(({gives}), locals())", file, namespace, cls
    )
    inner = sorted({n for s in step.forward for n in sets(s)} - set(known))
    after = known + [n for n in inner if "." not in n]
    backward = function_from(list(step.backward), after, "locals()", file, namespace, cls, True)
    backward.training = Training(step, prelude, arguments, tuple(known), owner)  # type: ignore[attr-defined]
    return Candidate(name, "training", place, forward, backward, "", namespace)


def candidate_of_trained_class(
    kind: type, name: str, place: Place, namespace: dict[str, Any]
) -> Candidate | None:
    """Give a class that learns in place; None where it has a loss and its gradient, or a layer."""
    if network_methods_of(kind)[0]:
        return None
    return steps_in_class(kind, name, place, namespace) or (
        Candidate(name, "training", place, kind, kind, "", namespace) if trained_by(kind) else None
    )


__all__ = ["candidate_of_trained_class", "place_of", "step_in_function", "steps_of_scripts"]
