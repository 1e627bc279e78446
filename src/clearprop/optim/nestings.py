"""Parameters, gradients and what is kept for them: nested alike, in the same shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.errors import DTypeError, ShapeError
from clearprop.places import current_line
from clearprop.tensor import Tensor
from clearprop.trees import tree_leaves, tree_map


def check_gradients(params: Any, grads: Any, rule: str, call: str) -> None:
    """Check that there is one gradient for each parameter, in its shape.

    Parameters
    ----------
    params, grads : nested arrays
    rule : str
        Who asks, for the message.
    call : str
        The call to write, with ``{}`` in the place of the gradients.

    Raises
    ------
    ShapeError
        If the two nestings have different names, or an array and its gradient different shapes.
    """
    shapes = dict(_shapes(params))
    given = dict(_shapes(grads))
    if shapes == given:
        return
    missing, unknown = shapes.keys() - given.keys(), given.keys() - shapes.keys()
    if missing or unknown:
        found = [f"no gradient for params{name}" for name in sorted(missing)]
        found += [f"a gradient for params{name}, which is not there" for name in sorted(unknown)]
        raise ShapeError(
            f"{rule}: there is {'; '.join(found)}.",
            where=current_line(1),
            why="params and grads are nested alike, one gradient for each parameter.",
            write=call.format("{name: grads[name] for name in params}"),
        )
    name = next(name for name in shapes if shapes[name] != given[name])
    raise ShapeError(
        f"{rule}: params{name} has shape {shapes[name]}, its gradient {given[name]}.",
        where=current_line(1),
        why="broadcasting would change the shape of the parameter.",
        write=f"grads{name} in the shape {shapes[name]}",
    )


def check_state(state: Any, names: tuple[str, ...], params: Any, rule: str) -> None:
    """Check that a state is what `init` gives for these parameters.

    Raises
    ------
    ShapeError
        If it has other names, or an array in it another shape than its parameter.
    """
    wanted = {"step": (), **{n + name: shape for n in names for name, shape in _shapes(params)}}
    given: dict[str, Any] = {}
    if isinstance(state, dict):
        for key, part in state.items():
            given |= {f"{key}{name}": shape for name, shape in _shapes(part)}
    if wanted == given:
        return
    differ = [name for name in (*wanted, *given) if wanted.get(name) != given.get(name)]
    raise ShapeError(
        f"{rule}: the state is not that of these parameters: {differ[0]} is "
        f"{_said(given.get(differ[0]))}, and should be {_said(wanted.get(differ[0]))}.",
        where=current_line(1),
        why="A state belongs to one rule and to parameters of the same names and shapes.",
        write="state = rule.init(params), once before the first update.",
    )


def check_order(grads: Any, state: Any, rule: str) -> None:
    """Check that the state, which Optax takes second, does not stand where the gradients belong.

    Raises
    ------
    ShapeError
        If it does.
    """
    if not isinstance(grads, dict) or not isinstance(state, dict):
        return
    if "step" in grads and "step" not in state:
        raise ShapeError(
            f"{rule}: the state is given as the gradients.",
            where=current_line(1),
            why="The order is that of the names; Optax has gradients, state, parameters.",
            write="params, state = rule.update(params, grads, state)",
        )


def _said(shape: tuple[int, ...] | None) -> str:
    return "not there" if shape is None else f"of shape {shape}"


def float_arrays(params: Any, rule: str) -> Any:
    """Give parameters as arrays of floats.

    Raises
    ------
    DTypeError
        If one holds anything else: steps are small, and whole numbers would stay where they are.
    """
    params = tree_map(as_array, params)
    for name, leaf in tree_leaves(params, "params"):
        if leaf.dtype.kind != "f":
            raise DTypeError(
                f"{rule}: {name} is an array of {leaf.dtype}.",
                where=current_line(1),
                why="A parameter moves by small amounts, so it is an array of floats.",
                write=f"{name}.astype(float)",
            )
    return params


def as_array(value: Any) -> Any:
    """Give an array in the place of a NumPy scalar or a Python number; a record stays one."""
    return value if isinstance(value, Tensor | np.ndarray) else np.asarray(value)


def in_dtype(value: Any, like: Any) -> Any:
    """Give a value in the dtype of a parameter; a Python number takes it by itself."""
    if type(value) in (int, float) or value.dtype == like.dtype:
        return value
    return value.astype(like.dtype)


def for_each(f: Callable[..., Any], params: Any, *trees: Any, numbers: tuple[Any, ...] = ()) -> Any:
    """Apply ``f(p, *parts, *numbers)`` to every parameter, the numbers in its dtype."""
    return tree_map(
        lambda p, *parts: f(p, *parts, *[in_dtype(number, p) for number in numbers]),
        params,
        *trees,
    )


def _shapes(tree: Any) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, getattr(leaf, "shape", ())) for name, leaf in tree_leaves(tree)]
