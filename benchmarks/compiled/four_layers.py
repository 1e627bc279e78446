from __future__ import annotations

from benchmarks.cases import four_layers as case
from benchmarks.compiled import loop
from benchmarks.suite.side import Problem, Run
from clearprop import nn


def start(problem: Problem) -> Run:
    p = case.initial()
    layers: list[nn.Layer] = []
    for k in range(1, len(case.SIZES)):
        layers += [nn.Affine(p[f"W{k}"], p[f"b{k}"]), nn.ReLU()]
    net = nn.Sequential(*layers[:-1], loss=nn.SoftmaxWithLoss())
    return loop.network(problem, net, loop.sgd(case.LR))
