"""Derivatives of functions, forward and of higher order: jvp, jacobian, hessian, hvp."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from clearprop.arguments import Argnums, Arguments, Function, Leaves, name_of_function
from clearprop.errors import DTypeError, ShapeError
from clearprop.forward import push, record_between
from clearprop.graph import Node
from clearprop.places import current_line
from clearprop.sweep import own, sweep
from clearprop.tensor import Tensor
from clearprop.transforms import check_scalar, grad, outside, pull_back, versioned
from clearprop.trees import tree_leaves, tree_map


def jvp(f: Function, primals: Any, tangents: Any) -> tuple[Any, Any]:
    r"""Compute ``f`` and its derivative in a direction, :math:`(f(x),\ J \dot x)`.

    Parameters
    ----------
    f : callable
        Ordinary NumPy code; its result may be an array, or a tree of arrays.
    primals : tuple
        The arguments of ``f``: arrays, numbers, or trees of them.
    tangents : tuple
        The direction: nested as the primals, each in the shape of its primal.

    Returns
    -------
    y
        The result of ``f``.
    y_dot
        How ``y`` moves, nested as ``y``, in its shapes; 0 where it does not depend on the primals.

    Raises
    ------
    ShapeError
        If primals and tangents are nested otherwise, or differ in a shape.
    DTypeError
        If they are not given as tuples, or a primal holds no real numbers.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> y, y_dot = cp.jvp(lambda x, n: x**n, (3.0, 2.0), (1.0, 0.0))
    >>> print(y, y_dot)
    9.0 6.0
    """
    for given, name in ((primals, "primals"), (tangents, "tangents")):
        if not isinstance(given, tuple | list):
            raise DTypeError(
                f"The {name} are a {type(given).__name__}.",
                where=current_line(1),
                why="They are the arguments of f, of which there may be several.",
                write="cp.jvp(f, (x,), (v,))",
            )
    call = _Call(f, range(len(primals)), primals, {})
    seeds = _seeds(call.leaves.nodes, list(tangents))
    recorded = call.recorded or any(isinstance(v, Tensor) for v in seeds.values())
    moved = push(call.nodes, seeds, recorded=recorded)
    taken = {id(v) for v in seeds.values()}

    def moves(part: Any) -> Any:
        node = part.node if isinstance(part, Tensor) else None
        return own(moved[node], taken) if node in moved else _still(part)

    return call.result(), tree_map(moves, call.y)


def jacobian(f: Function, argnums: Argnums = 0) -> Function:
    r"""Make the function that computes all derivatives, :math:`J_{ij} = \partial y_i/\partial x_j`.

    Row by row in reverse mode, or column by column in forward mode, whichever are fewer.

    Parameters
    ----------
    f : callable
        Ordinary NumPy code; its result may be an array, or a tree of arrays.
    argnums : int, str, or sequence of them, default 0
        As in `grad`.

    Returns
    -------
    callable
        Takes the arguments of ``f``. For an argument of shape ``s`` and a result of shape ``r`` it
        returns an array of shape ``r + s``; nested as the result and, within, as the argument
        (a tuple of them if ``argnums`` is a sequence). A complex result of a complex argument
        has the complex derivative, which only a holomorphic function has.

    Raises
    ------
    DTypeError, ShapeError, UnknownNameError, MissingRuleError, LostGradientError
        As `grad`; a `DTypeError` too for a function of complex numbers that is not holomorphic.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> print(cp.jacobian(lambda x: x * np.sum(x))(np.array([1.0, 2.0])))
    [[4. 1.]
     [2. 5.]]
    """
    arguments = Arguments(f, argnums)

    @functools.wraps(f)
    def all_derivatives(*args: Any, **kwargs: Any) -> Any:
        call = _Call(f, argnums, args, kwargs, arguments)
        inputs = [node for _, node in tree_leaves(call.leaves.nodes)]
        outputs = call.outputs
        blocks = _blocks(call, inputs, outputs)

        def of_output(part: Any) -> Any:
            node = part.node if isinstance(part, Tensor) else None

            def block(x: Node) -> Any:
                found = None if node is None else blocks.get((node, x))
                return _no_block(part, x) if found is None else found

            return arguments.result([tree_map(block, tree) for tree in call.leaves.nodes])

        return tree_map(of_output, call.y)

    return all_derivatives


def hessian(f: Function, argnums: Argnums = 0) -> Function:
    r"""Make the function of all second derivatives, :math:`\partial^2 f/\partial x_i \partial x_j`.

    Parameters
    ----------
    f : callable
        Ordinary NumPy code with a scalar result.
    argnums : int, str, or sequence of them, default 0
        As in `grad`.

    Returns
    -------
    callable
        Takes the arguments of ``f``. For an argument of shape ``s`` it returns an array of shape
        ``s + s``; a tuple of tuples of them if ``argnums`` is a sequence, nested for trees.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> print(cp.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0])))
    [[4. 2.]
     [2. 0.]]
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Function, argnums: Argnums = 0) -> Function:
    r"""Make the function of the Hessian times a vector, :math:`\nabla^2 f(x)\, v`.

    The Hessian is not made: the cost is that of a few gradients. It is the gradient of the
    derivative in the direction ``v``.

    Parameters
    ----------
    f : callable
        Ordinary NumPy code with a scalar result.
    argnums : int, str, or sequence of them, default 0
        As in `grad`.

    Returns
    -------
    callable
        Takes the arguments of ``f``, and ``v`` as the last positional one: nested as the argument,
        in its shapes; a tuple if ``argnums`` is a sequence. The result is nested as ``v``.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> x, v = np.array([1.0, 2.0]), np.array([1.0, 0.0])
    >>> print(cp.hvp(lambda x: x[0] ** 2 * x[1])(x, v))
    [4. 2.]
    """
    arguments = Arguments(f, argnums)

    @functools.wraps(f)
    def product(*args: Any, **kwargs: Any) -> Any:
        if not args:
            raise ShapeError(
                f"The Hessian of {name_of_function(f)} was given no vector.",
                where=current_line(1),
                write="cp.hvp(f)(x, v), with v in the shape of x.",
            )
        *rest, v = args
        leaves = arguments.leaves(rest, kwargs)
        direction = [v] if arguments.single else list(v)

        def slope(*args: Any, **kwargs: Any) -> Any:
            inner = arguments.leaves(args, kwargs)
            y = inner.call(f)
            check_scalar(f, y.value if isinstance(y, Tensor) else y)
            node = y.node if isinstance(y, Tensor) else None
            if node is None or not node.active or node.index < inner.start:
                return None
            record = record_between(inner.start, [node])
            return push(record, _seeds(inner.nodes, direction), recorded=True).get(node)

        y_dot = leaves.call(slope)
        outputs, given = ([], []) if y_dot is None else ([y_dot], [None])
        return arguments.result(pull_back(leaves.start, leaves.nodes, outputs, given))

    return product


