"""Clear backpropagation: write the forward pass in NumPy; read, check, see and run the backward."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from clearprop.algebra import algebra as algebra
from clearprop.check import check as check
from clearprop.check import check_layer as check_layer
from clearprop.checkpointing import checkpoint as checkpoint
from clearprop.compile import compile as compile
from clearprop.compile.thread_count import get_threads as get_threads
from clearprop.compile.thread_count import set_threads as set_threads
from clearprop.explain.watching import debug_nans as debug_nans
from clearprop.guarding import guard as guard
from clearprop.idioms import unknown
from clearprop.idioms_of_training import missing
from clearprop.jacobians import hessian as hessian
from clearprop.jacobians import hvp as hvp
from clearprop.jacobians import jacobian as jacobian
from clearprop.jacobians import jvp as jvp
from clearprop.leaves import tensor as tensor
from clearprop.primitive import Case as Case
from clearprop.primitive import primitive as primitive
from clearprop.raveling import ravel as ravel
from clearprop.source import source as source
from clearprop.tensor import Tensor as Tensor
from clearprop.tracing import Gradients as Gradients
from clearprop.tracing import Graph as Graph
from clearprop.tracing import trace as trace
from clearprop.transforms import grad as grad
from clearprop.transforms import stop_gradient as stop_gradient
from clearprop.transforms import value_and_grad as value_and_grad
from clearprop.transforms import vjp as vjp

if TYPE_CHECKING:
    from clearprop import data as data
    from clearprop import interop as interop
    from clearprop import nn as nn
    from clearprop import optim as optim
    from clearprop import scipy as scipy
    from clearprop import train as train

__version__ = "0.1.0"

_LAZY = ("data", "interop", "nn", "optim", "scipy", "train")  # imported when they are first used


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return importlib.import_module(f"clearprop.{name}")
    raise unknown("clearprop", name) or missing("clearprop", name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
