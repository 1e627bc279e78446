"""Every form of a registered function that writes: NumPy's values and views, true derivatives.

What is tested is read off the registries and off NumPy: each ufunc with ``out=``, with ``where=``
beside it, and as ``.at``; each operator such as ``+=``; each function and each method that takes
``out``; each function and each method that changes its first argument. Each writes into a recorded
array, into views of one, and into plain zeros; what was computed before a write must stay right,
views must show it.
"""

import operator
import warnings

import numpy as np
import pytest
from agreeing import agree_in_every_mode
from calls import REGISTERED, arguments_of, of_its_arrays, operands_of

import clearprop as cp
from clearprop.binding import numpy_signature

MASK = np.array([[True, False, True], [False, True, True], [True, True, False]])
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # np.fix, of NumPy 2.5 on


# ---- what is written into -----------------------------------------------------------------------


def recorded_array(flat, shape):
    return flat, np.copy(np.reshape(flat[1:-1], shape))


def recorded_view(flat, shape):
    return flat, np.reshape(flat[1:-1], shape)


def transposed_view(flat, shape):
    return flat, np.reshape(flat[1:-1], shape[::-1]).T


def zeros(flat, shape):
    return flat, np.zeros(shape, flat.dtype)


def view_of_zeros(flat, shape):
    base = np.zeros(flat.shape, flat.dtype)
    return base, base[1:-1].reshape(shape)


TARGETS = [recorded_array, recorded_view, transposed_view, zeros, view_of_zeros]


def writing(write, target, shape, dtype):
    """Give a function that writes into a target and shows all that could see the write."""
    ramp = np.linspace(0.3, 0.8, int(np.prod(shape)) + 2)

    def f(*xs):
        first = next((x for x in xs if x.dtype.kind == "f"), 0.5)
        moves = dtype.kind in "fc"
        flat = np.cos(ramp + np.sum(first)) if moves else np.zeros(ramp.shape, dtype)
        flat = flat * (1 + 0.5j) if dtype.kind == "c" else flat
        base, t = target(flat, shape)
        view, before = base[::2], (t * t if moves else t & t)
        result = write(t, *xs)
        return result, t, base, view, before

    return f


def agree_on_every_target(write, xs, shape, dtype):
    written = 0
    for target in TARGETS if dtype.kind in "fc" else [zeros, view_of_zeros]:
        f = writing(write, target, shape, dtype)
        try:
            f(*(x.copy() for x in xs))
        except ValueError as error:
            if "output array is not acceptable" not in str(error):
                raise
            continue  # np.dot writes into no transposed array
        agree_in_every_mode(f, xs)
        written += 1
    assert written


# ---- ufuncs -----------------------------------------------------------------------------------

UFUNCS = {u.__name__: u for u in REGISTERED.values() if isinstance(u, np.ufunc)}
ELEMENTWISE = {name: u for name, u in UFUNCS.items() if u.signature is None}
SINGLE = {name: u for name, u in ELEMENTWISE.items() if u.nout == 1}
BINARY = {name: u for name, u in SINGLE.items() if u.nin == 2}


def agree_for_each_output(u, **options):
    operands = operands_of(u)
    results = u(*operands) if u.nout > 1 else (u(*operands),)
    for i, y in enumerate(results):

        def call(t, *operands, i=i):
            out = [np.zeros(part.shape, part.dtype) for part in results]
            out[i] = t
            return u(*operands, out=tuple(out), **options)

        agree_on_every_target(*of_its_arrays(call, operands), y.shape, y.dtype)


@pytest.mark.parametrize("u", UFUNCS.values(), ids=UFUNCS)
def test_ufunc_with_out(u):
    agree_for_each_output(u)


@pytest.mark.parametrize("u", ELEMENTWISE.values(), ids=ELEMENTWISE)
def test_ufunc_with_out_and_where(u):
    agree_for_each_output(u, where=MASK)


@pytest.mark.parametrize("u", SINGLE.values(), ids=SINGLE)
def test_ufunc_at(u):
    def call(t, first, *others):
        t[...] = first
        u.at(t, [2, 0], *(x[:2] for x in others))

    operands = operands_of(u)
    agree_on_every_target(*of_its_arrays(call, operands), (3, 3), operands[0].dtype)


@pytest.mark.parametrize("method", ["reduce", "accumulate", "reduceat", "outer"])
@pytest.mark.parametrize("u", BINARY.values(), ids=BINARY)
def test_ufunc_method_with_out(u, method):
    args = {"reduceat": ([0, 2],), "outer": operands_of(u)[1:]}.get(method, ())
    first = operands_of(u)[0]
    try:
        y = getattr(u, method)(first, *args)
    except TypeError:  # NumPy has none, of these types
        return

    def call(t, *operands):
        return getattr(u, method)(*operands, out=t)

    write, xs = of_its_arrays(call, (first, *args))
    agree_on_every_target(write, xs, y.shape, y.dtype)


class Spy:
    """An operand that only tells which ufunc was called with it."""

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        return (ufunc,)


def operators():
    """Find Python's operators in place that are ufuncs of the registries."""
    found = {}
    for name in operator.__all__:
        is_in_place = name.startswith("i") and hasattr(np.ndarray, f"__{name}__")
        if is_in_place and hasattr(np.ndarray, f"__{name[1:]}__"):
            (u,) = getattr(operator, name)(np.ones((2, 2)), Spy())
            if u.__name__ in UFUNCS:
                found[name] = getattr(operator, name), u
    return found


