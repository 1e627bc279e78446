"""``checkpoint``: keep the arguments of a function alone, and run it again in the backward pass.

On the record a call is two nodes. The first joins the recorded arguments, so that the second, the
call, has one operand: its rule is asked once in a backward pass, and the function runs again once.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np

from clearprop.arguments import Function, Leaves, check_callable, name_of_function
from clearprop.buffers import Buffer, unwrapped
from clearprop.errors import ClearpropError, DTypeError, LostGradientError
from clearprop.graph import NO_ATTRIBUTES, Node, WideNode, next_index
from clearprop.leaves import alias, leaf
from clearprop.operands import frozen
from clearprop.places import current_line
from clearprop.primitive import Primitive
from clearprop.tensor import Tensor, _project
from clearprop.transforms import pull_back
from clearprop.trees import tree_leaves, tree_map, tree_values

_COMPARED = 64  # elements of each result that the second run is compared by


def checkpoint(f: Function) -> Function:
    """Make a function that keeps only its arguments, and runs again in the backward pass.

    Memory for time: what ``f`` computes on the way is not kept for the backward pass.

    Parameters
    ----------
    f : callable
        Ordinary NumPy code; arguments and result may be trees of arrays. It must compute the same
        each time, and take as arguments whatever it is to be differentiated with respect to.

    Returns
    -------
    callable
        With the same arguments, values and derivatives, of every order. A backward pass runs ``f``
        once more for each of its calls.

    Raises
    ------
    LostGradientError
        If ``f`` uses a recorded value that is not an argument, or writes into an argument.
    ClearpropError
        If the second run gave other values than the first.

    Notes
    -----
    Where nothing is recorded ``f`` itself runs. In a trace its steps are recorded, since a trace
    keeps everything: pictures, source and compiled loops show them, and save no memory.
    Plain arrays among the arguments are copied, unless they are read-only.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> @cp.checkpoint
    ... def layer(x, W):
    ...     return np.tanh(np.exp(x @ W))
    >>> x, W = np.ones((1, 2)), np.array([[0.1, 0.2], [0.3, 0.4]])
    >>> print(np.round(cp.grad(lambda W: np.sum(layer(x, W)))(W), 3))
    [[0.274 0.181]
     [0.274 0.181]]
    """
    check_callable(f)

    @functools.wraps(f)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        args = tuple(map(_unwrapped, args))
        kwargs = {name: _unwrapped(value) for name, value in kwargs.items()}
        parts = list(tree_values((args, kwargs)))
        nodes = [part.node for part in parts if isinstance(part, Tensor)]
        in_trace = any(node is not None and node.tape is not None for node in nodes)
        if in_trace or not any(node is not None and node.active for node in nodes):
            return f(*args, **kwargs)
        return _Segment(f, (args, kwargs)).record(args, kwargs, parts)

    return checkpointed


class _Segment:
    """One call of a checkpointed function: what it was called with, and how to run it again."""

    __slots__ = ("_arguments", "_f", "_kept", "_seen")

    def __init__(self, f: Function, arguments: Any) -> None:
        self._f = f
        self._kept = [None if _is_recorded(p) else _Kept(p) for p in tree_values(arguments)]
        self._arguments = tree_map(lambda _: 0.0, arguments)  # the nesting alone
        self._seen: dict[str, Any] = {}  # some numbers of each result, by its name

    def record(self, args: tuple[Any, ...], kwargs: dict[str, Any], parts: list[Any]) -> Any:
        """Run the function, let go of what it recorded, and put the call on the record.

        It is recorded this first time too, so that what cannot be differentiated is refused here.
        """
        given = [part for part in parts if _is_recorded(part)]
        sources = tuple(part.node for part in given)
        values = tuple(part.value for part in given)
        start = next_index()
        leaves = [leaf(value) for value in values]
        made, named = self._filled(leaves, parts)
        # What holds nothing recorded is the caller's own: a list may be appended to.
        made = tuple(_own_or_made(own, new) for own, new in zip(args, made, strict=True))
        named = {key: _own_or_made(own, named[key]) for key, own in kwargs.items()}
        result = Leaves(start, made, named, [part.node for part in leaves], leaves).call(self._f)
        if any(shadow._writes for shadow in leaves):
            raise _writes_to_argument(self._f)
        outputs = list(_recorded(result).values())
        for y in outputs:
            if y.node is not None and y.node.root < start:
                raise _captures(self._f, y, start)
        if not outputs:
            return result
        self._seen = {name: _some(y.value) for name, y in _recorded(result).items()}
        shapes, dtypes = _form(values)
        nothing = (None,) * len(values)
        joined = WideNode(_JOIN, sources, nothing, NO_ATTRIBUTES, None, shapes, dtypes)
        found = tuple(y.value for y in outputs)
        shapes, dtypes = _form(found)
        call = WideNode(_CALL, (joined,), (values,), {"segment": self}, None, shapes, dtypes)
        projected = iter([_project(call, found, i) for i in range(len(found))])
        return tree_map(lambda p: next(projected) if _is_recorded(p) else p, result)

    def pull_back(self, values: Any, dy: tuple[Any, ...]) -> _Joined:
        """Run the function again, recorded, and sweep through what it leaves."""
        is_recorded = isinstance(values, Tensor)
        if is_recorded:  # a higher derivative: the arguments on the outer record
            values = [_project(values._node, values._value, i) for i in range(len(values._value))]
        start = next_index()
        leaves = [alias(value) if is_recorded else leaf(value) for value in values]
        nodes = [part.node for part in leaves]  # of what came in, whatever is written to it
        args, kwargs = self._filled(leaves, [kept and kept.again() for kept in self._kept])
        found = _recorded(Leaves(start, args, kwargs, nodes, leaves).call(self._f))
        if list(found) != list(self._seen) or not all(
            _is_close(self._seen[name], y) for name, y in found.items()
        ):
            raise _gives_two_values(self._f)
        outputs = list(found.values())
        gradients = pull_back(start, nodes, outputs, list(dy), release=True)
        return _Joined(gradients, *_form(values))

    def _filled(self, leaves: list[Tensor], others: list[Any]) -> Any:
        """Give arguments with these leaves where recorded values stood."""
        rest = iter(leaves)
        parts = iter(
            [next(rest) if k is None else p for k, p in zip(self._kept, others, strict=True)]
        )
        return tree_map(lambda _: next(parts), self._arguments)


class _Joined(dict[int, Any]):
    """The cotangents of joined arguments, with the shapes and dtypes that a cotangent has."""

    def __init__(self, parts: list[Any], shape: Any, dtype: Any) -> None:
        super().__init__(enumerate(parts))
        self.shape = shape
        self.dtype = dtype


def _joined(*arrays: Any) -> Any:
    """Give recorded arguments as one value of several parts."""
    return arrays


def _called(arrays: Any, *, segment: Any) -> Any:
    """Stand on the record for a call; the segment has made it, and makes it again."""
    return arrays


_JOIN = Primitive(_joined, name="arguments", outputs=2)  # of several outputs, however many
_JOIN.vjp("arrays")(lambda dy, *, position: dy[position])
_CALL = Primitive(_called, name="checkpoint", outputs=2)
_CALL.vjp("arrays")(lambda dy, arrays, *, segment: segment.pull_back(arrays, dy))


class _Kept:
    """An argument that is not differentiated, as it was when the function was called."""

    __slots__ = ("_value",)

    def __init__(self, part: Any) -> None:
        self._value = Tensor(part.value) if isinstance(part, Tensor) else frozen(part)

    def again(self) -> Any:
        """Give it to a further run, which may write to it as the first one might."""
        value = self._value
        if isinstance(value, Tensor):
            return Tensor(value.value)
        return frozen(value)


def _is_recorded(part: Any) -> bool:
    return isinstance(part, Tensor) and part.node is not None and part.node.active


def _unwrapped(argument: Any) -> Any:
    """Replace arrays that were filled with recorded values; what holds none stays the caller's."""
    if any(isinstance(part, Buffer) for part in tree_values(argument)):
        return unwrapped(argument)
    return argument