def _seeds(nodes: list[Any], tangents: list[Any]) -> dict[Node, Any]:
    """Give every leaf its tangent."""
    pairs: list[tuple[Node, Any]] = []
    tree_map(lambda node, v: pairs.append((node, v)), nodes, tangents)
    return {node: _tangent_of(node, v) for node, v in pairs}


class _Call:
    """One call of a function with leaves for arguments, and the record it leaves."""

    def __init__(
        self,
        f: Function,
        argnums: Any,
        args: Any,
        kwargs: dict[str, Any],
        arguments: Arguments | None = None,
    ) -> None:
        arguments = arguments or Arguments(f, tuple(argnums))
        self.leaves: Leaves = arguments.leaves(args, kwargs)
        self.y = tree_map(versioned, self.leaves.call(f))
        active = [
            part.node
            for _, part in tree_leaves(self.y)
            if isinstance(part, Tensor) and part.node is not None and part.node.active
        ]
        self.recorded = any(node.root < self.leaves.start for node in active)
        self.outputs: list[Node] = list(
            dict.fromkeys(n for n in active if n.index >= self.leaves.start)
        )
        self.nodes = record_between(self.leaves.start, self.outputs)

    def result(self) -> Any:
        """Give the result as the caller gets it."""
        return tree_map(lambda part: outside(part, self.leaves.start), self.y)


def _tangent_of(node: Node, v: Any) -> Any:
    if np.shape(v) != node.shape:
        raise ShapeError(
            f"A tangent has shape {np.shape(v)}, its primal has shape {node.shape}.",
            where=current_line(3),
            why="A tangent says how each element of the primal moves.",
            write=f"np.zeros({node.shape}), with 1 where the primal moves.",
        )
    array = v if isinstance(v, Tensor) else np.asarray(v)
    if array.dtype.kind == "c" and node.dtype.kind != "c":
        raise DTypeError(
            f"A tangent is an array of {array.dtype}, its primal is of {node.dtype}.",
            where=current_line(3),
            why="What is real has no imaginary direction to move in.",
            write="x.astype(complex) for the primal, or np.real(v) for the tangent.",
        )
    if isinstance(v, Tensor):
        return v if v.dtype == node.dtype else v.astype(node.dtype)
    if array.dtype.kind not in "fiubc":
        raise DTypeError(
            f"A tangent is an array of {array.dtype}.",
            where=current_line(3),
            write="a tangent of real numbers, in the shape of its primal.",
        )
    return array.astype(node.dtype, copy=False)[()]


