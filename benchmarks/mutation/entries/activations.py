"""Layers that work element by element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.mutation.entries.lazily import F, torch
from benchmarks.mutation.entry import Entry


def _one(name: str, truth: Callable[[Any], Any], **more: Any) -> Entry:
    more = {"values": lambda d, r: {"x": r(d.N, d.D)}, "gives": {"r": "x"}, **more}
    return Entry(
        name=name, file="class_activations", style="layer", inputs=("x",), truth=truth, **more
    )


ENTRIES = (
    _one("Relu", lambda v: F.relu(v.x)),
    _one("LeakyRelu", lambda v: F.leaky_relu(v.x, 0.1)),
    _one("Elu", lambda v: F.elu(v.x, 1.3)),
    _one("Sigmoid", lambda v: torch.sigmoid(v.x)),
    _one("Tanh", lambda v: torch.tanh(v.x)),
    _one("Gelu", lambda v: F.gelu(v.x, approximate="tanh")),
    _one("Softplus", lambda v: F.softplus(v.x, beta=1.5)),
    _one("Sine", lambda v: torch.sin(2.0 * v.x)),
    _one(
        "Swish",
        lambda v: v.x * torch.sigmoid(v.beta * v.x),
        values=lambda d, r: {"x": r(d.N, d.D), "beta": r.around_one()},
        gives={"r": "x", "o.dbeta": "beta"},
        make=lambda cls, v: cls(v.beta),
    ),
)
