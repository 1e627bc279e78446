from __future__ import annotations

from benchmarks.cases import small_conv as case
from benchmarks.compiled import loop
from benchmarks.suite.side import Problem, Run
from clearprop import nn


def start(problem: Problem) -> Run:
    W1, b1, W2, b2, W3, b3 = case.initial().values()
    convolved = (nn.Conv2d(W1, b1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    dense = (nn.Affine(W2, b2), nn.ReLU(), nn.Affine(W3, b3))
    net = nn.Sequential(*convolved, *dense, loss=nn.SoftmaxWithLoss())
    return loop.network(problem, net, loop.sgd(case.LR), image=True)
