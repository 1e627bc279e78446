from __future__ import annotations

from benchmarks.cases import deep_conv as case
from benchmarks.compiled import loop
from benchmarks.suite.side import Problem, Run
from clearprop import nn


def start(problem: Problem) -> Run:
    p = case.initial()
    layers: list[nn.Layer] = []
    for k, padding in enumerate(case.PADDING, 1):
        layers += [nn.Conv2d(p[f"W{k}"], p[f"b{k}"], padding=padding), nn.ReLU()]
        layers += [] if k % 2 else [nn.MaxPool2d(2)]
    layers += [nn.Flatten(), nn.Affine(p["W7"], p["b7"]), nn.ReLU()]
    layers += [nn.Dropout(problem.ratio(case.RATIO)), nn.Affine(p["W8"], p["b8"])]
    net = nn.Sequential(*layers, loss=nn.SoftmaxWithLoss())
    return loop.network(problem, net, loop.sgd(case.LR), image=True)
