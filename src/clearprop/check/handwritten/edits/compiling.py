"""A function again, from its edited tree."""

from __future__ import annotations

import ast
import types
import warnings
from typing import Any

from clearprop.check.handwritten.edits.trees import make, number, twin


def compile_function(
    tree: ast.FunctionDef | ast.AsyncFunctionDef,
    filename: str,
    globals: dict[str, Any],  # as the third argument of types.FunctionType
    like: Any,
) -> Any:
    """Make the function that a tree says, in the place of one that exists.

    Nothing is executed: decorators, defaults and annotations are those of ``like``.

    Parameters
    ----------
    tree : ast.FunctionDef
        With line numbers.
    filename : str
        For tracebacks.
    globals : dict
        What its names mean.
    like : function, method, staticmethod or classmethod
        The function as it was defined: its defaults and its closure, ``super()`` and names that are
        private to its class (``self.__x``) mean the same in the new one.

    Returns
    -------
    function, staticmethod or classmethod
        As ``like``, unbound.

    Raises
    ------
    SyntaxError
        If Python does not take the tree.
    """
    if isinstance(like, staticmethod | classmethod):
        return type(like)(compile_function(tree, filename, globals, like.__func__))
    old: Any = like.__func__ if isinstance(like, types.MethodType) else like
    arguments = twin(tree.args, defaults=[], kw_defaults=[None] * len(tree.args.kwonlyargs))
    statement: ast.stmt = twin(tree, args=arguments, decorator_list=[], returns=None)
    if getattr(tree, "type_params", None):
        statement.__dict__["type_params"] = []
    depth = 1
    owner = _owner(old.__qualname__)
    if owner:
        statement = make(
            ast.ClassDef,
            tree,
            name=owner,
            bases=[],
            keywords=[],
            body=[statement],
            decorator_list=[],
            type_params=[],
        )
        depth += 1
    around = [name for name in old.__code__.co_freevars if name != "__class__"]
    if around:
        statement = _within(statement, around)
        depth += 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # of an edit that makes little sense
        code = compile(ast.Module([statement], []), filename, "exec", dont_inherit=True)
    for _ in range(depth):
        code = next(part for part in code.co_consts if isinstance(part, types.CodeType))
    cells = dict(zip(old.__code__.co_freevars, old.__closure__ or (), strict=True))
    closure = tuple(cells.get(name) or types.CellType() for name in code.co_freevars)
    new = types.FunctionType(code, globals, old.__name__, old.__defaults__, closure or None)
    new.__kwdefaults__ = old.__kwdefaults__
    new.__qualname__ = old.__qualname__
    new.__module__ = old.__module__
    new.__doc__ = old.__doc__
    return new


def _owner(qualname: str) -> str:
    """Return the class in whose body a function was written: names like ``__x`` depend on it."""
    *before, _ = qualname.split(".")
    return before[-1] if before and before[-1] != "<locals>" else ""


def _within(statement: ast.stmt, names: list[str]) -> ast.FunctionDef:
    """Make a function around a statement in which ``names`` are variables."""
    targets: list[ast.expr] = [make(ast.Name, statement, id=n, ctx=ast.Store()) for n in names]
    variables = make(
        ast.Assign, statement, targets=targets, value=number(0, statement), type_comment=None
    )
    nothing = ast.arguments(
        posonlyargs=[], args=[], vararg=None, kwonlyargs=[], kw_defaults=[], kwarg=None, defaults=[]
    )
    return make(
        ast.FunctionDef,
        statement,
        name="around",
        args=nothing,
        body=[variables, statement],
        decorator_list=[],
        returns=None,
        type_comment=None,
        type_params=[],
    )
