from __future__ import annotations

from benchmarks.cases import two_layer as case
from benchmarks.compiled import loop
from benchmarks.suite.side import Problem, Run
from clearprop import nn


def start(problem: Problem) -> Run:
    W1, b1, W2, b2 = case.initial().values()
    layers = (nn.Affine(W1, b1), nn.Sigmoid(), nn.Affine(W2, b2))
    return loop.network(
        problem, nn.Sequential(*layers, loss=nn.SoftmaxWithLoss()), loop.sgd(case.LR)
    )
