"""One primitive applied to named operands, as a NumPy expression.

The text comes from the primitive's own body: a body that is one expression is written in place, a
longer one becomes a function of the generated module.
"""

from __future__ import annotations

import ast
from types import FunctionType
from typing import Any

import numpy as np

from clearprop.bodies import copied, definition_of
from clearprop.graph import Node
from clearprop.outside import Outside
from clearprop.primitive import Primitive
from clearprop.rules.indexing import Slot, fill
from clearprop.source.layout import function_lines
from clearprop.source.literals import literal, written


def expression(node: Node, operands: list[ast.expr], helpers: Helpers) -> ast.expr:
    """Write the operation of a node; functions that it needs are added to ``helpers``."""
    primitive = node.primitive
    assert primitive is not None
    if primitive.name == "output":
        return ast.Subscript(operands[0], ast.Constant(node.attributes["i"]), ast.Load())
    if primitive.name == "alias":
        return operands[0]
    if primitive.name == "transpose" and len(node.shape) == 2 and not node.attributes.get("axes"):
        return ast.Attribute(operands[0], "T", ast.Load())
    if primitive.name == "astype" and _is_number(node.inputs[0]):
        return ast.Call(written(node.dtype), operands, [])
    value = helpers.expression_of(primitive.function)
    if value is not None:
        made: ast.expr = _Fill(primitive, node.attributes, operands).visit(copied(value))
        return made
    if isinstance(primitive.numpy, np.ufunc):
        return ast.Call(_np(primitive.numpy.__name__), operands, [])
    return _call_helper(primitive, node, operands, helpers)


def _is_number(source: Node | None) -> bool:
    """Whether a value may be a number of Python's, which has no methods of arrays."""
    return source is not None and source.primitive is None and source.shape == ()


def slots(count: int) -> list[ast.expr]:
    """Give operands that are gaps, to be `filled`; no variable can have their names."""
    return [ast.Name(str(number), ast.Load()) for number in range(count)]


def filled(tree: ast.expr, operands: list[ast.expr]) -> ast.expr:
    """Put operands into the gaps of an expression."""

    class Put(ast.NodeTransformer):
        def visit_Name(self, name: ast.Name) -> ast.expr:
            return operands[int(name.id)] if name.id.isdecimal() else name

    made: ast.expr = Put().visit(copied(tree))
    return made


def names_in(tree: ast.AST) -> set[str]:
    """List the variables and functions that an expression names."""
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}