OPERATORS = operators()


@pytest.mark.parametrize("name", OPERATORS)
def test_operator_in_place(name):
    run, u = OPERATORS[name]

    def call(t, first, other):
        t[...] = first
        same = run(t, other)
        t += same - same  # what it gives is what was written
        return same

    operands = operands_of(u)
    agree_on_every_target(*of_its_arrays(call, operands), (3, 3), operands[0].dtype)


def test_the_operators_are_found():
    assert {"iadd", "isub", "imul", "itruediv", "ipow", "imatmul", "ior"} <= OPERATORS.keys()


# ---- functions and methods -------------------------------------------------------------------

WITH_OUT = {
    name: f
    for name, f in REGISTERED.items()
    if not isinstance(f, np.ufunc) and "out" in (numpy_signature(f) or ())
}
METHODS = {
    name: f
    for name, f in ((f.__name__, f) for f in WITH_OUT.values())
    if hasattr(np.ndarray, name) and getattr(np, name, None) is f and f is not np.choose
}  # choose is a method of the integers that choose


@pytest.mark.parametrize("name", WITH_OUT)
def test_function_with_out(name):
    function = WITH_OUT[name]
    args, kwargs = arguments_of(function)
    y = np.asarray(function(*args, **kwargs))
    target = np.zeros(y.shape, y.dtype)
    function(*args, out=target, **kwargs)
    writes = target.any() or not y.any()  # NumPy's hfft and irfft2 forget what they were given

    def call(t, *args, **kwargs):
        written = function(*args, out=t, **kwargs)
        if not writes:
            t[...] = written
        return written

    agree_on_every_target(*of_its_arrays(call, args, kwargs), y.shape, y.dtype)


@pytest.mark.parametrize("name", METHODS)
def test_method_with_out(name):
    function = METHODS[name]
    args, kwargs = arguments_of(function)
    at = numpy_signature(function).index("a")
    y = np.asarray(function(*args, **kwargs))

    def call(t, *args, **kwargs):
        rest = (*args[:at], *args[at + 1 :])
        return getattr(args[at], name)(*rest, out=t, **kwargs)

    agree_on_every_target(*of_its_arrays(call, args, kwargs), y.shape, y.dtype)


def changes_its_first(run, first, *rest):
    before = first.copy()
    try:
        run(first, *rest)
    except (TypeError, ValueError, AttributeError):
        return False
    return not np.array_equal(first, before)


def writers():
    """Find the functions that change their first argument."""
    found = {}
    for name, f in REGISTERED.items():
        args = () if isinstance(f, np.ufunc) else arguments_of(f)[0]
        is_array = bool(args) and isinstance(args[0], np.ndarray)
        if is_array and changes_its_first(f, args[0].copy(), *args[1:]):
            found[name] = f, args
    return found


def changing_methods():
    """Find the methods that change the array, by trying them."""
    found = {}
    for name in dir(np.ndarray):
        method = getattr(np.ndarray, name)
        if name.startswith("_") or not callable(method) or name in ("tofile", "dump"):
            continue
        for args in ((), (1,), (4, np.float64(0.25)), (np.float64(0.25), float)):
            if changes_its_first(method, X.copy(), *args):
                found[name] = method, (X, *args)
    return found


def settable():
    """Find what can be set on an array, by trying it."""
    found = {}
    for name in dir(np.ndarray):
        for value in (np.float64(0.25), (9,), np.int64, (8, 24)):
            with warnings.catch_warnings(action="ignore"):
                if not name.startswith("_") and changes_its_first(_set, X.copy(), name, value):
                    found[name] = value
    return found


def _set(array, name, value):
    setattr(array, name, value)


X = np.random.default_rng(3).uniform(-1, 1, (3, 3))
WRITERS = writers() | changing_methods()
SETTABLE = settable()
#: What is refused, and what the error says.
REFUSED = {
    "byteswap": "has no .byteswap",
    "setfield": "has no .setfield",
    "shape": r"y = x.reshape\(shape\)",
    "dtype": r"y = x.astype\(dtype\)",
    "strides": r"x\[::2\] or x.T",
}


@pytest.mark.parametrize("name", WRITERS)
def test_writing_into_the_first_argument(name):
    function, args = WRITERS[name]

    def call(t, first, *rest):
        t[...] = first
        return function(t, *rest) if "." in name else getattr(t, name)(*rest)

    agree_or_refuse(name, call, args)


@pytest.mark.parametrize("name", SETTABLE)
def test_setting_an_attribute(name):
    def call(t, first, value):
        t[...] = first
        setattr(t, name, value)

    agree_or_refuse(name, call, (X, SETTABLE[name]))


def agree_or_refuse(name, call, args):
    write, xs = of_its_arrays(call, args)
    for target in TARGETS:
        f = writing(write, target, args[0].shape, args[0].dtype)
        if name not in REFUSED:
            agree_in_every_mode(f, xs)
            continue
        with pytest.raises(cp.errors.ClearpropError, match=REFUSED[name]):
            cp.vjp(f, *xs)


def test_the_writers_are_found_and_the_refused_are_among_them():
    assert {"numpy.put", "numpy.copyto", "numpy.fill_diagonal"} <= WRITERS.keys()
    assert {"sort", "partition", "fill", "put"} <= WRITERS.keys()
    assert "flat" in SETTABLE
    assert REFUSED.keys() <= WRITERS.keys() | SETTABLE.keys()
