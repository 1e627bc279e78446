"""Derivatives of functions: ``grad``, ``value_and_grad``, ``vjp``.

Each makes a leaf of every argument to be differentiated, calls the function once, and sweeps.
An argument that is itself on a record (a derivative inside a derivative) becomes an alias on that
record, so that the outer derivative flows through the inner one and the two are never confused.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from clearprop.arguments import Argnums, Arguments, Function, name_of_function
from clearprop.errors import ShapeError
from clearprop.graph import Node, open_derivatives
from clearprop.leaves import seed
from clearprop.operands import frozen
from clearprop.places import current_line
from clearprop.rules.stopping import stop_gradient as _stop
from clearprop.sweep import own, sweep
from clearprop.tensor import Tensor
from clearprop.trees import tree_map, tree_values


def grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    r"""Make the function that computes :math:`\partial f / \partial x`.

    Parameters
    ----------
    f : callable
        Ordinary NumPy code with a scalar result.
    argnums : int, str, or sequence of them, default 0
        Which arguments to differentiate with respect to: by position, or by the name of the
        parameter, however it is given. Each may be an array, a number, or a tree of them: nested
        dicts, lists, tuples, namedtuples and dataclasses. None, and the fields of a dataclass that
        are static (``metadata={"static": True}``, strings, booleans, functions, modules), stay
        as they are.
    has_aux : bool, default False
        Whether ``f`` returns ``(y, aux)``: the scalar to differentiate, and anything else.

    Returns
    -------
    callable
        Takes the arguments of ``f``; returns the gradient, in the shape (or the nesting) and
        dtype of the argument; a tuple of them if ``argnums`` is a sequence. In units of ``f`` per
        unit of the argument. With ``has_aux`` it returns ``(gradient, aux)``, with plain arrays
        in ``aux``.

    Raises
    ------
    ShapeError
        If the result of ``f`` is not a scalar, or an argument was not given.
    UnknownNameError
        If ``f`` has no parameter of a name in ``argnums``.
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
    >>> print(cp.grad(price, "tax")(100, 2, tax=1.1))
    200.0
    """
    both = value_and_grad(f, argnums, has_aux)

    @functools.wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        y, g = both(*args, **kwargs)
        return (g, y[1]) if has_aux else g

    return gradient


def value_and_grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """Make the function that computes the value of ``f`` and its gradient, in one pass.

    Parameters, result and errors are as in `grad`; the result is ``(value, gradient)``, and
    ``((value, aux), gradient)`` with ``has_aux``.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> y, dx = cp.value_and_grad(lambda x: np.sum(x * x))(np.array([1.0, 2.0]))
    >>> print(y, dx)
    5.0 [2. 4.]
    """
    arguments = Arguments(f, argnums)

    @functools.wraps(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        leaves = arguments.leaves(args, kwargs)
        y = leaves.call(f)
        aux, on_outer_record = None, False
        if has_aux:
            y, aux = _value_and_aux(f, y)
            aux = tree_map(lambda part: outside(part, leaves.start), aux)
            on_outer_record = any(isinstance(part, Tensor) for part in tree_values(aux))
        if isinstance(y, Tensor):
            # What aux has on an outer record may have been computed from what would be let go.
            release = not on_outer_record
            parts = pull_back(leaves.start, leaves.nodes, [y], [None], release, is_last=True)
            y = outside(y, leaves.start)
        else:
            check_scalar(f, y)
            parts = [tree_map(_zeros, part) for part in leaves.nodes]
        return ((y, aux) if has_aux else y), arguments.result(parts)

    return value_and_gradient


def vjp(f: Function, *args: Any) -> tuple[Any, Function]:
    r"""Compute ``f``, and the function that pulls a cotangent back, :math:`J^{\mathsf T} \bar y`.

    Parameters
    ----------
    f : callable
        Ordinary NumPy code; its result may be an array, or a tree of arrays.
    *args
        Its arguments, all of real numbers, or None, whose gradient is None.

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
    wanted = [i for i, arg in enumerate(args) if arg is not None]
    arguments = Arguments(f, wanted)
    # Between here and the pullback the caller may write to the arguments and to the result.
    leaves = arguments.leaves(tree_map(frozen, args), {})
    start, nodes = leaves.start, leaves.nodes
    y = tree_map(versioned, leaves.call(f))
    if y is None:
        raise ShapeError(
            f"{name_of_function(f)} returned None.",
            where=current_line(1),
            why="There is nothing to differentiate.",
            write="return y",
        )

    def pullback(dy: Any) -> tuple[Any, ...]:
        pairs = paired(y, dy, name_of_function(f))
        parts = pull_back(start, nodes, [p for p, _ in pairs], [d for _, d in pairs])
        gradients = dict(zip(wanted, parts, strict=True))
        return tuple(gradients.get(i) for i in range(len(args)))

    return tree_map(lambda part: frozen(outside(part, start)), y), pullback


