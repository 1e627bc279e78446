"""Choosing among elements, and NumPy's functions that write into their first argument."""

import numpy as np

from clearprop.errors import LostGradientError, MissingRuleError
from clearprop.operands import refuse_dropping
from clearprop.places import current_line
from clearprop.primitive import Case, composition, primitive
from clearprop.rules.comparison import POSITION
from clearprop.rules.indexing import Slot, _array, fill, getitem, setitem
from clearprop.rules.indexing import split as split_index
from clearprop.rules.reduction import numbers_of


@primitive(np.argwhere, no_derivative=POSITION, cases=[Case((3, 4))])
def argwhere(a):
    return np.argwhere(a)


@composition(np.nonzero)
def nonzero(a):
    found = np.argwhere(a)
    return tuple(found[:, i] for i in range(np.ndim(a)))


@composition(np.flatnonzero)
def flatnonzero(a):
    return np.nonzero(np.ravel(a))[0]


@composition(np.unravel_index)
def unravel_index(indices, shape, order="C"):
    shape = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    size = int(np.prod(shape))
    if np.any((numbers_of(indices) < 0) | (numbers_of(indices) >= size)):
        raise ValueError(f"index is out of bounds for array with size {size}")  # as NumPy has it
    places = []
    for n in reversed(shape) if order == "C" else shape:
        places.append(indices % n)
        indices = indices // n
    return tuple(reversed(places) if order == "C" else places)


@composition(np.triu_indices_from)
def triu_indices_from(arr, k=0):
    return np.triu_indices(np.shape(arr)[-2], k, np.shape(arr)[-1])


@composition(np.tril_indices_from)
def tril_indices_from(arr, k=0):
    return np.tril_indices(np.shape(arr)[-2], k, np.shape(arr)[-1])


@composition(np.diag_indices_from)
def diag_indices_from(arr):
    return np.diag_indices_from(np.zeros(np.shape(arr), bool))


@composition(np.extract)
def extract(condition, arr):
    return np.compress(np.ravel(condition), np.ravel(arr))


@composition(np.compress)
def compress(condition, a, axis=None):
    return np.take(a, np.nonzero(condition)[0], axis=axis)  # it may be shorter than the axis


@composition(np.choose)
def choose(a, choices, mode="raise"):
    n = len(choices)
    arrays = np.broadcast_arrays(_array(a), *(choices[i] for i in range(n)))
    which = _in_range(arrays[0], n, mode)
    if mode == "raise" and np.any(numbers_of(which) < 0):
        raise ValueError("invalid entry in choice array")  # as NumPy has it
    return np.take_along_axis(np.stack(arrays[1:]), np.expand_dims(which, 0), axis=0)[0]


def _in_range(indices, n, mode):
    """Do what ``mode`` says with indices that do not exist; "raise" leaves it to the indexing."""
    if mode == "wrap":
        return indices % n
    return np.clip(indices, 0, n - 1) if mode == "clip" else indices


@composition(np.select)
def select(condlist, choicelist, default=0):
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    chosen = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        chosen = np.where(condition, choice, chosen)  # the first that is true wins
    return chosen


@composition(np.piecewise)
def piecewise(x, condlist, funclist, *args, **kw):
    x = x if hasattr(x, "shape") else np.asarray(x)
    if np.ndim(condlist) < 2 and (np.ndim(condlist) == 0 or np.ndim(condlist[0]) < np.ndim(x)):
        condlist = [condlist]
    conditions = list(condlist)
    if len(funclist) == len(conditions) + 1:  # the last one is for the rest
        rest = conditions[0]
        for condition in conditions[1:]:
            rest = rest | condition
        conditions.append(np.logical_not(rest))
    if len(funclist) != len(conditions):
        raise ValueError(
            f"with {len(condlist)} condition(s), either {len(condlist)} or "
            f"{len(condlist) + 1} functions are expected"
        )  # as NumPy has it
    flat = np.reshape(x, -1)
    chosen = np.zeros_like(flat)
    for condition, function in zip(conditions, funclist, strict=True):
        where = np.reshape(np.broadcast_to(condition, np.shape(x)), -1)
        part = flat[where]
        if not callable(function):
            chosen[where] = function
        elif part.size:
            chosen[where] = function(part, *args, **kw)
    return np.reshape(chosen, np.shape(x))


# ---- writing in place: a Tensor becomes a new version ---------------------------------------


def refuse_plain_target(target, what, instead):
    """Refuse to write a recorded value into a plain array, which cannot remember it."""
    if not hasattr(type(target), "__clearprop_record__"):
        raise LostGradientError(
            f"{what} would write a recorded value into a plain array.",
            where=current_line(3),
            why="A plain array remembers no gradient.",
            write=f"y = {instead}, without out=."
            if "out=" in what and instead
            else "out=np.zeros_like(x), or np.ones_like(x), of a recorded x."
            if "out=" in what
            else f"np.zeros_like(x) of a recorded x as the target, or {instead}.",
        )


_FIRST = (Slot(0),)


@composition(np.put)
def put(a, ind, v, mode="raise"):
    refuse_plain_target(a, "np.put", "np.where(mask, v, a)")
    where = _in_range(np.ravel(ind), a.size, mode)
    if where.size and np.size(v):
        _write_flat(a, v if np.ndim(v) == 0 else np.resize(v, where.size), where)


