"""Which statements of a file may run when it is loaded: those that cannot start a training.

A call may run when it goes to NumPy, to the part of the standard library that computes, to a
method of plain data, or to a function or class of the file whose body makes such calls only,
without a loop (``__init__`` may have one). Everything else is left out, and what it would bind has
no value.
"""

from __future__ import annotations

import ast
import builtins
import os
import types
from typing import Any

import numpy as np

from clearprop.check.handwritten.placeholders import Placeholder


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BUILTINS = _words(
    "abs all any bool bytes callable complex dict divmod enumerate float format frozenset "
    "hash id int isinstance issubclass iter len list max min object pow print "
    "property range repr reversed round set slice sorted staticmethod classmethod str sum super "
    "tuple type vars zip ValueError TypeError NotImplementedError"
)
_PACKAGES = _words(
    "numpy math cmath collections typing functools itertools operator dataclasses enum abc "
    "fractions decimal types copy string re random logging pathlib prelude autograd numba "
    "scipy"
)
#: Of these packages, what reads files, calls back, or sets something for everybody.
_EXCEPTED = ("load", "save", "fromfile", "genfromtxt", "fromregex", "memmap", "apply_", "set")
_EXCEPTED_FROM = ("fromfunction", "optimize", "integrate", "minimize", "datasets")
#: What asks for a setting.
_ASKS = _words("os.getenv os.environ.get getenv environ.get")
_DATA = (
    np.ndarray,
    np.generic,
    int,
    float,
    complex,
    str,
    bytes,
    list,
    tuple,
    dict,
    set,
    type(None),
)
_METHODS = {
    name
    for kind in (*_DATA, np.random.Generator, np.random.RandomState)
    for name in dir(kind)
    if not name.startswith("_") and name not in {"tofile", "dump"}
}
#: What keeps a function that it is given, and does not call it yet.
_WRAPPERS = _words(
    "partial vectorize frompyfunc property staticmethod classmethod njit jit vectorize primitive "
    "cache lru_cache wraps grad elementwise_grad"
)
_DEEPEST = 5


