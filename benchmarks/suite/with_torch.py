"""A training loop in PyTorch, in the forms its users would choose for speed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.suite.side import Params, Problem, Run

Update = Callable[[list[Any]], Any]


def load(model: nn.Module, params: Params) -> nn.Module:
    """Put W1, b1, W2, … (gamma, beta of batch norm likewise) into a model, layer by layer."""
    names = iter(params.items())
    with torch.no_grad():
        for layer in model.modules():
            for key in ("weight", "bias"):
                if (p := getattr(layer, key, None)) is not None:
                    value = torch.from_numpy(next(names)[1])
                    p.copy_(value.T if isinstance(layer, nn.Linear) and key == "weight" else value)
    assert next(names, None) is None, "parameters are left over"
    return model


def training(
    problem: Problem,
    model: nn.Module,
    optimizer: Callable[[Any], torch.optim.Optimizer],
    *,
    image: bool = False,
    channels_last: bool = False,
    compiled: bool = False,
) -> Run:
    """Indexed tensors, cross-entropy, backward, the optimizer's step; the losses are kept."""
    x, t = torch.from_numpy(problem.x), torch.from_numpy(problem.t)
    x = x.view(-1, 1, 28, 28) if image else x
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    model.train()
    update = optimizer(model.parameters())

    def loss_of(indices: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(model(x[indices]), t[indices])

    loss_of = torch.compile(loss_of) if compiled else loss_of

    def steps(order: torch.Tensor) -> np.ndarray:
        losses = torch.empty(len(order))
        for i, indices in enumerate(order):
            loss = loss_of(indices)
            update.zero_grad()
            loss.backward()
            update.step()
            losses[i] = loss.detach()
        return losses.numpy()

    return Run(torch.from_numpy, steps)


def training_by_hand(
    problem: Problem,
    model: nn.Module,
    lr: float,
    *,
    image: bool = False,
    channels_last: bool = False,
    compiled: bool = False,
) -> Run:
    """The same with `autograd.grad` and one in-place update for all parameters: plain SGD.

    Compiled, it is one function from the indices to the loss, with the gradient and the
    update inside.
    """
    x, t = torch.from_numpy(problem.x), torch.from_numpy(problem.t)
    x = x.view(-1, 1, 28, 28) if image else x
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    names = [name for name, _ in model.named_parameters()]
    leaves = list(model.parameters())

    def eager_step(indices: torch.Tensor) -> torch.Tensor:
        loss = functional.cross_entropy(model(x[indices]), t[indices])
        gradients = torch.autograd.grad(loss, leaves)
        with torch.no_grad():
            torch._foreach_add_(leaves, gradients, alpha=-lr)
        return loss.detach()

    plain = [p.detach() for p in leaves]

    def whole_step(params: list[torch.Tensor], indices: torch.Tensor) -> torch.Tensor:
        def loss_of(params: list[torch.Tensor], x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            named = dict(zip(names, params, strict=True))
            return functional.cross_entropy(torch.func.functional_call(model, named, x), t)

        gradients, loss = torch.func.grad_and_value(loss_of)(params, x[indices], t[indices])
        for p, g in zip(params, gradients, strict=True):
            p.sub_(g, alpha=lr)
        return loss

    compiled_step = torch.compile(whole_step) if compiled else None

    def steps(order: torch.Tensor) -> np.ndarray:
        losses = torch.empty(len(order))
        for i, indices in enumerate(order):
            losses[i] = compiled_step(plain, indices) if compiled_step else eager_step(indices)
        return losses.numpy()

    return Run(torch.from_numpy, steps)


def sgd(lr: float) -> Callable[[Any], torch.optim.Optimizer]:
    return lambda parameters: torch.optim.SGD(parameters, lr=lr, fused=True)


def adam(lr: float) -> Callable[[Any], torch.optim.Optimizer]:
    return lambda parameters: torch.optim.Adam(parameters, lr=lr, fused=True)


def function(
    problem_x: np.ndarray, f: Callable[[torch.Tensor], torch.Tensor], compiled: bool
) -> Run:
    """Value and gradient of a function of one large array."""
    x = torch.from_numpy(problem_x)
    leaf = x.clone().requires_grad_()
    fused = torch.compile(torch.func.grad_and_value(f)) if compiled else None
    last: list[torch.Tensor] = []

    def steps(order: Any) -> np.ndarray:
        values = torch.empty(len(order))
        for i in range(len(order)):
            last.clear()
            if fused is not None:
                gradient, value = fused(x)
            else:
                value = f(leaf)
                (gradient,) = torch.autograd.grad(value, leaf)
            values[i] = value.detach()
            last.append(gradient)
        return values.numpy()

    def probe() -> list[float]:
        return last[0][:: len(x) // 50].tolist()

    return Run(lambda order: order, steps, probe)
