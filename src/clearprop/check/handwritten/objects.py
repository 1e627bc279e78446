"""The candidate that a class, an object, a function, a pair of functions, or a module is."""

from __future__ import annotations

import sys
import types
from dataclasses import replace
from typing import Any

from clearprop.check.handwritten.autograd_rules import rules_of
from clearprop.check.handwritten.bodies import is_unwritten
from clearprop.check.handwritten.classes import candidate_of_class
from clearprop.check.handwritten.finding import candidates_of
from clearprop.check.handwritten.loading import Definition
from clearprop.check.handwritten.model import Candidate, Place
from clearprop.check.handwritten.naming import derivative_stems
from clearprop.check.handwritten.pairing import pair_or_derivative
from clearprop.check.handwritten.references import reference_for
from clearprop.check.handwritten.sources import function_of, node_of, place_of
from clearprop.errors import OptionError


def find_in_object(found: Any) -> Candidate:
    """Say what an object of the user's program is, for `check_layer`.

    Parameters
    ----------
    found : class, object, function, tuple or module
        A class with forward and backward (any style that `find` knows); an object of one, which
        is checked as it is; ``(forward, backward)``; one function of a pair, the other of which
        stands in its module, or that returns loss and gradient; a module with one of these.

    Raises
    ------
    OptionError
        If it has no backward; if a module has several.

    Examples
    --------
    >>> def half(x): return x / 2
    >>> def half_prime(x): return 0.5
    >>> candidate = find_in_object((half, half_prime))
    >>> candidate.name, candidate.style
    ('half_prime', 'derivative')
    """
    if isinstance(found, types.ModuleType):
        return _of_module(found)
    if isinstance(found, tuple | list):
        return _of_functions(*found)
    if getattr(found, "__name__", "") == "apply" and isinstance(_owner(found), type):
        found = _owner(found)  # of a torch Function, as it is called
    made: Candidate | None
    if isinstance(found, type):
        made = _of_class(found)
    elif callable(found) and hasattr(function_of(found), "__code__"):
        made = _of_function(found)
    else:
        made = _of_class(type(found))
        if made is not None and made.style in ("layer", "network"):
            forward = found if made.forward is not None else None
            made = replace(made, forward=forward, backward=found, problem=made.problem)
    if made is None:
        raise OptionError(
            f"{_name(found)} has no backward pass.",
            why="Neither a method nor a function beside it is called backward, gradient, …",
            write="cp.check_layer((forward, backward))",
        )
    return made


def find_in_module(module: types.ModuleType) -> tuple[list[Candidate], dict[str, Place]]:
    """As `find`, of a module that is imported."""
    own = [
        Definition(name, value, node_of(value), place_of(value))
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__
        and isinstance(value, type | types.FunctionType)
    ]
    own.sort(key=lambda each: each.place.line)
    found, bystanders = candidates_of(own, vars(module))
    return sorted(found, key=lambda each: each.place.line), bystanders


def _of_module(module: types.ModuleType) -> Candidate:
    found, _ = find_in_module(module)
    if len(found) == 1:
        return found[0]
    names = ", ".join(each.name for each in found) or "none"
    raise OptionError(
        f"The module {module.__name__} has {len(found)} backward passes.",
        why=f"One is checked at a time; there is: {names}.",
        write=f"cp.check_layer({module.__name__}.{found[0].name})" if found else None,
    )


def _of_class(kind: type) -> Candidate | None:
    module = sys.modules.get(kind.__module__)
    namespace = vars(module) if module is not None else {}
    return candidate_of_class(kind, kind.__name__, place_of(kind), (), namespace)


def _of_function(function: Any) -> Candidate | None:
    """Find the other function of a pair by its name, in the module of the one that is given."""
    rules = rules_of(function)
    if rules:
        rule = rules[0][1]
        place, names = place_of(rule), rule.__globals__
        return Candidate(_name(function), "autograd", place, function, function, "", names)
    namespace = function_of(function).__globals__
    functions = [
        Definition(name, value, node_of(value), place_of(value))
        for name, value in namespace.items()
        if isinstance(value, types.FunctionType) and value.__module__ == function.__module__
    ]
    if all(each.object is not function for each in functions):
        functions.append(Definition(_name(function), function, None, place_of(function)))
    found, _ = candidates_of(functions, namespace)
    whole = [each for each in found if function in (each.backward, each.forward)]
    flagged = [each for each in found if getattr(each.backward, "func", None) is function]
    return next(iter([*whole, *flagged]), None)


def _of_functions(*functions: Any) -> Candidate:
    if len(functions) != 2 or not all(map(callable, functions)):
        raise OptionError(
            f"{len(functions)} things were given.",
            why="A pair is two functions.",
            write="cp.check_layer((forward, backward))",
        )
    forward, backward = functions
    name = _name(backward)
    namespace = getattr(function_of(backward), "__globals__", {})
    pair = [Definition(_name(each), each, None, place_of(each)) for each in functions]
    style = pair_or_derivative(pair[1], pair[0])
    held, reference = forward, ""
    if is_unwritten(forward):
        stems = derivative_stems(name)
        held, reference = None, reference_for(_name(forward), *stems)
    return Candidate(name, style, place_of(backward), held, backward, reference, namespace)


def _owner(found: Any) -> Any:
    return getattr(found, "__self__", None)


def _name(found: Any) -> str:
    return str(getattr(found, "__name__", type(found).__name__))