class Harmless:
    """Says why a statement may not run, given what was defined so far."""

    def __init__(self, namespace: dict[str, Any], bodies: dict[int, Any]) -> None:
        self.namespace = namespace
        self.bodies = bodies  # by the id of a function or class of the file: its syntax

    def reason(self, node: ast.AST | None) -> str:
        """Why an expression may not be evaluated; "" if it may."""
        return self._expression(node, (), frozenset())

    def reason_of_definition(self, node: ast.AST) -> str:
        """Why a function or class may not be defined: what runs when it is; "" if it may."""
        parts: list[ast.expr] = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            defaults = [*node.args.defaults, *(each for each in node.args.kw_defaults if each)]
            reason = next(filter(None, map(self.reason, defaults)), "")
            if reason:
                return f"a default: {reason}"
            parts = node.decorator_list
        elif isinstance(node, ast.ClassDef):
            parts = [*node.decorator_list, *node.bases, *(each.value for each in node.keywords)]
        for part in parts:
            given = part.args if isinstance(part, ast.Call) else []
            func = part.func if isinstance(part, ast.Call) else part
            held = self.namespace.get(_root(func))
            runs = id(held) in self.bodies and not isinstance(held, type)
            if runs and not self._body_may_run(held, ()):
                return f"it runs {_root(func)}"
            reason = next(filter(None, map(self.reason, given)), "")
            if reason:
                return reason
        return ""

    def reason_of_target(self, target: ast.expr) -> str:
        """Why a target may not be assigned to; "" if it may."""
        while isinstance(target, ast.Attribute | ast.Subscript | ast.Starred):
            target = target.value
        if isinstance(target, ast.Tuple | ast.List):
            return next(filter(None, map(self.reason_of_target, target.elts)), "")
        if isinstance(target, ast.Name):
            held = self.namespace.get(target.id)
            if isinstance(held, types.ModuleType):
                return f"it changes the module {target.id}"
            return ""
        return "it assigns to the result of a call"

    def _expression(
        self, node: ast.AST | None, running: tuple[int, ...], local: frozenset[str]
    ) -> str:
        if node is None or isinstance(node, ast.Lambda):
            return ""
        if isinstance(node, ast.Await | ast.Yield | ast.YieldFrom):
            return "it waits or yields"
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            held = self.namespace.get(node.id)
            if isinstance(held, Placeholder) and node.id not in local:
                return f"it needs {node.id}, which has no value here"
        if isinstance(node, ast.Call):
            reason = self._call(node.func, running, local) or self._handed(node, running, local)
            if reason:
                return reason
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            held = type(self.namespace.get(node.value.id))
            if isinstance(getattr(held, node.attr, None), property):
                return f"it asks {ast.unparse(node)}, which is computed"
        if isinstance(node, ast.comprehension):
            local |= _stored(node.target)
        children = ast.iter_child_nodes(node)
        return next(filter(None, (self._expression(c, running, local) for c in children)), "")

    def _call(self, func: ast.expr, running: tuple[int, ...], local: frozenset[str]) -> str:
        called = f"it calls {ast.unparse(func)}"
        if isinstance(func, ast.Name) and func.id not in local:
            held = self.namespace.get(func.id, _of_builtins(func.id))
            return "" if self._may_call(held, func.id, running) else called
        if isinstance(func, ast.Attribute):
            root: ast.AST = func
            path = []
            while isinstance(root, ast.Attribute):
                path.append(root.attr)
                root = root.value
            held = self.namespace.get(root.id) if isinstance(root, ast.Name) else None
            is_named = isinstance(held, types.ModuleType) or _is_layer(held)
            if is_named and _root(root) not in local:
                for name in reversed(path):
                    held = getattr(held, name, None)
                return "" if self._may_call(held, ".".join(reversed(path)), running) else called
            plain = not isinstance(root, ast.Name) or root.id in local or isinstance(held, _DATA)
            generator = isinstance(held, np.random.Generator | np.random.RandomState)
            init = func.attr == "__init__" and ast.unparse(func.value).startswith("super(")
            if init or (func.attr in _METHODS and (plain or generator)):
                return ""
        return called

    def _handed(self, call: ast.Call, running: tuple[int, ...], local: frozenset[str]) -> str:
        """Why a call may not be made because of the functions that it is given."""
        if ast.unparse(call.func).rpartition(".")[2] in _WRAPPERS:
            return ""
        for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
            if isinstance(argument, ast.Lambda):
                inner = local | _arguments(argument)
                reason = self._expression(argument.body, running, inner)
                if reason:
                    return reason
            held = self.namespace.get(_root(argument))
            if id(held) in self.bodies and not self._body_may_run(held, running):
                return f"it gives {_root(argument)} to {ast.unparse(call.func)}"
        return ""

    def _may_call(self, held: Any, name: str, running: tuple[int, ...]) -> bool:
        if id(held) in self.bodies:
            return self._body_may_run(held, running)
        if held is not None and held is _of_builtins(name):
            return name in _BUILTINS
        if name in _ASKS:
            return held in (os.getenv, os.environ.get)
        if any(part.startswith(_EXCEPTED) or part in _EXCEPTED_FROM for part in name.split(".")):
            return False
        owner = getattr(held, "__self__", None)
        if _is_layer(owner if isinstance(owner, type) else held):
            return True
        kind = held if getattr(held, "__module__", None) else type(owner)
        package = "numpy" if isinstance(held, np.ufunc) else str(getattr(kind, "__module__", ""))
        return held is not None and package.partition(".")[0].lstrip("_") in _PACKAGES

    def _body_may_run(self, held: Any, running: tuple[int, ...]) -> bool:
        """Whether the body of a function, or of the ``__init__`` of a class, is harmless."""
        node = self.bodies[id(held)]
        if id(held) in running or len(running) > _DEEPEST:
            return False
        running = (*running, id(held))
        if isinstance(node, ast.Lambda):
            return not self._expression(node.body, running, _arguments(node))
        if not isinstance(node, ast.ClassDef):
            return not node.decorator_list and self._block(node, running, loops=False)
        for base in held.__mro__[1:-1]:
            if id(base) not in self.bodies and base.__module__ not in {"abc", "typing"}:
                return False
        for base in held.__mro__[:-1]:
            body = getattr(self.bodies.get(id(base)), "body", [])
            for item in body:
                if getattr(item, "name", "") in {"__init__", "__new__", "__post_init__"} and (
                    not self._block(item, running, loops=True)
                ):
                    return False
        return True

    def _block(self, function: Any, running: tuple[int, ...], loops: bool) -> bool:
        local = _arguments(function)
        for node in ast.walk(function):
            local |= _stored(node) if isinstance(node, ast.expr) else frozenset()
        return all(self._statement(item, running, local, loops) for item in function.body)

    def _statement(
        self, item: ast.stmt, running: tuple[int, ...], local: frozenset[str], loops: bool
    ) -> bool:
        if isinstance(
            item, ast.FunctionDef | ast.ClassDef | ast.Pass | ast.Import | ast.ImportFrom
        ):
            return True
        parts: list[Any] = []
        inner: list[ast.stmt] = []
        if isinstance(item, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Return | ast.Expr):
            parts = [item.value]
        elif isinstance(item, ast.Raise):
            parts = [item.exc]
        elif isinstance(item, ast.Assert):
            parts = [item.test]
        elif isinstance(item, ast.If):
            parts, inner = [item.test], [*item.body, *item.orelse]
        elif isinstance(item, ast.For) and loops:
            parts, inner = [item.iter], [*item.body, *item.orelse]
        else:
            return False
        if any(self._expression(part, running, local) for part in parts):
            return False
        return all(self._statement(part, running, local, loops) for part in inner)


def _is_layer(held: Any) -> bool:
    """Whether it is a class of our own layers, or a maker of weights: making one trains nothing."""
    package = str(getattr(held, "__module__", ""))
    return isinstance(held, type | types.FunctionType) and package.startswith("clearprop.nn.")


def _of_builtins(name: str) -> Any:
    return getattr(builtins, name, None)


def _root(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _stored(node: ast.AST) -> frozenset[str]:
    """Give the names that are assigned to in a part of the syntax."""
    names = (n for n in ast.walk(node) if isinstance(n, ast.Name))
    return frozenset(n.id for n in names if isinstance(n.ctx, ast.Store))


def _arguments(function: Any) -> frozenset[str]:
    named = function.args
    every = [*named.posonlyargs, *named.args, *named.kwonlyargs, named.vararg, named.kwarg]
    return frozenset(argument.arg for argument in every if argument)
