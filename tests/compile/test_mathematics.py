"""The functions in lanes: how far they are from the true value, and NumPy's values at the edges.

Errors are in units in the last place (ulp), against twice the precision: float64 for float32, and
for float64 NumPy's long doubles where these have 64 bits or more, and mpmath everywhere.
"""

import ast
import dataclasses
import functools
import math
import subprocess
import sys
from pathlib import Path

import llvmlite.binding as llvm
import machine
import mpmath
import numpy as np
import pytest
from llvmlite import ir
from scipy import special
from ulps import EDGES, LONG, below, patterns, same_at_edges, usual

import clearprop.rules  # noqa: F401
from clearprop.bodies import definition_of
from clearprop.compile.machine.engine import Processor
from clearprop.compile.machine.lanes import Value
from clearprop.compile.machine.mathematics import FUNCTIONS
from clearprop.compile.machine.samples import Sample
from clearprop.kinds import Elementwise
from clearprop.primitive import PRIMITIVES

MACHINES = {
    "vectors": (machine.PROCESSOR, None),
    "scalars": (machine.PROCESSOR, 1),
    "avx2": (machine.AVX2, None),
    "sse": (machine.SSE, None),
}
needs_x86 = pytest.mark.skipif(not machine.X86, reason="another processor cannot stand in for it")
EVERYWHERE = [
    "vectors",
    "scalars",
    pytest.param("avx2", marks=needs_x86),
    pytest.param("sse", marks=needs_x86),
]


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def by_number(function):
    """A function of the standard library on arrays; C's own, to the last place or nearly."""
    return lambda x: np.fromiter(map(function, x.tolist()), np.float64, len(x))


#: name → reference, bound in float32, in float64
ONE = {
    "exp": (np.exp, 1.0, 1.0),
    "exp2": (np.exp2, 1.1, 1.1),
    "expm1": (np.expm1, 2.0, 2.0),
    "log": (np.log, 1.0, 1.0),
    "log2": (np.log2, 0.51, 0.51),
    "log10": (np.log10, 0.51, 0.51),
    "log1p": (np.log1p, 1.0, 1.0),
    "tanh": (np.tanh, 2.0, 2.0),
    "sinh": (np.sinh, 2.5, 2.5),
    "cosh": (np.cosh, 2.0, 2.0),
    "sigmoid": (sigmoid, 2.0, 2.0),
    "softplus": (softplus, 2.0, 2.0),
    "erf": (special.erf, 2.0, 2.0),
    "erfc": (special.erfc, 0.51, 6.0),
    "sin": (np.sin, 2.0, 2.0),
    "cos": (np.cos, 2.0, 2.0),
    "tan": (np.tan, 0.51, 2.5),
    "arcsin": (np.arcsin, 0.51, 2.0),
    "arccos": (np.arccos, 0.51, 1.0),
    "arctan": (np.arctan, 0.51, 2.0),
    "arcsinh": (np.arcsinh, 0.51, 2.5),
    "arccosh": (np.arccosh, 0.51, 2.5),
    "arctanh": (np.arctanh, 0.51, 2.0),
    "cbrt": (np.cbrt, 0.51, 0.51),
    "sqrt": (np.sqrt, 0.5, 0.5),
}
TWO = {
    "power": (np.power, 0.6, 2.0),
    "arctan2": (np.arctan2, 0.51, 2.0),
    "hypot": (np.hypot, 0.51, 0.51),
    "logaddexp": (np.logaddexp, 3.0, 3.0),  # of the largest of operands and result
    "logaddexp2": (np.logaddexp2, 3.0, 3.0),
}
#: What LONG has no function for, or a less exact one.
BY_LIBRARY = {"erf": by_number(math.erf), "erfc": by_number(math.erfc)}
MPMATH = {
    "arcsin": mpmath.asin,
    "arccos": mpmath.acos,
    "arctan": mpmath.atan,
    "arcsinh": mpmath.asinh,
    "arccosh": mpmath.acosh,
    "arctanh": mpmath.atanh,
    "exp2": lambda x: mpmath.mpf(2) ** x,
    "log2": lambda x: mpmath.log(x, 2),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
}


@functools.cache
def functions_on(which):
    """Every function for both dtypes, in one library."""
    cases = {
        f"{name} {dtype}": (FUNCTIONS[name], [dtype] * operands)
        for operands, table in ((1, ONE), (2, TWO))
        for name in table
        for dtype in ("f4", "f8")
    }
    for name in ("fmod", "remainder", "floor_divide"):
        cases[f"{name} f4"] = (FUNCTIONS[name], ["f4", "f4"])
    return machine.compiled(cases, *MACHINES[which])


def exactly(name, *operands):
    """The reference, in the next larger precision."""
    reference = {**ONE, **TWO}[name][0]
    with np.errstate(all="ignore"):
        if operands[0].dtype == np.float32:
            return reference(*(x.astype(np.float64) for x in operands))
        if name in BY_LIBRARY:
            return BY_LIBRARY[name](*operands)
        return reference(*(x.astype(LONG) for x in operands))


