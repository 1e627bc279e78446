"""How plain ``np.*`` calls on Tensors find their primitives (NEP 13 and NEP 18)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from clearprop import ufunc_options
from clearprop.binding import bind, compose, missing_rule, place_of_out
from clearprop.errors import ClearpropError, DTypeError, ShapeError
from clearprop.graph import next_index
from clearprop.places import current_line
from clearprop.primitive import COMPOSITIONS, primitive_for
from clearprop.rules.selection import nonzero, refuse_plain_target
from clearprop.ufunc_methods import METHODS


def call_ufunc(ufunc: np.ufunc, method: str, inputs: Any, options: dict[str, Any]) -> Any:
    """Run a ufunc, or one of its methods, of which an operand or an output is a Tensor."""
    out = options.pop("out", None)
    if method == "outer" and out is not None:
        return METHODS[method](ufunc, *inputs, **options, out=out)
    try:
        y = _run_method(ufunc, method, inputs, options, out)
    except ClearpropError:
        raise
    except Exception as error:
        raise refusal(error, getattr(ufunc, method), inputs, options) from None
    if out is None:
        return y
    if method == "__call__" and ufunc.signature is None:
        y = _stretched(y, out)
    instead = f"np.{ufunc.__name__}(…)" if options.get("where", True) is True else ""
    return write_outputs(out, y, ufunc.__name__, instead, options.get("casting", "same_kind"))


def _run_method(ufunc: np.ufunc, method: str, inputs: Any, options: Any, out: Any) -> Any:
    if method == "__call__" and not options:
        return run_ufunc(ufunc, inputs) if out is None else _run_any(ufunc, inputs)
    if method == "__call__":
        return _as_one_step(lambda: ufunc_options.call(_run_any, ufunc, inputs, options, out))
    if method not in METHODS:
        raise missing_rule(ufunc, method)
    return _as_one_step(lambda: METHODS[method](ufunc, *inputs, **options))


def run_ufunc(ufunc: np.ufunc, inputs: Sequence[Any]) -> Any:
    """Call a ufunc on operands of which one is a Tensor, without options."""
    if ufunc in COMPOSITIONS:
        return compose(ufunc, inputs, {})
    primitive = primitive_for(ufunc)
    if primitive is None:
        raise missing_rule(ufunc)
    return primitive(*inputs)


def _run_any(ufunc: np.ufunc, inputs: Sequence[Any]) -> Any:
    """Call a ufunc on operands that may all be plain: then only its output is recorded."""
    recorded = any(hasattr(type(x), "__clearprop_record__") for x in inputs)
    return run_ufunc(ufunc, inputs) if recorded else ufunc(*inputs)


#: Makers of arrays, which come here where a Tensor is given as ``like=``.
MAKERS: dict[Any, Callable[..., Any]] = {}

#: What of NumPy is Python text, in functions that it knows under its own names.
PLAIN_PYTHON = "numpy.polynomial."

#: Functions that say something about arrays, of which no derivative is expected.
ABOUT = {
    *(np.result_type, np.can_cast, np.common_type, np.min_scalar_type, np.iscomplexobj),
    *(np.isrealobj, np.shares_memory, np.may_share_memory),
    *(np.array_repr, np.array_str, np.array2string, np.einsum_path),
}


def _plain(value: Any) -> Any:
    return value.value if hasattr(type(value), "__clearprop_record__") else value


def call_function(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run any other NumPy function of which an argument is a Tensor."""
    if function in ABOUT:
        return function(*map(_plain, args), **kwargs)
    out = kwargs.pop("out", None)
    if out is None and len(args) > 1:
        args, out = _without_out(function, args)
    try:
        y = _run_function(function, args, kwargs)
    except ClearpropError:
        raise
    except Exception as error:
        raise refusal(error, function, args, kwargs) from None
    if out is None:
        return y
    return write_outputs(out, y, function.__name__, f"np.{function.__name__}(…)")


