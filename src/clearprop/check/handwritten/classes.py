"""Classes that have a backward: layers, losses, networks, activations with their derivative."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from typing import Any

from clearprop.check.handwritten.bodies import (
    gives_loss_and_gradient,
    is_stub,
    is_unwritten,
    required,
)
from clearprop.check.handwritten.model import Candidate, Place
from clearprop.check.handwritten.naming import (
    BACKWARD_METHODS,
    DERIVATIVE_METHODS,
    FORWARD_METHODS,
    GRADIENT_METHODS,
    LOSS_METHODS,
    VALUE_METHODS,
)
from clearprop.check.handwritten.references import reference_for
from clearprop.check.handwritten.sources import function_of, node_of
from clearprop.places import installed_folders

_KEPT = re.compile(
    r"params?|parameters|layers?\w*|[WwBb]_?\d*|weights?\w*|bias\w*|theta\w*|model|net"
)


def methods_of(found: Any) -> tuple[str, str]:
    """Give the names of the forward and the backward method of a class or object; "" for none.

    Examples
    --------
    >>> class Half:
    ...     def fprop(self, x):
    ...         return x / 2
    ...     def bprop(self, dy):
    ...         return dy / 2
    >>> methods_of(Half)
    ('fprop', 'bprop')
    """
    kind = found if isinstance(found, type) else type(found)
    return _first(kind, FORWARD_METHODS), _first(kind, BACKWARD_METHODS)


def network_methods_of(found: Any) -> tuple[str, str]:
    """Give the names of the loss and the gradient method; both one where ``loss`` returns both."""
    kind = found if isinstance(found, type) else type(found)
    loss, gradient = _first(kind, LOSS_METHODS), _first(kind, GRADIENT_METHODS)
    if loss and not gradient and gives_loss_and_gradient(_method(kind, loss)):
        gradient = loss
    return (loss, gradient) if loss and gradient else ("", "")


def candidate_of_class(
    kind: type,
    name: str,
    place: Place,
    headings: tuple[str, ...] = (),
    namespace: dict[str, Any] | None = None,
    subclasses: tuple[type, ...] = (),
) -> Candidate | None:
    """Say what a class is; None where it has no backward, or only its subclasses have one."""
    common: dict[str, Any] = {"name": name, "place": place, "namespace": namespace or {}}
    if _is_torch(kind):
        return Candidate(style="torch", forward=kind, backward=kind, **common)
    forward, backward = methods_of(kind)
    if backward:
        if _is_abstract(kind, forward, backward, subclasses):
            return None
        problem = ""
        if is_stub(_method(kind, backward)):
            problem = f"{backward} is a stub"
        written = forward and not is_unwritten(_method(kind, forward))
        if written:
            return Candidate(style="layer", forward=kind, backward=kind, problem=problem, **common)
        reference = reference_for(name, *headings[:3])
        return Candidate(
            style="layer", backward=kind, reference=reference, problem=problem, **common
        )
    loss, gradient = network_methods_of(kind)
    if loss and (loss == gradient or _keeps_something(kind)):
        return Candidate(style="network", forward=kind, backward=kind, **common)
    return _derivative(kind, common)


def _derivative(kind: type, common: dict[str, Any]) -> Candidate | None:
    """Say whether a class is a function beside its derivative: ``__call__`` and ``gradient``."""
    value = _first(kind, VALUE_METHODS)
    derivative = _first(kind, DERIVATIVE_METHODS)
    if not value or not derivative:
        return None
    functions = [_method(kind, each) for each in (value, derivative)]
    if is_stub(functions[1]):
        return None
    try:
        held: Any = kind if all(map(_is_static, functions)) else kind()
    except Exception as error:
        problem = f"{kind.__name__}() raises {type(error).__name__}: {error}"
        return Candidate(style="derivative", problem=problem, **common)
    forward = None if is_unwritten(functions[0]) else getattr(held, value)
    reference = "" if forward else reference_for(common["name"])
    backward = getattr(held, derivative)
    return Candidate(
        style="derivative", forward=forward, backward=backward, reference=reference, **common
    )


def _is_abstract(kind: type, forward: str, backward: str, subclasses: tuple[type, ...]) -> bool:
    """Whether a class stands for its subclasses, which are judged in its place."""
    if inspect.isabstract(kind):
        return True
    stub = is_stub(_method(kind, backward))
    if stub and (not forward or is_stub(_method(kind, forward)) or subclasses):
        return True
    return bool(subclasses) and _leaves_work(kind)


def _leaves_work(kind: type) -> bool:
    """Whether its methods call what only a subclass defines, or hands to ``__init__``."""
    handed = set(required(vars(kind).get("__init__", lambda: None)))
    for item in vars(kind).values():
        node = node_of(item) if callable(item) else None
        for each in ast.walk(node) if node is not None else ():
            func = each.func if isinstance(each, ast.Call) else None
            if isinstance(func, ast.Attribute) and ast.unparse(func.value) == "self":
                called = getattr(kind, func.attr, None)
                if (called is None and func.attr in handed) or (called and is_stub(called)):
                    return True
    return False


def _keeps_something(kind: type) -> bool:
    """Whether its ``__init__`` sets parameters or layers, as a network does and a loss does not."""
    node = node_of(getattr(kind, "__init__", None))
    stores = (n for n in ast.walk(node) if isinstance(n, ast.Attribute)) if node else ()
    return any(isinstance(n.ctx, ast.Store) and _KEPT.fullmatch(n.attr) for n in stores)


def _first(kind: type, names: tuple[str, ...]) -> str:
    """Give the first of some names that is a method of the user's; a stub only if all are.

    ``__call__`` that calls a ``forward`` that is a stub does nothing more.
    """
    found = {name: _method(kind, name) for name in names}
    found = {name: method for name, method in found.items() if method is not None}
    stubs = {name for name, method in found.items() if is_stub(method)}
    for name, method in found.items():
        code = getattr(function_of(method), "__code__", None)
        if name not in stubs and not stubs & set(getattr(code, "co_names", ())):
            return name
    return next(iter(found), "")


def _method(kind: type, name: str) -> Any:
    """Give a method that the user's code defines; None where there is none."""
    for base in kind.__mro__[:-1]:
        if name in vars(base):
            code = getattr(function_of(vars(base)[name]), "__code__", None)
            users = code is not None and not code.co_filename.startswith(installed_folders())
            return getattr(kind, name) if users else None
    return None


def _is_static(function: Any) -> bool:
    return inspect.isfunction(function) and "self" not in inspect.signature(function).parameters


def _is_torch(kind: type) -> bool:
    torch: Any = sys.modules.get("torch")
    return torch is not None and issubclass(kind, torch.autograd.Function)
