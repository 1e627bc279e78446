"""The slice that proves the format: eleven operations through all five readers of one text.

sweep, picture, source that runs on NumPy alone, check, fused loop; first and second derivative;
float32 stays float32. `take_along_axis` and `erf` are here because each is one place in `rules/`.
"""

import inspect
import subprocess
import sys

import numpy as np
import pytest

import clearprop as cp
from clearprop.rules.convolution import conv2d
from clearprop.rules.exponential import erf
from clearprop.rules.extremes import where
from clearprop.rules.indexing import take_along_axis
from clearprop.rules.random import keep_mask

rng = np.random.default_rng(0)
A, b, W = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=(4, 2))
IMAGES, KERNEL = rng.normal(size=(2, 2, 5, 5)), rng.normal(size=(3, 2, 3, 3))
KEY = np.array([7, 1], dtype=np.uint64)
CHOSEN = np.array([[0, 3], [1, 1], [2, 0]])
HOW = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1}


def tanh(x):
    return np.tanh(x)


def broadcast_add(x, b):
    return (x + b) * (x + b)


def sum_over_an_axis(x):
    return np.sum(x * x, axis=0)


def matmul(x, W):
    return x @ W


def getitem(x):
    return x[1:, ::-2] * x[0, 0]


def select(x):
    return np.where(x > 0, x * x, np.sin(x))


def cumsum(x):
    return np.cumsum(x * x, axis=1)


def convolution(x, W):
    return conv2d(x, W, **HOW)


def dropout(x, key):
    return x * x * keep_mask(key, shape=(3, 4), rate=0.25) / 0.75


def along_axis(x, i):
    return np.take_along_axis(x * x, i, axis=1)


def error_function(x):
    return erf(x)


SLICE = {
    tanh: (A,),
    broadcast_add: (A, b),
    sum_over_an_axis: (A,),
    matmul: (A, W),
    getitem: (A,),
    select: (A,),
    cumsum: (A,),
    convolution: (IMAGES, KERNEL),
    dropout: (A, KEY),
    along_axis: (A, CHOSEN),
    error_function: (A,),
}
each = pytest.mark.parametrize("f", SLICE, ids=lambda f: f.__name__)


def real(args):
    return [i for i, a in enumerate(args) if a.dtype.kind == "f"]


def total(f):
    """A scalar of which every derivative is interesting."""
    return lambda *args: np.sum(np.sin(f(*args)))


@each
def test_sweep_first_and_second_derivative(f):
    args = SLICE[f]
    first = cp.grad(total(f), real(args))

    def second(*args):
        return sum(np.sum(g * g) for g in first(*args))

    assert cp.check(total(f), *args).ok
    assert cp.check(second, *args).ok


@each
def test_check_against_numerical_differentiation(f):
    report = cp.check(f, *SLICE[f])
    assert report.ok, report
    assert max(finding.error for finding in report.findings) < 1e-7


@each
def test_picture(f):
    graph = cp.trace(f, *SLICE[f])
    shape = graph.outputs[0].shape
    picture = graph.backward(np.ones(shape)).to_svg()
    assert picture.startswith("<svg")
    assert "</svg>" in picture


@each
def test_source_runs_on_numpy_alone(f, tmp_path):
    args = SLICE[f]
    written = tmp_path / "written.py"
    written.write_text(cp.source(f, *args))
    np.savez(tmp_path / "args.npz", *args)
    run = (
        "import sys, numpy as np\n"
        "args = list(np.load('args.npz').values())\n"
        "import written\n"
        "y, g = written.gradients(*args)\n"
        "np.savez('out.npz', y, *(g if isinstance(g, tuple) else (g,)))\n"
        "loaded = {m.split('.')[0] for m in sys.modules}\n"
        "assert not loaded & {'clearprop', 'scipy', 'numba'}, loaded\n"
    )
    subprocess.run([sys.executable, "-c", run], cwd=tmp_path, check=True)
    found = list(np.load(tmp_path / "out.npz").values())
    y, pullback = cp.vjp(lambda *xs: f(*xs, *args[len(xs) :]), *(args[i] for i in real(args)))
    for a, expected in zip(found, [y, *pullback(np.ones(y.shape))], strict=True):
        if f is error_function:  # once anything imports SciPy the sweep calls SciPy's
            np.testing.assert_array_max_ulp(a, np.asarray(expected), 2)
        else:
            np.testing.assert_array_equal(a, expected)


@each
def test_fused_loop(f):
    args = SLICE[f]
    step = cp.value_and_grad(total(f), real(args))
    compiled = cp.compile(step)
    (y, gradients), (z, others) = step(*args), compiled(*args)
    assert z == pytest.approx(y, rel=1e-12)
    for a, expected in zip(others, gradients, strict=True):
        np.testing.assert_allclose(a, expected, rtol=1e-11, atol=1e-13)
    assert "NumPy call" not in compiled.plan
    assert "for i" in compiled.source


@each
def test_float32_stays_float32(f):
    args = [a.astype(np.float32) if a.dtype.kind == "f" else a for a in SLICE[f]]
    y, gradients = cp.value_and_grad(total(f), real(args))(*args)
    assert y.dtype == np.float32
    assert {g.dtype for g in gradients} == {np.dtype(np.float32)}
    compiled_y, compiled_gradients = cp.compile(cp.value_and_grad(total(f), real(args)))(*args)
    assert compiled_y.dtype == np.float32
    assert {g.dtype for g in compiled_gradients} == {np.dtype(np.float32)}


@pytest.mark.parametrize("primitive", [where, take_along_axis, erf], ids=lambda p: p.name)
def test_is_written_in_one_place(primitive):
    """Forward and rules lie in one file, next to each other, and nowhere else by name."""
    files = {inspect.getsourcefile(primitive.function)}
    files |= {inspect.getsourcefile(rule.function) for rule in primitive.rules.values()}
    assert len(files) == 1
    first = inspect.getsourcelines(primitive.function)[1]
    last = max(inspect.getsourcelines(rule.function)[1] for rule in primitive.rules.values())
    assert last - first < 50


def test_scipys_own_function_is_recorded():
    from scipy import special

    x = np.array([-1.0, 0.3, 5.0])
    expected = 2 / np.sqrt(np.pi) * np.exp(-x * x)
    np.testing.assert_allclose(cp.grad(lambda x: np.sum(special.erf(x)))(x), expected, rtol=1e-14)
    np.testing.assert_allclose(erf.function(x), special.erf(x), rtol=1e-15)
