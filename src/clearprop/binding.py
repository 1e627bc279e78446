"""The arguments of a plain NumPy call, sorted into operands and attributes by NumPy's signature."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from clearprop.errors import MissingRuleError
from clearprop.operands import stacked
from clearprop.places import current_line
from clearprop.primitive import COMPOSITIONS, Primitive
from clearprop.rule import parameters_of
from clearprop.unrecorded import numpy_name, unrecorded


@cache
def numpy_signature(function: Any) -> tuple[str, ...] | None:
    """Give the parameter names of a NumPy function, in order; None where it has no signature."""
    try:
        names = tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # some C functions of older NumPy versions have none
        return None
    # what reshape called it before NumPy 2.1
    return tuple("shape" if name == "newshape" else name for name in names)


@cache
def place_of_out(function: Any) -> int | None:
    """Give the position of ``out`` among the positional parameters of a NumPy function."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some C functions of older NumPy versions have none
        return 2 if function in (np.concatenate, np.dot) else None
    for position, parameter in enumerate(parameters):
        if parameter.kind not in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            return None
        if parameter.name == "out":
            return position
    return None


@cache
def _leading(owner: Primitive, function: Any) -> int:
    """Say how many arguments by position are the operands, in order; -1 where they are not."""
    count = len(owner.operands)
    names = numpy_signature(function) or owner.operands
    others = {*owner.operands, *owner.attributes}
    plain = all(
        ours == theirs or theirs not in others
        for ours, theirs in zip(owner.operands, names, strict=False)
    )
    return count if plain and not owner.variadic and len(names) >= count else -1


