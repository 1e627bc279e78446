"""An example call of every function of the registries, made of the names of its parameters.

A function that is registered later is called without a new line here, where NumPy gives its
parameters the names it gives them elsewhere; where not, asking for its call is an error.
"""

import inspect
import itertools

import numpy as np

from clearprop.primitive import BY_FUNCTION, COMPOSITIONS, primitive_for

REGISTERED = {
    f"{getattr(f, '__module__', None) or 'numpy'}.{f.__name__}": f
    for f in {**BY_FUNCTION, **COMPOSITIONS}
}
_RNG = np.random.default_rng(11)
_MATRIX = _RNG.uniform(-1, 1, (3, 3)) + 3 * np.eye(3)
_OTHER = _RNG.uniform(-1, 1, (3, 3))
_THIRD = _RNG.uniform(-1, 1, (3, 3))
_VECTOR = _RNG.uniform(-1, 1, 3)
_BOX = _RNG.uniform(-1, 1, (2, 3, 6)) + 2 * np.eye(6).reshape(2, 3, 6)
_MASK = np.array([[True, False, True], [False, True, True], [True, True, False]])

#: What stands for a parameter that must be given, by its name.
_BY_NAME = {
    **dict.fromkeys(["a", "x", "x1", "arr", "ary", "m", "array", "val", "y", "f", "A"], _MATRIX),
    **dict.fromkeys(["start", "from_", "a1", "dst", "element", "prototype", "c"], _MATRIX),
    **dict.fromkeys(
        ["b", "x2", "values", "test_elements", "vals", "src", "stop", "a2", "ar2"], _OTHER
    ),
    **dict.fromkeys(["v", "p", "filt"], _VECTOR),
    **dict.fromkeys(["ar", "ar1"], _MATRIX),
    "z": _MATRIX,
    **{name: [_OTHER, _MATRIX, _THIRD] for name in ("arrays", "tup", "choices")},
    **dict.fromkeys(["*arys", "*args", "*arrays"], (_MATRIX, _OTHER)),
    **dict.fromkeys(["indices", "obj", "kth", "axis", "shift", "source", "axis1"], 1),
    **dict.fromkeys(["n", "reps", "repeats", "window_shape", "pad_width"], 2),
    **dict.fromkeys(["destination", "axis2"], 0),
    **dict.fromkeys(["shape", "new_shape"], (9,)),
    **dict.fromkeys(["mask", "condition"], _MASK),
    **dict.fromkeys(["*varargs", "**kwargs", "**kw"], ()),
    "fill_value": np.float64(0.75),
    "q": np.array([0.15, 0.6]),
    "ind": np.array([4, 1, 4]),
    "pts": (_VECTOR, _OTHER[0]),
    "indices_or_sections": [1],
    "dtype": np.float64,
    "xp": np.array([-2.0, 0.1, 2.0]),
    "fp": _VECTOR,
    "axes": [0, 1],
    "bins": np.array([-1.0, 0.0, 1.0]),
    "keys": [_MATRIX],
    "*xi": (_VECTOR, _OTHER[0]),
}
_ROWS = np.array([[0, 2, 1], [1, 0, 0]])

#: The calls that the names alone do not give: positional arguments, and those by name.
_OWN = {
    np.put: ((_MATRIX, np.array([4, 1]), _VECTOR[:2]), {}),
    np.average: ((_MATRIX, 0, _VECTOR**2 + 1), {}),
    np.convolve: ((_OTHER[0], _VECTOR), {}),
    np.searchsorted: ((np.array([-1.0, 0.0, 1.0]), _VECTOR), {}),
    np.take_along_axis: ((_MATRIX, _ROWS, 0), {}),
    np.broadcast_to: ((_MATRIX, (2, 3, 3)), {}),
    np.correlate: ((_OTHER[0], _VECTOR), {}),
    np.percentile: ((_MATRIX, np.array([15.0, 60.0])), {}),
    np.nanpercentile: ((_MATRIX, np.array([15.0, 60.0])), {}),
    np.clip: ((_MATRIX, -0.4, _OTHER + 2), {}),
    np.einsum: (("ij,kj->ik", _MATRIX, _OTHER), {}),
    np.choose: ((np.array([2, 0, 1]), [_OTHER, _MATRIX, _THIRD]), {}),
    np.select: (([_MASK, ~_MASK], [_MATRIX, _OTHER]), {}),
    np.piecewise: ((_MATRIX, [_MASK], [np.sin, np.cos]), {}),
    np.compress: ((np.array([True, False, True]), _MATRIX, 0), {}),
    np.unravel_index: ((np.array([3, 7]), (3, 3)), {}),
    np.bincount: ((np.array([0, 2, 2]), _VECTOR), {}),
    np.put_along_axis: ((_MATRIX, _ROWS, _OTHER[:2], 0), {}),
    np.fill_diagonal: ((_MATRIX, _VECTOR), {}),
    np.apply_along_axis: ((np.cumsum, 1, _MATRIX), {}),
    np.apply_over_axes: ((np.sum, _MATRIX, [0]), {}),
    np.insert: ((_MATRIX, 1, _VECTOR, 0), {}),
    np.lib.stride_tricks.sliding_window_view: ((_MATRIX, 2, 0), {}),
    np.can_cast: ((np.float32, np.float64), {}),
    np.result_type: ((_MATRIX, np.float32), {}),
    np.linalg.tensorinv: ((_BOX.reshape(6, 2, 3), 1), {}),
    np.linalg.tensorsolve: ((_BOX, _OTHER[:2]), {}),
    np.cross: ((_MATRIX, _VECTOR), {}),
    np.linalg.outer: ((_VECTOR, _OTHER[0]), {}),
    np.dsplit: ((_BOX, [2]), {}),
    np.isclose: ((_MATRIX, _MATRIX + 1e-9), {}),
    np.tile: ((_MATRIX, 2), {}),
    np.reshape: ((_MATRIX, (9,)), {}),  # with a default, from NumPy 2.1 to 2.3
    np.polyadd: ((_OTHER[0], _VECTOR[:2]), {}),
    np.polysub: ((_OTHER[0], _VECTOR[:2]), {}),
    np.polymul: ((_OTHER[0], _VECTOR), {}),
    np.polydiv: ((_BOX[0, 0], _VECTOR), {}),
    np.polyfit: ((_BOX[0, 0], _BOX[1, 1], 2), {}),
    np.poly: ((_VECTOR,), {}),
    np.vander: ((_VECTOR,), {}),
    np.geomspace: ((_VECTOR**2 + 0.1, _OTHER[0] ** 2 + 0.2), {}),
    np.histogram: ((_MATRIX, 4), {"weights": _OTHER}),
    np.histogram2d: ((_VECTOR, _OTHER[0], 2), {"weights": _THIRD[0]}),
    np.histogramdd: ((_OTHER[:, :2], 2), {"weights": _VECTOR}),
    np.ix_: ((_VECTOR, _OTHER[0]), {}),
    np.ravel_multi_index: (((np.array([1, 2]), np.array([0, 2])), (3, 4)), {}),
    getattr(np, "cumulative_sum", None): ((_MATRIX,), {"axis": 0}),
    getattr(np, "cumulative_prod", None): ((_MATRIX,), {"axis": 0}),
}


