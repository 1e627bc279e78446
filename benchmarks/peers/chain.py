"""A chain of scalar operations, one after the other: time, memory, and whether it is linear."""

from __future__ import annotations

import statistics
from functools import partial
from typing import Any

from micrograd.engine import Value
from peers.measure import Row, agree, compared, growth, interleaved, peak, quantity

import clearprop as cp

TITLE = "Chain of 100,000 scalar operations: value and gradient (micrograd without its recursion)"
N = 100_000
SIZES = (10_000, 100_000, 200_000)


def chain(x: Any, n: int) -> Any:
    y = x
    for _ in range(n // 2):
        y = y * 1.0001 + 0.0001
    return y


def of_clearprop(n: int) -> Any:
    return cp.value_and_grad(chain)(1.5, n)


def of_tensor(n: int) -> Any:
    x = cp.tensor(1.5)
    y = chain(x, n)
    y.backward()
    return y.value, x.grad


def of_micrograd(n: int) -> Any:
    x = Value(1.5)
    y = chain(x, n)
    backward_without_recursion(y)
    return y.data, x.grad


def backward_without_recursion(y: Value) -> None:
    """Do what micrograd's ``backward`` does, whose topological sort recurses once an operation."""
    topo, visited = [], {y}
    stack = [(y, iter(y._prev))]
    while stack:
        v, children = stack[-1]
        for child in children:
            if child not in visited:
                visited.add(child)
                stack.append((child, iter(child._prev)))
                break
        else:
            topo.append(v)
            stack.pop()
    y.grad = 1
    for v in reversed(topo):
        v._backward()


def measure(rounds: int) -> list[Row]:
    steps = {
        "clearprop, value_and_grad": of_clearprop,
        "clearprop, tensor and backward": of_tensor,
        "micrograd": of_micrograd,
    }
    agree({name: step(N) for name, step in steps.items()}, rtol=1e-12)
    at_n = {name: partial(step, N) for name, step in steps.items()}
    rows = compared(at_n, rounds, {"micrograd": 1.0})
    peaks = {name: peak(step) / 1e6 for name, step in at_n.items()}
    rows += [
        quantity(f"{name}: peak memory", [mb], "MB", None if name == "micrograd" else limit)
        for limit in [round(peaks["micrograd"], 1)]
        for name, mb in peaks.items()
    ]
    sizes = {f"{n}": partial(of_clearprop, n) for n in SIZES}
    times = interleaved(sizes, min(rounds, 10))
    medians = {int(n): statistics.median(samples) for n, samples in times.items()}
    rows += [quantity(f"clearprop, n = {n:,}", times[f"{n}"], "s") for n in SIZES]
    return [*rows, growth("clearprop", medians)]
