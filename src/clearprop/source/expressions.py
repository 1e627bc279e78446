"""One primitive applied to named operands, as a NumPy expression.

The text comes from the primitive's own body: a body that is one expression is written in place, a
longer one becomes a function of the generated module.
"""

from __future__ import annotations

import ast
import copy
import inspect
import textwrap
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np

from clearprop.errors import ClearpropError
from clearprop.graph import Node
from clearprop.primitive import Primitive
from clearprop.rules.indexing import Slot

LARGEST_CONSTANT = 1000  # elements of an array that may stand in the text


def expression(node: Node, operands: list[ast.expr], helpers: dict[str, str]) -> ast.expr:
    """Write the operation of a node; functions that it needs are added to ``helpers``."""
    primitive = node.primitive
    assert primitive is not None
    if primitive.name == "output":
        return ast.Subscript(operands[0], ast.Constant(node.attributes["i"]), ast.Load())
    if primitive.name == "alias":
        return operands[0]
    tree = _definition(primitive.function)
    body = [s for s in tree.body if not _is_docstring(s)]
    if len(body) == 1 and isinstance(body[0], ast.Return) and body[0].value is not None:
        filled = _Fill(primitive, node.attributes, operands).visit(copy.deepcopy(body[0].value))
        for name in _names_in(filled):
            _need(name, primitive.function, helpers)
        made: ast.expr = ast.fix_missing_locations(filled)
        return made
    if isinstance(primitive.numpy, np.ufunc):
        return ast.Call(_np(primitive.numpy.__name__), operands, [])
    return _call_helper(primitive, node, operands, helpers)


def constant(value: Any, where: str) -> ast.expr:
    """Write a constant operand.

    Raises
    ------
    ClearpropError
        If it is an array too large to be written.
    """
    if isinstance(value, np.ndarray) and value.size > LARGEST_CONSTANT:
        raise ClearpropError(
            f"{where} uses an array of shape {value.shape} that is not an argument.",
            why=f"Source holds constants of up to {LARGEST_CONSTANT} elements.",
            write="def f(x, data): …, with the array as an argument.",
        )
    return _parse(literal(value))


def literal(value: Any) -> str:
    """Write a value so that reading it gives the same bits."""
    if isinstance(value, np.ndarray):
        return f"np.array({_nested(value.tolist())}, dtype={str(value.dtype)!r})"
    if isinstance(value, np.generic):
        if value.dtype == np.float64:
            return _number(float(value))
        return f"np.{value.dtype.name}({_number(value.item())})"
    if isinstance(value, np.dtype):
        return f"np.dtype({value.name!r})"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, slice):
        return f"slice({', '.join(literal(v) for v in (value.start, value.stop, value.step))})"
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    return repr(value)


def _nested(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_nested, value))}]"
    return _number(value) if isinstance(value, float) else repr(value)


def _number(value: Any) -> str:
    if isinstance(value, float) and not np.isfinite(value):
        return "np.nan" if np.isnan(value) else "np.inf" if value > 0 else "-np.inf"
    return repr(value)


class _Fill(ast.NodeTransformer):
    """Put operands and attributes in the place of a body's parameters."""

    def __init__(
        self, primitive: Primitive, attributes: dict[str, Any], operands: list[ast.expr]
    ) -> None:
        self.attributes = {**primitive.attributes, **attributes}
        self.defaults = primitive.attributes
        self.operands: dict[str, Any] = dict(zip(primitive.operands, operands, strict=False))
        if primitive.variadic:
            first = len(primitive.operands) - 1
            self.operands[primitive.operands[-1]] = operands[first:]

    def visit_Name(self, name: ast.Name) -> ast.expr:
        if name.id in self.operands:
            found = self.operands[name.id]
            return ast.Tuple(found, ast.Load()) if isinstance(found, list) else copy.deepcopy(found)
        if name.id in self.attributes:
            return _parse(literal(self.attributes[name.id]))
        return name

    def visit_Call(self, call: ast.Call) -> ast.expr:
        if isinstance(call.func, ast.Name) and call.func.id == "fill":
            return index(self.attributes["index"], self.operands["arrays"])
        call.keywords = [k for k in call.keywords if not self._is_default(k)]
        return self.generic_visit(call)  # type: ignore[return-value]

    def _is_default(self, keyword: ast.keyword) -> bool:
        if not isinstance(keyword.value, ast.Name) or keyword.value.id not in self.defaults:
            return False
        given, default = self.attributes[keyword.value.id], self.defaults[keyword.value.id]
        return type(given) is type(default) and bool(given == default)


