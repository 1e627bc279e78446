"""Why an operation passes no gradient to an element of its operand, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.graph import Node

_COMPARISONS = frozenset(["less", "less_equal", "greater", "greater_equal", "equal", "not_equal"])
_STEPS = frozenset(["sign", "floor", "ceil", "rint", "trunc", "round", "floor_divide"])


def cause(user: Node, position: int, stopped: Any) -> str:
    """Say why an operation stops the gradient to the marked elements of an operand."""
    primitive = user.primitive
    assert primitive is not None
    name = primitive.name
    if name == "stop_gradient":
        return "stop_gradient: asked for"
    if name in _COMPARISONS:
        return "a comparison has no derivative: its result is true or false"
    if name in _STEPS:
        return f"{name} is a step function: it is constant between the steps"
    if name.startswith(("arg", "nanarg")) or name in ("searchsorted", "digitize"):
        return f"{name} gives positions, and a position has no derivative"
    if primitive.is_constant(position):
        operand = primitive.operand_name(position)
        return f"the {operand} of {name} has no derivative: it chooses, and is not computed with"
    if primitive.no_derivative:
        return f"{name} has no derivative: {primitive.no_derivative}"
    if user.dtype is not None and primitive.outputs == 1 and user.dtype.kind not in "fc":
        return f"{name} gives {user.dtype}, which has no derivative"
    x = _at(user, position, stopped)
    say = _SAYINGS.get(name)
    text = None if say is None else say(user, position, x)
    one = np.count_nonzero(stopped) == 1
    verbs = {"are": "is", "were": "was", "have": "has"} if one else {}
    text = text or f"{{are}} where the derivative of {name} is 0"
    for verb in ("are", "were", "have"):
        text = text.replace(f"{{{verb}}}", verbs.get(verb, verb))
    return f"{_how_many(stopped)} {text}"


def _how_many(stopped: Any) -> str:
    """Say of how many inputs it is true."""
    if np.size(stopped) == 1:
        return "the input"
    count, size = int(np.count_nonzero(stopped)), int(np.size(stopped))
    return f"all {size} inputs" if count == size else f"{count} of {size} inputs"


def _at(user: Node, position: int, stopped: Any) -> Any:
    return np.asarray(user.operands[position])[np.asarray(stopped)]


#: Gets the operation, the position of the operand and its marked elements.
#: ``{are}`` is "is" where it is said of one.
Say = Callable[[Node, int, Any], str]


def _just(text: str) -> Say:
    return lambda user, position, x: text


def _relu(user: Node, position: int, x: Any) -> str:
    if (x < 0).all():
        return "{are} negative"
    return "{are} 0" if (x == 0).all() else "{are} negative or 0"


def _larger(user: Node, position: int, x: Any) -> str:
    word = "smaller" if user.operation in ("maximum", "fmax") else "larger"
    other = np.asarray(user.operands[1 - position])
    which = f"{other:.6g}" if not other.shape else "the other operand"
    return f"{{are}} {word} than {which}"


def _branch(user: Node, position: int, x: Any) -> str:
    value = "first" if position == 2 else "second"
    return f"{{were}} not taken: where took the other branch (its {value} value)"


def _clip(user: Node, position: int, x: Any) -> str:
    return "bounded nothing" if position else "{are} outside the bounds"


def _divide(user: Node, position: int, x: Any) -> str:
    return "{are} the divisor of 0" if position else "{are} divided by infinity"


def _power(user: Node, position: int, x: Any) -> str:
    if position:
        return "{are} the exponent of 0 or of 1"
    if (np.asarray(user.operands[1]) == 0).any():
        return "{have} the exponent 0"
    return "{are} 0, where the power is flat"


def _saturated(user: Node, position: int, x: Any) -> str:
    edge = "±1" if user.operation == "tanh" else "0 or 1"
    most = x.flat[np.argmax(np.abs(x))]
    where = f"{user.operation}({most:.6g})" if user.operation != "softmax" else "softmax"
    return f"{{are}} saturated: {where} is {edge} to the last digit of {user.dtype}"


def _underflow(user: Node, position: int, x: Any) -> str:
    return f"{{are}} so negative that {user.operation} underflows to 0"


def _flat(user: Node, position: int, x: Any) -> str:
    return f"{{are}} 0, where {user.operation} has the derivative 0"


def _written(user: Node, position: int, x: Any) -> str:
    if position == 0:
        return "{were} overwritten by this line before being used"
    return "{were} overwritten within the same assignment, which has an index twice"


def _extreme(user: Node, position: int, x: Any) -> str:
    return f"{{are}} not the {'largest' if 'max' in user.operation else 'smallest'}"


_taken = _just("{are} not among those that the index takes")
_triangle = _just("{are} outside the triangle that is kept")
_SAYINGS: dict[str, Say] = {
    "relu": _relu,
    "maximum": _larger,
    "minimum": _larger,
    "fmax": _larger,
    "fmin": _larger,
    "where": _branch,
    "clip": _clip,
    "multiply": _just("{are} multiplied by 0"),
    "divide": _divide,
    "matmul": _just("{are} multiplied by zeros only"),
    "power": _power,
    "tanh": _saturated,
    "sigmoid": _saturated,
    "softmax": _saturated,
    "exp": _underflow,
    "exp2": _underflow,
    "square": _flat,
    "absolute": _flat,
    "fabs": _flat,
    "cosh": _flat,
    "norm": _flat,
    "setitem": _written,
    "getitem": _taken,
    "take_along_axis": _taken,
    "max": _extreme,
    "min": _extreme,
    "tril": _triangle,
    "triu": _triangle,
}
