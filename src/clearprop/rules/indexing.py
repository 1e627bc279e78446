"""Reading and writing by index.

An index is split into a skeleton (slices, integers, None, ...) that is an attribute, and the
arrays in it, which are operands: an index that is computed stays a function of its input.
"""

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from clearprop.kinds import GATHER, SCATTER
from clearprop.primitive import Case, composition, primitive
from clearprop.rules.reduction import count


class Slot:
    """The place of the n-th index array in a skeleton."""

    __slots__ = ("number",)

    def __init__(self, number):
        self.number = number

    def __repr__(self):
        return f"Slot({self.number})"

    def __eq__(self, other):
        return isinstance(other, Slot) and other.number == self.number

    def __hash__(self):
        return hash((Slot, self.number))


_PLAIN = frozenset((int, type(None)))  # bounds of a slice that are what they are


def split(index):
    """Split an index into its skeleton and its arrays."""
    parts = index if isinstance(index, tuple) else (index,)
    arrays: list[object] = []
    skeleton: list[object] = []
    for part in parts:
        kind = type(part)
        if kind is slice:
            bounds = part.start, part.stop, part.step
            is_plain = _PLAIN.issuperset(map(type, bounds))
            skeleton.append(part if is_plain else slice(*map(_bound, bounds)))
        elif isinstance(part, list | tuple | range | np.ndarray) or hasattr(
            kind, "__clearprop_record__"
        ):
            skeleton.append(Slot(len(arrays)))
            arrays.append(_array(part))
        else:
            skeleton.append(part)
    return tuple(skeleton), tuple(arrays)


def _array(part):
    if not isinstance(part, list | tuple | range):
        return part
    array = np.asarray(part)
    return array if array.size else array.astype(int)  # an empty list holds no floats


def _bound(value):
    """Give a bound of a slice; a recorded integer is read, since the shape depends on it."""
    return None if value is None else value.__index__()


def fill(index, arrays):
    """Put the arrays back into a skeleton."""
    if not arrays:
        return index
    return tuple(arrays[part.number] if isinstance(part, Slot) else part for part in index)


def meets_once(arrays):
    """Whether no element is met twice by an index with these arrays in it."""
    return not arrays or all(array.dtype == bool for array in arrays)


_ROWS, _MASK = np.array([0, 2, 2]), np.array([True, False, True])
_ALL = slice(None)
_INDICES = [
    Case((3, 4), index=(1,)),
    Case((3, 4), index=(_ALL, slice(None, None, -2))),
    Case((3, 4), index=(Ellipsis, None, 2)),
    Case((3, 4), _ROWS, index=(Slot(0),)),
    Case((3, 4), _MASK, index=(Slot(0),)),
    Case((3, 4), _ROWS, _ROWS, index=(Slot(0), Slot(1))),
    Case((2, 3, 4), _ROWS[:2], index=(0, _ALL, Slot(0))),
]


@primitive(kind=GATHER, symbol="[ ]", latex="x[i]", cases=_INDICES)
def getitem(x, *arrays, index):
    return x[fill(index, arrays)]


@getitem.vjp("x", latex=r"\bar y\ \text{at}\ i,\ 0\ \text{elsewhere}")
def _(dy, arrays, x_shape, *, index):
    return unindex(dy, *arrays, shape=x_shape, index=index)


@getitem.into("x")
def _(total, dy, arrays, x_shape, *, index):
    if meets_once(arrays):
        total[fill(index, arrays)] += dy
    else:
        np.add.at(total, fill(index, arrays), dy)


@getitem.view
def _(base, y, *arrays, index):
    return setitem(base, y, *arrays, index=index)


@primitive(
    kind=SCATTER,
    symbol="[ ]ᵀ",
    latex=r"x\ \text{at}\ i,\ 0\ \text{elsewhere}",
    cases=[
        Case((4,), shape=(3, 4), index=(1,)),
        Case((3, 4), _ROWS, shape=(3, 4), index=(Slot(0),)),
        Case((2, 4), _MASK, shape=(3, 4), index=(Slot(0),)),
    ],
)
def unindex(x, *arrays, shape, index):
    y = np.zeros(shape, x.dtype)
    if meets_once(arrays):
        y[fill(index, arrays)] = x
    else:
        np.add.at(y, fill(index, arrays), x)
    return y


