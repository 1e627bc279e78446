"""A convolution of 30 filters 5 x 5, ReLU, pooling by 2, two dense layers; a batch of 100."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.side import Params, Problem, Run, Side, affine, convolution

TITLE = "conv 30@5x5, ReLU, pool 2, affine 100, ReLU, affine 10, batch 100, SGD"
BATCH, CHUNK, LR = 100, 20, 0.05
FLOOR = {"PyTorch": 3.0, "JAX": 15.0}
AIM = {"PyTorch": 5.0}


def initial() -> Params:
    rng = np.random.default_rng(0)
    dense = affine(rng, 2, 30 * 12 * 12, 100) | affine(rng, 3, 100, 10)
    return convolution(rng, 1, 1, 30, 5) | dense


def _torch(compiled: bool, by_hand: bool = False, channels_last: bool = False):
    def start(problem: Problem) -> Run:
        from torch import nn

        from benchmarks.suite import with_torch

        convolved = (nn.Conv2d(1, 30, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        dense = (nn.Linear(30 * 12 * 12, 100), nn.ReLU(), nn.Linear(100, 10))
        model = with_torch.load(nn.Sequential(*convolved, *dense), initial())
        options = {"image": True, "channels_last": channels_last, "compiled": compiled}
        if by_hand:
            return with_torch.training_by_hand(problem, model, LR, **options)
        return with_torch.training(problem, model, with_torch.sgd(LR), **options)

    return start


def _jax(scanned: bool, layout: str):
    def start(problem: Problem) -> Run:
        import jax

        from benchmarks.suite import with_jax

        images = with_jax.Images(layout)
        params = images.params(initial(), {"W2": (30, 12, 12)})

        def loss(p, x, t):
            x = jax.nn.relu(images.convolve(x, p["W1"], p["b1"], padding=0))
            x = images.max_pool(x).reshape(len(x), -1)
            x = jax.nn.relu(x @ p["W2"] + p["b2"])
            return with_jax.cross_entropy(x @ p["W3"] + p["b3"], t)

        sgd = with_jax.sgd(LR)
        return with_jax.training(problem, params, loss, sgd, scanned=scanned, image=layout)

    return start


SIDES = (
    Side("PyTorch", "eager", _torch(compiled=False)),
    Side("PyTorch", "eager, channels last", _torch(compiled=False, channels_last=True)),
    Side("PyTorch", "compile", _torch(compiled=True)),
    Side("PyTorch", "compile, channels last", _torch(compiled=True, channels_last=True)),
    Side("PyTorch", "compile, whole step", _torch(compiled=True, by_hand=True)),
    Side("JAX", "jit, NCHW", _jax(scanned=False, layout="NCHW")),
    Side("JAX", "jit, NHWC", _jax(scanned=False, layout="NHWC")),
    Side("JAX", "scan, NHWC", _jax(scanned=True, layout="NHWC"), whole=True),
)