@pytest.mark.parametrize("which", EVERYWHERE)
@pytest.mark.parametrize("name", ONE)
def test_float32(name, which):
    many = which == "vectors" and name in ["exp", "log", "tanh", "sigmoid", "erf", "sin", "cos"]
    x = np.concatenate(
        [patterns("f4", 1_000_000 if many else 30_000), usual("f4", 300_000 if many else 30_000)]
    )
    below(ONE[name][1], functions_on(which)[f"{name} f4"](x), exactly(name, x), x)


@pytest.mark.skipif(LONG is None, reason="no floats of more than 53 bits here; mpmath's test is")
@pytest.mark.parametrize("which", EVERYWHERE)
@pytest.mark.parametrize("name", ONE)
def test_float64(name, which):
    x = np.concatenate(
        [patterns("f8", 10_000), usual("f8", 50_000 if which == "vectors" else 10_000)]
    )
    bound = ONE[name][2] + (name in BY_LIBRARY)  # which may err by one itself
    below(bound, functions_on(which)[f"{name} f8"](x), exactly(name, x), x)


@pytest.mark.parametrize("name", ONE)
def test_float64_by_mpmath(name):
    reference = MPMATH.get(name) or getattr(mpmath, name)
    x = np.concatenate([usual("f8", 100), np.array([1e-8, -1e-300, 0.46, 0.61, 1.02, 3.7, 1e5])])
    if name in ("log", "log2", "log10", "sqrt"):
        x = np.abs(x)
    elif name == "arccosh":
        x = np.abs(x) + 1
    elif name in ("arcsin", "arccos", "arctanh"):
        x = x[np.abs(x) < 1]
    elif name == "log1p":
        x = x[x > -1]
    elif name == "cbrt":
        x = np.abs(x)
    x = x[np.abs(x) < 700]
    y = functions_on("vectors")[f"{name} f8"](x)
    with mpmath.workdps(60):
        for one, found in zip(x.tolist(), y.tolist(), strict=True):
            exact = reference(mpmath.mpf(one))
            if abs(exact) < np.finfo(float).tiny:
                continue
            ulp = mpmath.mpf(2) ** (mpmath.frexp(exact)[1] - 53)
            assert abs(found - exact) / ulp <= ONE[name][2], (one, found)


def pairs(name, dtype, count):
    rng = np.random.default_rng(7)
    count //= 4
    a = [
        rng.standard_normal(count),
        np.exp(rng.uniform(-30, 30, count)),
        rng.uniform(-80, 80, count),
    ]
    b = [
        rng.standard_normal(count),
        np.exp(rng.uniform(-30, 30, count)),
        rng.uniform(-80, 80, count),
    ]
    if name == "power":
        a = [1 + rng.uniform(-0.01, 0.01, count), *a[1:]]
        b = [rng.uniform(-30000, 30000, count), rng.uniform(-9, 9, count), np.rint(b[2])]
    with np.errstate(all="ignore"):
        x1, x2 = (
            np.concatenate([rng.permutation(patterns(dtype, count, seed))[:count], *x], dtype=dtype)
            for seed, x in ((1, a), (2, b))
        )
    return x1, x2


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("which", EVERYWHERE)
@pytest.mark.parametrize("name", TWO)
def test_functions_of_two_operands(name, which, dtype):
    if dtype == "f8" and LONG is None:
        pytest.skip("no floats of more than 53 bits here")
    x1, x2 = pairs(name, dtype, 60_000)
    y, exact = functions_on(which)[f"{name} {dtype}"](x1, x2), exactly(name, x1, x2)
    if "logaddexp" in name:
        away = np.abs(y - exact)
        with np.errstate(all="ignore"):
            size = np.maximum(np.maximum(np.abs(x1), np.abs(x2)), np.abs(y))
            close = away <= TWO[name][1] * np.spacing(size)
        y, exact, x1, x2 = (x[~close] for x in (y, exact, x1, x2))
        y, exact = np.append(y, y.dtype.type(1)), np.append(exact, exact.dtype.type(1))
    below(TWO[name][1 + (dtype == "f8")], y, exact, x1, x2)


@pytest.mark.parametrize("which", EVERYWHERE)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_infinities_zeros_and_nan(which, dtype):
    run = functions_on(which)
    with np.errstate(all="ignore"):
        x = EDGES.astype(dtype)
        for name, (reference, *_) in ONE.items():
            same_at_edges(run[f"{name} {dtype}"](x), reference(x).astype(dtype), name)
        x1, x2 = (a.ravel() for a in np.meshgrid(x, x))
        for name, (reference, *_) in TWO.items():
            same_at_edges(run[f"{name} {dtype}"](x1, x2), reference(x1, x2), name)


