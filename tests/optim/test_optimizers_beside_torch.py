"""Ten updates beside torch.optim, float64, to 1e-10; and clipping beside its own."""

import numpy as np
import pytest

import clearprop as cp
from clearprop import optim

torch = pytest.importorskip("torch", reason="torch is not installed")

OF_TORCH = torch.optim
RULES = {
    "SGD": (optim.SGD(0.1), lambda p: OF_TORCH.SGD(p, 0.1)),
    "SGD, decay": (
        optim.SGD(0.1, weight_decay=0.05),
        lambda p: OF_TORCH.SGD(p, 0.1, weight_decay=0.05),
    ),
    "momentum": (
        optim.Momentum(0.1, weight_decay=0.05),
        lambda p: OF_TORCH.SGD(p, 0.1, momentum=0.9, weight_decay=0.05),
    ),
    "Nesterov": (
        optim.Nesterov(0.1, 0.8, weight_decay=0.05),
        lambda p: OF_TORCH.SGD(p, 0.1, momentum=0.8, weight_decay=0.05, nesterov=True),
    ),
    "AdaGrad, defaults": (optim.AdaGrad(), OF_TORCH.Adagrad),
    "AdaGrad": (
        optim.AdaGrad(0.1, eps=1e-4, weight_decay=0.05),
        lambda p: OF_TORCH.Adagrad(p, 0.1, eps=1e-4, weight_decay=0.05),
    ),
    "RMSprop, defaults": (optim.RMSprop(), OF_TORCH.RMSprop),
    "RMSprop": (
        optim.RMSprop(0.1, alpha=0.8, eps=1e-4, weight_decay=0.05),
        lambda p: OF_TORCH.RMSprop(p, 0.1, alpha=0.8, eps=1e-4, weight_decay=0.05),
    ),
    "Adam, defaults": (optim.Adam(), OF_TORCH.Adam),
    "Adam": (
        optim.Adam(0.1, betas=(0.7, 0.8), eps=1e-4, weight_decay=0.05),
        lambda p: OF_TORCH.Adam(p, 0.1, betas=(0.7, 0.8), eps=1e-4, weight_decay=0.05),
    ),
    "AdamW, defaults": (optim.AdamW(), OF_TORCH.AdamW),
    "AdamW": (
        optim.AdamW(0.1, betas=(0.7, 0.8), eps=1e-4, weight_decay=0.3),
        lambda p: OF_TORCH.AdamW(p, 0.1, betas=(0.7, 0.8), eps=1e-4, weight_decay=0.3),
    ),
}
CLIPS = {
    "none": ({}, lambda p: None),
    "norm": ({"clip_norm": 0.3}, lambda p: torch.nn.utils.clip_grad_norm_(p, 0.3)),
    "value": ({"clip_value": 0.05}, lambda p: torch.nn.utils.clip_grad_value_(p, 0.05)),
}


def problem():
    rng = np.random.default_rng(0)
    params = {"W": rng.normal(size=(4, 3)), "b": rng.normal(size=3), "scale": np.array(0.5)}
    return params, rng.normal(size=(10, 6, 4))


def ours(rule, params, xs):
    def loss(p, x):
        return np.mean((np.tanh(x @ p["W"] + p["b"]) * p["scale"] - 1) ** 2)

    state = rule.init(params)
    for x in xs:
        params, state = rule.update(params, cp.grad(loss)(params, x), state)
    return params


def theirs(make, clip, params, xs, scheduler=None):
    p = {name: torch.tensor(value, requires_grad=True) for name, value in params.items()}
    optimizer = make(list(p.values()))
    scheduler = scheduler and scheduler(optimizer)
    for x in xs:
        optimizer.zero_grad()
        y = torch.tanh(torch.tensor(x) @ p["W"] + p["b"]) * p["scale"]
        ((y - 1) ** 2).mean().backward()
        clip(list(p.values()))
        optimizer.step()
        if scheduler:
            scheduler.step()
    return {name: value.detach().numpy() for name, value in p.items()}


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("name", RULES)
def test_ten_updates_are_those_of_torch_optim(name, clip):
    from dataclasses import replace

    rule, make = RULES[name]
    options, of_torch = CLIPS[clip]
    found = ours(replace(rule, **options), *problem())
    wanted = theirs(make, of_torch, *problem())
    for key, value in wanted.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-10, atol=1e-10, err_msg=key)
        assert not np.array_equal(value, problem()[0][key])


@pytest.mark.parametrize(
    ("rule", "make"),
    [
        (optim.Momentum, lambda p: OF_TORCH.SGD(p, 0.1, momentum=0.9)),
        (optim.AdamW, lambda p: OF_TORCH.AdamW(p, 0.1)),
    ],
)
def test_ten_updates_with_a_schedule_are_those_of_torch_optim(rule, make):
    def scheduler(o):
        s = torch.optim.lr_scheduler
        parts = [s.LinearLR(o, 0.25, total_iters=4), s.CosineAnnealingLR(o, 6)]
        return s.SequentialLR(o, parts, milestones=[4])

    schedule = optim.WarmUp(optim.Cosine(0.1, 6), 4, start=0.25)
    found = ours(rule(schedule), *problem())
    wanted = theirs(make, lambda p: None, *problem(), scheduler)
    for key, value in wanted.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-10, atol=1e-10, err_msg=key)