def _still(part: Any) -> Any:
    """Give the tangent of what does not depend on the primals."""
    value = part.value if isinstance(part, Tensor) else np.asarray(part)
    return np.zeros(value.shape, value.dtype if value.dtype.kind in "fc" else np.float64)[()]


def _blocks(call: _Call, inputs: list[Node], outputs: list[Node]) -> dict[tuple[Node, Node], Any]:
    """Compute the Jacobian, of every output with respect to every input, the cheaper way.

    A real output is asked by rows what a complex input does to it, which gives both parts at once;
    a complex output is asked by columns.
    """
    unreal = [x for x in inputs if x.dtype.kind == "c"], [y for y in outputs if y.dtype.kind == "c"]
    if not any(unreal):
        by_rows = sum(map(_size, outputs)) <= sum(map(_size, inputs))
        return (_rows if by_rows else _columns)(call, inputs, outputs)
    blocks = _rows(call, inputs, [y for y in outputs if y not in unreal[1]])
    for x in unreal[0] if unreal[1] else ():
        _refuse_unless_holomorphic(call, x, unreal[1])
    return blocks | _columns(call, inputs, unreal[1])


def _refuse_unless_holomorphic(call: _Call, x: Node, outputs: list[Node]) -> None:
    """Refuse a derivative that is no complex number: one that turns with the direction."""
    for v in _unit_vectors(x):
        along, across = (push(call.nodes, {x: w}, recorded=call.recorded) for w in (v, v * 1j))
        for y in outputs:
            a, b = (getattr(part.get(y, 0), "value", part.get(y, 0)) for part in (along, across))
            scale = np.max(np.abs([a, b]), initial=0.0)
            if np.any(np.abs(a * 1j - b) > 1e3 * np.finfo(y.dtype).eps * scale):
                raise DTypeError(
                    "The Jacobian of a function that is not holomorphic is no complex matrix.",
                    where=current_line(2),
                    why="Its derivative depends on the direction: conj, real, imag and abs do so.",
                    write="cp.jacobian of np.real(f(z)) and of np.imag(f(z)); or cp.jvp, cp.vjp.",
                )


def _rows(call: _Call, inputs: list[Node], outputs: list[Node]) -> dict[tuple[Node, Node], Any]:
    """Compute the Jacobian by one sweep for each element of the result."""
    blocks = {}
    for y in outputs:
        found = [
            sweep([(y, dy)], start=call.leaves.start, recorded=call.recorded)
            for dy in _unit_vectors(y)
        ]
        for x in inputs:
            rows = [part.get(x) for part in found]
            if any(row is not None for row in rows):
                blocks[y, x] = _block(rows, x, y.shape + x.shape, axis=0)
    return blocks


def _columns(call: _Call, inputs: list[Node], outputs: list[Node]) -> dict[tuple[Node, Node], Any]:
    """Compute the Jacobian by one push for each element of the arguments."""
    blocks = {}
    for x in inputs:
        found = [push(call.nodes, {x: v}, recorded=call.recorded) for v in _unit_vectors(x)]
        for y in outputs:
            columns = [part.get(y) for part in found]
            if any(column is not None for column in columns):
                blocks[y, x] = _block(columns, y, y.shape + x.shape, axis=-1)
    return blocks


def _unit_vectors(node: Node) -> Any:
    for i in range(_size(node)):
        v = np.zeros(node.shape, node.dtype)
        v.reshape(-1)[i] = 1
        yield v[()]


def _block(parts: list[Any], of: Node, shape: tuple[int, ...], axis: int) -> Any:
    zero = np.zeros(of.shape, of.dtype)
    stacked = np.stack([zero if part is None else part for part in parts], axis=axis)
    return np.reshape(stacked, shape)[()]


def _no_block(part: Any, x: Node) -> Any:
    return np.zeros(np.shape(_still(part)) + x.shape, x.dtype)[()]


def _size(node: Node) -> int:
    return int(np.prod(node.shape, dtype=int))