class Helpers:
    """The functions that the generated module needs besides its own three.

    Attributes
    ----------
    texts : dict of str to str
        Their definitions, by name.
    reserved : set of str
        Names that none of them has.
    """

    def __init__(self, reserved: set[str]) -> None:
        self.texts: dict[str, str] = {}
        self._names: dict[FunctionType, str] = {}
        self._expressions: dict[FunctionType, ast.expr | None] = {}
        self.reserved = reserved

    def expression_of(self, function: Any) -> ast.expr | None:
        """Give the body of a function that is one expression; None where it is more."""
        if function not in self._expressions:
            tree = definition_of(function)
            body = [s for s in tree.body if not _is_docstring(s)]
            value = body[0].value if isinstance(body[0], ast.Return) and len(body) == 1 else None
            if value is not None:
                value = self.resolved(value, tree, function)
            self._expressions[function] = value
        return self._expressions[function]

    def name(self, wanted: str, function: Any) -> str:
        """Give the name of a function in the module; its text is added at the first time."""
        if function not in self._names:
            name, number = wanted, 2
            while name in self.texts or name in self.reserved:
                name, number = f"{wanted}_{number}", number + 1
            self._names[function] = name
            self.texts[name] = ""  # taken, so that helpers may refer to each other
            tree = _Filled().visit(copied(definition_of(function)))
            tree.name, tree.decorator_list = name, []
            tree = self.resolved(tree, tree, function)
            self.texts[name] = "\n".join(
                function_lines(ast.unparse(ast.fix_missing_locations(tree)))
            )
        return self._names[function]

    def resolved(self, tree: Any, definition: ast.FunctionDef, function: Any) -> Any:
        """Bring what a body names from its own module into the generated one."""
        arguments = definition.args
        own = {a.arg for a in [*arguments.args, *arguments.kwonlyargs]}
        own |= {arguments.vararg.arg} if arguments.vararg else set()
        own |= {
            n.id
            for n in ast.walk(definition)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        helpers = self

        class Resolve(ast.NodeTransformer):
            def visit_Name(self, node: ast.Name) -> ast.expr:
                found = None if node.id in own else function.__globals__.get(node.id)
                if found is np:
                    return ast.Name("np", node.ctx)
                if isinstance(found, Outside):
                    return ast.parse(found.name, mode="eval").body
                if isinstance(found, Primitive):
                    return ast.Name(helpers.name(found.name, found.function), node.ctx)
                if isinstance(found, FunctionType) and found is not fill:
                    return ast.Name(helpers.name(found.__name__, found), node.ctx)
                if isinstance(found, bool | int | float | np.generic | np.ndarray):
                    return written(found)
                return node

        return Resolve().visit(copied(tree))


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
            return ast.Tuple(found, ast.Load()) if isinstance(found, list) else copied(found)
        if name.id in self.attributes:
            return written(self.attributes[name.id])
        return name

    def visit_Call(self, call: ast.Call) -> ast.expr:
        if isinstance(call.func, ast.Name) and call.func.id == "fill":
            return index(self.attributes["index"], self.operands["arrays"])
        call.keywords = [k for k in call.keywords if not self._is_default(k)]
        return self.generic_visit(call)  # type: ignore[return-value]

    def _is_default(self, keyword: ast.keyword) -> bool:
        if not isinstance(keyword.value, ast.Name) or keyword.value.id not in self.defaults:
            return False
        return _same(self.attributes[keyword.value.id], self.defaults[keyword.value.id])


def index(skeleton: tuple[Any, ...], arrays: list[ast.expr]) -> ast.expr:
    """Write an index as it stands between brackets."""
    parts: list[ast.expr] = []
    for part in skeleton:
        if isinstance(part, Slot):
            parts.append(arrays[part.number])
        elif isinstance(part, slice):
            bounds = [None if b is None else written(b) for b in (part.start, part.stop, part.step)]
            parts.append(ast.Slice(*bounds))
        elif part is Ellipsis:
            parts.append(ast.Constant(Ellipsis))
        else:
            parts.append(written(part))
    return parts[0] if len(parts) == 1 else ast.Tuple(parts, ast.Load())


def _call_helper(
    primitive: Primitive, node: Node, operands: list[ast.expr], helpers: Helpers
) -> ast.expr:
    name = helpers.name(primitive.name, primitive.function)
    keywords = []
    for attribute, default in primitive.attributes.items():
        value = node.attributes.get(attribute, default)
        if not _same(value, default):
            keywords.append(ast.keyword(attribute, _attribute(value, operands, primitive)))
    return ast.Call(ast.Name(name, ast.Load()), operands, keywords)


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and literal(value) == literal(default)


def _attribute(value: Any, operands: list[ast.expr], primitive: Primitive) -> ast.expr:
    if isinstance(value, tuple) and any(isinstance(part, Slot) for part in value):
        arrays = operands[len(primitive.operands) - 1 :]  # the call gets the index filled
        parts = [arrays[p.number] if isinstance(p, Slot) else written(p) for p in value]
        return ast.Tuple(parts, ast.Load())
    return written(value)


class _Filled(ast.NodeTransformer):
    """In a helper the index comes filled, so that ``fill(index, arrays)`` is ``index``.

    Annotations are left out: they name types that the module does not import.
    """

    def visit_FunctionDef(self, definition: ast.FunctionDef) -> ast.AST:
        definition.returns = None
        return self.generic_visit(definition)

    def visit_arg(self, argument: ast.arg) -> ast.arg:
        argument.annotation = None
        return argument

    def visit_Call(self, call: ast.Call) -> ast.expr:
        self.generic_visit(call)
        is_fill = isinstance(call.func, ast.Name) and call.func.id == "fill"
        return call.args[0] if is_fill else call


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _np(name: str) -> ast.expr:
    return ast.Attribute(ast.Name("np", ast.Load()), name, ast.Load())
