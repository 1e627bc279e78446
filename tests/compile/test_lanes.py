"""Operators and plain functions in lanes give NumPy's values, to the bit."""

import itertools
import operator
from typing import ClassVar

import machine
import numpy as np
import pytest
from llvmlite import ir

from clearprop.compile.machine import lanes as ops
from clearprop.compile.machine.instructions import Emitter
from clearprop.compile.machine.mathematics import FUNCTIONS
from clearprop.compile.machine.samples import Sample

INTEGERS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
FLOATS = ["f4", "f8"]
SOME = ["?", "i4", "f4"]
ALL = ["?", *INTEGERS, *FLOATS]


def values_of(dtype, seed=0):
    """Edges, and numbers of every size."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return np.array([True, False] * 16)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        edges = [info.min, info.min + 1, info.max, info.max - 1, 0, 1, 2, 3, 7]
        if dtype.kind == "i":
            edges += [-1, -2, -3, -7]
        random = rng.integers(info.min, info.max, 51, dtype, endpoint=True)
        return np.concatenate([np.array(edges, dtype), random])
    info = np.finfo(dtype)
    edges = [0, 1, 1.5, 2.5, 0.5, 3, 7.25, 1e-3, 1e5, info.max, info.tiny, info.smallest_subnormal]
    edges = np.array([*edges, np.inf, info.tiny * 0.75], dtype)
    random = rng.integers(0, 2**63, 60, "u8").astype(f"u{dtype.itemsize}").view(dtype)
    return np.concatenate([edges, -edges, [dtype.type(np.nan)], random[np.isfinite(random)]])


def pairs(a, b):
    return [np.ascontiguousarray(x.ravel()) for x in np.meshgrid(values_of(a), values_of(b, 1))]


def same(y, expected, what=""):
    """Equal to the bit, but for which NaN it is and for the sign of a maximum that is 0."""
    assert y.dtype == expected.dtype, what
    different = y != expected
    if expected.dtype.kind == "f":
        if "m" not in what[:2]:
            different |= np.signbit(y) != np.signbit(expected)
        different &= ~(np.isnan(y) & np.isnan(expected))
    assert not different.any(), (what, np.flatnonzero(different)[:5], y[different][:5])


UNARY = {
    "b": ["absolute", "logical_not", "invert", "isnan", "isfinite", "isinf"],
    "i": ["absolute", "negative", "square", "sign", "invert", "logical_not", "signbit", "fabs"],
    "u": ["absolute", "negative", "square", "sign", "invert", "logical_not", "rint", "sqrt"],
    "f": [
        *("absolute", "ceil", "conjugate", "fabs", "floor", "isfinite", "isinf", "isnan", "rint"),
        *("logical_not", "negative", "positive", "reciprocal", "sign", "signbit", "sqrt", "square"),
        *("trunc", "deg2rad", "rad2deg"),
    ],
}
COMPARISONS = ["less", "less_equal", "greater", "greater_equal", "equal", "not_equal"]
LOGICAL = ["logical_and", "logical_or", "logical_xor"]
ARITHMETIC = ["add", "subtract", "multiply", "maximum", "minimum", "fmax", "fmin"]
BITWISE = ["bitwise_and", "bitwise_or", "bitwise_xor"]
DIVISION = ["divide", "floor_divide", "remainder", "fmod"]
BINARY = {
    "b": [*COMPARISONS, *LOGICAL, *BITWISE, "add", "multiply", "maximum", "minimum"],
    "i": [*COMPARISONS, *LOGICAL, *ARITHMETIC, *BITWISE, *DIVISION, "left_shift", "right_shift"],
    "u": [*COMPARISONS, *LOGICAL, *ARITHMETIC, *BITWISE, *DIVISION, "left_shift", "right_shift"],
    "f": [*COMPARISONS, *LOGICAL, *ARITHMETIC, *DIVISION, "copysign", "heaviside"],
}


MACHINES = {
    "vectors": (machine.PROCESSOR, None),
    "scalars": (machine.PROCESSOR, 1),
    "avx2": (machine.AVX2, None),
    "sse": (machine.SSE, None),
}
X86_ONLY = {"avx2", "sse"}


@pytest.fixture(params=MACHINES)
def where(request):
    if request.param in X86_ONLY and not machine.X86:
        pytest.skip("this processor cannot stand in for that one")
    return MACHINES[request.param]


def both_kinds(dtypes, table):
    return {
        f"{name} {dtype}": (FUNCTIONS[name], dtype, name)
        for dtype in dtypes
        for name in table[np.dtype(dtype).kind]
    }


def test_functions_of_one_operand(where):
    cases = both_kinds(ALL if where == MACHINES["vectors"] else SOME, UNARY)
    run = machine.compiled({k: (f, [d]) for k, (f, d, _) in cases.items()}, *where)
    with np.errstate(all="ignore"):
        for key, (f, dtype, name) in cases.items():
            x = values_of(dtype)
            expected = getattr(np, name)(x)
            if expected.dtype == np.float16:  # of small integers; here it is float32
                expected = getattr(np, name)(x, dtype="f4")
            same(run[key](x), expected, key)
            same(f(Sample(x)).array, expected, key)


def test_functions_of_two_operands(where):
    dtypes = ["?", "i1", "i4", "i8", "u2", "u8", *FLOATS]
    cases = both_kinds(dtypes if where == MACHINES["vectors"] else SOME, BINARY)
    run = machine.compiled({k: (f, [d, d]) for k, (f, d, _) in cases.items()}, *where)
    with np.errstate(all="ignore"):
        for key, (f, dtype, name) in cases.items():
            a, b = pairs(dtype, dtype)
            if "shift" in name:
                a, b = a[b >= 0], b[b >= 0]
            expected = getattr(np, name)(a, b)
            same(run[key](a, b), expected, key)
            same(f(Sample(a), Sample(b)).array, expected, key)


def test_integers_divide_as_floats():
    run = machine.compiled({"f": (operator.truediv, ["i4", "u1"])})["f"]
    a, b = pairs("i4", "u1")
    with np.errstate(all="ignore"):
        same(run(a, b), a / b)


def test_the_rest_of_a_division_is_exact_whatever_the_quotient(where):
    functions = {f"{n} {d}": (FUNCTIONS[n], [d, d]) for n in ("fmod", "remainder") for d in FLOATS}
    run = machine.compiled(functions, *where)
    rng = np.random.default_rng(3)
    for dtype in FLOATS:
        unsigned = f"u{dtype[1]}"
        a, b = (
            rng.integers(0, 2**64, 4000, "u8", endpoint=False).astype(unsigned).view(dtype)
            for _ in range(2)
        )
        a[:1000] = rng.integers(1, 2**22, 1000).astype(unsigned).view(dtype)  # subnormal
        b[500:1500] = rng.integers(1, 1000, 1000).astype(unsigned).view(dtype)
        with np.errstate(all="ignore"):
            same(run[f"fmod {dtype}"](a, b), np.fmod(a, b))
            same(run[f"remainder {dtype}"](a, b), np.remainder(a, b))


def test_every_conversion(where):
    dtypes = ALL if where == MACHINES["vectors"] else SOME
    cases = {f"{a}-{b}": (a, b) for a, b in itertools.product(dtypes, dtypes)}
    run = machine.compiled(
        {k: (lambda x, b=b: ops.convert(x, b), [a]) for k, (a, b) in cases.items()}, *where
    )
    for key, (a, b) in cases.items():
        x = values_of(a)
        if np.dtype(a).kind == "f" and np.dtype(b).kind in "iu":  # NumPy says nothing of the rest
            info = np.iinfo(b)
            x = np.concatenate([x, np.array([-0.9, 0.9, 126.7, 99.99], a)])
            x = x[(x > float(info.min) - 1) & (x < float(info.max)) | (x == 0)]
            x = x[(x <= 2.0**31 - 129) | (np.dtype(b).itemsize > 4) | (b == "u4")]
        with np.errstate(all="ignore"):
            same(run[key](x), x.astype(b), key)
            same(ops.convert(Sample(x), b).array, x.astype(b), key)


NUMBERS = {
    "1 - x * x": lambda x: 1 - x * x,
    "2 / x": lambda x: 2 / x,
    "x / 2": lambda x: x / 2,
    "-x + 0.1": lambda x: -x + 0.1,
    "0.1 > x": lambda x: 0.1 > x,  # noqa: SIM300
    "x % 3": lambda x: x % 3,
    "x // 0.3": lambda x: x // 0.3,
    "abs(x)": abs,
}


def test_numbers_take_the_dtype_of_what_they_meet():
    run = machine.compiled(
        {f"{k} {d}": (f, [d]) for k, f in NUMBERS.items() for d in ("f4", "f8", "i4")}
    )
    with np.errstate(all="ignore"):
        for (key, f), dtype in itertools.product(NUMBERS.items(), ("f4", "f8", "i4")):
            x = values_of(dtype)
            same(run[f"{key} {dtype}"](x), f(x), key)


class TestChoices:
    FUNCTIONS: ClassVar = {
        "relu": lambda x: ops.maximum(x, 0),
        "relu6": lambda x: FUNCTIONS["clip"](x, 0, 6),
        "fmin": lambda x: ops.fmin(2, x),
        "select": lambda x: ops.select(x > 1, x, 0),
        "numbers": lambda x: ops.select(x > 1, 2.5, np.float32(-1)),
        "known": lambda x: ops.select(True, x, 0),
    }
    EXPECTED: ClassVar = {
        "relu": lambda x: np.maximum(x, 0),
        "relu6": lambda x: np.clip(x, 0, 6),
        "fmin": lambda x: np.fmin(2, x),
        "select": lambda x: np.where(x > 1, x, np.float32(0)),
        "numbers": lambda x: np.where(x > 1, np.float32(2.5), np.float32(-1)),
        "known": lambda x: x,
    }

    def test_with_numbers(self, where):
        run = machine.compiled({k: (f, ["f4"]) for k, f in self.FUNCTIONS.items()}, *where)
        x = values_of("f4")
        for key, f in self.EXPECTED.items():
            same(run[key](x), f(x), f"m{key}" if "relu" in key else key)

    def test_with_a_boolean(self, where):
        run = machine.compiled({"f": (ops.select, ["?", "f8", "f4"])}, *where)["f"]
        condition = np.arange(40) % 3 == 0
        a, b = np.arange(40.0), -np.arange(40, dtype="f4")
        same(run(condition, a, b), np.where(condition, a, b))


def test_bits_and_back(where):
    run = machine.compiled(
        {
            "bits": (ops.bits, ["f4"]),
            "back": (lambda x: ops.from_bits(x, "f8"), ["u8"]),
            "up": (lambda x: ops.from_bits((ops.bits(x) + 1), "f8"), ["f8"]),
        },
        *where,
    )
    x = values_of("f4")
    same(run["bits"](x), x.view("u4"))
    same(run["back"](values_of("u8")), values_of("u8").view("f8"))
    same(run["up"](np.array([1.0, 3.0])), np.nextafter([1.0, 3.0], 9))


def test_fma_rounds_once_where_it_is_one_instruction():
    tiny = np.float32(2.0**-12)
    x = np.full(16, 1 + tiny)
    f = (lambda x: ops.fma(x, x, -(1 + 2 * float(tiny))), ["f4"])
    assert (machine.compiled({"f": f}, machine.SSE)["f"](x) == 0).all()
    if machine.PROCESSOR.vector_bytes >= 32:
        assert (machine.compiled({"f": f})["f"](x) == tiny * tiny).all()


def test_what_is_rare_is_computed_where_it_is_asked_for(where):
    def f(x):
        (y,) = (x > 100).rarely([x * 2], lambda: [x * x])
        return y

    run = machine.compiled({"f": (f, ["f4"])}, *where)["f"]
    for x in (np.arange(64, dtype="f4"), np.arange(64, dtype="f4") * 10):
        same(run(x), np.where(x > 100, x * x, x * 2))
        same(f(Sample(x)).array, np.where(x > 100, x * x, x * 2))


def test_steps_go_on_until_every_lane_is_done(where):
    def halvings(x):
        def step(x, n):
            return [ops.select(x > 1, x / 2, x), ops.select(x > 1, n + 1, n)]

        return x.repeat([x, x * 0], lambda x, n: x > 1, step)[1]

    run = machine.compiled({"f": (halvings, ["f4"])}, *where)["f"]
    x = np.arange(1, 100, dtype="f4")
    same(run(x), np.ceil(np.log2(x)))
    same(halvings(Sample(x)).array, np.ceil(np.log2(x)))


def test_scalars_spread_where_they_meet_vectors():
    vector = ir.VectorType(ir.FloatType(), 4)
    f = ir.Function(ir.Module(), ir.FunctionType(vector, [vector, ir.FloatType()]), "f")
    emitter = Emitter(ir.IRBuilder(f.append_basic_block()))
    x, s = (emitter.value(a, "f4") for a in f.args)
    assert [y.lanes for y in (x, s, x + s, s + x, s + s, s + 1)] == [4, 1, 4, 4, 1, 1]
    assert (x > s).dtype == bool


def test_refusals():
    x = Sample(np.ones(3))
    with pytest.raises(TypeError, match="not known before it runs"):
        bool(x > 0)
    with pytest.raises(TypeError, match="take the bits first"):
        x & x
    with pytest.raises(TypeError, match="take the bits first"):
        operator.invert(x)
    with pytest.raises(ValueError, match="a shift of int64 by 64"):
        Sample(np.ones(3, int)) << 64
    with pytest.raises(TypeError, match="no difference"):
        (x > 0) - (x > 0)
