"""A rule: the vector–Jacobian product of a primitive for one operand, and how it is run."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.errors import ClearpropError

if TYPE_CHECKING:
    from clearprop.primitive import Primitive


class Rule:
    """The vector–Jacobian product of a primitive for one operand."""

    __slots__ = (
        "_defaults",
        "_getters",
        "attributes",
        "function",
        "into",
        "latex",
        "needs",
        "over",
        "quick",
    )

    def __init__(self, function: Callable[..., Any], owner: Primitive, latex: str) -> None:
        self.function = function
        #: the rule as an addition to a total that is there already; see `Primitive.into`
        self.into: Callable[..., Any] | None = None
        #: the rule for a dy that may be overwritten; see `Primitive.over`
        self.over: Callable[..., Any] | None = None
        self.latex = latex
        names, keywords = parameters_of(function)[:2]
        if names[:1] != ("dy",):
            raise ClearpropError(
                f"A rule of {owner.name} starts with {names[:1]}, not with dy.",
                write=f"def _(dy, {', '.join(owner.operands)}): ...",
            )
        self.needs = tuple(self._need(name, owner) for name in names[1:])
        for name in keywords:
            if name not in owner.attributes and name != "position":
                raise ClearpropError(
                    f"A rule of {owner.name} asks for the attribute {name!r}; "
                    f"{owner.name} has {sorted(owner.attributes)}."
                )
        self.attributes = keywords
        self._getters = [_getter(need, place, owner) for need, place in self.needs]
        self._defaults = {n: owner.attributes[n] for n in keywords if n != "position"}
        self.quick = self._quick(owner)

    def _quick(self, owner: Primitive) -> Callable[[Any, Any], Any] | None:
        """Make the short way of running the rule on plain arrays, where it asks for little."""
        f = self.function
        if "position" in self.attributes or owner.outputs > 1 or not owner.built_in:
            return None
        if not self.attributes and not owner.variadic:
            if not self.needs:
                return lambda dy, node: f(dy)
            if self.needs == (("y", 0),):
                return lambda dy, node: f(dy, node.value)
            if self.needs == (("operand", 0),):
                return lambda dy, node: f(dy, node.first)
            if self.needs == (("operand", 1),):
                return lambda dy, node: f(dy, node.second)

        def quick(dy: Any, node: Any) -> Any:
            arguments, attributes = self.kept_in(node)
            return f(dy, *arguments, **attributes)

        return quick

    def kept_in(self, node: Any, position: int = 0) -> tuple[list[Any], dict[str, Any]]:
        """Read from a node what the rule takes besides dy, as plain values."""
        attributes = {}
        if self.attributes:
            given = node.attributes
            for name, default in self._defaults.items():  # cheaper than a comprehension
                attributes[name] = given.get(name, default)
            if "position" in self.attributes:
                attributes["position"] = position
        arguments = []
        for get in self._getters:
            arguments.append(get(node))  # noqa: PERF401
        return arguments, attributes

    @staticmethod
    def _need(name: str, owner: Primitive) -> tuple[str, int]:
        if name == "y":
            return ("y", 0)
        if name in owner.operands:
            return ("operand", owner.operands.index(name))
        if name.endswith("_shape") and name[: -len("_shape")] in owner.operands:
            return ("shape", owner.operands.index(name[: -len("_shape")]))
        raise ClearpropError(
            f"A rule of {owner.name} asks for {name!r}.",
            why="A rule may ask for dy, y, an operand or the shape of an operand.",
            write=f"one of {['dy', 'y', *owner.operands, *(f'{n}_shape' for n in owner.operands)]}",
        )


def _getter(need: str, place: int, owner: Primitive) -> Callable[[Any], Any]:
    """Give what reads from a node one of the things that a rule asks for."""
    is_rest = owner.variadic and place == len(owner.operands) - 1
    if need == "y":
        return operator.attrgetter("value")
    if need == "operand":
        if is_rest:
            return lambda node: node.operands[place:]
        if place < 2:
            return operator.attrgetter("second" if place else "first")
        return lambda node: node.operands[place]

    def shape(node: Any, place: int = place) -> Any:
        source = node.inputs[place]
        return source.shape if source is not None else np.shape(node.operands[place])

    if is_rest:
        return lambda node: tuple(shape(node, i) for i in range(place, len(node.operands)))
    return shape


def parameters_of(function: Callable[..., Any]) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """Read operand names, keyword-only names and whether the last operand is variadic."""
    code = function.__code__  # far cheaper than inspect.signature, and read at every import
    positional = code.co_varnames[: code.co_argcount]
    keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    variadic = bool(code.co_flags & inspect.CO_VARARGS)
    if variadic:
        star = code.co_varnames[code.co_argcount + code.co_kwonlyargcount]
        positional = (*positional, star)
    return positional, keywords, variadic
