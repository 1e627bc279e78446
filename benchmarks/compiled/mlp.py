from __future__ import annotations

from benchmarks.cases import mlp as case
from benchmarks.compiled import loop
from benchmarks.suite.side import Problem, Run
from clearprop import nn


def start(problem: Problem) -> Run:
    p, ratio = case.initial(), problem.ratio(case.RATIO)
    layers: list[nn.Layer] = []
    for k in (1, 2, 3):
        norm = nn.BatchNorm(p[f"gamma{k}"], p[f"beta{k}"], eps=case.EPS)
        layers += [nn.Affine(p[f"W{k}"], p[f"b{k}"]), norm, nn.ReLU(), nn.Dropout(ratio)]
    layers.append(nn.Affine(p["W4"], p["b4"]))
    net = nn.Sequential(*layers, loss=nn.SoftmaxWithLoss())
    return loop.network(problem, net, loop.adam(case.LR))