def _own_or_made(own: Any, made: Any) -> Any:
    return made if any(_is_recorded(part) for part in tree_values(own)) else own


def _recorded(result: Any) -> dict[str, Tensor]:
    return {name: part for name, part in tree_leaves(result) if _is_recorded(part)}


def _form(values: Any) -> tuple[Any, Any]:
    return tuple(value.shape for value in values), tuple(value.dtype for value in values)


def _some(value: Any) -> Any:
    """Give a few elements of a result, to recognise it by."""
    step = max(1, value.size // _COMPARED)
    return np.array(np.asarray(value).flat[::step])


def _is_close(seen: Any, y: Tensor) -> bool:
    found = _some(y.value)
    if found.shape != seen.shape:
        return False
    size = np.max(np.abs(seen), initial=0.0, where=np.isfinite(seen))
    near = 1e4 * np.finfo(seen.dtype).eps * size  # sums may round differently
    return bool(np.allclose(found, seen, rtol=0.0, atol=near, equal_nan=True))


# ---- errors -------------------------------------------------------------------------------------


def _writes_to_argument(f: Function) -> LostGradientError:
    return LostGradientError(
        f"{name_of_function(f)}, a checkpoint, writes into an argument.",
        where=current_line(2),
        why="It runs again in the backward pass, and must find what it was called with.",
        write="x = x + …, a new array, in the place of x += … or x[i] = ….",
    )


def _gives_two_values(f: Function) -> ClearpropError:
    return ClearpropError(
        f"{name_of_function(f)}, a checkpoint, gave other values in the backward pass.",
        where=current_line(2),
        why="It holds a state or a random draw, so the gradient would be that of another function.",
        write="the state, the mask or the random numbers as an argument.",
    )


def _captures(f: Function, y: Tensor, since: int) -> LostGradientError:
    name, shape = _captured(f, y, since)
    what = f"{name}, a recorded value" if name else "a recorded value"
    return LostGradientError(
        f"{name_of_function(f)}, a checkpoint, uses {what} of shape {shape} that is no argument.",
        where=current_line(2),
        why="Only its arguments are kept, so the gradient would be lost.",
        write=f"{name or 'the value'} as an argument: cp.checkpoint(f)(x, {name or 'value'})",
    )


def _captured(f: Function, y: Tensor, since: int) -> tuple[str, Any]:
    """Find what was recorded before a call and used in it: (its name, its shape)."""
    assert y.node is not None
    outside: dict[Node, None] = {}
    stack, seen = [y.node], {y.node}
    while stack:
        node = stack.pop()
        if node.index < since:
            outside[node] = None
            continue
        for source in node.inputs:
            if source is not None and source not in seen:
                seen.add(source)
                stack.append(source)
    for name, part in _visible(f):
        if isinstance(part, Tensor) and part.node in outside:
            return name, part.shape
    return "", next(iter(outside)).shape if outside else y.shape


def _visible(f: Any) -> list[tuple[str, Any]]:
    """List what a function reads besides its arguments, leaf by leaf."""
    owner = getattr(f, "__self__", None)
    found = [(f"self.{key}", value) for key, value in getattr(owner, "__dict__", {}).items()]
    try:
        variables = inspect.getclosurevars(inspect.unwrap(f))
        found += [*variables.nonlocals.items(), *variables.globals.items()]
    except TypeError:  # no Python function
        pass
    leaves: list[tuple[str, Any]] = []
    for name, value in found:
        try:
            leaves += tree_leaves(value, name)
        except DTypeError:  # what contains itself has no list of leaves
            continue
    return leaves
