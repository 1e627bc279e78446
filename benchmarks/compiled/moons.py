"""The demonstration as it is written with scalars: each weight, each input is a number."""

from __future__ import annotations

from typing import Any

import numpy as np

import clearprop as cp
from benchmarks.cases import moons as case
from benchmarks.compiled import loop
from benchmarks.suite.side import Problem, Run


def _score(layers: list[Any], values: list[Any]) -> Any:
    for number, neurons in enumerate(layers, 1):
        sums = [sum(w * v for w, v in zip(ws, values, strict=True)) + b for *ws, b in neurons]
        values = sums if number == len(layers) else [np.maximum(s, 0) for s in sums]
    return values[0]


def start(problem: Problem) -> Run:
    p = case.initial()
    layers = [
        [[*p[f"W{k}"][:, j], p[f"b{k}"][j]] for j in range(n)]
        for k, n in enumerate(case.SIZES[1:], 1)
    ]
    points, labels = case.moons()

    def loss(layers: list[Any], points: Any, labels: Any) -> Any:
        scores = [_score(layers, list(point)) for point in points]
        margins = [np.maximum(1 - t * s, 0) for t, s in zip(labels, scores, strict=True)]
        decay = sum(w * w for neurons in layers for neuron in neurons for w in neuron)
        return sum(margins) * (1 / len(margins)) + case.ALPHA * decay

    def step(layers: list[Any], _: Any, points: Any, labels: Any) -> tuple[list[Any], Any]:
        value, gradient = cp.value_and_grad(loss)(layers, points, labels)
        return cp.optim.sgd(layers, gradient, case.LR), value

    loop.set_threads(problem)
    compiled = cp.compile(step)

    def steps(order: np.ndarray) -> np.ndarray:
        nonlocal layers
        layers, losses = compiled.scan(layers, order, points, labels)
        return losses

    return Run(lambda order: order, steps)
