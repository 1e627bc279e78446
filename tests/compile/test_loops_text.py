"""``h.source`` is no picture of a program: executed as it stands, it gives the program's values."""

from contextlib import nullcontext

import numpy as np
import pytest
from cut_finely import cut_finely
from loops import executed
from scipy import special

import clearprop as cp
from clearprop import nn
from clearprop.trees import tree_leaves

pytest.importorskip("llvmlite")  # the extra `train` brings it

DRAW = np.random.default_rng(0)
X, V = DRAW.normal(size=(6, 5)), DRAW.normal(size=5)
W, B = DRAW.normal(size=(5, 4)), DRAW.normal(size=4)
IMAGES, FILTERS = DRAW.normal(size=(5, 2, 7, 6)), DRAW.normal(size=(4, 2, 3, 2))
ROWS = np.array([3, 0, 0, -1])
TABLE = DRAW.normal(size=(6, 5))
LARGE = DRAW.normal(size=(400, 5))


def network(p, x, t):
    hidden = np.maximum(x @ p["W"] + p["b"], 0)
    scores = hidden - np.max(hidden, axis=1, keepdims=True)
    return np.mean(np.log(np.sum(np.exp(scores), axis=1)) - np.sum(scores * t, axis=1))


def step(p, x, t):
    loss, gradient = cp.value_and_grad(network)(p, x, t)
    return {name: p[name] - 0.1 * gradient[name] for name in p}, loss


def images(x, W):
    layer = nn.Conv2d(FILTERS, np.zeros(4), stride=(2, 1), padding=(1, 2))
    y = np.maximum(layer.compute(x, W, np.zeros(4)), 0)
    return np.sum(np.sin(nn.MaxPool2d(2).compute(y)))


def grouped(x, W):
    layer = nn.Conv2d(FILTERS[:, :1], np.zeros(4), groups=2, dilation=(1, 2))
    return np.sum(layer.compute(x, W, np.zeros(4)) ** 3)


def dropped(x, key):
    return np.sum(nn.Dropout(0.4, seed=3).compute(x, key, train=True)[0] * x)


def named_as_the_text_names(first, start, v1):
    total, largest, run = first + start, np.maximum(first, v1), start * 2
    i = np.sum(np.tanh(total) * largest, axis=1)
    x_2 = np.cumsum(total, axis=0) * run
    x = x_2 + x_2.T[:, :1].T
    min = np.exp(-np.abs(x)) * np.sum(i)
    return i, x, min, np.max(x_2, axis=0), np.sum(v1 * v1) * largest


def by_numpy(x, k):
    q, r = np.divmod(x, k)
    return np.sort(q * 2, axis=-1), r, np.linalg.svd(x, full_matrices=False)[1], np.tril(x, -1)


def filled(x, rows):
    y = x * 1
    y[rows] = -1
    y[1:, ::2] += x[:-1, ::2]
    return y[rows], y, np.take_along_axis(x, np.argsort(x, axis=1)[:, :2], axis=1)


def numbers(x):
    weights = [float(i) * x[i % 6, i % 5] for i in range(40)]
    return sum(np.tanh(w) * w for w in weights)


