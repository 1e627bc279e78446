"""What is exported: a network in inference and in training, as functions of named arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.errors import OptionError, ShapeError
from clearprop.graph import Node
from clearprop.nn.sequential import Sequential
from clearprop.places import current_line
from clearprop.source.program import Program, program_of
from clearprop.staged.two_runs import staged
from clearprop.tensor import Tensor

Arrays = Mapping[str, Any]


def checked(network: Any, caller: str) -> Sequential:
    """Give the network, if it is one.

    Raises
    ------
    OptionError
        If it is no `nn.Sequential`.
    """
    if isinstance(network, Sequential):
        return network
    raise OptionError(
        f"{caller}: {type(network).__name__} is no network.",
        where=current_line(2),
        why="What is exported has named arrays and takes one input.",
        write=f"{caller}(nn.Sequential(layer), …)",
    )


def example_of(network: Sequential, x: Any) -> Any:
    """Give an example as the network takes it: of floats, or of whole numbers for a table."""
    (x,) = network.taken((x,), network.arrays(network.parameters))
    if not np.size(x):
        raise ShapeError(
            f"{type(network).__name__}: x_example has shape {np.shape(x)}.",
            where=current_line(2),
            why="It shows what samples look like, and there is none.",
            write="x[:2]",
        )
    return np.array(x)


def predicting(network: Sequential, x: Any) -> Program:
    """Record what the network computes in inference; the state only where it is read."""
    called: dict[Node, str] = {}

    def predict(x: Any, params: Any = None, state: Any = None) -> Any:
        arrays = _in_order(network, params, state)
        return _run(network, x, arrays, train=False, called=called)[0]

    given = [x, dict(network.params), dict(network.state)]
    graph = staged(predict, given, {})
    read = {source for node in graph.nodes for source in node.inputs}
    names = (f"state[{name!r}]" for name in network.buffers)
    if not read & {graph.inputs[name] for name in names}:
        graph = staged(predict, given[: 2 if network.parameters else 1], {})
    return program_of(graph, wanted=(), called=called)


def training(network: Sequential, x: Any, t: Any) -> Program:
    """Record the loss of a batch in training, its gradients, and the state after it."""
    called: dict[Node, str] = {}
    last = network._last_layer("gradient")
    if not network.parameters:
        raise OptionError(
            "to_numpy: t_example is given, and the network has no parameters.",
            where=current_line(3),
            why="There is nothing to train.",
            write="interop.to_numpy(network, x_example)",
        )

    def loss(params: Any, x: Any, t: Any, state: Any = None) -> Any:
        arrays = _in_order(network, params, state)
        y, seen = _run(network, x, arrays, train=True, called=called)
        value = last.compute(y, t=last.targets(t, y))
        _call(called, value, "loss")
        before = arrays[len(network.parameters) :]
        after = {
            name: new if new.dtype == old.dtype else new.astype(old.dtype)
            for name, old, new in zip(
                network.buffers, before, network.advance(before, seen), strict=True
            )
        }
        for name, new in after.items():
            _call(called, new, f"next_{name.rpartition('.')[2]}")
        return value, after

    given = [dict(network.params), x, t]
    given += [dict(network.state)] if network.buffers else []
    graph = staged(loss, given, {})
    return program_of(graph, wanted=("params",), has_aux=True, called=called)


def _in_order(network: Sequential, params: Arrays | None, state: Arrays | None) -> tuple[Any, ...]:
    params = network.params if params is None else params
    state = network.state if state is None else state
    return tuple(params[name] for name in network.parameters) + tuple(
        state[name] for name in network.buffers
    )


def _run(
    network: Sequential, x: Any, arrays: tuple[Any, ...], *, train: bool, called: dict[Node, str]
) -> tuple[Any, tuple[Any, ...]]:
    """Compute as the network does, and call each output after its layer."""
    if is_changed(network):
        y = network.compute(x, *arrays, train=train)
        return y if network.buffers else (y, ())
    y, seen = x, []
    for name, y, found in network._steps(x, arrays, train):
        seen += found
        _call(called, y, name.lower())
    return y, tuple(seen)


def is_changed(network: Sequential) -> bool:
    """Whether a subclass computes otherwise than layer by layer."""
    names = ("compute", "_run", "_steps")
    own = vars(network)
    return any(
        getattr(type(network), name) is not getattr(Sequential, name) or name in own
        for name in names
    )


def _call(called: dict[Node, str], value: Any, name: str) -> None:
    """Call a value by a name, unless it has one: an argument, or the output of the layer before."""
    if isinstance(value, Tensor) and value.node is not None and value.node.primitive is not None:
        called.setdefault(value.node, name)
