"""What is recorded without a derivative, each with its reason.

Comparisons, counting and rounding are piecewise constant: their derivative is 0 wherever there
is one. They are recorded all the same, so that a mask stays a function of its input.
"""

import numpy as np

from clearprop.kinds import OPAQUE
from clearprop.primitive import Case, composition, primitive
from clearprop.rules.complex import is_complex

CONSTANT = "piecewise constant: its derivative is 0 wherever it has one"
LOGICAL = "true or false: there is nothing to differentiate"
POSITION = "the position of an element, not its value"
BOOLEANS = [Case(np.array([True, False, True]), np.array([True, True, False]))]


@primitive(np.less, symbol="<", no_derivative=CONSTANT)
def less(x1, x2):
    return x1 < x2


@primitive(np.less_equal, symbol="≤", no_derivative=CONSTANT)
def less_equal(x1, x2):
    return x1 <= x2


@primitive(np.greater, symbol=">", no_derivative=CONSTANT)
def greater(x1, x2):
    return x1 > x2


@primitive(np.greater_equal, symbol="≥", no_derivative=CONSTANT)
def greater_equal(x1, x2):
    return x1 >= x2


@primitive(np.equal, symbol="=", no_derivative=CONSTANT)
def equal(x1, x2):
    return x1 == x2


@primitive(np.not_equal, symbol="≠", no_derivative=CONSTANT)
def not_equal(x1, x2):
    return x1 != x2


@primitive(np.bitwise_and, symbol="&", no_derivative=LOGICAL, cases=BOOLEANS)
def bitwise_and(x1, x2):
    return x1 & x2


@primitive(np.bitwise_or, symbol="|", no_derivative=LOGICAL, cases=BOOLEANS)
def bitwise_or(x1, x2):
    return x1 | x2


@primitive(np.bitwise_xor, symbol="^", no_derivative=LOGICAL, cases=BOOLEANS)
def bitwise_xor(x1, x2):
    return x1 ^ x2


@primitive(np.invert, symbol="~", no_derivative=LOGICAL, cases=[Case(np.array([True, False]))])
def invert(x):
    return ~x


@primitive(np.logical_and, symbol="and", no_derivative=LOGICAL)
def logical_and(x1, x2):
    return np.logical_and(x1, x2)


@primitive(np.logical_or, symbol="or", no_derivative=LOGICAL)
def logical_or(x1, x2):
    return np.logical_or(x1, x2)


@primitive(np.logical_xor, symbol="xor", no_derivative=LOGICAL)
def logical_xor(x1, x2):
    return np.logical_xor(x1, x2)


@primitive(np.logical_not, symbol="not", no_derivative=LOGICAL)
def logical_not(x):
    return np.logical_not(x)


@primitive(np.sign, no_derivative=CONSTANT, instead_of_complex="z / np.abs(z)")
def sign(x):
    return np.sign(x)


@primitive(np.floor, no_derivative=CONSTANT)
def floor(x):
    return np.floor(x)


@primitive(np.ceil, no_derivative=CONSTANT)
def ceil(x):
    return np.ceil(x)


@primitive([np.rint, "scipy.special.round"], no_derivative=CONSTANT)
def rint(x):
    return np.rint(x)


@primitive(np.trunc, no_derivative=CONSTANT)
def trunc(x):
    return np.trunc(x)


@primitive(np.signbit, no_derivative=LOGICAL)
def signbit(x):
    return np.signbit(x)


@primitive(np.spacing, kind=OPAQUE, no_derivative=CONSTANT, cases=[Case((3, 4)), Case(())])
def spacing(x):
    return np.spacing(x)


@primitive(np.floor_divide, symbol="//", no_derivative=CONSTANT, domain=((-2, 2), (0.5, 2)))
def floor_divide(x1, x2):
    return x1 // x2


@primitive(np.isnan, no_derivative=LOGICAL)
def isnan(x):
    return np.isnan(x)


@primitive(np.isinf, no_derivative=LOGICAL)
def isinf(x):
    return np.isinf(x)


@primitive(np.isfinite, no_derivative=LOGICAL)
def isfinite(x):
    return np.isfinite(x)


@primitive(np.argmax, no_derivative=POSITION, cases=[Case((3, 4)), Case((3, 4), axis=1)])
def argmax(a, *, axis=None, keepdims=False):
    return np.argmax(a, axis=axis, keepdims=keepdims)


@primitive(np.argmin, no_derivative=POSITION, cases=[Case((3, 4)), Case((3, 4), axis=1)])
def argmin(a, *, axis=None, keepdims=False):
    return np.argmin(a, axis=axis, keepdims=keepdims)


@primitive(np.nanargmax, no_derivative=POSITION, cases=[Case((3, 4)), Case((3, 4), axis=1)])
def nanargmax(a, *, axis=None, keepdims=False):
    return np.nanargmax(a, axis=axis, keepdims=keepdims)


@primitive(np.nanargmin, no_derivative=POSITION, cases=[Case((3, 4)), Case((3, 4), axis=1)])
def nanargmin(a, *, axis=None, keepdims=False):
    return np.nanargmin(a, axis=axis, keepdims=keepdims)


@primitive(
    np.searchsorted,
    no_derivative=POSITION,
    cases=[Case(np.array([0.0, 0.5, 1.0]), (3,)), Case(np.arange(3.0), (2, 2), side="right")],
)
def searchsorted(a, v, *, side="left"):
    return np.searchsorted(a, v, side=side)


@primitive(np.digitize, no_derivative=POSITION, cases=[Case((3, 4), np.array([-1.0, 0.0, 1.0]))])
def digitize(x, bins, *, right=False):
    return np.digitize(x, bins, right=right)


