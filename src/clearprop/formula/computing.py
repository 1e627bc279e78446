"""A formula computed: its tree is walked, and functions of the table are called.

Before an operation runs, the size of its result is known from the shapes of its operands.
"""

from __future__ import annotations

import ast
import math
import operator
from typing import Any

import numpy as np

from clearprop.errors import ClearpropError, FormulaError
from clearprop.formula import limits
from clearprop.formula.checking import called_name, place
from clearprop.formula.reading import Tree
from clearprop.formula.table import CONSTANTS, FUNCTIONS, MODULES, Shape, elementwise, product
from clearprop.graph import TracedNode
from clearprop.places import Line, Written
from clearprop.tensor import Tensor

_OPERATORS: dict[type[ast.AST], Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.MatMult: operator.matmul,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def compute(tree: Tree, values: dict[str, Any]) -> Any:
    """Compute a formula from the values of its leaves, which may be recorded.

    Raises
    ------
    FormulaError
        An operation fails, or its result would be too large.
    """
    return _Walk(tree, values).run()


class _Walk:
    def __init__(self, tree: Tree, values: dict[str, Any]) -> None:
        self.tree = tree
        self.values = dict(values)
        self.lines = tree.text.splitlines()
        self.left = limits.WORK
        recorded = [v.node for v in values.values() if isinstance(v, Tensor) and v.node is not None]
        self.tape = next((node.tape for node in recorded if node.tape is not None), None)

    def run(self) -> Any:
        result: Any = None
        with np.errstate(all="ignore"):  # what is not finite is shown, and is no accident
            for statement in self.tree.statements:
                result = self.value(statement.expression)
                if statement.name:
                    self.values[statement.name] = result
        return result

    # ---- values -----------------------------------------------------------------------------

    def value(self, node: Any) -> Any:
        """Compute an expression: a number, an array, or a recorded one."""
        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                return self.values[node.id] if node.id in self.values else CONSTANTS[node.id]
            case ast.UnaryOp():
                operand = self.array(node.operand)
                negative = isinstance(node.op, ast.USub)
                return (
                    self.called(node, operator.neg, elementwise, operand) if negative else operand
                )
            case ast.BinOp():
                return self.binary(node, node.op, node.left, node.right)
            case ast.Compare():
                return self.binary(node, node.ops[0], node.left, node.comparators[0])
            case ast.List():
                return self.listed(node)
            case ast.Subscript():
                return self.element(node)
            case ast.Attribute():
                return self.attribute(node)
            case ast.Call():
                return self.call(node)
        raise AssertionError(type(node))  # `reading.check` has seen every node

    def array(self, node: Any) -> Any:
        """Compute an operand; what is a shape, as of ``x.shape``, is none."""
        value = self.value(node)
        if isinstance(value, tuple):
            what = "A shape is several numbers."
            raise FormulaError(what, at=place(node), why="Take one of them.", write="x.shape[0]")
        return value

    def binary(self, node: Any, sign: Any, left: Any, right: Any) -> Any:
        a, b = self.array(left), self.array(right)
        function = _OPERATORS[type(sign)]
        if _is_number(a) and _is_number(b) and function is not operator.matmul:
            return self.plain(node, function, a, b)
        cost = product if function is operator.matmul else elementwise
        return self.called(node, function, cost, a, b)

    def plain(self, node: Any, function: Any, a: Any, b: Any) -> Any:
        """Compute with two numbers as with floats; whole ones stay whole while they are small."""
        a, b = (int(n) if isinstance(n, bool | np.bool) else n for n in (a, b))
        try:
            result = function(np.float64(a), np.float64(b))
        except OverflowError:
            result = np.float64(math.inf)
        if isinstance(result, np.bool | bool):
            return bool(result)
        whole = isinstance(a, int) and isinstance(b, int) and function is not operator.truediv
        if whole and np.isfinite(result) and result == int(result) and abs(result) < limits.WHOLE:
            return int(result)
        return float(result)

    def called(self, node: Any, function: Any, cost: Any, *operands: Any, **attributes: Any) -> Any:
        """Call a function of the table on operands whose result is not too large."""
        since = self.count()
        try:
            shapes = [_shape(operand) for operand in operands]
            self.spend(node, *cost(shapes))
            result = function(*operands, **attributes)
        except FormulaError:
            raise
        except Exception as error:  # whatever it is, it happened here
            raise self.failure(node, error) from None
        self.mark(node, since)
        return self.looked_at(node, result)

    def spend(self, node: Any, size: int, work: int) -> None:
        self.left -= work
        if size > limits.ELEMENTS:
            raise FormulaError(
                f"The result here would have {size:,} elements.",
                at=place(node),
                why=f"An array of a formula has at most {limits.ELEMENTS:,}.",
                write="smaller arrays: a picture shows the same with 3 rows as with 3,000",
            )
        if self.left < 0:
            raise FormulaError(
                "The formula computes too much.",
                at=place(node),
                why=f"All operations together have at most {limits.WORK:,} elements and products.",
                write="smaller arrays",
            )

    def looked_at(self, node: Any, result: Any) -> Any:
        if len(_shape(result)) > limits.DIMENSIONS:
            why = f"An array of a formula has at most {limits.DIMENSIONS}."
            raise FormulaError("The array has too many axes here.", at=place(node), why=why)
        return result

    def failure(self, node: Any, error: Exception) -> FormulaError:
        if isinstance(error, ClearpropError):
            return FormulaError(error.what, at=place(node), why=error.why, write=error.write)
        text = str(error) or type(error).__name__
        why = text[:1].upper() + text[1:300] + ("" if text.endswith(".") else ".")
        return FormulaError("This cannot be computed.", at=place(node), why=why)

    # ---- literals, elements, attributes --------------------------------------------------------

    def listed(self, node: ast.List) -> Any:
        """``[1, 2]`` is an array; of recorded values it is a stack of them."""
        parts = [self.array(element) for element in node.elts]
        if not parts:
            raise FormulaError("An array has elements.", at=place(node), write="[1, 2]")
        size = sum(math.prod(_shape(part)) for part in parts)
        if any(isinstance(part, Tensor) for part in parts):
            return self.called(node, lambda *p: np.stack(p), lambda _: (size, size), *parts)
        self.spend(node, size, size)
        try:
            return self.looked_at(node, np.array(parts, dtype=np.float64))
        except (ValueError, TypeError):
            why = "The rows of an array are equally long."
            raise FormulaError("This is no array.", at=place(node), why=why) from None

    def element(self, node: ast.Subscript) -> Any:
        value = self.value(node.value)
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        index = tuple(self.index(part) for part in parts)
        if isinstance(value, tuple):
            if len(index) != 1 or not isinstance(index[0], int) or not -9 < index[0] < len(value):
                why = f"The shape is {value}."
                raise FormulaError("There is no such size.", at=place(node), why=why)
            try:
                return value[index[0]]
            except IndexError:
                why = f"The shape is {value}."
                raise FormulaError("There is no such size.", at=place(node), why=why) from None
        if _is_number(value):
            what = "A number has no elements."
            raise FormulaError(what, at=place(node), write="[1, 2, 3] for its value")
        shape = _shape(value)
        return self.called(node, lambda v: v[index], lambda _: (math.prod(shape),) * 2, value)

    def index(self, node: Any) -> Any:
        if isinstance(node, ast.Slice):
            bounds = [
                None if p is None else self.whole(p) for p in (node.lower, node.upper, node.step)
            ]
            return slice(*bounds)
        if isinstance(node, ast.Constant) and node.value is None:
            return None
        return self.whole(node)

    def whole(self, node: Any) -> int:
        value = self.value(node)
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= limits.WHOLE:
            raise FormulaError(
                "This is no whole number.",
                at=place(node),
                why="Indices, axes and sizes are whole numbers, slices of them, or x.shape[0].",
                write="x[0], x[1:3], axis=0",
            )
        return value

    def wholes(self, node: Any) -> Any:
        if isinstance(node, ast.Tuple | ast.List):
            return tuple(self.whole(element) for element in node.elts)
        if isinstance(node, ast.Constant) and node.value is None:
            return None
        if isinstance(node, ast.Attribute) and node.attr == "shape":
            return self.value(node)
        return self.whole(node)

    def attribute(self, node: ast.Attribute) -> Any:
        if isinstance(node.value, ast.Name) and node.value.id in MODULES:
            return CONSTANTS[node.attr]  # np.pi
        value = self.array(node.value)
        shape = _shape(value)
        match node.attr:
            case "shape":
                return shape
            case "size":
                return math.prod(shape)
            case "ndim":
                return len(shape)
        cost = FUNCTIONS["transpose"].cost
        return self.called(node, np.transpose, cost, value)

    # ---- calls ------------------------------------------------------------------------------

    def call(self, node: ast.Call) -> Any:
        name, behind = called_name(node)
        if name == "len":
            shape = _shape(self.array(node.args[0]))
            if not shape:
                raise FormulaError("A number has no length.", at=place(node), write="x.size")
            return shape[0]
        function = FUNCTIONS[name]
        attributes = {str(k.arg): self.option(k) for k in node.keywords}
        if function.form == "made":
            return self.made(node, name)
        if function.form == "sequence":
            return self.sequence(node, name, attributes)
        operands = [] if behind is None else [self.array(behind)]
        rest = node.args
        if function.form == "shape":
            rest = node.args[function.least - len(operands) :]
            operands += [self.array(n) for n in node.args[: len(node.args) - len(rest)]]
            sizes = self.wholes(rest[0]) if len(rest) == 1 else tuple(map(self.whole, rest))
            return self.called(node, lambda x: np.reshape(x, sizes), function.cost, *operands)
        operands += [self.array(n) for n in rest]
        operands = [np.float64(o) if _is_number(o) else o for o in operands]
        if name == "where" and isinstance(operands[0], np.float64):
            operands[0] = operands[0] != 0
        if attributes and not _shape(operands[0]):
            what = f"{name} is given an axis of a number, which has none."
            raise FormulaError(what, at=place(node), write=f"{name}(x) of an array")
        return self.called(node, function.call, function.cost, *operands, **attributes)

    def option(self, given: ast.keyword) -> Any:
        if given.arg == "keepdims":
            if isinstance(given.value, ast.Constant) and isinstance(given.value.value, bool):
                return given.value.value
            why = "It says whether the axis is kept."
            raise FormulaError("keepdims is True or False.", at=place(given), why=why)
        axes = self.wholes(given.value)
        if isinstance(axes, tuple) and len(axes) > limits.DIMENSIONS:
            raise FormulaError("These are too many axes.", at=place(given), write="axis=0")
        return axes

    def made(self, node: ast.Call, name: str) -> Any:
        given = node.args
        sizes = self.wholes(given[0]) if len(given) == 1 else tuple(map(self.whole, given))
        shape = sizes if isinstance(sizes, tuple) else (sizes,)
        if len(shape) > limits.DIMENSIONS or any(n is None or n < 1 for n in shape):
            why = "Sizes are whole numbers."
            raise FormulaError(
                "This is no shape.", at=place(node), why=why, write=f"{name}((2, 3))"
            )
        self.spend(node, math.prod(shape), math.prod(shape))
        return FUNCTIONS[name].call(shape)

    def sequence(self, node: ast.Call, name: str, attributes: dict[str, Any]) -> Any:
        listed = node.args[0]
        if not isinstance(listed, ast.List | ast.Tuple) or not listed.elts:
            what, write = f"{name} joins a list of arrays.", FUNCTIONS[name].usage
            raise FormulaError(what, at=place(node), write=write)
        parts = [self.array(element) for element in listed.elts]
        join = FUNCTIONS[name].call
        return self.called(node, lambda *p: join(p, **attributes), FUNCTIONS[name].cost, *parts)

    # ---- places -----------------------------------------------------------------------------

    def count(self) -> int:
        return 0 if self.tape is None else len(self.tape.nodes)

    def mark(self, node: Any, since: int) -> None:
        """Let the nodes that were made know where in the formula they stand."""
        if self.tape is None or len(self.tape.nodes) == since:
            return
        statement = node
        while not isinstance(statement, ast.stmt):
            statement = statement.parent
        end = statement.end_col_offset if statement.end_lineno == statement.lineno else None
        text = self.lines[statement.lineno - 1][statement.col_offset : end].strip()
        line = Line("formula", statement.lineno, text, "formula")
        written = Written(line, node, tuple(self.lines))
        for made in self.tape.nodes[since:]:
            if isinstance(made, TracedNode):
                made.place = ((written, 0),)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.bool)


def _shape(value: Any) -> Shape:
    return () if isinstance(value, int | float) else tuple(value.shape)
