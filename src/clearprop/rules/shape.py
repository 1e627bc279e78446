"""The same numbers in another arrangement."""

import numpy as np

from clearprop.errors import MissingRuleError
from clearprop.kinds import BROADCAST, CONCATENATE, PERMUTE
from clearprop.places import current_line
from clearprop.primitive import Case, composition, primitive


@primitive(
    kind=PERMUTE,
    latex=r"\operatorname{reshape} x",
    cases=[Case((2, 6), shape=(3, 4)), Case((2, 6), shape=-1), Case((), shape=(1, 1))],
)
def reshape(a, *, shape):
    return np.reshape(a, shape)


@reshape.vjp("a", latex=r"\operatorname{reshape} \bar y")
def _(dy, a_shape):
    return np.reshape(dy, a_shape)


@reshape.view
def _(base, y, *, shape):
    return np.reshape(y, np.shape(base))


@composition(np.reshape)
def reshape_in_order(a, shape, order="C", *, copy=None):
    if copy:
        a = np.copy(a)
    if _counts_from_the_right(order, "reshape"):
        return reshape(a, shape=shape)
    lengths = np.reshape(np.broadcast_to(0, np.shape(a)), shape).shape
    return np.transpose(reshape(np.transpose(a), shape=lengths[::-1]))


def _counts_from_the_right(order, name):
    """Whether the last axis runs fastest ("C"), not the first ("F")."""
    if order not in ("C", "F"):
        raise MissingRuleError(
            f"np.{name}(…, order={order!r}) has no derivative here.",
            where=current_line(3),
            why="It would depend on how the numbers lie in memory, which no record knows.",
            write='order="C" or order="F".',
        )
    return order == "C"


@primitive(
    np.transpose,
    kind=PERMUTE,
    symbol="T",
    latex=r"x^{\mathsf T}",
    cases=[Case((3, 4)), Case((2, 3, 4), axes=(1, 2, 0)), Case((2, 3, 4), axes=(-1, 0, 1))],
)
def transpose(a, *, axes=None):
    return np.transpose(a, axes=axes)


@transpose.vjp("a", latex=r"\bar y^{\mathsf T}")
def _(dy, *, axes):
    return transpose_back(dy, axes)


@transpose.view
def _(base, y, *, axes=None):
    return transpose_back(y, axes)


def transpose_back(y, axes):
    """Undo a transposition."""
    if axes is None:
        return np.transpose(y)
    return np.transpose(y, tuple(int(i) for i in np.argsort([a % len(axes) for a in axes])))


def _repeated(array, *, shape):
    """Broadcast as NumPy does, in a third of the time where it is a number."""
    plain = isinstance(shape, tuple) and min(shape, default=0) >= 0
    if not plain or not isinstance(array, np.generic):
        return np.broadcast_to(array, shape)
    y = np.ndarray(shape, array.dtype, np.asarray(array), 0, (0,) * len(shape))
    y.flags.writeable = False
    return y


@primitive(
    np.broadcast_to,
    implementation=_repeated,
    kind=BROADCAST,
    latex=r"x\ \text{(repeated)}",
    cases=[Case((4,), shape=(3, 4)), Case((3, 1), shape=(2, 3, 4)), Case((), shape=(2,))],
)
def broadcast_to(array, *, shape):
    return np.broadcast_to(array, shape)


@broadcast_to.vjp("array", latex=r"\sum \bar y")
def _(dy):
    return dy  # the sweep sums over what was repeated


@broadcast_to.view
def _(base, y, *, shape):
    raise ValueError("assignment destination is read-only")  # as NumPy has it


@primitive(
    np.flip,
    kind=PERMUTE,
    latex=r"x\ \text{(reversed)}",
    cases=[Case((3, 4)), Case((3, 4), axis=0), Case((3, 4), axis=(0, 1))],
)
def flip(m, *, axis=None):
    return np.flip(m, axis=axis)


@flip.vjp("m", latex=r"\bar y\ \text{(reversed)}")
def _(dy, *, axis):
    return np.flip(dy, axis)


@flip.view
def _(base, y, *, axis=None):
    return np.flip(y, axis)


@primitive(
    np.concatenate,
    kind=CONCATENATE,
    latex=r"[x_1, x_2, \dots]",
    cases=[
        Case((2, 3), (4, 3)),
        Case((2, 3), (2, 1), (2, 2), axis=-1),
        Case((2, 3), (4,), axis=None),
    ],
)
def concatenate(*arrays, axis=0):
    return np.concatenate(arrays, axis=axis)


@composition(np.concatenate)
def concatenate_of_any_type(arrays, axis=0, *, dtype=None, casting="same_kind"):
    if dtype is not None:
        arrays = [a if hasattr(a, "dtype") else np.asarray(a) for a in arrays]
        if not all(np.can_cast(a.dtype, dtype, casting) for a in arrays):
            return np.concatenate(
                [np.zeros(1, a.dtype) for a in arrays], dtype=dtype, casting=casting
            )
        arrays = [a if a.dtype == dtype else a.astype(dtype) for a in arrays]
    return concatenate(*arrays, axis=axis)


@concatenate.vjp("arrays", latex=r"\bar y\ \text{(its part)}")
def _(dy, arrays_shape, *, axis, position):
    lengths = [int(np.prod(s)) if axis is None else s[axis] for s in arrays_shape]
    start = int(np.sum(lengths[:position]))
    part = slice(start, start + lengths[position])
    if axis is None:
        return np.reshape(dy[part], arrays_shape[position])
    return dy[(slice(None),) * (axis % len(arrays_shape[position])) + (part,)]


