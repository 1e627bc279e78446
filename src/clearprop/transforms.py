"""Derivatives of functions: ``grad``, ``value_and_grad``, ``vjp``.

Each makes a leaf of every argument to be differentiated, calls the function once, and sweeps.
An argument that is itself on a record (a derivative inside a derivative) becomes an alias on that
record, so that the outer derivative flows through the inner one and the two are never confused.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from operator import index
from typing import Any

import numpy as np

from clearprop.errors import DTypeError, ShapeError
from clearprop.graph import Leaf, Node, next_index
from clearprop.leaves import alias, dtype_of_numbers, is_real, leaf, real, seed
from clearprop.operands import frozen
from clearprop.places import call_user_function, current_line
from clearprop.sweep import own, sweep
from clearprop.tensor import Tensor
from clearprop.trees import tree_leaves, tree_map
from clearprop.watching import name_leaves, new_tape

Function = Callable[..., Any]


def grad(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    r"""Make the function that computes :math:`\partial f / \partial x`.

    Parameters
    ----------
    f : callable
        Ordinary NumPy code with a scalar result.
    argnums : int or sequence of int, default 0
        Which positional arguments to differentiate with respect to. Each may be an array, a
        number, or nested dicts, lists and tuples of them.

    Returns
    -------
    callable
        Takes the arguments of ``f``; returns the gradient, in the shape (or the nesting) and
        dtype of the argument; a tuple of them if ``argnums`` is a sequence. In units of ``f`` per
        unit of the argument.

    Raises
    ------
    ShapeError
        If the result of ``f`` is not a scalar.
    DTypeError
        If an argument to be differentiated holds no real numbers.
    MissingRuleError, LostGradientError
        If ``f`` does something that cannot be recorded: a gradient is never lost silently.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> def price(apple, number, tax):
    ...     return apple * number * tax
    >>> print([float(g) for g in cp.grad(price, argnums=(0, 1, 2))(100, 2, 1.1)])
    [2.2, 110.00000000000001, 200.0]
    """
    both = value_and_grad(f, argnums)

    @functools.wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return gradient


def value_and_grad(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """Make the function that computes the value of ``f`` and its gradient, in one pass.

    Parameters, result and errors are as in `grad`; the result is ``(value, gradient)``.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> y, dx = cp.value_and_grad(lambda x: np.sum(x * x))(np.array([1.0, 2.0]))
    >>> print(y, dx)
    5.0 [2. 4.]
    """
    _check_callable(f)
    single, numbers = _argument_numbers(argnums)

    @functools.wraps(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        start, leaves, nodes = _make_leaves(f, args, numbers)
        y = _call(f, _replaced(args, numbers, leaves), kwargs, nodes)
        if not isinstance(y, Tensor):
            _check_scalar(f, y)
            gradients = [tree_map(_zeros, part) for part in nodes]
        else:
            gradients = _pull_back(start, nodes, [y], [None], release=True)
        return _outside(y, start), gradients[0] if single else tuple(gradients)

    return value_and_gradient


def vjp(f: Function, *args: Any) -> tuple[Any, Function]:
    r"""Compute ``f``, and the function that pulls a cotangent back, :math:`J^{\mathsf T} \bar y`.

    Parameters
    ----------
    f : callable
        Ordinary NumPy code; its result may be an array, or nested arrays.
    *args
        Its arguments, all of real numbers.

    Returns
    -------
    y
        The result of ``f``.
    pullback : callable
        Takes ``dy`` in the shape of ``y``; returns one gradient an argument, as a tuple. It can be
        called again.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> y, pullback = cp.vjp(np.tanh, np.array([0.0, 1.0]))
    >>> print(np.round(pullback(np.ones(2))[0], 4))
    [1.   0.42]
    """
    _check_callable(f)
    numbers = tuple(range(len(args)))
    # Between here and the pullback the caller may write to the arguments and to the result.
    start, leaves, nodes = _make_leaves(f, tree_map(frozen, args), numbers)
    y = tree_map(versioned, _call(f, leaves, {}, nodes))

    def pullback(dy: Any) -> tuple[Any, ...]:
        pairs: list[tuple[Any, Any]] = []
        try:
            tree_map(lambda part, d: pairs.append((part, d)), y, dy)
        except (KeyError, IndexError, TypeError):
            raise ShapeError(
                f"dy is nested as {type(dy).__name__}, the result of {_name(f)} is not.",
                where=current_line(1),
                why="A cotangent has the nesting of the result, with an array for each of its.",
                write="dy with the same keys and lengths as the result.",
            ) from None
        return tuple(_pull_back(start, nodes, [p for p, _ in pairs], [d for _, d in pairs]))

    return tree_map(lambda part: frozen(_outside(part, start)), y), pullback


def _argument_numbers(argnums: Any) -> tuple[bool, tuple[int, ...]]:
    """Read ``argnums``: whether it is a single one, and all of them."""
    single = hasattr(argnums, "__index__")
    try:
        numbers = (index(argnums),) if single else tuple(index(n) for n in argnums)
    except TypeError:
        raise DTypeError(
            f"argnums is {argnums!r}.",
            where=current_line(2),
            why="It counts positional arguments, from 0.",
            write="argnums=0, or argnums=(0, 2).",
        ) from None
    return single, numbers


def _make_leaves(
    f: Function, args: Any, numbers: tuple[int, ...]
) -> tuple[int, list[Any], list[Any]]:
    """Make a leaf of every array to be differentiated; give leaves and their nodes, nested alike.

    The nodes are remembered here because the function may write to its arguments: the Tensor then
    is a new version, and the gradient is still that with respect to what came in.
    """
    tree_map(lambda part: isinstance(part, Tensor) and part.node, args)  # views are up to date
    start = next_index()
    count = len(args)
    positions = [n % count if -count <= n < count else n for n in numbers]
    if any(not 0 <= n < count for n in positions) or len(set(positions)) < len(positions):
        raise ShapeError(
            f"argnums is {numbers}; {_name(f)} was called with {count} positional arguments.",
            where=current_line(2),
            why="It names each argument to differentiate with respect to once.",
            write=f"argnums=0 up to {count - 1}; keyword arguments are not differentiated.",
        )

    dtype = dtype_of_numbers(args)
    tape = new_tape(keep=False)

    def make(number: int) -> Any:
        def one(value: Any) -> Tensor:
            if isinstance(value, Tensor):
                if value.node is not None:
                    return alias(value, tape)
                value = value.value
            if not is_real(value):
                value = real(value, f"Argument {number + 1} of {_name(f)}", dtype)
            return leaf(value, tape)

        return tree_map(one, args[number])

    leaves = [make(number) for number in positions]
    if tape is not None:
        names = argument_names(f, count)
        for number, part in zip(positions, leaves, strict=True):
            name_leaves(part, names[number])
    return start, leaves, [tree_map(lambda t: t.node, part) for part in leaves]


def versioned(part: Any) -> Any:
    """Give a result as it is now, whatever is written to the Tensor later."""
    return Tensor(part.value, part.node) if isinstance(part, Tensor) else part


def _call(f: Function, args: list[Any], kwargs: dict[str, Any], nodes: list[Any]) -> Any:
    """Call the user's function; meanwhile no ``backward()`` may end at its leaves."""
    leaves = [node for _, node in tree_leaves(nodes) if isinstance(node, Leaf)]
    for node in leaves:
        node.live = True
    try:
        return call_user_function(f, *args, **kwargs)
    finally:
        for node in leaves:
            node.live = False