def index(skeleton: tuple[Any, ...], arrays: list[ast.expr]) -> ast.expr:
    """Write an index as it stands between brackets."""
    parts: list[ast.expr] = []
    for part in skeleton:
        if isinstance(part, Slot):
            parts.append(arrays[part.number])
        elif isinstance(part, slice):
            bounds = [
                None if b is None else _parse(literal(b))
                for b in (part.start, part.stop, part.step)
            ]
            parts.append(ast.Slice(*bounds))
        elif part is Ellipsis:
            parts.append(ast.Constant(Ellipsis))
        else:
            parts.append(_parse(literal(part)))
    return parts[0] if len(parts) == 1 else ast.Tuple(parts, ast.Load())


def _call_helper(
    primitive: Primitive, node: Node, operands: list[ast.expr], helpers: dict[str, str]
) -> ast.expr:
    _add_helper(primitive.name, primitive.function, helpers)
    keywords = []
    for name, default in primitive.attributes.items():
        if name not in node.attributes:
            continue
        value = node.attributes[name]
        if type(value) is type(default) and value == default:
            continue
        keywords.append(ast.keyword(name, _attribute(value, operands, primitive)))
    return ast.Call(ast.Name(primitive.name, ast.Load()), operands, keywords)


def _attribute(value: Any, operands: list[ast.expr], primitive: Primitive) -> ast.expr:
    if isinstance(value, tuple) and any(isinstance(part, Slot) for part in value):
        arrays = operands[len(primitive.operands) - 1 :]  # the call gets the index filled
        parts = [arrays[p.number] if isinstance(p, Slot) else _parse(literal(p)) for p in value]
        return ast.Tuple(parts, ast.Load())
    return _parse(literal(value))


class _Filled(ast.NodeTransformer):
    """In a helper the index comes filled, so that ``fill(index, arrays)`` is ``index``."""

    def visit_Call(self, call: ast.Call) -> ast.expr:
        self.generic_visit(call)
        is_fill = isinstance(call.func, ast.Name) and call.func.id == "fill"
        return call.args[0] if is_fill else call


def _add_helper(name: str, function: Any, helpers: dict[str, str]) -> None:
    if name in helpers:
        return
    helpers[name] = ""  # taken, so that helpers may refer to each other
    tree = _Filled().visit(copy.deepcopy(_definition(function)))
    tree.decorator_list = []
    tree.name = name
    helpers[name] = ast.unparse(tree)
    for used in _names_in(tree):
        _need(used, function, helpers)


def _need(name: str, function: Any, helpers: dict[str, str]) -> None:
    """Bring a function that a body calls into the generated module."""
    found = function.__globals__.get(name)
    if isinstance(found, Primitive):
        _add_helper(name, found.function, helpers)
    elif isinstance(found, FunctionType):
        _add_helper(name, found, helpers)


def _names_in(tree: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}


@cache
def _definition(function: Any) -> ast.FunctionDef:
    try:
        text = textwrap.dedent(inspect.getsource(function))
    except OSError:
        raise ClearpropError(
            f"The text of {function.__name__} cannot be read.",
            why="Source is written from the text of each primitive, which must lie in a file.",
            write="define the primitive in a module.",
        ) from None
    (tree,) = ast.parse(text).body
    assert isinstance(tree, ast.FunctionDef)
    return tree


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _np(name: str) -> ast.expr:
    return ast.Attribute(ast.Name("np", ast.Load()), name, ast.Load())


def _parse(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body