@primitive(np.copy, kind=PERMUTE, latex="x", cases=[Case((3, 4))])
def copy(a):
    return np.array(a, order="C")


@composition(np.copy)
def copy_in_order(a, order="K", subok=False):
    return copy(a)  # how it lies in memory is not recorded


@copy.vjp("a", latex=r"\bar y")
def _(dy):
    return dy


@primitive(
    kind=PERMUTE, latex=r"\operatorname{astype} x", cases=[Case((3, 4), dtype=np.dtype("float64"))]
)
def astype(x, *, dtype):
    return x.astype(dtype)


@astype.vjp("x", latex=r"\bar y")
def _(dy):
    return dy  # the sweep gives it the dtype of x


@composition(np.expand_dims)
def expand_dims(a, axis):
    return np.reshape(a, np.expand_dims(np.broadcast_to(0, np.shape(a)), axis).shape)


@composition(np.squeeze)
def squeeze(a, axis=None):
    shape = np.shape(a)
    return np.reshape(a, np.squeeze(np.broadcast_to(0, shape), axis).shape)


@composition(np.ravel)
def ravel(a, order="C"):
    y = np.reshape(a, -1, order=order)
    lies_so = a.flags.c_contiguous if order == "C" else a.flags.f_contiguous
    return y if lies_so else np.copy(y)  # a view only where the memory lies so


@composition(np.swapaxes)
def swapaxes(a, axis1, axis2):
    order = list(range(np.ndim(a)))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return np.transpose(a, tuple(order))


@composition(np.moveaxis)
def moveaxis(a, source, destination):
    moved = np.moveaxis(np.broadcast_to(0, range(np.ndim(a))), source, destination)
    return np.transpose(a, moved.shape)


@composition(np.rollaxis)
def rollaxis(a, axis, start=0):
    moved = np.rollaxis(np.broadcast_to(0, range(np.ndim(a))), axis, start)
    return np.transpose(a, moved.shape)


@composition(np.linalg.matrix_transpose)
@composition(np.matrix_transpose)
def matrix_transpose(x):
    return np.swapaxes(x, -1, -2)


def astype_function(x, dtype, *, copy=True):
    return x.astype(dtype) if copy or x.dtype != dtype else x


if hasattr(np, "astype"):  # since NumPy 2.1
    composition(np.astype)(astype_function)


# ---- diagonals and triangles ------------------------------------------------------------------


@primitive(
    np.diagonal,
    latex=r"x_{ii}",
    cases=[
        Case((3, 4)),
        Case((4, 3), offset=-1),
        Case((2, 3, 4), offset=1, axis1=2, axis2=0),
        Case((2, 2), offset=5),
    ],
)
def diagonal(a, *, offset=0, axis1=0, axis2=1):
    return np.diagonal(a, offset=offset, axis1=axis1, axis2=axis2)


@diagonal.vjp("a", latex=r"\operatorname{diag} \bar y")
def _(dy, a_shape, *, offset, axis1, axis2):
    lengths = (a_shape[axis1], a_shape[axis2])
    spread = undiagonal(dy, shape=lengths, offset=offset)
    ndim = len(a_shape)
    if (axis1 % ndim, axis2 % ndim) == (ndim - 2, ndim - 1):
        return spread
    return np.moveaxis(spread, (-2, -1), (axis1, axis2))


@diagonal.view
def _(base, y, *, offset=0, axis1=0, axis2=1):
    raise ValueError("assignment destination is read-only")  # as NumPy has it


@primitive(
    symbol="diag",
    latex=r"\operatorname{diag} x",
    cases=[
        Case((3,), shape=(3, 3)),
        Case((2, 3), shape=(4, 5), offset=-1),
        Case((2,), shape=(2, 4), offset=2),
    ],
)
def undiagonal(x, *, shape, offset=0):
    spread = np.zeros((*x.shape[:-1], *shape), x.dtype)
    i = np.arange(x.shape[-1])
    spread[..., i - min(offset, 0), i + max(offset, 0)] = x
    return spread


@undiagonal.vjp("x", latex=r"\bar y_{ii}")
def _(dy, *, offset):
    return np.diagonal(dy, offset, -2, -1)


@composition(np.diag)
def diag(v, k=0):
    if np.ndim(v) not in (1, 2):
        raise ValueError("Input must be 1- or 2-d.")  # as NumPy has it
    if np.ndim(v) == 2:
        return np.diagonal(v, k)
    return undiagonal(v, shape=(np.size(v) + abs(k),) * 2, offset=k)


@composition(np.diagflat)
def diagflat(v, k=0):
    return np.diag(np.ravel(v), k)


@composition(np.linalg.diagonal)
def linalg_diagonal(x, *, offset=0):
    return np.diagonal(x, offset, -2, -1)


@primitive(np.tril, latex=r"\operatorname{tril} x", cases=[Case((3, 4)), Case((2, 3, 3), k=-1)])
def tril(m, *, k=0):
    return np.tril(m, k=k)


@tril.vjp("m", latex=r"\operatorname{tril} \bar y")
def _(dy, *, k):
    return np.tril(dy, k)


@primitive(np.triu, latex=r"\operatorname{triu} x", cases=[Case((3, 4)), Case((2, 3, 3), k=1)])
def triu(m, *, k=0):
    return np.triu(m, k=k)


@triu.vjp("m", latex=r"\operatorname{triu} \bar y")
def _(dy, *, k):
    return np.triu(dy, k)
