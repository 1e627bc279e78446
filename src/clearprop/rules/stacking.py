"""Arrays put together, taken apart and repeated: all of it in terms of other functions."""

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from clearprop.kinds import COMPOSITE
from clearprop.primitive import Case, composition, primitive


@primitive(
    kind=COMPOSITE,
    latex=r"[x_1, x_2, \dots]",
    cases=[Case((3,), (3,)), Case((2, 3), (2, 3), (2, 3), axis=-1), Case((), ())],
    implementation=lambda *arrays, axis=0: np.stack(arrays, axis=axis),
)
def stack(*arrays, axis=0):
    return np.concatenate([np.expand_dims(a, axis) for a in arrays], axis=axis)


@stack.vjp("arrays", latex=r"\bar y\ \text{(its part)}")
def _(dy, *, axis, position):
    return dy[(slice(None),) * (axis % np.ndim(dy)) + (position,)]


@composition(np.stack)
def stack_of_any_type(arrays, axis=0, *, dtype=None, casting="same_kind"):
    if dtype is None and casting == "same_kind":
        return stack(*arrays, axis=axis)
    expanded = [np.expand_dims(a, axis) for a in arrays]
    return np.concatenate(expanded, axis=axis, dtype=dtype, casting=casting)


def unstack(x, *, axis=0):
    moved = np.moveaxis(x, axis, 0)
    return tuple(moved[i] for i in range(len(moved)))


if hasattr(np, "unstack"):  # since NumPy 2.1
    composition(np.unstack)(unstack)


@composition(np.vstack)
def vstack(tup, *, dtype=None, casting="same_kind"):
    rows = [np.atleast_2d(a) for a in tup]
    return np.concatenate(rows, axis=0, dtype=dtype, casting=casting)


@composition(np.hstack)
def hstack(tup, *, dtype=None, casting="same_kind"):
    arrays = [np.atleast_1d(a) for a in tup]
    axis = 0 if np.ndim(arrays[0]) == 1 else 1
    return np.concatenate(arrays, axis=axis, dtype=dtype, casting=casting)


@composition(np.dstack)
def dstack(tup):
    return np.concatenate([np.atleast_3d(a) for a in tup], axis=2)


@composition(np.column_stack)
def column_stack(tup):
    columns = [np.reshape(a, (-1, 1)) if np.ndim(a) < 2 else a for a in tup]
    return np.concatenate(columns, axis=1)


@composition(np.append)
def append(arr, values, axis=None):
    if axis is None:  # as NumPy: a number becomes an array of its own type
        arr, values = (a if hasattr(a, "dtype") else np.asarray(a) for a in (arr, values))
    return np.concatenate([arr, values], axis=axis)


@composition(np.block)
def block(arrays):
    depth = _depth(arrays)
    ndim = max(depth, _largest_ndim(arrays))
    return np.copy(_block(arrays, 1, depth, ndim))


def _block(parts, level, depth, ndim):
    """Put lists together along the last axes: the innermost along the very last one."""
    if level > depth:
        shape = np.shape(parts)
        return np.reshape(parts, (1,) * (ndim - len(shape)) + shape)
    joined = [_block(part, level + 1, depth, ndim) for part in parts]
    return np.concatenate(joined, axis=level - 1 - depth)


def _depth(parts):
    if isinstance(parts, tuple):
        raise TypeError("arrays is a tuple. Only lists can be used to arrange blocks")
    if not isinstance(parts, list):
        return 0
    if not parts:
        raise ValueError("List at arrays cannot be empty")  # as NumPy has it
    depths = {_depth(part) for part in parts}
    if len(depths) > 1:
        raise ValueError("List depths are mismatched.")
    return 1 + depths.pop()


def _largest_ndim(parts):
    return max(map(_largest_ndim, parts)) if isinstance(parts, list) else np.ndim(parts)


@composition(np.apply_along_axis)
def apply_along_axis(func1d, axis, arr, *args, **kwargs):
    axis = normalize_axis_index(axis, np.ndim(arr))
    lines = np.moveaxis(arr, axis, -1)
    rest = lines.shape[:-1]
    found = [func1d(lines[i], *args, **kwargs) for i in np.ndindex(*rest)]
    if not found:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    found = [np.stack(y) if isinstance(y, list | tuple) else y for y in found]
    shape = np.shape(found[0])
    y = np.reshape(np.stack(found), rest + shape)
    return np.moveaxis(y, range(len(rest), y.ndim), range(axis, axis + len(shape)))


@composition(np.apply_over_axes)
def apply_over_axes(func, a, axes):
    for axis in np.atleast_1d(axes).tolist():
        along = axis + np.ndim(a) if axis < 0 else axis
        y = func(a, along)
        a = y if np.ndim(y) == np.ndim(a) else np.expand_dims(y, along)
    return a


def _each(arys, form):
    made = tuple(form(a if hasattr(a, "dtype") else np.asarray(a)) for a in arys)
    return made[0] if len(made) == 1 else made


