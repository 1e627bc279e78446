"""A program of examples/science, interpreted beside HIPS autograd and compiled beside JAX."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import autograd
import jax
import numpy as np
from peers.measure import Row, agree, compared

import clearprop as cp

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "science"))
jax.config.update("jax_enable_x64", True)

Function = Callable[..., Any]


def measure(name: str, count: int, hips: Function, forms: dict[str, Function], rounds: int) -> Any:
    """Time the value and the gradient of a program on all sides, float64.

    Parameters
    ----------
    name : str
        Its file.
    count : int
        How many of the arguments of its ``cost``, the first ones, have derivatives.
    hips, forms : functions
        The cost as HIPS autograd takes it, and as JAX takes it, in its forms.
    rounds : int
    """
    program: Any = importlib.import_module(name)
    arguments = program.example()
    given, rest = [np.asarray(a, float) for a in arguments[:count]], arguments[count:]
    which = tuple(range(count))

    ours = cp.value_and_grad(program.cost, which)
    compiled = cp.compile(ours)
    theirs = autograd.value_and_grad(lambda given: hips(*given, *rest))
    interpreted = {
        "clearprop, interpreted": lambda: ours(*given, *rest),
        "HIPS autograd": lambda: theirs(tuple(given)),
    }
    in_jax = [jax.numpy.asarray(a) for a in given]
    with_jax = {}
    for form, f in forms.items():
        run = jax.jit(jax.value_and_grad(lambda *given, f=f: f(*given, *rest), which))
        with_jax[form] = lambda run=run: jax.block_until_ready(run(*in_jax))
    machine = {"clearprop, compiled": lambda: compiled(*given, *rest), **with_jax}
    sides = {side: step() for side, step in {**interpreted, **machine}.items()}
    agree({side: [y, *dy] for side, (y, dy) in sides.items()}, rtol=1e-7, atol=1e-9)
    rows: list[Row] = compared(interpreted, rounds, {"HIPS autograd": 2.0})
    return rows + compared(machine, rounds, {"JAX": 1.0})
