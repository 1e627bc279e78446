"""Layers one after the other, as one layer: what networks and residual blocks share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from clearprop.errors import OptionError
from clearprop.nn.elementary import Add, Mul
from clearprop.nn.layer import Layer, Names
from clearprop.nn.losses import Loss
from clearprop.places import current_line
from clearprop.signatures import name_of


class Chain(Layer):
    """A layer made of layers. Its parameters and buffers are theirs, under names of its own.

    Parameters
    ----------
    *layers : Layer
        In the order of the forward pass. A network without a loss is taken apart.

    Attributes
    ----------
    layers : dict of str to Layer
        By the names Affine1, ReLU1, Affine2, …
    is_plain : bool
        Whether it is nothing but its layers, one after the other, and may be taken apart.
    last_layer : Loss or None
        Of a network.
    """

    is_plain = True
    last_layer: Loss | None = None

    def __init__(self, *layers: Layer) -> None:
        kind = type(self).__name__
        flat = _taken_apart(layers)
        _check_layers(flat, kind)
        self.layers: dict[str, Layer] = {}
        self._parameters: dict[str, tuple[Layer, str]] = {}
        self._buffers: dict[str, tuple[Layer, str]] = {}
        self.extent = 0
        number = 0
        for position, layer in enumerate(flat):
            same = sum(type(other) is type(layer) for other in flat[:position])
            name = f"{type(layer).__name__}{1 + same}"
            self.layers[name] = layer
            layer.place(self.extent)
            self.extent += layer.extent
            called: dict[str, str] = {}
            if layer.parameters and not isinstance(layer, Chain):
                number += 1
                called = {key: f"{key}{number}" for key in layer.parameters}
            for all_of, keys in (
                (self._parameters, layer.parameters),
                (self._buffers, layer.buffers),
            ):
                for key, (owner, own) in zip(keys, layer.places(keys), strict=True):
                    outside = called.get(key, f"{name}.{key}")
                    all_of[outside] = owner, own
                    owner.called = {**owner.called, own: outside}
        self._places = self._parameters | self._buffers
        self.parameters = Names(self._parameters)
        self.buffers = tuple(self._buffers)
        self.whole_inputs = flat[0].whole_inputs

    def place(self, position: int) -> None:
        """Let each layer hear its position in the network that the chain stands in."""
        for layer in self.layers.values():
            layer.place(position)
            position += layer.extent

    def every_layer(self) -> Iterator[Layer]:
        """Give the layers, and those inside them."""
        return _every(self.layers.values())

    def places(self, names: Sequence[str]) -> tuple[tuple[Layer, str], ...]:
        """Say where the arrays of these names live: on which layer, as which attribute."""
        return tuple(self._places[name] for name in names)

    def taken(self, inputs: Sequence[Any], parameters: Sequence[Any]) -> tuple[Any, ...]:
        """Give the input as an array that the first layer takes."""
        if not self.whole_inputs:
            return super().taken(inputs, parameters)
        first = next(iter(self.layers.values()))
        return first.taken(inputs, parameters[: len(first.parameters)])

    # ---- computing ------------------------------------------------------------------------------

    def forward(self, x: Any, train: bool = True) -> Any:
        """Compute ``y`` through all layers on one record; see `Layer.forward`."""
        return super().forward(x, train=train)

    def _run(self, x: Any, arrays: tuple[Any, ...], train: bool) -> tuple[Any, tuple[Any, ...]]:
        seen: list[tuple[Any, ...]] = []
        y = x
        for _, y, found in self._steps(x, arrays, train):  # noqa: B007 - the last one stays
            seen += found
        return y, tuple(seen)

    def _steps(
        self, x: Any, arrays: tuple[Any, ...], train: bool
    ) -> Iterator[tuple[str, Any, list[tuple[Any, ...]]]]:
        """Give each layer's name, its output, and what it has seen, if it has buffers."""
        p, b = 0, len(self.parameters)
        for name, layer in self.layers.items():
            mine = arrays[p : p + len(layer.parameters)]
            p += len(mine)
            if layer.buffers:
                buffers = arrays[b : b + len(layer.buffers)]
                b += len(buffers)
                x, found = layer.compute(x, *mine, *buffers, train=train)
                yield name, x, [found]
            else:
                x = layer.compute(x, *mine)
                yield name, x, []

    # ---- what changes in training ---------------------------------------------------------------

    def remember(self, seen: tuple[Any, ...]) -> None:
        """Let each layer with buffers know what it has seen in training."""
        for layer, found in zip(self._stateful(), seen, strict=True):
            layer.remember(found)

    def advance(self, buffers: tuple[Any, ...], seen: tuple[Any, ...]) -> tuple[Any, ...]:
        """Give the buffers after a call in training. Pure."""
        after: tuple[Any, ...] = ()
        for layer, found in zip(self._stateful(), seen, strict=True):
            mine = buffers[len(after) : len(after) + len(layer.buffers)]
            after += layer.advance(mine, found)
        return after

    def _stateful(self) -> list[Layer]:
        return [layer for layer in self.layers.values() if layer.buffers]

    def __repr__(self) -> str:
        return "\n".join([f"{type(self).__name__}(", *self._lines(), ")"])

    def _lines(self) -> list[str]:
        inside = (f"{name}: {layer!r}" for name, layer in self.layers.items())
        return [f"  {line}" for text in inside for line in text.splitlines()]


def no_chain(kind: str, problem: str) -> OptionError:
    """Give the error for layers that make no network."""
    return OptionError(
        f"{kind}: {problem}.",
        where=current_line(1),
        why="A network is layers with one input each, one after the other, and then a loss."
        if kind != "Residual"
        else "A block is layers with one input each, one after the other.",
        write="nn.Residual(nn.Affine(W1, b1), nn.ReLU(), nn.Affine(W2, b2))"
        if kind == "Residual"
        else "nn.Sequential(nn.Affine(W1, b1), nn.ReLU(), …, loss=nn.SoftmaxWithLoss())",
    )


def _taken_apart(layers: Sequence[Any]) -> list[Layer]:
    flat: list[Layer] = []
    for layer in layers:
        inner = isinstance(layer, Chain) and layer.is_plain and layer.last_layer is None
        flat += list(layer.layers.values()) if inner else [layer]
    return flat


def _every(layers: Any) -> Iterator[Layer]:
    for layer in layers:
        yield layer
        if isinstance(layer, Chain):
            yield from layer.every_layer()


def _check_layers(layers: list[Any], kind: str) -> None:
    every: list[Any] = list(_every(layers))
    problem = ""
    for layer in every:
        if isinstance(layer, type) and issubclass(layer, Layer):
            problem = f"{name_of(layer)} is a class, and {name_of(layer)}(…) a layer"
        elif isinstance(layer, list | tuple | dict):
            problem = f"a {type(layer).__name__} stands in the place of a layer: give *layers"
        elif not isinstance(layer, Layer):
            problem = f"{layer!r} is no layer"
        elif isinstance(layer, Loss):
            problem = f"{layer!r} stands among the layers"
        elif isinstance(layer, Chain) and layer.last_layer is not None:
            problem = "a network with a loss of its own stands among the layers"
        elif isinstance(layer, Mul | Add):
            problem = f"{layer!r} takes two inputs, and the layer before it has one output"
        elif sum(other is layer for other in every) > 1:
            problem = f"{layer!r} stands there twice; it can remember one forward pass"
        elif layer.whole_inputs and layer is not layers[0]:
            problem = f"{layer!r} takes whole numbers, and the layer before it gives others"
    if not layers:
        problem = "there is no layer"
    if problem:
        raise no_chain(kind, problem)
