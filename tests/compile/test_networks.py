"""Whole training steps: compiled as interpreted over 50 steps, and the same bits on any threads."""

from typing import Any

import numpy as np
import pytest

import clearprop as cp
from clearprop import nn

pytestmark = pytest.mark.usefixtures("all_threads")

Tree = Any


def affine(rng: Any, *sizes: int) -> Any:
    D, n = sizes
    return nn.Affine(rng.normal(size=(D, n)) / np.sqrt(D), np.zeros(n))


def conv(rng: Any, channels: int, filters: int, size: int, padding: int = 0) -> Any:
    W = rng.normal(size=(filters, channels, size, size)) / np.sqrt(channels * size * size)
    return nn.Conv2d(W, np.zeros(filters), padding=padding)


def two_layers(rng: Any) -> list[Any]:
    return [nn.Flatten(), affine(rng, 196, 50), nn.Sigmoid(), affine(rng, 50, 10)]


def normalized(rng: Any) -> list[Any]:
    layers = [nn.Flatten()]
    for D, n in ((196, 60), (60, 40)):
        norm = nn.BatchNorm(np.ones(n), np.zeros(n))
        layers += [affine(rng, D, n), norm, nn.ReLU(), nn.Dropout(0.3, seed=1)]
    return [*layers, affine(rng, 40, 10)]


def small_conv(rng: Any) -> list[Any]:
    return [
        *(conv(rng, 1, 5, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(affine(rng, 125, 20), nn.ReLU(), affine(rng, 20, 10)),
    ]


def deep_conv(rng: Any) -> list[Any]:
    return [
        *(conv(rng, 1, 16, 3, 1), nn.ReLU(), conv(rng, 16, 16, 3, 1), nn.ReLU(), nn.MaxPool2d(2)),
        *(conv(rng, 16, 20, 3, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(affine(rng, 180, 50), nn.ReLU(), nn.Dropout(0.5, seed=2), affine(rng, 50, 10)),
    ]


def adam(params: Tree, gradient: Tree, memory: Tree) -> tuple[Tree, Tree]:
    m, v, count = memory
    count = count + 1
    m = tuple(0.9 * m + 0.1 * g for m, g in zip(m, gradient, strict=True))
    v = tuple(0.999 * v + 0.001 * g * g for v, g in zip(v, gradient, strict=True))
    mean, spread = 1 / (1 - 0.9**count), 1 / (1 - 0.999**count)
    new = tuple(
        p - 0.003 * (m * mean) / (np.sqrt(v * spread) + 1e-8)
        for p, m, v in zip(params, m, v, strict=True)
    )
    return new, (m, v, count)


def training(layers: list[Any], dtype: str) -> tuple[Any, Tree]:
    net = nn.Sequential(*layers, loss=nn.SoftmaxWithLoss())
    params = tuple(p.astype(dtype) for p in net.arrays(net.parameters))
    state = tuple(s.astype(dtype) if s.dtype.kind == "f" else s for s in net.arrays(net.buffers))
    zeros = tuple(np.zeros_like(p) for p in params)

    def loss(params: Tree, state: Tree, x: Any, t: Any) -> Any:
        y = net.compute(x, *params, *state, train=True) if state else net.compute(x, *params)
        y, seen = y if state else (y, ())
        return net.last_layer.compute(y, t=t), net.advance(state, seen) if state else ()

    def step(carry: Tree, rows: Any, x: Any, t: Any) -> Any:
        params, state, memory = carry
        both = cp.value_and_grad(loss, has_aux=True)
        (value, state), gradient = both(params, state, x[rows], t[rows])
        params, memory = adam(params, gradient, memory)
        return (params, state, memory), value

    return step, (params, state, (zeros, zeros, np.zeros(1, dtype)))


@pytest.fixture(autouse=True)
def _threads() -> Any:
    yield
    cp.set_threads(None)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(
    "layers",
    [two_layers, normalized, small_conv, pytest.param(deep_conv, marks=pytest.mark.slow)],
)
def test_fifty_steps(layers: Any, dtype: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 1, 14, 14)).astype(dtype)
    t = np.eye(10, dtype=dtype)[rng.integers(10, size=200)]
    order = rng.integers(200, size=(50, 30))
    step, start = training(layers(rng), dtype)
    compiled = cp.compile(step)
    found = {}
    for threads in (1, 2, 3):
        cp.set_threads(threads)
        carry, losses = compiled.scan(start, order, x, t)
        found[threads] = [losses, *(leaf for part in carry for leaf in _leaves(part))]
    for threads in (2, 3):
        for a, b in zip(found[1], found[threads], strict=True):
            np.testing.assert_array_equal(a, b)
    carry, expected = start, []
    for rows in order:
        carry, value = step(carry, rows, x, t)
        expected.append(value)
    rtol = 1e-6 if dtype == "f8" else 5e-2  # small differences grow in fifty steps
    np.testing.assert_allclose(found[1][0][:5], expected[:5], rtol=1e-9 if dtype == "f8" else 2e-4)
    np.testing.assert_allclose(found[1][0], expected, rtol=rtol, atol=rtol)


def _leaves(tree: Tree) -> list[Any]:
    return [leaf for part in tree for leaf in _leaves(part)] if isinstance(tree, tuple) else [tree]
