"""A network as an ONNX model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import clearprop
from clearprop.errors import DTypeError, OptionError
from clearprop.extras import require
from clearprop.interop import onnx_layers  # noqa: F401 (the converters)
from clearprop.interop.exported import is_changed
from clearprop.interop.onnx_graph import OnnxGraph, Value
from clearprop.interop.preparations import as_stored, checked_preparation, onnx_of, said_of
from clearprop.interop.writing import write_whole
from clearprop.nn.layer import Layer
from clearprop.nn.losses import Loss
from clearprop.nn.sequential import Sequential
from clearprop.places import current_line

if TYPE_CHECKING:
    from clearprop.data.preparing import Preparation
    from onnx import ModelProto

# The oldest that have all that is written: what is written for them, runtimes of years can read.
_OPSET, _IR = 17, 8


def to_onnx(
    network: Layer,
    x_example: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    dtype: Any = np.float32,
    prepare: Preparation | None = None,
    metadata: Mapping[str, str] | None = None,
) -> ModelProto:
    """Write a network, as it predicts now, as an ONNX model.

    Each layer is the operation of ONNX that computes the same, under the name of the layer, with
    the parameters under theirs (``W1``): a model that reads well, and that runtimes know how to
    make fast. The loss is left out.

    Parameters
    ----------
    network : Sequential, or a layer
    x_example : array_like, shape (N, …), or a tuple of them for a layer of several inputs
        What samples look like, with `prepare` as they are stored. The number of samples is free in
        the model.
    path : str or path, optional
        Where to write it.
    dtype : {float32, float64}
        Of all numbers in the model. Runtimes are made for float32, and have float64 for some
        operations only: onnxruntime has no ``Conv`` of float64.
    prepare : Scaled or Standardized, optional
        What is done to samples before the network gets them, ``dataset.prepare``. The model then
        begins with it, and its input is what is stored: bytes (uint8), or the numbers of a table
        (float64, in which it is computed).
    metadata : mapping of str to str, optional
        What is to be known of the model, for its metadata: ``{"classes": "cat, dog"}``.

    Returns
    -------
    onnx.ModelProto
        With the input ``x``, or ``x`` and ``y`` of a layer of two inputs, and the output
        ``predicted``; operations are of version 17. ONNX's checker has passed it.

    Raises
    ------
    OptionError
        A layer has no converter, see `converter`; the network computes otherwise than layer by
        layer; a file cannot be written.
    ShapeError, DTypeError
        From the layer that the example does not fit; ``dtype`` is something else; `prepare` takes
        bytes, and the example is none.
    MissingExtraError
        onnx is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import interop, nn
    >>> model = interop.to_onnx(nn.TwoLayerNet(4, 5, 3), np.ones((2, 4)))
    >>> for node in model.graph.node:
    ...     print(node.name, node.op_type, *node.input, "→", *node.output)
    Affine1 Gemm x W1 b1 → affine1
    ReLU1 Relu affine1 → relu1
    Affine2 Gemm relu1 W2 b2 → predicted
    """
    onnx = require("onnx", "onnx", "writes the model", "to_onnx")
    require("onnx.checker", "onnx", "checks the model", "to_onnx")
    _check(network, dtype)
    prepare = checked_preparation(prepare, "to_onnx")
    stored = None
    if prepare is not None:
        stored = Value("x", as_stored(prepare, x_example, "to_onnx"))
        x_example = prepare(stored.example)
    several = isinstance(x_example, tuple) and all(isinstance(x, np.ndarray) for x in x_example)
    examples = x_example if several else (x_example,)
    given = [
        x if x.dtype.kind == "f" else x.astype(np.int64)  # the whole numbers of ONNX
        for x in map(np.asarray, network.taken(examples, network.arrays(network.parameters)))
    ]
    graph = OnnxGraph(onnx, dtype)
    inputs = [Value(name, x) for name, x in zip("xyz", given, strict=False)]
    graph.reserve(*(value.name for value in inputs), "predicted")
    text = repr(network)
    if prepare is None or stored is None:
        y = _converted(graph, network, inputs)
    else:
        y = _converted(graph, network, [onnx_of(graph, prepare, stored)])
        inputs, text = [stored], f"{said_of(prepare)}.\n{text}"
    model: ModelProto = _model(graph, network, inputs, y, stored, text)
    onnx.helper.set_model_props(model, dict(metadata or {}))
    onnx.checker.check_model(model, full_check=True)
    if path is not None:
        write_whole(Path(path), lambda stream: stream.write(model.SerializeToString()))
    return model


def _check(network: Any, dtype: Any) -> None:
    if not isinstance(network, Layer) or isinstance(network, Loss):
        raise OptionError(
            f"to_onnx: {type(network).__name__} is no network and no layer that predicts.",
            where=current_line(2),
            why="What is written is what predicts; a loss is for training.",
            write="interop.to_onnx(nn.Sequential(…), x_example)",
        )
    if isinstance(network, Sequential) and is_changed(network):
        raise OptionError(
            f"to_onnx: {type(network).__name__} computes otherwise than nn.Sequential.",
            where=current_line(2),
            why="The model is written layer by layer.",
            write="a layer with a converter in the place of what is computed besides.",
        )
    if dtype not in (np.float32, np.float64):
        raise DTypeError(
            f"to_onnx: dtype is {dtype!r}.",
            where=current_line(2),
            why="Numbers in the model are float32 or float64.",
            write="dtype=np.float32",
        )


def _converted(graph: OnnxGraph, network: Layer, inputs: list[Value]) -> Value:
    """Write the layers, and call what the last one gives by its name in the model."""
    if isinstance(network, Sequential):
        (y,) = inputs
        for name, layer in network.layers.items():
            y = graph.convert(name, layer, y)
    else:
        y = graph.convert(f"{type(network).__name__}1", network, *inputs)
    return graph.finished(y, "predicted")


def _model(
    graph: OnnxGraph, network: Layer, inputs: list[Value], y: Value, stored: Value | None, text: str
) -> Any:
    onnx = graph.onnx
    free = [_has_samples(value, y) for value in inputs]

    def described(value: Value, is_free: bool) -> Any:
        is_float = value.example.dtype.kind == "f" and value is not stored
        is_float &= value.name not in graph.doubles
        dtype = graph.dtype if is_float else value.example.dtype
        shape = list(value.example.shape)
        kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return onnx.helper.make_tensor_value_info(
            value.name, kind, ["N", *shape[1:]] if is_free else shape
        )

    made = onnx.helper.make_graph(
        graph.nodes,
        type(network).__name__,
        [described(value, is_free) for value, is_free in zip(inputs, free, strict=True)],
        [described(y, any(free))],
        graph.arrays,
        doc_string=text,
    )
    return onnx.helper.make_model(
        made,
        opset_imports=[onnx.helper.make_opsetid("", _OPSET)],
        ir_version=_IR,
        producer_name="clearprop",
        producer_version=clearprop.__version__,
    )


def _has_samples(x: Value, y: Value) -> bool:
    """Whether the first axis of an input is that of samples, which the output has too."""
    least = 2 if x.example.dtype.kind == "f" else 1  # one row of floats is one sample
    return x.ndim >= least and y.ndim > 0 and x.example.shape[0] == y.example.shape[0]