def _replaced(args: tuple[Any, ...], numbers: tuple[int, ...], leaves: list[Any]) -> list[Any]:
    made = list(args)
    for number, part in zip(numbers, leaves, strict=True):
        made[number] = part
    return made


def _pull_back(
    start: int, nodes: list[Any], outputs: list[Any], given: list[Any], release: bool = False
) -> list[Any]:
    """Sweep from the outputs to the leaves, recorded where an outer record takes part."""
    cotangents = [
        seed(part, d)
        for part, d in zip(outputs, given, strict=True)
        if isinstance(part, Tensor) or d is None
    ]
    parts = [part for part in outputs if isinstance(part, Tensor)]
    seeds = [
        (part.node, d)
        for part, d in zip(parts, cotangents, strict=True)
        if part.node is not None and part.node.active
    ]
    recorded = any(node.root < start for node, _ in seeds) or any(
        isinstance(d, Tensor) and d.node is not None for d in cotangents
    )
    seeds = [(node, d) for node, d in seeds if node.index >= start]
    found = sweep(seeds, start=start, recorded=recorded, release=release and not recorded)
    taken = {id(d) for d in cotangents}
    return [
        tree_map(lambda node: own(found[node], taken) if node in found else _zeros(node), part)
        for part in nodes
    ]


def _outside(part: Any, start: int) -> Any:
    """Give a result to the caller: on its record if there is one, else as the plain array."""
    if isinstance(part, Tensor) and (part.node is None or part.node.root >= start):
        return part.value
    return part


def _zeros(node: Node) -> Any:
    return np.zeros(node.shape, node.dtype)[()]


def _check_scalar(f: Function, y: Any) -> None:
    number = isinstance(y, int | float | np.generic | np.ndarray) and np.shape(y) == ()
    if number and np.asarray(y).dtype.kind in "fiub":
        return
    nested = isinstance(y, tuple | list | dict)
    what = f"{type(y).__name__}" + ("" if nested else f" of shape {np.shape(y)}")
    raise ShapeError(
        f"{_name(f)} returned {what}.",
        where=current_line(2),
        why="A gradient is that of one number.",
        write="cp.vjp(f, *args), for a result of several arrays; or return the loss alone."
        if nested
        else "return np.sum(…)",
    )


def _check_callable(f: Any) -> None:
    if not callable(f):
        raise DTypeError(
            f"The function to differentiate is a {type(f).__name__}.",
            where=current_line(2),
            why="A derivative is made from the function, not from its result.",
            write="cp.grad(f)(x), not cp.grad(f(x)).",
        )


def _name(f: Function) -> str:
    return getattr(f, "__name__", type(f).__name__)


def argument_names(f: Function, count: int) -> list[str]:
    """Give the names of the first positional parameters of a function."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):  # some C functions have no signature
        parameters = []
    names: list[str] = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}[{i}]" for i in range(count - len(names))]
        elif parameter.kind is not parameter.KEYWORD_ONLY:
            names.append(parameter.name)
    return [*names, *(f"x{i}" for i in range(len(names), count))][:count]
