"""apple × count × tax: from three Python floats to the value and three gradients."""

from __future__ import annotations

from typing import Any

import mygrad as mg
import torch
from micrograd.engine import Value
from peers.measure import Row, agree, compared

import clearprop as cp

TITLE = "apple × count × tax: from three floats to the value and three gradients"
TARGETS = {"PyTorch": 2.0, "MyGrad": 2.0, "micrograd": 0.5}
NUMBERS = (100.0, 2.0, 1.1)


def total(apple: Any, count: Any, tax: Any) -> Any:
    return apple * count * tax


_both = cp.value_and_grad(total, argnums=(0, 1, 2))
_kept = [torch.tensor(n, dtype=torch.float64, requires_grad=True) for n in NUMBERS]


def of_clearprop() -> Any:
    value, gradients = _both(*NUMBERS)
    return value, *gradients


def of_tensors() -> Any:
    apple, count, tax = (cp.tensor(n) for n in NUMBERS)
    y = total(apple, count, tax)
    y.backward()
    return y.value, apple.grad, count.grad, tax.grad


def of_torch() -> Any:
    made = [torch.tensor(n, dtype=torch.float64, requires_grad=True) for n in NUMBERS]
    y = total(*made)
    y.backward()
    return y.detach(), made[0].grad, made[1].grad, made[2].grad


def of_torch_kept() -> Any:
    y = total(*_kept)
    return y.detach(), *torch.autograd.grad(y, _kept)


def of_mygrad() -> Any:
    apple, count, tax = (mg.tensor(n) for n in NUMBERS)
    y = total(apple, count, tax)
    y.backward()
    return y.data, apple.grad, count.grad, tax.grad


def of_micrograd() -> Any:
    apple, count, tax = (Value(n) for n in NUMBERS)
    y = total(apple, count, tax)
    y.backward()
    return y.data, apple.grad, count.grad, tax.grad


def measure(rounds: int) -> list[Row]:
    mg.turn_memory_guarding_off()  # its documentation's advice for speed
    steps = {
        "clearprop, value_and_grad": of_clearprop,
        "clearprop, tensor and backward": of_tensors,
        "PyTorch": of_torch,
        "PyTorch, its tensors made before": of_torch_kept,
        "MyGrad": of_mygrad,
        "micrograd": of_micrograd,
    }
    agree({name: step() for name, step in steps.items()}, rtol=1e-14)
    return compared(steps, rounds, TARGETS)
