"""What the benchmark knows of a layer of the corpus, and how it draws its inputs."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

CORPUS = Path(__file__).parent / "corpus"

#: Sizes of the inputs. No two sizes that meet in one layer are equal in every case.
CASES = (
    SimpleNamespace(case=0, N=4, T=3, D=6, M=5, H=4, C=4, K=3, S=6),
    SimpleNamespace(case=1, N=3, T=5, D=4, M=7, H=3, C=2, K=5, S=5),
    SimpleNamespace(case=2, N=5, T=4, D=8, M=2, H=6, C=6, K=4, S=7),
)


class Draw:
    """Arrays at random: `r(4, 3)` is normal."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def __call__(self, *shape: int) -> Any:
        return self.rng.normal(size=shape)

    def around_one(self, *shape: int) -> Any:
        return self.rng.uniform(0.5, 1.5, size=shape)

    def probabilities(self, n: int, k: int) -> Any:
        p = self.rng.uniform(0.1, 1.0, size=(n, k))
        return p / p.sum(axis=1, keepdims=True)

    def labels(self, n: int, k: int) -> Any:
        return self.rng.integers(k, size=n)

    def one_hot(self, n: int, k: int) -> Any:
        return np.eye(k)[self.labels(n, k)]

    def bits(self, *shape: int) -> Any:
        return self.rng.integers(2, size=shape).astype(float)

    def indices(self, k: int, *shape: int) -> Any:
        return self.rng.integers(k, size=shape)


@dataclass(frozen=True)
class Entry:
    """One layer: where it stands, how to run it, what its gradients are.

    Attributes
    ----------
    name : str
        The candidate as the checker calls it: the class, or the backward function.
    file : str
        The file of the corpus, without ``.py``.
    style : str
        ``layer`` (forward and backward return), ``values`` (they leave attributes), ``pair``,
        ``derivative``, ``loss and gradient``, ``network``.
    values : callable
        ``values(d, r)`` draws all inputs and parameters by name, for sizes d with Draw r.
    inputs : tuple of str
        Those that forward takes (of a class; the others are parameters of its constructor).
    gives : dict
        Where each gradient is found → what it is the gradient of. ``r`` is what backward
        returned, ``o`` the layer: ``{"r[0]": "x", "o.dW": "W"}``.
    truth : callable
        ``truth(v)``: the forward pass in PyTorch, for the same values.
    make : callable
        ``make(cls, v)`` builds a layer.
    forward : str
        The forward function of a pair or derivative.
    upstream : bool
        Whether backward takes the derivative of what forward gave.
    out : str
        Where forward's result is found: ``r`` returned, or ``o.output``.
    call : callable or None
        ``call(o, dout, v, out)``: how backward is called, where that is not ``o.backward(dout)``.
    scopes : tuple of str
        The functions to plant mistakes in, where it is not the backward alone.
    start : str
        Mistakes are planted from the line that begins so.
    tolerance : float
        How far a gradient may be off, relative to its largest element.
    updates : bool
        Whether backward changes the parameters on purpose.
    """

    name: str
    file: str
    style: str
    values: Callable[[Any, Draw], dict[str, Any]]
    inputs: tuple[str, ...]
    gives: dict[str, str]
    truth: Callable[[Any], Any]
    make: Callable[[Any, Any], Any] = lambda cls, v: cls()
    forward: str = ""
    upstream: bool = True
    out: str = "r"
    call: Callable[..., Any] | None = None
    scopes: tuple[str, ...] = ()
    start: str = ""
    tolerance: float = 1e-6
    updates: bool = False

    @property
    def path(self) -> Path:
        return CORPUS / f"{self.file}.py"

    @property
    def source(self) -> str:
        return _read(self.path)

    @property
    def places(self) -> tuple[str, ...]:
        """The functions that mistakes are planted in, as they are reached from the module."""
        if self.scopes:
            return self.scopes
        if self.style in ("layer", "values"):
            return (f"{self.name}.backward",)
        return (f"{self.name}.gradient",) if self.style == "network" else (self.name,)

    @property
    def forward_place(self) -> str:
        """The forward function or method, "" where it is one with the backward."""
        if self.style in ("layer", "values"):
            return f"{self.name}.forward"
        return self.forward if self.style == "pair" else ""


@cache
def _read(path: Path) -> str:
    return path.read_text()


def find(tree: ast.Module, place: str) -> ast.FunctionDef:
    """`Affine.backward` in a module."""
    body: Any = tree
    for part in place.split("."):
        body = next(n for n in body.body if getattr(n, "name", None) == part)
    assert isinstance(body, ast.FunctionDef)
    return body