@composition(np.atleast_1d)
def atleast_1d(*arys):
    return _each(arys, lambda a: a if np.ndim(a) else np.reshape(a, (1,)))


@composition(np.atleast_2d)
def atleast_2d(*arys):
    return _each(arys, lambda a: a if np.ndim(a) > 1 else np.reshape(a, (1, -1)))


@composition(np.atleast_3d)
def atleast_3d(*arys):
    def form(a):
        if np.ndim(a) > 2:
            return a
        return np.expand_dims(a, -1) if np.ndim(a) == 2 else np.reshape(a, (1, -1, 1))

    return _each(arys, form)


# ---- taken apart ----------------------------------------------------------------------------


@composition(np.array_split)
def array_split(ary, indices_or_sections, axis=0):
    axis = normalize_axis_index(axis, np.ndim(ary))
    # where to cut: asked of NumPy, by splitting the numbers of the places
    parts = np.array_split(np.arange(ary.shape[axis]), indices_or_sections)
    return [_part(ary, axis, part) for part in parts]


def _part(ary, axis, part):
    cut = slice(int(part[0]), int(part[-1]) + 1) if part.size else slice(0, 0)
    return ary[(slice(None),) * axis + (cut,)]


@composition(np.split)
def split(ary, indices_or_sections, axis=0):
    np.split(np.arange(ary.shape[axis]), indices_or_sections)  # where that is no equal division
    return np.array_split(ary, indices_or_sections, axis)


@composition(np.hsplit)
def hsplit(ary, indices_or_sections):
    if not np.ndim(ary):
        raise ValueError("hsplit only works on arrays of 1 or more dimensions")
    return np.split(ary, indices_or_sections, 1 if np.ndim(ary) > 1 else 0)


@composition(np.vsplit)
def vsplit(ary, indices_or_sections):
    if np.ndim(ary) < 2:
        raise ValueError("vsplit only works on arrays of 2 or more dimensions")
    return np.split(ary, indices_or_sections, 0)


@composition(np.dsplit)
def dsplit(ary, indices_or_sections):
    if np.ndim(ary) < 3:
        raise ValueError("dsplit only works on arrays of 3 or more dimensions")
    return np.split(ary, indices_or_sections, 2)


@composition(np.delete)
def delete(arr, obj, axis=None):
    arr, axis = _along(arr, axis)
    return np.take(arr, np.delete(np.arange(arr.shape[axis]), obj), axis=axis)


@composition(np.insert)
def insert(arr, obj, values, axis=None):
    arr, axis = _along(arr, axis)
    values = np.reshape(values, (1,) * (np.ndim(arr) - np.ndim(values)) + np.shape(values))
    if np.ndim(obj) == 0 and not isinstance(obj, slice):
        values = np.moveaxis(values, 0, axis)  # as NumPy: one place takes values as x[i] = v does
    n = arr.shape[axis]
    places = np.insert(np.zeros(n, int), obj, 1).sum()
    count = values.shape[axis] if places == 1 else int(places)
    while np.ndim(values) > np.ndim(arr) and len(values) == 1:  # as in an assignment
        values = values[0]
    new = np.broadcast_to(values, (*arr.shape[:axis], count, *arr.shape[axis + 1 :]))
    order = np.insert(np.arange(n), obj, n + np.arange(count))
    return np.take(np.concatenate([arr, new.astype(arr.dtype)], axis=axis), order, axis=axis)


def _along(arr, axis):
    if axis is not None:
        return arr, normalize_axis_index(axis, np.ndim(arr))
    return (arr if np.ndim(arr) == 1 else np.ravel(arr)), 0


# ---- repeated and moved ---------------------------------------------------------------------


@composition(np.tile)
def tile(A, reps):
    reps = tuple(int(n) for n in np.atleast_1d(reps))
    ndim = max(len(reps), np.ndim(A))
    shape = (1,) * (ndim - np.ndim(A)) + np.shape(A)
    reps = (1,) * (ndim - len(reps)) + reps
    pairs = tuple(zip(reps, shape, strict=True))
    columns = np.reshape(A, tuple(length for n in shape for length in (1, n)))
    tiled = np.broadcast_to(columns, tuple(length for pair in pairs for length in pair))
    return np.reshape(np.copy(tiled), tuple(times * n for times, n in pairs))


@composition(np.repeat)
def repeat(a, repeats, axis=None):
    a, axis = _along(a, axis if np.ndim(a) or axis not in (0, -1) else None)
    if np.ndim(repeats) or axis >= np.ndim(a):
        return np.take(a, np.repeat(np.arange(a.shape[axis]), repeats), axis=axis)
    shape = (*a.shape[: axis + 1], int(repeats), *a.shape[axis + 1 :])
    each = np.copy(np.broadcast_to(np.expand_dims(a, axis + 1), shape))
    return np.reshape(each, (*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]))


