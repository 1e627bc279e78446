"""An ONNX graph while it is being written, layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from clearprop.errors import OptionError
from clearprop.nn.layer import Layer
from clearprop.places import current_line


class Value(NamedTuple):
    """What a layer is given, or gives.

    Attributes
    ----------
    name : str
        In the graph.
    example : ndarray
        What it is for the example: its shape, but for the number of samples, and its dtype.
    """

    name: str
    example: Any

    @property
    def ndim(self) -> int:
        """The number of axes, that of the samples included."""
        return int(np.ndim(self.example))


#: Writes a layer into a graph, from its inputs, and gives the name of its output.
Converter = Callable[..., str]
Some = TypeVar("Some", bound=Converter)

CONVERTERS: dict[type[Layer], Converter] = {}


def converter(kind: type[Layer]) -> Callable[[Some], Some]:
    """Say how a class of layers is written as ONNX: a decorator.

    Parameters
    ----------
    kind : class of layers
        Subclasses that compute something else need one of their own.

    Returns
    -------
    decorator
        Of a function ``(graph, layer, x)``: the graph, see `OnnxGraph`, the layer, and its inputs
        (``x.name``, ``x.example``). It gives the name of the output, which `OnnxGraph.node` gave.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import interop, nn
    >>> class Scale(nn.Layer):
    ...     parameters = ("k",)
    ...
    ...     def __init__(self, k):
    ...         self.k = k
    ...
    ...     def compute(self, x, k):
    ...         return x * k
    >>> @interop.converter(Scale)
    ... def scale(graph, layer, x):
    ...     return graph.node("Mul", x.name, graph.parameter(layer, "k"))
    """

    def keep(function: Some) -> Some:
        CONVERTERS[kind] = function
        return function

    return keep


class OnnxGraph:
    """Nodes and arrays of an ONNX graph.

    Parameters
    ----------
    onnx : module
    dtype : dtype
        Of all floats in the graph.

    Attributes
    ----------
    nodes, arrays : list
        As ONNX has them.
    layer : str
        The name of the layer that is being written.
    doubles : set of str
        The values that are float64 whatever the dtype of the graph, see `double`.
    """

    def __init__(self, onnx: Any, dtype: Any) -> None:
        self.onnx, self.dtype = onnx, np.dtype(dtype)
        self.nodes: list[Any] = []
        self.arrays: list[Any] = []
        self.layer = "layer"
        self.doubles: set[str] = set()
        self._operations: set[str] = set()
        self._values: set[str] = set()

    def reserve(self, *names: str) -> None:
        """Let nothing in the graph be called by these names."""
        self._values |= {*names}

    def node(self, operation: str, *inputs: str, **attributes: Any) -> str:
        """Add an operation of ONNX, and give the name of its output.

        Parameters
        ----------
        operation : str
            ``Gemm``; of the operations with several outputs the first is given.
        *inputs : str
            Names; "" where one is left out.
        **attributes
            As ONNX names them.
        """
        name = _unique(self.layer, self._operations)
        output = _unique(name.lower(), self._values)
        self.nodes.append(
            self.onnx.helper.make_node(operation, list(inputs), [output], name=name, **attributes)
        )
        return output

    def double(self, operation: str, *inputs: str, **attributes: Any) -> str:
        """Add an operation whose output is float64, and give its name: at the end of a network."""
        output = self.node(operation, *inputs, **attributes)
        self.doubles.add(output)
        return output

    def array(self, name: str, value: Any) -> str:
        """Add an array, floats in the dtype of the graph, and give its name."""
        value = np.asarray(value)
        return self.exact(name, value.astype(self.dtype) if value.dtype.kind == "f" else value)

    def exact(self, name: str, value: Any) -> str:
        """Add an array in its own dtype, and give its name."""
        value = np.array(value, order="C")
        name = _unique(name, self._values)
        self.arrays.append(self.onnx.numpy_helper.from_array(value, name))
        return name

    def parameter(self, layer: Layer, name: str, value: Any = None) -> str:
        """Add a parameter or buffer of a layer under its name in the network.

        Parameters
        ----------
        layer : Layer
        name : str
            ``W``.
        value : ndarray, optional
            Another form of it.
        """
        (own,) = layer.arrays((name,))
        return self.array(layer.called.get(name, name), own if value is None else value)

    def convert(self, name: str, layer: Layer, *inputs: Value) -> Value:
        """Write a layer, and give its output.

        Parameters
        ----------
        name : str
            What its nodes are called after.
        layer : Layer
        *inputs : Value

        Raises
        ------
        OptionError
            No converter is known for the class of the layer.
        """
        outer, self.layer = self.layer, name
        made = converter_of(layer, name)(self, layer, *inputs)
        self.layer = outer
        return Value(made, inferred(layer, *(value.example for value in inputs)))

    def finished(self, value: Value, name: str) -> Value:
        """Give a value another name, which the graph has reserved."""
        if not any(value.name in node.output for node in self.nodes):  # it is an input
            self.layer = "Identity"
            value = Value(self.node("Identity", value.name), value.example)
        for node in self.nodes:
            for names in (node.input, node.output):
                names[:] = [name if each == value.name else each for each in names]
        if value.name in self.doubles:
            self.doubles.add(name)
        return Value(name, value.example)


def _unique(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}_{number}", number + 1
    taken.add(name)
    return name


def converter_of(layer: Layer, name: str) -> Converter:
    """Find how a layer is written: as its class, or as one whose computation it has unchanged.

    Raises
    ------
    OptionError
        There is no converter.
    """
    own = type(layer).compute
    for kind in type(layer).__mro__:
        if kind in CONVERTERS and kind.compute is own and "compute" not in vars(layer):
            return CONVERTERS[kind]
    known = ", ".join(sorted(each.__name__ for each in CONVERTERS))
    raise OptionError(
        f"to_onnx: {name} is a layer of the class {type(layer).__name__}.",
        where=current_line(3),
        why=f"It is not known how to write it as ONNX; known are {known}.",
        write=f"@interop.converter({type(layer).__name__}) above a function (graph, layer, x)",
    )


def inferred(layer: Layer, *inputs: Any) -> Any:
    """Compute what a layer gives in inference."""
    arrays = (*inputs, *layer.arrays(layer.parameters))
    if not layer.buffers:
        return layer.compute(*arrays)
    return layer.compute(*arrays, *layer.arrays(layer.buffers), train=False)[0]
