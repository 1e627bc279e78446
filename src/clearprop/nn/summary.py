"""What a network consists of: shapes, parameters, operations and memory, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np

from clearprop.graph import Node
from clearprop.kinds import Composite, Contract, Elementwise, Reduce, Scan, Scatter, Window, Winner
from clearprop.nn.layer import Layer
from clearprop.tracing import trace


class LayerSummary(NamedTuple):
    """One layer, for one sample.

    Attributes
    ----------
    name : str
        Its name in the network.
    shape : tuple of int
        Of what it gives.
    parameters : int
        Numbers that are trained.
    operations : int
        Of its forward pass: a multiply-add counts as two, a function as one for each element.
    memory : int
        Bytes of what it gives.
    """

    name: str
    shape: tuple[int, ...]
    parameters: int
    operations: int
    memory: int


@dataclass(frozen=True)
class Summary:
    """The layers of a network; printed, it is a table.

    Attributes
    ----------
    name : str
        Of the network.
    shape : tuple of int
        Of one sample.
    layers : tuple of LayerSummary
    memory : int
        Bytes of the parameters.
    """

    name: str
    shape: tuple[int, ...]
    layers: tuple[LayerSummary, ...]
    memory: int

    @property
    def parameters(self) -> int:
        """Numbers that are trained, of all layers."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def operations(self) -> int:
        """Of a forward pass of one sample."""
        return sum(layer.operations for layer in self.layers)

    def __str__(self) -> str:
        head = ("", "shape", "parameters", "operations", "memory")
        lines = [
            (
                layer.name,
                _shape(layer.shape),
                f"{layer.parameters:,}" if layer.parameters else "",
                _short(layer.operations),
                bytes_in_words(layer.memory),
            )
            for layer in self.layers
        ]
        given = (f"{self.name} of", _shape(self.shape), "", "", "")
        kept = sum(layer.memory for layer in self.layers)
        total = ("", "", f"{self.parameters:,}", _short(self.operations), bytes_in_words(kept))
        table = [head, given, *lines, total]
        widths = [max(len(line[k]) for line in table) for k in range(len(head))]
        text = [
            "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
            for line in table
        ]
        rule = "-" * max(map(len, text))
        return "\n".join([text[0], rule, *text[1:-1], rule, text[-1], self._notes()])

    def _notes(self) -> str:
        return (
            f"Operations and memory of one sample, forward; backward takes about twice as many. "
            f"Parameters take {bytes_in_words(self.memory)}."
        )


def summary(network: Any, input_shape: Sequence[int]) -> Summary:
    """Summarise a `Sequential`; see `Sequential.summary`."""
    dtypes = [array.dtype for array in network.arrays(network.parameters)]
    dtype = np.result_type(*dtypes) if dtypes else np.dtype(np.float64)
    x: Any = np.zeros((1, *input_shape), np.int64 if network.whole_inputs else dtype)
    layers = []
    for name, layer in network.layers.items():
        graph = trace(_call(layer), x, *layer.arrays((*layer.parameters, *layer.buffers)))
        x = np.zeros(graph.output.shape, graph.output.dtype)
        count = sum(array.size for array in layer.arrays(layer.parameters))
        operations = sum(map(operations_of, graph.nodes))
        layers.append(LayerSummary(name, x.shape[1:], count, operations, x.nbytes))
    memory = sum(array.nbytes for array in network.arrays(network.parameters))
    return Summary(type(network).__name__, tuple(input_shape), tuple(layers), memory)


def _call(layer: Layer) -> Any:
    def call(x: Any, *arrays: Any) -> Any:
        if layer.buffers:
            return layer.compute(x, *arrays, train=False)[0]
        return layer.compute(x, *arrays)

    return call


def operations_of(node: Node) -> int:
    """Count the operations of a node: a multiply-add is two, a function one for each element."""
    if node.primitive is None:
        return 0
    shape: Any = node.shape[0] if node.primitive.outputs > 1 else node.shape
    size, kind = int(prod(shape)), node.primitive.kind
    if isinstance(kind, Contract):
        return 2 * size * int(np.shape(node.operands[0])[-1])
    if isinstance(kind, Window):
        return 2 * size * int(prod(np.shape(node.operands[1])[1:]))
    if isinstance(kind, Reduce | Scan | Scatter):
        return int(np.size(node.operands[0]))
    if isinstance(kind, Elementwise | Composite | Winner):
        return size
    return 0


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "1"


def _short(count: int) -> str:
    """Write a large number with three digits.

    Examples
    --------
    >>> _short(950), _short(79_510), _short(2_340_000)
    ('950', '79.5 k', '2.34 M')
    """
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return str(count)


def bytes_in_words(count: int) -> str:
    """Write a number of bytes with three digits.

    Examples
    --------
    >>> bytes_in_words(440), bytes_in_words(159_040)
    ('440 B', '159 kB')
    """
    return f"{_short(count)}B" if count >= 1000 else f"{count} B"
