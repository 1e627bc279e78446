"""The same numbers in another arrangement."""

import numpy as np

from clearprop.errors import MissingRuleError
from clearprop.kinds import BROADCAST, CONCATENATE, PAD, PERMUTE
from clearprop.places import current_line
from clearprop.primitive import Case, composition, primitive


@primitive(
    np.reshape,
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


@primitive(
    np.broadcast_to,
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


@concatenate.vjp("arrays", latex=r"\bar y\ \text{(its part)}")
def _(dy, arrays_shape, *, axis, position):
    lengths = [int(np.prod(s)) if axis is None else s[axis] for s in arrays_shape]
    start = int(np.sum(lengths[:position]))
    part = slice(start, start + lengths[position])
    if axis is None:
        return np.reshape(dy[part], arrays_shape[position])
    return dy[(slice(None),) * (axis % len(arrays_shape[position])) + (part,)]


@primitive(
    kind=PAD,
    latex=r"\operatorname{pad} x",
    cases=[
        Case((3, 4), pad_width=((1, 1), (1, 1))),
        Case((3, 4), pad_width=((0, 2), (1, 0))),
        Case((3,), pad_width=((1, 2),), constant_values=3.0),
    ],
)
def pad(array, *, pad_width, constant_values=0):
    return np.pad(array, pad_width, constant_values=constant_values)


@pad.vjp("array", latex=r"\bar y\ \text{(without the border)}")
def _(dy, array_shape, *, pad_width):
    border = zip(pad_width, array_shape, strict=True)
    return dy[tuple(slice(before, before + n) for (before, _), n in border)]


@composition(np.pad)
def pad_constant(array, pad_width, mode="constant", *, constant_values=0):
    if mode != "constant":
        raise MissingRuleError(
            f"np.pad(…, mode={mode!r}) has no derivative here.",
            where=current_line(2),
            why="Only borders of constants are recorded.",
            write="np.concatenate([x[:1], x]), with the border taken out of x.",
        )
    widths = np.broadcast_to(pad_width, (np.ndim(array), 2)).tolist()
    pairs = tuple((before, after) for before, after in widths)
    if isinstance(constant_values, list | np.ndarray):
        constant_values = tuple(map(tuple, np.broadcast_to(constant_values, (len(pairs), 2))))
    return pad(array, pad_width=pairs, constant_values=constant_values)


@primitive(np.copy, kind=PERMUTE, latex="x", cases=[Case((3, 4))])
def copy(a):
    return np.array(a, order="C")


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
    axes = axis if isinstance(axis, tuple | list) else (axis,)
    ndim = np.ndim(a) + len(axes)
    new = {i % ndim for i in axes}
    old = iter(np.shape(a))
    return np.reshape(a, tuple(1 if i in new else next(old) for i in range(ndim)))


@composition(np.squeeze)
def squeeze(a, axis=None):
    shape = np.shape(a)
    return np.reshape(a, np.squeeze(np.broadcast_to(0, shape), axis).shape)


@composition(np.ravel)
def ravel(a):
    return np.reshape(a, -1)


@composition(np.swapaxes)
def swapaxes(a, axis1, axis2):
    order = list(range(np.ndim(a)))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return np.transpose(a, tuple(order))


@composition(np.moveaxis)
def moveaxis(a, source, destination):
    moved = np.moveaxis(np.broadcast_to(0, range(np.ndim(a))), source, destination)
    return np.transpose(a, moved.shape)


@composition(np.stack)
def stack(arrays, axis=0):
    return np.concatenate([np.expand_dims(a, axis) for a in arrays], axis=axis)


@composition(np.vstack)
def vstack(tup):
    return np.concatenate([np.reshape(a, (1, -1)) if np.ndim(a) < 2 else a for a in tup], axis=0)


@composition(np.hstack)
def hstack(tup):
    arrays = [np.reshape(a, (1,)) if not np.ndim(a) else a for a in tup]
    return np.concatenate(arrays, axis=0 if np.ndim(arrays[0]) == 1 else 1)


@composition(np.atleast_2d)
def atleast_2d(*arys):
    made = tuple(np.reshape(a, (1, -1)) if np.ndim(a) < 2 else a for a in arys)
    return made[0] if len(made) == 1 else made
