"""A training loop through `cp.compile`: one call from the indices of a batch to the new weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import clearprop as cp
from benchmarks.suite.side import Problem, Run

Tree = Any
Optimizer = tuple[Callable[[Tree, Tree, Tree], tuple[Tree, Tree]], Callable[[Tree], Tree]]


def sgd(lr: float) -> Optimizer:
    return lambda params, gradient, memory: (
        cp.optim.sgd(params, gradient, lr),
        memory,
    ), lambda _: ()


def adam(lr: float, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Optimizer:
    """Give the update of a tuple of parameters, and its first memory."""

    def update(params: Tree, gradient: Tree, memory: Tree) -> tuple[Tree, Tree]:
        m, v, p1, p2 = memory
        p1, p2 = p1 * b1, p2 * b2
        m = tuple(b1 * m + (1 - b1) * g for m, g in zip(m, gradient, strict=True))
        v = tuple(b2 * v + (1 - b2) * g * g for v, g in zip(v, gradient, strict=True))
        mean, root = 1 / (1 - p1), 1 / np.sqrt(1 - p2)
        params = tuple(
            p - lr * (m * mean) / (np.sqrt(v) * root + eps)
            for p, m, v in zip(params, m, v, strict=True)
        )
        return params, (m, v, p1, p2)

    def memory(params: Tree) -> Tree:
        zeros = tuple(np.zeros_like(p) for p in params)
        return zeros, tuple(map(np.copy, zeros)), np.ones(1, np.float32), np.ones(1, np.float32)

    return update, memory


def training(
    problem: Problem,
    params: Tree,
    loss: Callable[..., Any],
    optimizer: Optimizer,
    *,
    state: Tree = (),
    image: bool = False,
) -> Run:
    """Make the loop of ``loss(params, state, x, t) -> loss, state``; ``t`` are one-hot rows."""
    update, memory = optimizer
    data = problem.x.reshape(-1, 1, 28, 28) if image else problem.x

    def step(carry: Tree, indices: Any, x: Any, t: Any) -> Any:
        params, state, kept = carry
        both = cp.value_and_grad(loss, has_aux=True)
        (value, state), gradient = both(params, state, x[indices], t[indices])
        params, kept = update(params, gradient, kept)
        return (params, state, kept), value

    set_threads(problem)
    compiled = cp.compile(step)
    carry = (params, state, memory(params))
    x, t = data, np.eye(10, dtype=np.float32)[problem.t]

    def steps(order: np.ndarray) -> np.ndarray:
        nonlocal carry
        carry, losses = compiled.scan(carry, order, x, t)
        return losses

    return Run(lambda order: order, steps)


def network(problem: Problem, net: Any, optimizer: Optimizer, *, image: bool = False) -> Run:
    """Make the loop of a `Sequential` with its loss layer."""
    params, state = net.arrays(net.parameters), net.arrays(net.buffers)

    def loss(params: Tree, state: Tree, x: Any, t: Any) -> tuple[Any, Tree]:
        y = net.compute(x, *params, *state, train=True)
        seen: Tree = ()
        if state:
            y, seen = y
        return net.last_layer.compute(y, t=t), net.advance(state, seen)

    return training(problem, params, loss, optimizer, state=state, image=image)


def set_threads(problem: Problem) -> None:
    """Say how many threads there are, where the library can be told."""
    if hasattr(cp, "set_threads"):
        cp.set_threads(problem.threads)


def function(problem: Problem, x: np.ndarray, f: Callable[[Any], Any]) -> Run:
    """Value and gradient of a function of one large array."""
    set_threads(problem)
    compiled = cp.compile(cp.value_and_grad(f))
    last: list[np.ndarray] = []

    def steps(order: np.ndarray) -> np.ndarray:
        values = np.empty(len(order), np.float32)
        for i in range(len(order)):
            last.clear()
            values[i], gradient = compiled(x)
            last.append(gradient)
        return values

    def probe() -> list[float]:
        return last[0][:: len(x) // 50].tolist()

    return Run(lambda order: order, steps, probe)
