"""Functions that belong together: a forward and its backward, a function and its derivative."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from clearprop.check.handwritten.bodies import (
    gives_loss_and_gradient,
    is_stub,
    is_unwritten,
    keeps_its_gradient,
    parameters,
    required,
    unread_gradients,
)
from clearprop.check.handwritten.loading import Definition
from clearprop.check.handwritten.model import Candidate
from clearprop.check.handwritten.naming import (
    FLAGS,
    backward_stem,
    derivative_stems,
    forward_stem,
    is_upstream,
    snake,
    squash,
)
from clearprop.check.handwritten.references import reference_for

#: What may stand beside a name: the derivative of ``sigmoid_function`` is ``sigmoid_prime``.
_AROUND = ("{}", "{}_function", "{}_activation", "{}_func", "{}_fn", "{}_loss", "{}_cost")
_AROUND_TOO = ("{}_forward", "compute_{}", "calc_{}", "activation_{}", "loss_{}", "{}_error")

#: Derivatives by these names are of what everybody calls by them.
_KNOWN = {
    *("sigmoid", "logistic", "tanh", "relu", "leakyrelu", "lrelu", "elu", "softplus", "softmax"),
    *("mse", "meansquarederror", "crossentropy", "categoricalcrossentropy", "bce", "mae"),
    *("binarycrossentropy", "crossentropyloss", "mseloss", "identity"),
}

#: No derivative of the user's, whatever they return.
_TOOLS = ("numerical", "numeric", "check", "clip", "zero", "plot", "test", "print", "finite")


def candidates_of_functions(
    functions: list[Definition], namespace: dict[str, Any]
) -> tuple[list[Candidate], set[int]]:
    """Give the candidates among some functions, and the ids of all that take part in one."""
    found: list[Candidate] = []
    used: set[int] = set()
    for index, definition in enumerate(functions):
        name = definition.name
        if any(word in snake(name).split("_") for word in _TOOLS):
            continue
        others = [*reversed(functions[:index]), *functions[index + 1 :]]  # the nearest first
        made = (
            _with_forward(definition, others)
            or _with_flag(definition)
            or _with_value(definition, others)
        )
        if made is None:
            continue
        style, forward, backward, reference = made
        used.add(id(definition.object))
        if forward is not None:
            used.add(id(forward.object))
        given: Any = forward.object if forward is not None else None
        if style == "flag":
            style, given = "derivative", partial(definition.object, **{reference: False})
            backward, reference = partial(definition.object, **{reference: True}), ""
        elif given is not None and is_unwritten(given):
            reference = reference_for(
                forward.name if forward else "", name, *definition.headings[:3]
            )
            given = None
        problem = f"{name} is a stub" if is_stub(definition.object) else ""
        found.append(
            Candidate(name, style, definition.place, given, backward, reference, namespace, problem)
        )
    for definition in functions:
        value = definition.object
        kept = keeps_its_gradient(value)
        if id(value) not in used and (kept or gives_loss_and_gradient(value)):
            used.add(id(value))
            style, lost = "loss and gradient", ", ".join(unread_gradients(value))
            problem = f"{lost} is computed and not returned" if kept else ""
            each = (value, value, "", namespace, problem)
            found.append(Candidate(definition.name, style, definition.place, *each))
    return found, used


_Made = tuple[str, Definition | None, Any, str] | None


def _with_forward(definition: Definition, others: list[Definition]) -> _Made:
    """Match ``X_backward`` with ``X_forward`` or ``X``."""
    stem = backward_stem(definition.name)
    if stem is None:
        return None
    function = definition.object
    exact = next((o for o in others if forward_stem(o.name) == stem), None)
    if exact is None and (bare := re.sub(r"_?with_\w+$", "", stem[0])) != stem[0]:
        exact = next((o for o in others if forward_stem(o.name) == (bare, "")), None)
    forward = exact or next((o for o in others if forward_stem(o.name) == (stem[0], "")), None)
    if forward is not None:
        return "pair", forward, function, ""
    plain = {"_".join(filter(None, stem)), stem[0]}
    forward = next((o for o in others if snake(o.name) in plain), None)
    if forward is not None:
        return pair_or_derivative(definition, forward), forward, function, ""
    reference = reference_for(stem[0]) or reference_for(*definition.headings[:2])
    taken = required(function)
    if (stem[0] and reference_for(stem[0])) or (taken and is_upstream(taken[0])):
        alone = len(taken) == 1 and not is_upstream(taken[0])
        return "derivative" if alone else "pair", None, function, reference
    return None


def _with_value(definition: Definition, others: list[Definition]) -> _Made:
    """Match ``sigmoid_prime`` with ``sigmoid``, ``compute_gradient`` with ``compute_cost``."""
    function = definition.object
    stems = derivative_stems(definition.name)
    for stem in stems:
        names = {pattern.format(stem) for pattern in (*_AROUND, *_AROUND_TOO)}
        exact = next((o for o in others if snake(o.name) == stem), None)
        forward = exact or next((o for o in others if snake(o.name) in names), None)
        if forward is not None and not derivative_stems(forward.name):
            same = len(required(function)) == len(required(forward.object))
            if same or _has_upstream(function):
                return pair_or_derivative(definition, forward), forward, function, ""
            if snake(definition.name) != f"d{stem}":  # dgettext is no derivative of gettext
                return "derivative", forward, function, ""
    text = snake(definition.name)
    for word in ("gradients", "gradient", "grad"):
        if word in text.split("_"):
            names = {text.replace(word, each) for each in ("cost", "loss", "objective", "error")}
            own = {text, text.replace("calculate", "compute").replace("calc", "compute")}
            if own & {word, f"compute_{word}", f"get_{word}"}:
                names |= {f"{each}{end}" for each in ("cost", "loss") for end in ("", "_function")}
            forward = next((o for o in others if snake(o.name) in names), None)
            if forward and set(required(forward.object)) == set(required(function)):
                return "derivative", forward, function, ""
    for stem in stems:
        if squash(stem) in _KNOWN and required(function):
            style = "pair" if len(required(function)) > 1 and _has_upstream(function) else ""
            return style or "derivative", None, function, reference_for(stem)
    return None


def _with_flag(definition: Definition) -> _Made:
    """Match ``sigmoid(x, deriv=False)`` with itself."""
    for name, default in parameters(definition.object).items():
        if name.lower() in FLAGS and default in (False, 0) and default is not None:
            return "flag", None, None, name
    return None


def pair_or_derivative(backward: Definition, forward: Definition) -> str:
    """Say which: a backward takes the upstream gradient, a derivative what the function takes."""
    taken = required(backward.object)
    same = len(taken) == len(required(forward.object))
    return "derivative" if same and not _has_upstream(backward.object) else "pair"


def _has_upstream(function: Any) -> bool:
    taken = required(function)
    return bool(taken) and is_upstream(taken[0])