PROGRAMS = {
    "a chain of elements": (lambda x, v: np.tanh(x) * np.exp(-v) + np.where(x > v, x, 0.1), X, V),
    "functions that NumPy has not": (lambda x: (nn.Sigmoid().compute(x), special.erf(x)), X),
    "whole numbers": (lambda i: (i // 3, i % 4, -i, i**2, i.astype("i1") * 3), np.arange(-9, 30)),
    "booleans": (lambda x: (x > 0, ~(x > 0) & (x < 1), (x > 0).sum(), np.any(x > 1)), X),
    "reductions": (
        lambda x: (np.sum(x), x.sum(0), np.mean(x, 1), np.var(x, axis=0), np.max(x), x.min(1)), X,
    ),
    "products": (lambda x, W, b: (x @ W + b, W.T @ x.T, x.T @ x, np.outer(b, b)), X, W, B),
    "a product of many": (np.matmul, DRAW.normal(size=(7, 3, 4)), np.ones((7, 4, 2))),
    "a constant beside": (lambda x: x * TABLE + LARGE[:6] @ np.eye(5), X),
    "a large constant": (lambda x: np.tanh(x) @ LARGE.T, X),
    "a convolution": (images, IMAGES, FILTERS),
    "its gradients": (cp.value_and_grad(images, (0, 1)), IMAGES, FILTERS),
    "its gradients in groups": (cp.value_and_grad(grouped, (0, 1)), IMAGES, FILTERS[:, :1]),
    "a mask": (cp.value_and_grad(dropped), X, np.array([7, 1], np.uint64)),
    "a gather": (lambda x, rows: (x[rows], x[:, rows], x[::-1, None, 1:]), X, ROWS),
    "the gradient of a gather": (cp.grad(lambda x, rows: np.sum(np.sin(x[rows]))), X, ROWS),
    "writes": (filled, X, ROWS),
    "a running sum": (lambda x: (np.cumsum(x, axis=0), np.cumsum(x, axis=1), np.cumsum(x)), X),
    "a network": (network, {"W": W, "b": B}, X, np.eye(4)[[0, 1, 2, 3, 0, 1]]),
    "its gradient": (cp.grad(network), {"W": W, "b": B}, X, np.eye(4)[[0, 1, 2, 3, 0, 1]]),
    "its step": (step, {"W": W, "b": B}, X, np.eye(4)[[0, 1, 2, 3, 0, 1]]),
    "NumPy calls": (by_numpy, X, 0.7),
    "names": (named_as_the_text_names, X[:5], X[1:], V),
    "joined numbers": (lambda xs: sum(np.sin(x) * x for x in xs), [0.1 * k for k in range(600)]),
    "rolled numbers": (cp.grad(numbers), X),
    "a result that is given": (lambda x, v: {"x": x, "c": V, "y": (x * 2, x * 2), "n": 3}, X, V),
    "empty arrays": (lambda x: (x * 2, np.sum(x, axis=0), x.T @ x), np.ones((0, 3))),
    "one number": (lambda a, b: np.arctan2(a, b) * a, 0.5, np.array(2.0)),
}  # fmt: skip


@pytest.mark.parametrize(("dtype", "cut"), [("f8", nullcontext), ("f4", cut_finely)])
@pytest.mark.parametrize("name", PROGRAMS)
def test_executed_it_gives_the_values(name, cut, dtype):
    f, *args = PROGRAMS[name]
    args = [cast(a, dtype) for a in args]
    compiled = cp.compile(f)
    expected = [np.asarray(v) for _, v in tree_leaves(f(*args))]
    with cut():
        compiled(*args)
    found = executed(compiled, *args)
    rtol = 1e-12 if dtype == "f8" else 2e-4
    for a, b in zip(found, expected, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol, err_msg=compiled.source)
    if cut is cut_finely and name in ("a network", "its step", "its gradients", "products"):
        assert "# on any thread" in compiled.source


def cast(value, dtype):
    if isinstance(value, dict):
        return {key: cast(part, dtype) for key, part in value.items()}
    is_float = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return value.astype(dtype) if is_float else value


def test_a_large_constant_is_passed_by_its_name():
    f = cp.compile(lambda x: x @ LARGE.T)
    f(X)
    assert "Arrays to be passed to run by name, as they were:\n    constant: (5, 400)" in f.source
    assert "def run(x, *, constant):" in f.source


def test_what_numpy_does_is_written_as_numpy():
    f = cp.compile(lambda x: np.linalg.solve(x, np.diagonal(x) * 2.0))
    f(np.eye(20))
    assert "= np.linalg.solve(x, " in f.source
    assert "  # NumPy" in f.source
