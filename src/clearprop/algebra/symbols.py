"""Values of a graph as formulas: its own operations, run on symbols."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.errors import MissingRuleError
from clearprop.extras import require
from clearprop.graph import Node
from clearprop.tracing import Graph

Array = Any


def sympy() -> Any:
    """Give SymPy, or say how to get it.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    return require("sympy", "algebra", "simplifies the formulas")


class Formula:
    """A formula with the number that it stands for; comparisons look at the number.

    NumPy calls the methods of an element where it does not know it: ``np.exp(array)`` those
    called ``exp``. So a branch goes as it went for these numbers: the formula holds around them.
    """

    __slots__ = ("of", "value")

    def __init__(self, of: Any, value: Any) -> None:
        self.of = of
        self.value = value

    def __repr__(self) -> str:
        return f"{self.of}"

    def __hash__(self) -> int:
        return hash(self.of)


def _operator(name: str, reflected: bool) -> Callable[..., Any]:
    def apply(self: Formula, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented  # NumPy takes it element by element
        a, b = (_formula(other), self) if reflected else (self, _formula(other))
        return Formula(getattr(a.of, name)(b.of), getattr(a.value, name)(b.value))

    return apply


def _formula(value: Any) -> Formula:
    if isinstance(value, Formula):
        return value
    number = float(value)
    near = sympy().Rational(number).limit_denominator(10_000)
    return Formula(near if float(near) == number else sympy().Float(number), np.float64(number))


for _name in ("add", "sub", "mul", "truediv", "pow"):
    setattr(Formula, f"__{_name}__", _operator(f"__{_name}__", False))
    setattr(Formula, f"__r{_name}__", _operator(f"__{_name}__", True))


def _comparison(name: str) -> Callable[..., Any]:
    return lambda self, other: bool(getattr(self.value, name)(_formula(other).value))


for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Formula, f"__{_name}__", _comparison(f"__{_name}__"))


def _function(name: str, formula: Callable[[Any, Any], Any]) -> None:
    number = getattr(np, name)
    setattr(Formula, name, lambda self: Formula(formula(sympy(), self.of), number(self.value)))


_FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "negative": lambda s, a: -a,
    "exp": lambda s, a: s.exp(a),
    "exp2": lambda s, a: 2**a,
    "expm1": lambda s, a: s.exp(a) - 1,
    "log": lambda s, a: s.log(a),
    "log1p": lambda s, a: s.log(1 + a),
    "log2": lambda s, a: s.log(a, 2),
    "log10": lambda s, a: s.log(a, 10),
    "sqrt": lambda s, a: s.sqrt(a),
    "square": lambda s, a: a**2,
    "reciprocal": lambda s, a: 1 / a,
    "sin": lambda s, a: s.sin(a),
    "cos": lambda s, a: s.cos(a),
    "tan": lambda s, a: s.tan(a),
    "sinh": lambda s, a: s.sinh(a),
    "cosh": lambda s, a: s.cosh(a),
    "tanh": lambda s, a: s.tanh(a),
    "arctan": lambda s, a: s.atan(a),
    "arcsin": lambda s, a: s.asin(a),
    "arccos": lambda s, a: s.acos(a),
}
for _name, _formula_of in _FUNCTIONS.items():
    _function(_name, _formula_of)
_METHODS: dict[str, Callable[[Any], Any]] = {
    "__neg__": lambda self: self.negative(),
    "__abs__": lambda self: self.negative() if self.value < 0 else self,
    "conjugate": lambda self: self,
}
for _name, _method in _METHODS.items():
    setattr(Formula, _name, _method)


class Formulas:
    """The values of a graph as formulas in symbols of some nodes.

    Parameters
    ----------
    graph : Graph
    one_by_one : bool
        Whether every operation is taken for one element, whatever the shapes.
    """

    def __init__(self, graph: Graph, one_by_one: bool) -> None:
        self.graph = graph
        self.one_by_one = one_by_one
        self._symbols: dict[Node, Array] = {}
        self._taken: set[str] = set()

    def value(self, node: Node) -> Array:
        """Give the numbers of a node; one element where elements are taken one by one."""
        value = np.asarray(node.value)
        return np.asarray(value.reshape(-1)[0]) if self.one_by_one and value.size else value

    def symbols(self, node: Node) -> Array:
        """Give the symbols of a node: an array of `Formula`."""
        if node not in self._symbols:
            wanted = self.graph.name_of(node) or _unnamed(self.graph, node)
            name = wanted = wanted.rpartition(".")[2].strip("[]'\"").replace("['", "_")
            number = 2
            while name in self._taken:
                name, number = f"{wanted}{number}", number + 1
            self._taken.add(name)
            value = self.value(node)
            made = np.empty(value.shape, dtype=object)
            for place in np.ndindex(value.shape):
                ends = "".join(f"_{i + 1}" for i in place) if value.size > 1 else ""
                symbol = sympy().Symbol(name + ends.replace("_", "_", 1), real=True)
                made[place] = Formula(symbol, np.float64(value[place]))
            self._symbols[node] = made
        return self._symbols[node]

    def every(self) -> list[Array]:
        """List all symbols that were given out."""
        return list(self._symbols.values())

    def name(self, node: Node) -> str:
        """Give what the symbols of a node are called."""
        first = self.symbols(node).reshape(-1)[0].of
        return str(first).split("_")[0] if self.value(node).size > 1 else str(first)

    def of(self, node: Node, fixed: dict[Node, Array]) -> Array:
        """Write a node in terms of the nodes that are ``fixed``, and of arguments.

        Raises
        ------
        MissingRuleError
            If an operation cannot be run on symbols.
        """
        made = dict(fixed)
        waiting = [node]
        while waiting:
            last = waiting[-1]
            if last in made:
                waiting.pop()
                continue
            sources = [n for n in last.inputs if n is not None and n not in made]
            if sources:
                waiting += sources
                continue
            made[waiting.pop()] = self._computed(last, made)
        return made[node]

    def _computed(self, node: Node, made: dict[Node, Array]) -> Array:
        primitive = node.primitive
        if not _has_formula(node):
            return self.value(node)
        if primitive is None:
            return self.symbols(node)
        operands = []
        for source, value in zip(node.inputs, node.operands, strict=True):
            operand = value if source is None else made[source]
            if self.one_by_one and np.size(operand) > 1:
                operand = np.asarray(operand).reshape(-1)[0]
            operands.append(operand)
        try:
            if primitive.name == "output":
                y = operands[0][node.attributes["i"]]
            elif primitive.name == "alias":
                y = operands[0]
            else:
                y = primitive.function(*operands, **{**primitive.attributes, **node.attributes})
        except Exception as error:
            raise MissingRuleError(
                f"{primitive.name} cannot be written as a formula.",
                where=str(self.graph.line_of(node) or self.graph.name),
                why=f"run on symbols, it raised {type(error).__name__}: {str(error)[:200]}.",
                write="a path that does not lead through it",
            ) from error
        if isinstance(y, tuple):
            return y
        return np.asarray(y, dtype=object) if _holds_formulas(y) else np.asarray(y)


def _unnamed(graph: Graph, node: Node) -> str:
    if node not in graph.outputs:
        return "u"
    return "L" if "y" in graph.names else "y"


def _has_formula(node: Node) -> bool:
    """Whether a value is real: integers and flags stay what they are."""
    dtypes = node.dtype if isinstance(node.dtype, tuple) else (node.dtype,)
    return any(dtype.kind == "f" for dtype in dtypes)


def _holds_formulas(y: Any) -> bool:
    return isinstance(y, Formula) or (isinstance(y, np.ndarray) and y.dtype == object)