@primitive(np.isin, no_derivative=LOGICAL, cases=[Case(np.arange(4.0), np.array([1.0, 3.0]))])
def isin(element, test_elements, *, invert=False):
    return np.isin(element, test_elements, invert=invert)


if hasattr(np, "in1d"):  # until NumPy 2.3

    @composition(np.in1d)  # noqa: NPY201 (of the versions that have it)
    def in1d(ar1, ar2, assume_unique=False, invert=False):
        return np.isin(np.ravel(ar1), ar2, invert=invert)


@composition(np.all)
def all_of(a, axis=None, *, keepdims=False, where=True):
    return all(a if where is True else np.where(where, a, True), axis=axis, keepdims=keepdims)


@composition(np.any)
def any_of(a, axis=None, *, keepdims=False, where=True):
    return any(a if where is True else np.where(where, a, False), axis=axis, keepdims=keepdims)


def whether_all(a, axis, keepdims=False, initial=True, where=True):
    """As ``np.logical_and.reduce``."""
    return np.logical_and(np.all(a, axis, keepdims=keepdims, where=where), initial)


def whether_any(a, axis, keepdims=False, initial=False, where=True):
    """As ``np.logical_or.reduce``."""
    return np.logical_or(np.any(a, axis, keepdims=keepdims, where=where), initial)


@primitive(np.all, no_derivative=LOGICAL, cases=[Case((3, 4)), Case((3, 4), axis=1)])
def all(a, *, axis=None, keepdims=False):
    return np.all(a, axis=axis, keepdims=keepdims)


@primitive(np.any, no_derivative=LOGICAL, cases=[Case((3, 4)), Case((3, 4), axis=1)])
def any(a, *, axis=None, keepdims=False):
    return np.any(a, axis=axis, keepdims=keepdims)


@primitive(np.count_nonzero, no_derivative=LOGICAL, cases=[Case((3, 4))])
def count_nonzero(a, *, axis=None, keepdims=False):
    return np.count_nonzero(a, axis=axis, keepdims=keepdims)


@primitive(
    [np.round, np.around], no_derivative=CONSTANT, cases=[Case((3, 4)), Case((3,), decimals=2)]
)
def round(a, *, decimals=0):
    return np.round(a, decimals)


@primitive(np.zeros_like, no_derivative="always 0", cases=[Case((3, 4))])
def zeros_like(a, *, dtype=None, shape=None):
    return np.zeros_like(a, dtype=dtype, shape=shape)


@primitive(np.ones_like, no_derivative="always 1", cases=[Case((3, 4))])
def ones_like(a, *, dtype=None, shape=None):
    return np.ones_like(a, dtype=dtype, shape=shape)


@primitive(np.empty_like, no_derivative="not yet filled", cases=[Case((3, 4))])
def empty_like(prototype, *, dtype=None, shape=None):
    return np.zeros_like(
        prototype, dtype=dtype, shape=shape
    )  # zeros: the record must be repeatable


@composition(np.full_like)
def full_like(a, fill_value, dtype=None, *, shape=None):
    y = np.zeros_like(a, dtype=dtype, shape=shape)
    y[...] = fill_value
    return y


@composition(np.shape)
def shape(a):
    return a.shape


@composition(np.ndim)
def ndim(a):
    return a.ndim


@composition(np.size)
def size(a, axis=None):
    if axis is None:
        return a.size
    shape = np.shape(a)
    axes = axis if isinstance(axis, tuple) else (axis,)
    return int(np.prod([shape[i] for i in axes]))


@composition(np.isclose)
def isclose(a, b, rtol=1e-5, atol=1e-8, equal_nan=False):
    a, b = (x if hasattr(x, "dtype") else np.asarray(x) for x in (a, b))
    finite = np.isfinite(a) & np.isfinite(b)  # infinities are equal to themselves alone
    to = np.where(finite, b, 0)
    same = (a == b) | (finite & (np.abs(np.where(finite, a, 0) - to) <= atol + rtol * np.abs(to)))
    return same | (np.isnan(a) & np.isnan(b)) if equal_nan else same


@composition(np.allclose)
def allclose(a, b, rtol=1e-5, atol=1e-8, equal_nan=False):
    return np.all(np.isclose(a, b, rtol, atol, equal_nan))


@composition(np.fix)
def fix(x):
    return np.trunc(x)


@composition(np.isposinf)
def isposinf(x):
    return np.equal(x, np.inf)


@composition(np.isneginf)
def isneginf(x):
    return np.equal(x, -np.inf)


@composition(np.array_equal)
def array_equal(a1, a2, equal_nan=False):
    if np.shape(a1) != np.shape(a2):
        return False
    same = np.equal(a1, a2)
    return np.all(same | (np.isnan(a1) & np.isnan(a2)) if equal_nan else same)


@composition(np.array_equiv)
def array_equiv(a1, a2):
    try:
        np.broadcast_shapes(np.shape(a1), np.shape(a2))
    except ValueError:
        return False
    return np.all(np.equal(a1, a2))


# ---- questions about the type alone -------------------------------------------------------------


@composition(np.iscomplexobj)
def iscomplexobj(x):
    return is_complex(x)


@composition(np.isrealobj)
def isrealobj(x):
    return not is_complex(x)


@composition(np.result_type)
def result_type(*arrays_and_dtypes):
    return np.result_type(*(getattr(x, "dtype", x) for x in arrays_and_dtypes))


@composition(np.common_type)
def common_type(*arrays):
    return np.common_type(*(np.zeros(0, getattr(x, "dtype", float)) for x in arrays))


@composition(np.can_cast)
def can_cast(from_, to, casting="safe"):
    return np.can_cast(getattr(from_, "dtype", from_), to, casting)
