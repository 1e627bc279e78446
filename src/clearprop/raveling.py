"""``ravel``: all numbers of a tree as one vector, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.errors import DTypeError, ShapeError
from clearprop.leaves import dtype_of_numbers
from clearprop.places import current_line
from clearprop.tensor import Tensor
from clearprop.transforms import versioned
from clearprop.trees import tree_leaves, tree_map


def ravel(tree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Lay all leaves of a tree end to end as one vector, and give the function back.

    Parameters
    ----------
    tree : array, number, or a tree of them
        Of real numbers: nested dicts, lists, tuples, namedtuples and dataclasses. None and static
        fields have no numbers, and come back as they are.

    Returns
    -------
    flat : ndarray, shape (n,)
        A copy, each leaf in C order, in the dtype that holds all of theirs. A Python number takes
        the dtype of the arrays beside it.
    unravel : callable
        Takes a vector of shape (n,), gives the tree: new arrays with the shapes and dtypes of the
        leaves, and Python floats where there were Python numbers.

    Raises
    ------
    DTypeError
        If a leaf, or the vector, holds no real numbers.
    ShapeError
        If the vector given to ``unravel`` has another shape.

    Notes
    -----
    Both ways can be differentiated. Optimizers that want one vector then work on any tree::

        flat, unravel = cp.ravel(params)
        scipy.optimize.minimize(cp.value_and_grad(lambda v: loss(unravel(v))), flat, jac=True)

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> flat, unravel = cp.ravel({"W": np.ones((2, 2)), "b": 0.5})
    >>> print(flat)
    [1.  1.  1.  1.  0.5]
    >>> print(cp.grad(lambda v: np.sum(unravel(v)["W"] ** 2))(flat))
    [2. 2. 2. 2. 0.]
    """
    leaves = tree_leaves(tree, "tree")
    for name, value in leaves:
        _refuse_unreal(name, value)
    weak = dtype_of_numbers((tree,))
    dtypes = [getattr(value, "dtype", weak) for _, value in leaves]
    dtype = np.result_type(*dtypes) if leaves else np.dtype(float)
    parts = [_vector(value, dtype) for _, value in leaves]
    flat = np.concatenate(parts) if parts else np.zeros(0)
    shapes = [np.shape(value) for _, value in leaves]
    # A Python number has no dtype to be restored, and a 0-d array is not a NumPy scalar.
    kinds: list[Any] = [None if type(v) in (float, int) else v.dtype for _, v in leaves]
    is_array = [isinstance(value, np.ndarray) for _, value in leaves]
    nesting = tree_map(lambda _: 0.0, tree)
    size = flat.size

    def unravel(vector: Any) -> Any:
        vector = _checked(vector, size)
        made: list[Any] = []
        at = 0
        for shape, kind, array in zip(shapes, kinds, is_array, strict=True):
            length = int(np.prod(shape))
            made.append(_part(vector, slice(at, at + length), shape, kind, array))
            at += length
        parts = iter(made)
        return tree_map(lambda _: next(parts), nesting)

    return flat, unravel


def _refuse_unreal(name: str, value: Any) -> None:
    is_real = getattr(getattr(value, "dtype", None), "kind", "") == "f"
    if type(value) in (float, int) or (is_real and not isinstance(value, np.ma.MaskedArray)):
        return
    is_array = hasattr(value, "dtype") and not isinstance(value, np.ma.MaskedArray)
    found = f"an array of {value.dtype}" if is_array else f"a {type(value).__name__}"
    raise DTypeError(
        f"ravel: {name} is {found}.",
        where=current_line(2),
        why="A vector of real numbers holds nothing else, and could not give it back.",
        write="x.astype(float), None in its place, or a static field of a dataclass.",
    )


def _vector(value: Any, dtype: Any) -> Any:
    """Give a leaf as one axis of the common dtype."""
    if not isinstance(value, Tensor):
        return np.asarray(value, dtype).reshape(-1)
    flat = np.reshape(value, -1)
    return flat if flat.dtype == dtype else flat.astype(dtype)


def _checked(vector: Any, size: int) -> Any:
    if not isinstance(vector, Tensor):
        vector = np.asarray(vector)
        if vector.dtype.kind not in "fiu":
            raise DTypeError(
                f"unravel got a vector of {vector.dtype}.",
                where=current_line(2),
                why="The leaves hold real numbers.",
                write="unravel(flat), with flat as cp.ravel gives it, or of its dtype.",
            )
    if vector.shape != (size,):
        raise ShapeError(
            f"unravel got shape {vector.shape}; the tree has {size} numbers.",
            where=current_line(2),
            why="Each number of the vector has its place in the tree.",
            write=f"a vector of shape ({size},)",
        )
    return vector


def _part(vector: Any, where: slice, shape: tuple[int, ...], kind: Any, is_array: bool) -> Any:
    if isinstance(vector, Tensor):
        part = vector[where.start] if shape == () else np.reshape(vector[where], shape)
        if kind is not None and part.dtype != kind:
            part = part.astype(kind)
        return versioned(part)  # its own, no view: as the copies are that plain vectors give
    if kind is None:
        return float(vector[where.start])
    part = vector[where].astype(kind).reshape(shape)
    return part if is_array else part[()]
