"""Borders around arrays."""

import numpy as np

from clearprop.errors import MissingRuleError
from clearprop.kinds import PAD
from clearprop.places import current_line
from clearprop.primitive import Case, composition, primitive


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
def pad_in_any_mode(
    array,
    pad_width,
    mode="constant",
    *,
    constant_values=None,
    end_values=None,
    reflect_type=None,
    stat_length=None,
):
    options = {
        "constant_values": constant_values,
        "end_values": end_values,
        "reflect_type": reflect_type,
        "stat_length": stat_length,
    }
    if callable(mode):
        raise MissingRuleError(
            f"np.pad(…, mode={getattr(mode, '__name__', mode)!s}) has no derivative here.",
            where=current_line(2),
            why="Such a function writes into plain arrays, which remember nothing.",
            write="np.concatenate([border, x, border]), or one of NumPy's modes by its name.",
        )
    if mode not in _OPTION:
        raise ValueError(f"mode '{mode}' is not supported")  # as NumPy has it
    unknown = {name for name, value in options.items() if value is not None} - {_OPTION[mode]}
    if unknown:
        raise ValueError(
            f"unsupported keyword arguments for mode '{mode}': {unknown}"
        )  # as NumPy has it
    pairs = _pad_pairs(pad_width, np.ndim(array))
    if min(map(min, pairs), default=0) < 0:
        raise ValueError("index can't contain negative values")  # as NumPy has it
    if not pairs:
        return np.copy(array)  # a number has no border
    given = options.get(_OPTION[mode])
    if mode in ("constant", "empty"):  # NumPy leaves an empty border as the memory happens to be
        return _constant(array, pairs, 0 if given is None else given)
    y = array
    for axis, width in enumerate(pairs):
        if not any(width):
            continue
        if not y.shape[axis]:
            raise ValueError(
                f"can't extend empty axis {axis} using modes other than 'constant' or 'empty'"
            )  # as NumPy has it
        if mode in _STATISTICS:
            y = _statistics(y, axis, width, _STATISTICS[mode], _of_axis(given, axis, len(pairs)))
        elif mode == "linear_ramp":
            y = _ramps(y, axis, width, _of_axis(0 if given is None else given, axis, len(pairs)))
        elif given == "odd":
            y = _odd(y, axis, width, mode)
        else:  # where each element comes from, found by padding their numbers
            y = np.take(y, np.pad(np.arange(y.shape[axis]), width, mode), axis=axis)
    return y


_STATISTICS = {"maximum": np.max, "mean": np.mean, "median": np.median, "minimum": np.min}
#: What may be said beside the mode.
_OPTION = {
    "constant": "constant_values",
    "linear_ramp": "end_values",
    "reflect": "reflect_type",
    "symmetric": "reflect_type",
    **dict.fromkeys(_STATISTICS, "stat_length"),
    **dict.fromkeys(["edge", "empty", "wrap"], ""),
}


def _constant(array, pairs, values):
    is_recorded = hasattr(type(values), "__clearprop_record__")
    if is_recorded or (isinstance(values, list | tuple) and _holds_recorded(values)):
        y = array
        for axis, width in enumerate(pairs):
            ends = _of_axis(values, axis, len(pairs))
            parts = [_band(y, axis, n, end) for n, end in zip(width, ends, strict=True)]
            y = np.concatenate([parts[0], y, parts[1]], axis=axis)
        return y
    if isinstance(values, list | np.ndarray):
        values = tuple(map(tuple, np.broadcast_to(values, (len(pairs), 2))))
    return pad(array, pad_width=pairs, constant_values=values)


def _holds_recorded(values):
    if isinstance(values, list | tuple):
        return any(map(_holds_recorded, values))
    return hasattr(type(values), "__clearprop_record__")


def _of_axis(values, axis, ndim):
    """Give what is meant before and after an axis, of what may be said for all or for each."""
    if not isinstance(values, list | tuple) and np.ndim(values) == 0:
        return values, values
    if not _holds_recorded(values):
        before, after = np.broadcast_to(values, (ndim, 2)).tolist()[axis]
        return before, after
    if isinstance(values[0], list | tuple):  # one for each axis, or one for all
        values = values[axis if len(values) == ndim else 0]
    return values[0], values[-1]


def _band(y, axis, count, value):
    """Give a border of one value, or of one slice of the array again and again."""
    form = (*y.shape[:axis], count, *y.shape[axis + 1 :])
    band = np.broadcast_to(value, form)
    return band if band.dtype == y.dtype else band.astype(y.dtype)


def _part(y, axis, start, stop):
    return y[(slice(None),) * axis + (slice(start, stop),)]


def _statistics(y, axis, width, statistic, lengths):
    n = y.shape[axis]
    longest = [n if length is None or length > n else length for length in lengths]
    if min(longest) < 1 and statistic in (np.max, np.min):
        raise ValueError("stat_length of 0 yields no value for padding")  # as NumPy has it
    ends = (_part(y, axis, 0, longest[0]), _part(y, axis, n - longest[1], n))
    found = [statistic(end, axis=axis, keepdims=True) for end in ends]
    if y.dtype.kind in "iu":
        found = [np.rint(value) for value in found]
    before, after = (_band(y, axis, k, v) for k, v in zip(width, found, strict=True))
    return np.concatenate([before, y, after], axis=axis)


def _ramps(y, axis, width, ends):
    edges = (_part(y, axis, 0, 1), _part(y, axis, -1, None))
    before, after = (
        np.linspace(end, np.squeeze(edge, axis), count, endpoint=False, dtype=y.dtype, axis=axis)
        for end, edge, count in zip(ends, edges, width, strict=True)
    )
    return np.concatenate([before, y, np.flip(after, axis)], axis=axis)


def _odd(y, axis, width, mode):
    """Turn by half a turn around the ends, as often as the border asks for."""
    width = list(width)
    skipped = int(mode == "reflect")  # the element at the end is not repeated
    if y.shape[axis] == 1:
        return np.take(y, np.zeros(width[0] + 1 + width[1], int), axis=axis)
    length = y.shape[axis]
    while any(width):
        n = y.shape[axis]
        before, after = (min(w, length - skipped) for w in width)
        first, last = _part(y, axis, 0, 1), _part(y, axis, -1, None)
        left = 2 * first - np.flip(_part(y, axis, skipped, skipped + before), axis)
        right = 2 * last - np.flip(_part(y, axis, n - skipped - after, n - skipped), axis)
        y = np.concatenate([left, y, right], axis=axis)
        width = [width[0] - before, width[1] - after]
    return y


def _pad_pairs(pad_width, ndim):
    if isinstance(pad_width, dict):  # by axis, since NumPy 2.2
        by_axis = {axis % ndim: width for axis, width in pad_width.items()}
        pad_width = [np.broadcast_to(by_axis.get(i, 0), 2) for i in range(ndim)]
    widths = np.broadcast_to(pad_width, (ndim, 2)).tolist()
    return tuple((before, after) for before, after in widths)