def bind(
    owner: Primitive, function: Any, args: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Sort the arguments of a plain NumPy call into operands and attributes.

    Raises
    ------
    MissingRuleError
        If an argument is used that the primitive does not record, such as ``dtype``.
    """
    if len(args) == _leading(owner, function) and kwargs.keys() <= owner.attributes.keys():
        return list(args), {name: _static(value) for name, value in kwargs.items()}
    given = _by_name(function, (*owner.operands, *owner.attributes), args, kwargs)
    names = numpy_signature(function) or owner.operands
    operands: list[Any] = []
    for number, name in enumerate(owner.operands):
        # An operand may have another name than NumPy's: then it is the one in the same place.
        theirs = name if name in given else names[number] if number < len(names) else name
        if theirs not in given:
            raise MissingRuleError(
                f"np.{owner.name} with {len(args) + len(kwargs)} arguments has no derivative here.",
                where=current_line(2),
                why=f"It is recorded with {list(owner.operands)}.",
                write=f"np.{owner.name}({', '.join(owner.operands)})",
            )
        value = given.pop(theirs)
        if owner.variadic and number == len(owner.operands) - 1:
            operands.extend(value)
        else:
            operands.append(value)
    attributes = {name: _static(given.pop(name)) for name in owner.attributes if name in given}
    _refuse_rest(owner.name, [*owner.operands, *owner.attributes], given)
    return operands, attributes


def _by_name(
    function: Any, ours: Sequence[str], args: Sequence[Any], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Give the arguments of a NumPy call by their names in NumPy's signature."""
    names = numpy_signature(function) or ours
    if len(args) > len(names):  # only where NumPy has no signature: it refuses the others itself
        raise MissingRuleError(
            f"np.{function.__name__} of {len(args)} arguments by position has no derivative here.",
            where=current_line(3),
            why=f"It is recorded with {list(names)}.",
            write=f"np.{function.__name__}({', '.join(names)}, …), and the others by name.",
        )
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    if "newshape" in given:  # what NumPy called it before 2.1
        given["shape"] = given.pop("newshape")
    return given


#: What may be given because it changes nothing.
_NUMPY_DEFAULTS = {
    "order": ("C",),
    "subok": (True, False),
    "mode": ("raise",),
    "equal_nan": (False,),
    "casting": ("same_kind",),
    "copy": (True,),
    "writeable": (False,),
    "kind": ("introselect",),
    "overwrite_input": (True, False),
    "assume_unique": (True, False),
}


def _refuse_rest(name: str, recorded: list[str], given: dict[str, Any]) -> None:
    for key, value in given.items():
        is_default = isinstance(value, str | bool) and value in _NUMPY_DEFAULTS.get(key, ())
        if value is not None and value is not np._NoValue and not is_default:
            raise MissingRuleError(
                f"np.{name}(…, {key}={value!r}) has no derivative here.",
                where=current_line(3),
                why=f"{name} is recorded with {recorded}.",
                write=f"np.{name}(…) without {key}=, and apply it to the result.",
            )


def _static(value: Any) -> Any:
    """Give an attribute that cannot change any more: lists and arrays become tuples."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return tuple(_static(part) for part in value)
    if hasattr(type(value), "__clearprop_record__"):
        return value.__index__()
    return value


def missing_rule(function: Any, method: str = "") -> MissingRuleError:
    """Make the error for a NumPy function that is not recorded."""
    from clearprop.scipys_own import missing  # for an error alone

    inside = missing()
    if inside is not None:
        return inside
    name = numpy_name(function) + (f".{method}" if method else "")
    short = name.rpartition(".")[2]
    known = unrecorded(function)
    return MissingRuleError(
        f"{name.replace('numpy', 'np', 1)} has no derivative here.",
        where=current_line(2),
        why=known.why
        if known
        else "No rule is registered for it, and a gradient is never lost silently.",
        write=known.write + "."
        if known
        else f"@cp.primitive(...) with its rule, or {short} in terms of functions that have one.",
    )


#: Parameters that are one array: numbers and lists, of recorded numbers too, may stand there.
_ARRAYS = {"a", "b", "m", "p", "q", "v", "x", "y", "x1", "x2", "xp", "fp", "arr", "ary"}
_ARRAYS |= {"a1", "a2", "u", "ar", "ar1", "ar2", "filt", "seq_of_zeros", "w"}
_ARRAYS |= {"values", "weights", "aweights", "fweights", "prepend", "append", "to_begin", "to_end"}
_NOT_YET_ARRAYS = frozenset([list, tuple, int, float, bool])


def _array(function: Any, name: str, value: Any) -> Any:
    """Make of an argument the array that NumPy makes of it before anything else."""
    if name not in _ARRAYS or type(value) not in _NOT_YET_ARRAYS:
        return value
    value = stacked(value)
    # In a ufunc, and as a quantile, a number of Python leaves the others their type.
    weak = name == "q" or isinstance(function, np.ufunc)
    return value if weak or hasattr(value, "dtype") else np.asarray(value)


class _Order(NamedTuple):
    """How the parameters of a composition stand to those of NumPy's function."""

    leading: int  # of positional ones that are the same
    names: frozenset[str]
    arrays: tuple[bool, ...]  # whether a positional one is an array


@cache
def _order_of(function: Any) -> _Order:
    positional, keywords, _ = parameters_of(COMPOSITIONS[function])
    names = numpy_signature(function) or positional
    same = [ours == theirs for ours, theirs in zip(positional, names, strict=False)]
    count = same.index(False) if False in same else len(same)
    return _Order(
        count, frozenset(positional + keywords), tuple(name in _ARRAYS for name in positional)
    )


def _is_usual(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    """Whether the arguments can be handed on as they are."""
    order = _order_of(function)
    if len(args) > order.leading or not kwargs.keys() <= order.names:
        return False
    for name, value in kwargs.items():
        if value is np._NoValue or (name in _ARRAYS and type(value) in _NOT_YET_ARRAYS):
            return False
    for value, is_array in zip(args, order.arrays, strict=False):  # cheaper than any(…)
        if is_array and type(value) in _NOT_YET_ARRAYS:
            return False
    return True


def compose(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Run the composition of a NumPy function; arguments at NumPy's own defaults may be given."""
    body = COMPOSITIONS[function]
    if _is_usual(function, args, kwargs):
        return body(*args, **kwargs)
    positional, keywords, variadic = parameters_of(body)
    if variadic:
        return body(*args, **kwargs)
    known = positional + keywords
    given = _by_name(function, known, args, kwargs)
    _refuse_rest(function.__name__, list(known), {k: v for k, v in given.items() if k not in known})
    return body(
        **{
            name: _array(function, name, value)
            for name, value in given.items()
            if name in known and value is not np._NoValue
        }
    )
