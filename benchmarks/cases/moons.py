"""micrograd's demonstration: 2-16-16-1 on 100 points of two moons, hinge loss, weight decay."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from benchmarks.suite.side import Params, Problem, Run, Side

TITLE = "micrograd's moons, 2-16-16-1, 100 samples, SGD"
SAMPLES, BATCH, CHUNK = 100, 1, 300
SIZES = (2, 16, 16, 1)
LR, ALPHA = 0.1, 1e-4
FLOOR = {"micrograd": 1000.0, "PyTorch": 5.0}
AIM = {"micrograd": 10_000.0}


def moons() -> tuple[np.ndarray, np.ndarray]:
    """Give two half circles with noise, (100, 2), and their labels -1 and 1."""
    rng = np.random.default_rng(0)
    angle = np.pi * np.arange(SAMPLES // 2) / (SAMPLES // 2 - 1)
    outer = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    inner = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    points = np.concatenate([outer, inner]) + 0.1 * rng.standard_normal((SAMPLES, 2))
    return points.astype(np.float32), np.repeat(np.float32([-1, 1]), SAMPLES // 2)


def initial() -> Params:
    """Draw as micrograd does: weights in [-1, 1], no bias."""
    rng = np.random.default_rng(0)
    params: Params = {}
    for k, (m, n) in enumerate(pairwise(SIZES), 1):
        params[f"W{k}"] = rng.uniform(-1, 1, (m, n)).astype(np.float32)
        params[f"b{k}"] = np.zeros(n, np.float32)
    return params


def _micrograd(problem: Problem) -> Run:
    from micrograd.engine import Value
    from micrograd.nn import MLP

    model = MLP(2, [16, 16, 1])
    given = initial()
    for k, layer in enumerate(model.layers, 1):
        for j, neuron in enumerate(layer.neurons):
            neuron.b.data = float(given[f"b{k}"][j])
            for i, w in enumerate(neuron.w):
                w.data = float(given[f"W{k}"][i, j])
    points, labels = moons()
    inputs = [list(map(Value, map(float, row))) for row in points]
    signs = [float(label) for label in labels]

    def step() -> float:
        scores = list(map(model, inputs))
        losses = [(1 + -sign * score).relu() for sign, score in zip(signs, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        loss = data_loss + ALPHA * sum(p * p for p in model.parameters())
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= LR * p.grad
        return loss.data

    return Run(lambda order: order, lambda order: np.array([step() for _ in order]))


def _torch(compiled: bool):
    def start(problem: Problem) -> Run:
        import torch

        points, labels = map(torch.from_numpy, moons())
        leaves = [torch.from_numpy(p) for p in initial().values()]

        def loss_of(p: list[torch.Tensor]) -> torch.Tensor:
            hidden = torch.relu(torch.addmm(p[1], points, p[0]))
            hidden = torch.relu(torch.addmm(p[3], hidden, p[2]))
            scores = torch.addmm(p[5], hidden, p[4])[:, 0]
            decay = sum((q * q).sum() for q in p)
            return torch.relu(1 - labels * scores).mean() + ALPHA * decay

        def whole_step(p: list[torch.Tensor]) -> torch.Tensor:
            gradients, loss = torch.func.grad_and_value(loss_of)(p)
            for q, g in zip(p, gradients, strict=True):
                q.sub_(g, alpha=LR)
            return loss

        def eager_step(p: list[torch.Tensor]) -> torch.Tensor:
            loss = loss_of(p)
            gradients = torch.autograd.grad(loss, p)
            with torch.no_grad():
                torch._foreach_add_(p, gradients, alpha=-LR)
            return loss.detach()

        if not compiled:
            leaves = [p.requires_grad_() for p in leaves]
        step = torch.compile(whole_step) if compiled else eager_step

        def steps(order: np.ndarray) -> np.ndarray:
            losses = torch.empty(len(order))
            for i in range(len(order)):
                losses[i] = step(leaves)
            return losses.numpy()

        return Run(lambda order: order, steps)

    return start


def _jax(scanned: bool):
    def start(problem: Problem) -> Run:
        import jax
        import jax.numpy as jnp

        from benchmarks.suite import with_jax

        points, labels = map(jnp.asarray, moons())

        def loss(p, x, t):
            hidden = jax.nn.relu(points @ p["W1"] + p["b1"])
            hidden = jax.nn.relu(hidden @ p["W2"] + p["b2"])
            scores = (hidden @ p["W3"] + p["b3"])[:, 0]
            decay = sum(jnp.sum(q * q) for q in p.values())
            return jnp.mean(jax.nn.relu(1 - labels * scores)) + ALPHA * decay

        return with_jax.training(problem, initial(), loss, with_jax.sgd(LR), scanned=scanned)

    return start


SIDES = (
    Side("micrograd", "", _micrograd, chunk=1),
    Side("PyTorch", "eager, arrays", _torch(compiled=False)),
    Side("PyTorch", "compile, whole step, arrays", _torch(compiled=True)),
    Side("JAX", "jit, arrays", _jax(scanned=False)),
    Side("JAX", "scan, arrays", _jax(scanned=True), whole=True),
)