def arguments_of(function):
    """Give arguments for a function: by position, and by name."""
    if function in _OWN:
        return _OWN[function]
    if isinstance(function, np.ufunc):
        return operands_of(function), {}
    try:
        signature = inspect.signature(function)
    except ValueError:  # C functions before NumPy 2.4 have none
        signature = inspect.signature(COMPOSITIONS[function])
    parameters = signature.parameters.values()
    required = [str(p).partition("=")[0] for p in parameters if p.default is p.empty]
    args = []
    for name in required:
        value = _BY_NAME[name]
        args += value if name.startswith("*") else [value]
    return tuple(args), {}


def types_of(ufunc):
    """Give the types of operands with which a ufunc runs, floats first, and of its results."""
    for given in itertools.product("di?", repeat=ufunc.nin):
        types = tuple(map(np.dtype, given))
        try:
            resolved = ufunc.resolve_dtypes((*types, *[None] * ufunc.nout))
        except TypeError:
            continue
        return types, resolved[ufunc.nin :]
    raise TypeError(f"{ufunc} takes no numbers")


def operands_of(ufunc):
    """Draw operands for a ufunc: from the inside of its domain, with one shape."""
    domain = getattr(primitive_for(ufunc), "domain", (0.5, 2.0))
    domain = domain if isinstance(domain[0], tuple) else (domain,) * ufunc.nin
    rng = np.random.default_rng(7)
    operands = []
    for dtype, (low, high) in zip(types_of(ufunc)[0], domain, strict=False):
        inside = 0.02 * (high - low)
        x = rng.uniform(low + inside, high - inside, _shape_of(ufunc, len(operands)))
        operands.append(x if dtype.kind == "f" else rng.integers(0, 3, x.shape).astype(dtype))
    return tuple(operands)


def _shape_of(ufunc, position):
    """Give the shape of an operand; of a vector, where the ufunc takes vectors there."""
    core = (ufunc.signature or "").partition("->")[0].strip("()").split("),(")
    return (3,) if ufunc.signature and "," not in core[position] else (3, 3)


def of_its_arrays(call, args, kwargs=None):
    """Give ``call(*before, *args, **kwargs)`` as a function of the float arrays in it, and these.

    What is given before them is handed on.
    """
    kwargs = kwargs or {}
    xs = [x.copy() for x in _floats((args, kwargs))]

    def f(*given):
        start = len(given) - len(xs)
        filled, by_name = _fill((tuple(args), kwargs), iter(given[start:]))
        return call(*given[:start], *filled, **by_name)

    return f, xs


def is_real(value):
    return isinstance(value, np.ndarray | np.floating) and value.dtype.kind == "f"


def _floats(tree):
    if isinstance(tree, tuple | list):
        return [x for part in tree for x in _floats(part)]
    if isinstance(tree, dict):
        return [x for part in tree.values() for x in _floats(part)]
    return [tree] if is_real(tree) else []


def _fill(tree, arrays):
    if isinstance(tree, tuple | list):
        return type(tree)(_fill(part, arrays) for part in tree)
    if isinstance(tree, dict):
        return {name: _fill(part, arrays) for name, part in tree.items()}
    if is_real(tree):
        return next(arrays)
    return tree.copy() if isinstance(tree, np.ndarray) else tree