@composition(np.roll)
def roll(a, shift, axis=None):
    if axis is None:
        return np.reshape(np.roll(np.ravel(a), shift, 0), np.shape(a))
    rolled = a
    for n, i in np.broadcast(shift, axis):
        along = normalize_axis_index(int(i), np.ndim(a))
        cut = -int(n) % max(a.shape[along], 1)
        before = (slice(None),) * along
        if cut:
            parts = [rolled[(*before, slice(cut, None))], rolled[(*before, slice(None, cut))]]
            rolled = np.concatenate(parts, axis=along)
    return np.copy(a) if rolled is a else rolled


@composition(np.rot90)
def rot90(m, k=1, axes=(0, 1)):
    first, second = axes
    if (first - second) % np.ndim(m) == 0:
        raise ValueError("Axes must be different.")  # as NumPy has it
    if k % 4 in (0, 2):
        return np.flip(m, (first, second)) if k % 4 else m[...]
    if k % 4 == 1:
        return np.swapaxes(np.flip(m, second), first, second)
    return np.flip(np.swapaxes(m, first, second), second)


@composition(np.fliplr)
def fliplr(m):
    return np.flip(m, 1)


@composition(np.flipud)
def flipud(m):
    return np.flip(m, 0)


@composition(np.resize)
def resize(a, new_shape):
    shape = (new_shape,) if isinstance(new_shape, int | np.integer) else tuple(new_shape)
    if any(n < 0 for n in shape):
        raise ValueError("all elements of `new_shape` must be non-negative")  # as NumPy has it
    wanted, flat = int(np.prod(shape)), np.ravel(a)
    if not flat.size:
        return np.zeros(shape, flat.dtype)
    if wanted == flat.size:
        return np.reshape(np.copy(flat), shape)
    return np.reshape(np.tile(flat, -(-wanted // flat.size))[:wanted], shape)


@composition(np.broadcast_arrays)
def broadcast_arrays(*args):
    shape = np.broadcast_shapes(*map(np.shape, args))
    arrays = [a if hasattr(a, "shape") else np.asarray(a) for a in args]
    return tuple(a if np.shape(a) == shape else np.broadcast_to(a, shape) for a in arrays)


@composition(np.meshgrid)
def meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")  # as NumPy has it
    ndim = len(xi)
    axes = list(range(ndim))
    if indexing == "xy" and ndim > 1:
        axes[:2] = [1, 0]
    grids = [
        np.reshape(x, tuple(-1 if i == axis else 1 for i in range(ndim)))
        for x, axis in zip(xi, axes, strict=True)
    ]
    made = tuple(grids) if sparse else np.broadcast_arrays(*grids)
    return tuple(np.copy(grid) if copy else grid for grid in made)


# ---- windows that slide -----------------------------------------------------------------------


@primitive(
    latex=r"x_{i+u}",
    cases=[
        Case((5,), window_shape=(3,), axis=(0,)),
        Case((3, 4), window_shape=(2, 3), axis=(0, 1)),
        Case((4, 3), window_shape=(2,), axis=(-2,)),
    ],
)
def sliding_window_view(x, *, window_shape, axis):
    return np.lib.stride_tricks.sliding_window_view(x, window_shape, axis)


@sliding_window_view.vjp("x", latex=r"\sum_u \bar y_{i-u,u}")
def _(dy, x_shape, *, window_shape, axis):
    return unwindow(dy, shape=x_shape, window_shape=window_shape, axis=axis)


@sliding_window_view.view
def _(base, y, *, window_shape, axis):
    raise ValueError("assignment destination is read-only")  # as NumPy has it


@primitive(
    latex=r"\sum_u x_{i-u,u}",
    cases=[
        Case((3, 3), shape=(5,), window_shape=(3,), axis=(0,)),
        Case((2, 2, 2, 3), shape=(3, 4), window_shape=(2, 3), axis=(0, 1)),
    ],
)
def unwindow(x, *, shape, window_shape, axis):
    total = np.zeros(shape, x.dtype)
    for offset in np.ndindex(*window_shape):
        start = [0] * len(shape)
        for i, n in zip(axis, offset, strict=True):
            start[i] += n
        part = tuple(slice(n, n + length) for n, length in zip(start, x.shape, strict=False))
        total[part] += x[(..., *offset)]
    return total


@unwindow.vjp("x", latex=r"\bar y_{i+u}")
def _(dy, *, window_shape, axis):
    return sliding_window_view(dy, window_shape=window_shape, axis=axis)


@composition(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view_of_any_form(x, window_shape, axis=None):
    sizes = (window_shape,) if isinstance(window_shape, int | np.integer) else window_shape
    given = range(np.ndim(x)) if axis is None else np.atleast_1d(axis)
    axes = tuple(normalize_axis_index(int(i), np.ndim(x)) for i in given)
    return sliding_window_view(x, window_shape=tuple(map(int, sizes)), axis=axes)
