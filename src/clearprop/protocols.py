"""How plain ``np.*`` calls on Tensors find their primitives (NEP 13 and NEP 18)."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.binding import bind, compose
from clearprop.errors import MissingRuleError
from clearprop.graph import next_index
from clearprop.places import current_line
from clearprop.primitive import COMPOSITIONS, primitive_for
from clearprop.rules import order
from clearprop.rules.selection import nonzero, refuse_plain_target, write_at

_REDUCED_BY: dict[Any, Any] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.logical_and: np.all,
    np.logical_or: np.any,
    np.fmax: np.nanmax,
    np.fmin: np.nanmin,
}
_ACCUMULATED_BY: dict[Any, Any] = {
    np.add: np.cumsum,
    np.multiply: np.cumprod,
    np.maximum: order.running_max,
    np.minimum: order.running_min,
}
_UFUNC_DEFAULTS = {"where": True, "dtype": None, "casting": "same_kind", "order": "K"}


def call_ufunc(ufunc: np.ufunc, method: str, inputs: Any, options: dict[str, Any]) -> Any:
    """Run a ufunc of which an operand is a Tensor."""
    out = options.pop("out", None)
    if method == "__call__" and ufunc in COMPOSITIONS:
        y = compose(ufunc, inputs, options)
    elif method == "__call__":
        _refuse_options(ufunc, options)
        primitive = primitive_for(ufunc)
        if primitive is None:
            raise _missing_rule(ufunc)
        y = primitive(*inputs)
    elif method == "reduce" and ufunc in _REDUCED_BY:
        y = _REDUCED_BY[ufunc](*inputs, **{"axis": 0, **options})
    elif method == "accumulate" and ufunc in _ACCUMULATED_BY:
        y = _ACCUMULATED_BY[ufunc](*inputs, **{"axis": 0, **options})
    elif method == "outer":
        a, b = inputs
        y = ufunc(np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b)
    elif method == "at":
        y = write_at(ufunc, *inputs)
    else:
        raise _missing_rule(getattr(ufunc, method))
    return y if out is None else _write_into(out[0], y, ufunc)


def call_function(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run any other NumPy function of which an argument is a Tensor."""
    out = kwargs.pop("out", None)
    if function is np.where and len(args) == 1:  # NumPy has two functions under this name
        y = nonzero(*args)
    elif function in COMPOSITIONS:
        since = next_index()
        y = compose(function, args, kwargs)
        node = getattr(y, "node", None)
        if node is not None and node.tape is not None:
            node.tape.hide_steps(since, node)
    else:
        primitive = primitive_for(function)
        if primitive is None:
            raise _missing_rule(function)
        operands, attributes = bind(primitive, function, args, kwargs)
        y = primitive(*operands, **attributes)
    return y if out is None else _write_into(out, y, function)


def _refuse_options(ufunc: np.ufunc, options: dict[str, Any]) -> None:
    for name, value in options.items():
        default = _UFUNC_DEFAULTS.get(name)
        if value is not default and (np.ndim(value) or value != default):
            raise MissingRuleError(
                f"np.{ufunc.__name__}(…, {name}=…) has no derivative here.",
                where=current_line(2),
                write=f"np.where(condition, np.{ufunc.__name__}(…), …)"
                if name == "where"
                else f"np.{ufunc.__name__}(…) without {name}=.",
            )


def _missing_rule(function: Any) -> MissingRuleError:
    name = getattr(function, "__name__", str(function))
    module = getattr(function, "__module__", None) or "np"
    return MissingRuleError(
        f"{module.replace('numpy', 'np')}.{name} has no derivative here.",
        where=current_line(2),
        why="No rule is registered for it, and a gradient is never lost silently.",
        write=f"@cp.primitive(...) with its rule, or {name} in terms of functions that have one.",
    )


def _write_into(target: Any, y: Any, function: Any) -> Any:
    """Do what ``out=`` asks: a Tensor becomes a new version; a plain array cannot remember."""
    refuse_plain_target(target, f"{function.__name__}(…, out=…)", f"np.{function.__name__}(…)")
    return target._update(y)