def paired(y: Any, dy: Any, name: str) -> list[tuple[Any, Any]]:
    """Give each leaf of a result with its cotangent.

    Raises
    ------
    ShapeError
        If the cotangent is nested otherwise.
    """
    pairs: list[tuple[Any, Any]] = []
    try:
        tree_map(lambda part, d: pairs.append((part, d)), y, dy)
    except ShapeError:
        raise ShapeError(
            f"dy is nested as {type(dy).__name__}, the result of {name} is not.",
            where=current_line(2),
            why="A cotangent has the nesting of the result, with an array for each of its.",
            write="dy with the same keys and lengths as the result.",
        ) from None
    return pairs


def stop_gradient(tree: Any) -> Any:
    r"""Give the same values as constants: :math:`y = x`, :math:`\partial y / \partial x = 0`.

    Parameters
    ----------
    tree : array, number, or a tree of them

    Returns
    -------
    the same tree
        Plain arrays as they are. What is recorded is recorded as a step without a derivative: it
        is a constant for every derivative that is being taken, of whatever order.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> def f(x):
    ...     return x * cp.stop_gradient(x)
    >>> print(cp.grad(f)(3.0))
    3.0
    """
    return tree_map(lambda part: _stop(part) if isinstance(part, Tensor) else part, tree)


def versioned(part: Any) -> Any:
    """Give a result as it is now, whatever is written to the Tensor later."""
    return Tensor(part.value, part.node) if isinstance(part, Tensor) else part


def pull_back(
    start: int,
    nodes: list[Any],
    outputs: list[Any],
    given: list[Any],
    release: bool = False,
    *,
    is_last: bool = False,
) -> list[Any]:
    """Sweep from the outputs to the leaves, recorded where an outer record takes part.

    With ``is_last`` none but an enclosing derivative may sweep here again.
    """
    seeds: list[tuple[Node, Any]] = []
    taken: set[int] = set()
    recorded = followed = False
    for part, d in zip(outputs, given, strict=True):
        if not isinstance(part, Tensor):
            if d is None:
                seed(part)
            continue
        cotangent = seed(part, d)
        taken.add(id(cotangent))
        # A rule is linear in dy: where dy alone is on a record, it records what depends on it.
        followed = followed or isinstance(cotangent, Tensor)
        release = release and not followed
        node = part.node
        if node is not None and node.active:
            recorded = recorded or node.root < start
            if node.index >= start:
                seeds.append((node, cotangent))
    forget = is_last and recorded and open_derivatives.count == 0
    found = sweep(
        seeds, start=start, recorded=recorded, release=release and not recorded, forget=forget
    )

    def gradient(node: Node) -> Any:
        if node not in found:
            return _zeros(node)
        # A cotangent may be on a record that began after this one.
        return own(found[node] if followed else outside(found[node], start), taken)

    return [
        gradient(part) if isinstance(part, Node) else tree_map(gradient, part) for part in nodes
    ]


def outside(part: Any, start: int) -> Any:
    """Give a result to the caller: on its record if there is one, else as the plain array."""
    if isinstance(part, Tensor) and (part.node is None or part.node.root >= start):
        return part.value
    return part


def _zeros(node: Node) -> Any:
    return np.zeros(node.shape, node.dtype)[()]


def _value_and_aux(f: Function, result: Any) -> tuple[Any, Any]:
    if isinstance(result, tuple) and len(result) == 2:
        return result
    found = f"{len(result)} parts" if isinstance(result, tuple) else f"a {type(result).__name__}"
    raise ShapeError(
        f"{name_of_function(f)} returned {found}.",
        where=current_line(2),
        why="With has_aux=True a function returns two: the scalar to differentiate, and the rest.",
        write="return loss, aux",
    )


def check_scalar(f: Function, y: Any) -> None:
    """Refuse a result that is not one number.

    Raises
    ------
    ShapeError
    """
    number = isinstance(y, int | float | complex | np.generic | np.ndarray) and np.shape(y) == ()
    if number and np.asarray(y).dtype.kind == "c":
        seed(np.asarray(y))
    if number and np.asarray(y).dtype.kind in "fiub":
        return
    nested = isinstance(y, tuple | list | dict)
    what = f"{type(y).__name__}" + ("" if nested else f" of shape {np.shape(y)}")
    raise ShapeError(
        f"{name_of_function(f)} returned {what}.",
        where=current_line(2),
        why="A gradient is that of one number.",
        write="cp.vjp(f, *args), for a result of several arrays; has_aux=True, for (loss, aux)."
        if nested
        else "return np.sum(…)",
    )