@pytest.mark.parametrize("name", [*ONE, *TWO])
def test_a_scalar_gives_what_a_vector_gives(name):
    for dtype in ("f4", "f8"):
        x = [np.concatenate([patterns(dtype, 5000)[:5000], usual(dtype, 5000)])]
        x += [x[0][::-1].copy()] if name in TWO else []
        y, one = (functions_on(w)[f"{name} {dtype}"](*x) for w in ("vectors", "scalars"))
        np.testing.assert_array_equal(y, one)


@needs_x86
@pytest.mark.parametrize("name", [*ONE, *TWO])
def test_on_arrays_as_in_machine_code(name):
    for dtype in ("f4", "f8"):
        x = [np.concatenate([patterns(dtype, 1000)[:1000], usual(dtype, 1000)])]
        x += [x[0][::-1].copy()] if name in TWO else []
        y = functions_on("sse")[f"{name} {dtype}"](*x)
        np.testing.assert_array_equal(FUNCTIONS[name](*map(Sample, x)).array, y)


def test_angles_as_large_as_they_get():
    # The float64 nearest to a multiple of pi/2 (J.-M. Muller, Elementary Functions, 2006).
    x = np.array([6381956970095103.0 * 2.0**797, 1e22, 1e9 + 0.5, 1.7e308, -(2.0**1000)])
    with mpmath.workdps(400):
        for name in ("sin", "cos", "tan"):
            exact = [float(getattr(mpmath, name)(mpmath.mpf(v))) for v in x.tolist()]
            y = functions_on("vectors")[f"{name} f8"](x)
            np.testing.assert_allclose(y, exact, rtol=5e-16)


def test_integers_are_computed_as_floats():
    run = machine.compiled(
        {"exp": (FUNCTIONS["exp"], ["i4"]), "atan": (FUNCTIONS["arctan2"], ["i4", "f4"])}
    )
    x = np.arange(-8, 8, dtype="i4")
    assert run["exp"](x).dtype == np.exp(x).dtype
    np.testing.assert_allclose(run["exp"](x), np.exp(x), rtol=4e-16)
    np.testing.assert_allclose(run["atan"](x, x.astype("f4")), np.arctan2(x, x.astype("f4")))


OF_COMPLEX = {"real_part", "imag_part"}  # they take complex numbers, which loops do not


def test_every_elementwise_primitive_has_its_functions():
    for primitive in PRIMITIVES.values():
        if isinstance(primitive.kind, Elementwise) and primitive.name not in OF_COMPLEX:
            body = ast.Module(definition_of(primitive.function).body, [])
            for node in ast.walk(body):
                if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "np":
                    assert node.attr in FUNCTIONS, f"{primitive.name} calls np.{node.attr}"


def library_names(code):
    """The functions of C's mathematics among the names in an object file."""
    known = {f"{n}{s}".encode() for n in dir(math) if len(n) > 2 for s in ("", "f")}
    return set(code.split(b"\0")) & (known | {b"rint", b"rintf", b"roundeven", b"roundevenf"})


@pytest.mark.parametrize("which", EVERYWHERE)
def test_no_library_is_called(which):
    code = functions_on(which)["exp f4"].code
    assert b"logaddexp f4" in code.split(b"\0")
    assert not library_names(code)


@needs_x86
def test_a_call_of_a_library_would_be_found():
    oldest = dataclasses.replace(machine.SSE, name="x86-64", features="")  # it cannot round
    assert library_names(machine.compiled({"x": (FUNCTIONS["floor"], ["f4"])}, oldest)["x"].code)


def test_no_library_is_called_with_neon():
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    try:
        target = llvm.Target.from_triple("aarch64-unknown-linux-gnu")
    except RuntimeError:
        pytest.skip("this LLVM makes no code for that processor")
    neon = Processor("cortex-a72", "+neon", 16, 32)
    module = ir.Module()
    for name in ("exp", "log", "tanh", "sin", "erf", "power", "fmod", "rint", "floor", "trunc"):
        operands = [np.dtype("f4")] * (2 if name in ("power", "fmod") else 1)
        machine.body(module, f"{name} f4", FUNCTIONS[name], operands, 4, neon)
    made = llvm.parse_assembly(str(module))
    code = target.create_target_machine(cpu=neon.name, features=neon.features).emit_object(made)
    assert b"erf f4" in code.split(b"\0")
    assert not library_names(code)


@pytest.mark.slow
def test_the_polynomials_are_those_of_the_tool():
    root = Path(__file__).parents[2]
    tool = root / "tools" / "coefficients.py"
    written = subprocess.run([sys.executable, tool], check=True, capture_output=True, text=True)
    module = root / "src" / "clearprop" / "compile" / "machine" / "coefficients.py"
    assert written.stdout == module.read_text()


def test_a_value_is_asked_for():
    assert all(callable(f) for f in FUNCTIONS.values())
    assert isinstance(FUNCTIONS["where"](Sample(np.array([True])), 1, 0), Value)