@unindex.vjp("x", latex=r"\bar y[i]")
def _(dy, arrays, *, index):
    return getitem(dy, *arrays, index=index)


@primitive(
    kind=SCATTER,
    symbol="[ ]=",
    latex=r"x\ \text{with}\ v\ \text{at}\ i",
    cases=[
        Case((3, 4), (), index=(1, 2)),
        Case((3, 4), (4,), index=(slice(0, 2),)),
        Case((3, 4), (2, 4), _MASK, index=(Slot(0),)),
        Case((3, 4), (3, 4), _ROWS, index=(Slot(0),)),
        Case((3, 4), (1, 4), index=(1,)),
    ],
)
def setitem(x, value, *arrays, index):
    y = np.array(x)
    y[fill(index, arrays)] = value
    return y


def _setitem_in_place(x, value, *arrays, index):
    x[fill(index, arrays)] = value
    return x


setitem.in_place = _setitem_in_place


@setitem.vjp("x", latex=r"\bar y,\ 0\ \text{at}\ i")
def _(dy, arrays, *, index):
    return setitem(dy, 0.0, *arrays, index=index)


@setitem.over("x")
def _(dy, arrays, *, index):
    dy[fill(index, arrays)] = 0.0
    return dy


@setitem.vjp("value", latex=r"\bar y[i]")
def _(dy, arrays, x_shape, value_shape, *, index):
    taken = getitem(dy, *arrays, index=index)
    if not meets_once(arrays):
        taken = np.where(survives(*arrays, shape=x_shape, index=index), taken, 0.0)
    extra = len(value_shape) - len(np.shape(taken))  # y[0] = v may have v with a leading axis of 1
    return np.reshape(taken, (1,) * extra + np.shape(taken)) if extra > 0 else taken


@primitive(
    no_derivative="which of several writes to one element came last",
    cases=[Case(_ROWS, shape=(3, 4), index=(Slot(0),))],
)
def survives(*arrays, shape, index):
    where = fill(index, arrays)
    writer = np.zeros(shape, dtype=np.intp)
    numbers = np.arange(writer[where].size).reshape(writer[where].shape)
    writer[where] = numbers
    return writer[where] == numbers


@primitive(
    np.take_along_axis,
    kind=GATHER,
    constants=("indices",),
    latex="x[i]",
    cases=[
        Case((3, 4), np.array([[0, 3], [1, 1], [2, 0]]), axis=1),
        Case((3, 4), np.array([[2, 0, 0, 1]]), axis=0),
        Case((3, 4), np.array([7, 1, 7]), axis=None),
    ],
)
def take_along_axis(arr, indices, *, axis=-1):
    return np.take_along_axis(arr, indices, axis=axis)


@take_along_axis.vjp("arr", latex=r"\bar y\ \text{at}\ i,\ 0\ \text{elsewhere}")
def _(dy, indices, arr_shape, *, axis):
    if axis is None:
        flat = unindex(dy, indices, shape=(count(arr_shape, None),), index=(Slot(0),))
        return np.reshape(flat, arr_shape)
    index = tuple(Slot(i) for i in range(len(arr_shape)))
    grids = np.indices(arr_shape, sparse=True)
    arrays = [indices if i == axis % len(arr_shape) else g for i, g in enumerate(grids)]
    return unindex(dy, *arrays, shape=arr_shape, index=index)


@composition(np.take)
def take(a, indices, axis=None, mode="raise"):
    indices = _array(indices)
    if axis is None or (axis in (0, -1) and not np.ndim(a)):
        a, axis = np.ravel(a), 0
    axis = normalize_axis_index(axis, np.ndim(a))
    if mode == "wrap":
        indices = indices % np.shape(a)[axis]
    elif mode == "clip":
        indices = np.clip(indices, 0, np.shape(a)[axis] - 1)
    if getattr(getattr(indices, "dtype", indices), "kind", None) == "b" or type(indices) is bool:
        indices = 1 * indices  # positions 0 and 1, no mask
    part = a[(slice(None),) * axis + (indices,)]
    return part if np.ndim(indices) or not np.ndim(part) else np.copy(part)  # never a view
