"""The networks of the benchmarks over 50 steps: interpreted, from generated source, compiled."""

import importlib
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cut_finely import on_all_threads

import clearprop as cp
from clearprop.trees import tree_leaves, tree_map

ROOT = Path(__file__).parents[1]
NETWORKS = ("two_layer", "mlp", "four_layers", "small_conv", "deep_conv", "moons")
FUNCTIONS = ("polynomial", "tanh_exp", "softplus")  # of one long array: value and gradient
LONG = 300_001  # elements, in place of ten millions
STEPS = 50


class Interpreted:
    """What stands for `cp.compile`: the same calls, step by step in NumPy."""

    def __init__(self, f: Any) -> None:
        self.f = f
        self.last: Any = None

    def __call__(self, *args: Any) -> Any:
        self.last = self.f(*args)
        return self.last

    def scan(self, carry: Any, xs: Any, *constants: Any) -> Any:
        ys = []
        for x in xs:
            carry, y = self.f(carry, x, *constants)
            ys.append(y)
        self.last = carry
        return carry, np.array(ys)


class Compiled(Interpreted):
    """A compiled function that remembers what it gave last."""

    def __init__(self, f: Any) -> None:
        super().__init__(_compile(f))

    def scan(self, carry: Any, xs: Any, *constants: Any) -> Any:
        carry, ys = self.f.scan(carry, xs, *constants)
        self.last = carry
        return carry, ys


_compile = cp.compile


def written(known: dict[Any, Any], f: Any, *, has_aux: bool = False) -> Any:
    """Do what `cp.value_and_grad` does by the text that `cp.source` writes of the function."""

    def both(*args: Any) -> Any:
        shapes = tuple((np.shape(v), np.asarray(v).dtype) for _, v in tree_leaves(args))
        if (f, shapes) not in known:
            module: dict[str, Any] = {}
            exec(cp.source(lambda *given: f(*given)[0] if has_aux else f(*given), *args), module)
            known[f, shapes] = module["gradients"]
        value, gradients = known[f, shapes](*args)
        first = gradients[0] if isinstance(gradients, tuple) and len(args) > 1 else gradients
        return ((value, f(*args)[1]) if has_aux else value), first

    return both


def run(name: str, dtype: str, how: str, threads: int = 1) -> list[Any]:
    """Run a benchmark's case; give the losses of its steps and what they left behind, as arrays.

    ``how`` is interpreted, source or compiled.
    """
    made: list[Any] = []

    def compiled(f: Any) -> Any:
        made.append(Compiled(f) if how == "compiled" else Interpreted(f))
        return made[-1]

    with pytest.MonkeyPatch.context() as patch, _threads(), np.errstate(over="ignore"):
        patch.syspath_prepend(str(ROOT))
        case = importlib.import_module(f"benchmarks.cases.{name}")
        elements = importlib.import_module("benchmarks.suite.elements")
        side = importlib.import_module("benchmarks.suite.side")
        ours = importlib.import_module(f"benchmarks.compiled.{name}")
        patch.setattr(cp, "compile", compiled)
        on_all_threads(patch)
        if how == "source":
            patch.setattr(cp, "value_and_grad", partial(written, {}))
        long = np.random.default_rng(0).uniform(-2, 2, LONG).astype(dtype)
        patch.setattr(elements, "argument", lambda: long)
        if hasattr(case, "initial"):
            start = tree_map(lambda v: v.astype(dtype), case.initial())
            patch.setattr(case, "initial", lambda: start)
        if hasattr(case, "moons"):
            points = [part.astype(dtype) for part in case.moons()]
            patch.setattr(case, "moons", lambda: points)
        rng = np.random.default_rng(0)
        x, t = rng.random((600, 784)).astype(dtype), rng.integers(0, 10, 600)
        started = ours.start(side.Problem(x, t, verify=False, threads=threads))
        steps = 3 if name in FUNCTIONS else STEPS
        losses = started.steps(rng.integers(0, 600, (steps, case.BATCH)))
    return [np.asarray(losses), *(np.asarray(v) for _, v in tree_leaves(made[0].last))]


@contextmanager
def _threads() -> Any:
    before = cp.get_threads()
    yield
    cp.set_threads(before)


def has_source(name: str) -> bool:
    """Whether the text is one to be executed: that of moons has a line for each of 10⁵ numbers."""
    return name != "moons"


def compare(name: str, dtype: str) -> tuple[float, float]:
    """Compare a case in all its forms; give how far the losses are apart: the first 5, and all."""
    interpreted, *others = (
        run(name, dtype, "interpreted"),
        *(run(name, dtype, "compiled", threads) for threads in (1, 2)),
    )
    for a, b in zip(*others, strict=True):
        assert (a.shape, a.dtype, a.tobytes()) == (b.shape, b.dtype, b.tobytes()), "2 threads"
    if has_source(name):
        for a, b in zip(interpreted, run(name, dtype, "source"), strict=True):
            assert a.tobytes() == b.tobytes(), "source"
    first, every = ((1e-9, 1e-6), (2e-4, 5e-2))[dtype == "float32"]  # differences grow in 50 steps
    expected, found = interpreted[0], others[0][0]
    np.testing.assert_allclose(found[:5], expected[:5], rtol=first)
    np.testing.assert_allclose(found, expected, rtol=every)
    for a, b in zip(others[0], interpreted, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
    apart = np.abs(found / expected - 1)
    return float(np.max(apart[:5])), float(np.max(apart))