def _run_function(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    if function is np.where and len(args) == 1:  # NumPy has two functions under this name
        return nonzero(*args)
    if function in COMPOSITIONS:
        since = next_index()
        return _one_step(since, compose(function, args, kwargs))
    primitive = primitive_for(function)
    if primitive is None:
        if function in MAKERS:
            return MAKERS[function](*args, **kwargs)
        if function.__module__.startswith(PLAIN_PYTHON):
            return _as_one_step(lambda: function._implementation(*args, **kwargs))
        raise missing_rule(function)
    operands, attributes = bind(primitive, function, args, kwargs)
    return primitive(*operands, **attributes)


def refusal(error: Exception, function: Any, args: Any, kwargs: dict[str, Any]) -> Exception:
    """Give NumPy's own error for a call that failed here, where NumPy refuses the call too."""
    if any(map(callable, (*args, *kwargs.values()))):
        return error  # what the user wrote is not run twice
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function(*_plain_copy(list(args)), **_plain_copy(kwargs))
    except Exception as refused:
        return error if isinstance(error, type(refused)) else refused
    return error


def _plain_copy(value: Any) -> Any:
    """Give nested values without a record, in memory that may be written to."""
    if isinstance(value, dict):
        return {name: _plain_copy(part) for name, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_plain_copy, value))
    value = _plain(value)
    return value.copy() if isinstance(value, np.ndarray) else value


def _without_out(function: Any, args: Any) -> tuple[Any, Any]:
    """Take ``out`` from among the positional arguments."""
    at = place_of_out(function)
    if at is None or at >= len(args):
        return args, None
    return (*args[:at], None, *args[at + 1 :]), args[at]


def _as_one_step(run: Callable[[], Any]) -> Any:
    """Run what the user wrote as one call: in a trace, only its result is shown."""
    since = next_index()
    return _one_step(since, run())


def _one_step(since: int, y: Any) -> Any:
    """Hide the steps since a number, but for their result."""
    node = getattr(y, "_node", None)  # of a result that nobody has written to yet
    if node is not None and node.tape is not None:
        node.tape.hide_steps(since, node)
    return y


# ---- out= ---------------------------------------------------------------------------------------


def _stretched(y: Any, out: Any) -> Any:
    """Repeat results over a larger output, as ufuncs do."""
    if isinstance(y, tuple):
        return tuple(_stretched(part, (t,)) for part, t in zip(y, out, strict=True))
    shape = getattr(out[0], "shape", None)
    if shape is None or shape == np.shape(y):
        return y
    try:
        return np.broadcast_to(y, shape)
    except ValueError:
        return y  # refused where it is written


def write_outputs(out: Any, y: Any, name: str, instead: str, casting: Any = "same_kind") -> Any:
    """Do what ``out=`` asks: a Tensor becomes a new version; a plain array cannot remember."""
    targets = out if isinstance(out, tuple) else (out,)
    parts = y if isinstance(y, tuple) else (y,)
    written = tuple(
        part if target is None else _write_into(target, part, name, instead, casting)
        for target, part in zip(targets, parts, strict=True)
    )
    return written if isinstance(y, tuple) else written[0]


def _write_into(target: Any, y: Any, name: str, instead: str, casting: Any) -> Any:
    refuse_plain_target(target, f"np.{name}(…, out=…)", instead)
    if isinstance(target.value, np.generic):
        raise DTypeError(
            f"np.{name}(…, out=…) got a number where it needs an array.",
            where=current_line(2),
            why="A number cannot be changed in place.",
            write=f"y = np.{name}(…), without out=.",
        )
    if np.shape(y) != target.shape:
        raise ShapeError(
            f"np.{name}(…, out=…) gives shape {np.shape(y)}, out has shape {target.shape}.",
            where=current_line(2),
            why="An output has the shape of the result.",
            write=f"out=np.zeros_like(x, shape={np.shape(y)}), of a recorded x.",
        )
    if not np.can_cast(y.dtype, target.dtype, casting):
        raise DTypeError(
            f"np.{name}(…, out=…) gives {y.dtype}, out is of {target.dtype}.",
            where=current_line(2),
            why=f"casting={casting!r} does not allow that.",
            write=f"an output of {y.dtype}.",
        )
    if not hasattr(type(y), "__clearprop_record__"):
        target[...] = y
        return target
    return target._update(y)
