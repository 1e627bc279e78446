"""The textbook's deep network: six convolutions 3 x 3 in three blocks, dropout; batch 100."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.side import Params, Problem, Run, Side, affine, convolution

TITLE = "conv 16-16-pool-32-32-pool-64-64-pool, affine 50, dropout, affine 10, batch 100, SGD"
BATCH, CHUNK, LR, RATIO = 100, 5, 0.002, 0.5
FILTERS = (16, 16, 32, 32, 64, 64)
PADDING = (1, 1, 1, 2, 1, 1)  # the book's: 28, pooled to 14, 16 to 8, 8 to 4
FLOOR = {"PyTorch": 1.5, "JAX": 8.0}
AIM = {"PyTorch": 2.0}


def initial() -> Params:
    rng = np.random.default_rng(0)
    params: Params = {}
    for k, (inputs, filters) in enumerate(zip((1, *FILTERS), FILTERS, strict=False), 1):
        params |= convolution(rng, k, inputs, filters, 3)
    return params | affine(rng, 7, 64 * 4 * 4, 50) | affine(rng, 8, 50, 10)


def _torch(compiled: bool, channels_last: bool = False):
    def start(problem: Problem) -> Run:
        from torch import nn

        from benchmarks.suite import with_torch

        layers = []
        inputs = (1, *FILTERS)
        for k, (m, n, padding) in enumerate(zip(inputs, FILTERS, PADDING, strict=False)):
            layers += [nn.Conv2d(m, n, 3, padding=padding), nn.ReLU()]
            layers += [nn.MaxPool2d(2)] if k % 2 else []
        dropout = nn.Dropout(problem.ratio(RATIO))
        dense = (nn.Linear(64 * 4 * 4, 50), nn.ReLU(), dropout, nn.Linear(50, 10))
        model = with_torch.load(nn.Sequential(*layers, nn.Flatten(), *dense), initial())
        return with_torch.training(
            problem,
            model,
            with_torch.sgd(LR),
            image=True,
            channels_last=channels_last,
            compiled=compiled,
        )

    return start


def _jax(scanned: bool, layout: str):
    def start(problem: Problem) -> Run:
        import jax
        import jax.numpy as jnp

        from benchmarks.suite import with_jax

        images = with_jax.Images(layout)
        params = images.params(initial(), {"W7": (64, 4, 4)})
        ratio = problem.ratio(RATIO)

        def loss(p, key, x, t):
            for k, padding in enumerate(PADDING, 1):
                x = jax.nn.relu(images.convolve(x, p[f"W{k}"], p[f"b{k}"], padding))
                x = x if k % 2 else images.max_pool(x)
            x = jax.nn.relu(x.reshape(len(x), -1) @ p["W7"] + p["b7"])
            key, own = jax.random.split(key)
            x = jnp.where(jax.random.bernoulli(own, 1 - ratio, x.shape), x / (1 - ratio), 0)
            return with_jax.cross_entropy(x @ p["W8"] + p["b8"], t), key

        options = {"state": with_jax.random_key(), "scanned": scanned, "image": layout}
        return with_jax.training(problem, params, loss, with_jax.sgd(LR), **options)

    return start


SIDES = (
    Side("PyTorch", "eager", _torch(compiled=False)),
    Side("PyTorch", "eager, channels last", _torch(compiled=False, channels_last=True)),
    Side("PyTorch", "compile", _torch(compiled=True)),
    Side("PyTorch", "compile, channels last", _torch(compiled=True, channels_last=True)),
    Side("JAX", "jit, NCHW", _jax(scanned=False, layout="NCHW")),
    Side("JAX", "jit, NHWC", _jax(scanned=False, layout="NHWC")),
    Side("JAX", "scan, NHWC", _jax(scanned=True, layout="NHWC"), whole=True),
)