def _write_flat(a, v, *arrays, index=_FIRST):
    refuse_dropping(getattr(v, "dtype", None), a.dtype, current_line(3))
    a._update(np.reshape(setitem(np.ravel(a), v, *arrays, index=index), a.shape))


@composition(np.place)
def place(arr, mask, vals):
    refuse_plain_target(arr, "np.place", "np.where(mask, vals, arr)")
    if not np.size(vals):
        raise ValueError("Cannot insert from an empty array!")  # as NumPy has it
    # The values go round in the order of the places that are true.
    turn = (np.cumsum(np.ravel(mask).astype(int)) - 1) % np.size(vals)
    arr._update(np.where(mask, np.reshape(np.ravel(vals)[turn], arr.shape), arr))


@composition(np.putmask)
def putmask(a, mask, values):
    refuse_plain_target(a, "np.putmask", "np.where(mask, values, a)")
    if not np.size(values):
        return  # as NumPy does
    if np.shape(values) != a.shape:
        values = np.reshape(np.resize(values, a.size), a.shape)
    a._update(np.where(mask, values, a))


@composition(np.copyto)
def copyto(dst, src, casting="same_kind", where=True):
    refuse_plain_target(dst, "np.copyto", "np.where(where, src, dst)")
    if where is True:
        dst[...] = src
    else:
        dst._update(np.where(where, src, dst))


@composition(np.put_along_axis)
def put_along_axis(arr, indices, values, axis=-1):
    refuse_plain_target(arr, "np.put_along_axis", "np.where(mask, values, arr)")
    if axis is None:
        _write_flat(arr, np.ravel(np.broadcast_to(values, np.shape(indices))), np.ravel(indices))
        return
    grids = np.indices(arr.shape, sparse=True)
    arr[tuple(indices if i == axis % arr.ndim else grid for i, grid in enumerate(grids))] = values


@composition(np.fill_diagonal)
def fill_diagonal(a, val, wrap=False):
    refuse_plain_target(a, "np.fill_diagonal", "np.where(np.eye(n, dtype=bool), val, a)")
    # Where the diagonal is, as every so many-th number: asked of NumPy.
    marks = np.zeros(a.shape, bool)
    np.fill_diagonal(marks, True, wrap)
    where = np.flatnonzero(marks)
    step = int(where[1] - where[0]) if where.size > 1 else 1
    index = (slice(0, int(where[-1]) + 1, step),) if where.size else (slice(0, 0),)
    _write_flat(a, val if np.ndim(val) == 0 else np.resize(val, where.size), index=index)


_ROWS = np.array([0, 2, 0])


@primitive(
    symbol="[ ]+=",
    constants=("arrays",),
    latex=r"x\ \text{with}\ v\ \text{added at}\ i",
    cases=[
        Case((3, 4), (3, 4), _ROWS, index=(Slot(0),)),
        Case((3, 4), (), _ROWS, _ROWS, index=(Slot(0), Slot(1))),
        Case((3, 4), (3,), index=(slice(None), 1)),
    ],
)
def add_at(x, value, *arrays, index):
    total = np.array(x)
    np.add.at(total, fill(index, arrays), value)
    return total


@add_at.vjp("x", latex=r"\bar y")
def _(dy):
    return dy


@add_at.vjp("value", latex=r"\bar y[i]")
def _(dy, arrays, *, index):
    return getitem(dy, *arrays, index=index)


def write_at(ufunc, a, indices, *others):
    """``ufunc.at(a, indices, b)``: element after element, so that duplicates count each time."""
    name = f"np.{ufunc.__name__}.at"
    refuse_plain_target(a, name, f"np.{ufunc.__name__}(…)")
    skeleton, arrays = split_index(indices)
    if ufunc in (np.add, np.subtract):
        (b,) = others
        refuse_dropping(getattr(b, "dtype", None), a.dtype, current_line(2))
        a._update(add_at(a, b if ufunc is np.add else np.negative(b), *arrays, index=skeleton))
        return
    if any(getattr(array, "node", None) is not None for array in arrays):
        raise MissingRuleError(
            f"{name} with an index that is computed from an argument has no derivative here.",
            where=current_line(2),
            why="How often each element is met would have to be known beforehand.",
            write="an index that depends on no argument, or np.add.at.",
        )
    numbers = np.reshape(np.arange(a.size), a.shape)
    taken = getitem(numbers, *arrays, index=skeleton)
    flat, places = np.ravel(a), np.ravel(taken)
    rest = [np.ravel(np.broadcast_to(b, taken.shape)) for b in others]
    for turn in _turns(places):  # in one turn no element is met twice
        where = places[turn]
        flat = setitem(flat, ufunc(flat[where], *(b[turn] for b in rest)), where, index=(Slot(0),))
    a._update(np.reshape(flat, a.shape))


def _turns(places):
    """Sort writes into turns: the n-th meeting with an element belongs to turn n."""
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    is_first = np.append(True, ordered[1:] != ordered[:-1])
    starts = np.flatnonzero(is_first)
    turn = np.empty(places.size, int)
    turn[order] = np.arange(places.size) - starts[np.cumsum(is_first) - 1]
    return [np.flatnonzero(turn == n) for n in range(turn.max(initial=-1) + 1)]
