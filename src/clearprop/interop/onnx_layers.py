"""How each layer is written as ONNX: one function a layer, in its idiom there."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np

from clearprop import nn
from clearprop.interop.onnx_graph import OnnxGraph, Value, converter
from clearprop.nn import Layer

# ---- elementwise -----------------------------------------------------------------------------


def _one_node(operation: str, **attributes: Any) -> Callable[..., str]:
    """Write a layer that is one operation of ONNX."""

    def write(graph: OnnxGraph, layer: Layer, *inputs: Value) -> str:
        return graph.node(operation, *(x.name for x in inputs), **attributes)

    return write


for _kind, _operation in {
    nn.Add: "Add",
    nn.Mul: "Mul",
    nn.Exp: "Exp",
    nn.Reciprocal: "Reciprocal",
    nn.ReLU: "Relu",
    nn.Sigmoid: "Sigmoid",
    nn.Tanh: "Tanh",
    nn.Softplus: "Softplus",
}.items():
    converter(_kind)(_one_node(_operation))
converter(nn.Softmax)(_one_node("Softmax", axis=-1))
converter(nn.LogSoftmax)(_one_node("LogSoftmax", axis=-1))


@converter(nn.LeakyReLU)
def _leaky_relu(graph: OnnxGraph, layer: nn.LeakyReLU, x: Value) -> str:
    return graph.node("LeakyRelu", x.name, alpha=layer.slope)


@converter(nn.SiLU)
def _silu(graph: OnnxGraph, layer: nn.SiLU, x: Value) -> str:
    return graph.node("Mul", x.name, graph.node("Sigmoid", x.name))


@converter(nn.Rescaling)
def _rescaling(graph: OnnxGraph, layer: nn.Rescaling, x: Value) -> str:
    if layer.dtype == np.float64:
        wide = graph.double("Cast", x.name, to=graph.onnx.TensorProto.DOUBLE)
        scaled = graph.double("Mul", wide, graph.exact("scale", layer.scale))
        return graph.double("Add", scaled, graph.exact("offset", layer.offset))
    scaled = graph.node("Mul", x.name, graph.array("scale", layer.scale))
    return graph.node("Add", scaled, graph.array("offset", layer.offset))


@converter(nn.GELU)
def _gelu(graph: OnnxGraph, layer: nn.GELU, x: Value) -> str:
    """Write it out: ONNX has had an operation for it only since version 20."""

    def times(a: str, number: float) -> str:
        return graph.node("Mul", a, graph.array("factor", np.float64(number)))

    def plus(a: str, b: str) -> str:
        return graph.node("Add", a, b)

    if layer.approximate == "none":
        curve = graph.node("Erf", times(x.name, sqrt(1 / 2)))
    else:
        square = graph.node("Mul", x.name, x.name)
        cubic = times(graph.node("Mul", square, x.name), 0.044715)
        curve = graph.node("Tanh", times(plus(x.name, cubic), sqrt(2 / np.pi)))
    one = graph.array("one", np.float64(1))
    return graph.node("Mul", times(x.name, 0.5), plus(curve, one))


@converter(nn.Dropout)
def _dropout(graph: OnnxGraph, layer: nn.Dropout, x: Value) -> str:
    if layer.inverted:
        return x.name
    return graph.node("Mul", x.name, graph.array("keep", np.float64(1 - layer.ratio)))


@converter(nn.RandomShift)
@converter(nn.RandomFlip)
@converter(nn.Noise)
def _in_training(graph: OnnxGraph, layer: Layer, x: Value) -> str:
    return x.name


@converter(nn.RandomCrop)
def _crop(graph: OnnxGraph, layer: nn.RandomCrop, x: Value) -> str:
    """Cut the middle out, between the rows and columns of zeros."""
    (p, q), (h, w) = layer.padding, layer.size
    rows, columns = x.example.shape[2] + 2 * p, x.example.shape[3] + 2 * q
    pads = graph.array("pads", np.array([0, 0, p, q, 0, 0, p, q]))
    padded = graph.node("Pad", x.name, pads)
    a, b = (rows - h) // 2, (columns - w) // 2
    parts = {"starts": [a, b], "ends": [a + h, b + w], "axes": [2, 3]}
    limits = [graph.array(name, np.array(value)) for name, value in parts.items()]
    return graph.node("Slice", padded, *limits)


# ---- features --------------------------------------------------------------------------------


@converter(nn.Flatten)
def _flatten(graph: OnnxGraph, layer: nn.Flatten, x: Value) -> str:
    return x.name if x.ndim <= 2 else graph.node("Flatten", x.name, axis=1)


@converter(nn.Affine)
def _affine(graph: OnnxGraph, layer: nn.Affine, x: Value) -> str:
    W, b = graph.parameter(layer, "W"), graph.parameter(layer, "b", layer.b.reshape(-1))
    if x.ndim == 1 or layer.last_axis:  # Gemm is of matrices
        return graph.node("Add", graph.node("MatMul", x.name, W), b)
    rows = x.name if x.ndim == 2 else graph.node("Flatten", x.name, axis=1)
    return graph.node("Gemm", rows, W, b)


@converter(nn.BatchNorm)
def _batch_norm(graph: OnnxGraph, layer: nn.BatchNorm, x: Value) -> str:
    names = ("gamma", "beta", "running_mean", "running_var")
    arrays = [graph.parameter(layer, n, getattr(layer, n).reshape(-1)) for n in names]
    rows = x.name
    if x.ndim == 1:
        rows = _reshape(graph, x.name, 1, -1)
    elif x.ndim == 4 and layer.per_activation:
        rows = graph.node("Flatten", x.name, axis=1)
    y = graph.node("BatchNormalization", rows, *arrays, epsilon=layer.eps)
    if x.ndim == 1:
        return _reshape(graph, y, -1)
    return y if rows == x.name else _reshape(graph, y, 0, *x.example.shape[1:])


@converter(nn.LayerNorm)
def _layer_norm(graph: OnnxGraph, layer: nn.LayerNorm, x: Value) -> str:
    gamma, beta = graph.parameter(layer, "gamma"), graph.parameter(layer, "beta")
    axis = -layer.gamma.ndim
    return graph.node("LayerNormalization", x.name, gamma, beta, axis=axis, epsilon=layer.eps)


@converter(nn.Residual)
def _residual(graph: OnnxGraph, layer: nn.Residual, x: Value) -> str:
    y = x
    for name, inner in layer.layers.items():
        y = graph.convert(f"{graph.layer}.{name}", inner, y)
    return graph.node("Add", x.name, y.name)


def _reshape(graph: OnnxGraph, x: str, *shape: int) -> str:
    """Reshape; a 0 is a length that stays."""
    return graph.node("Reshape", x, graph.array("shape", np.array(shape, np.int64)))


# ---- images ----------------------------------------------------------------------------------


@converter(nn.Conv2d)
def _conv2d(graph: OnnxGraph, layer: nn.Conv2d, x: Value) -> str:
    return _conv(graph, layer, x, layer.stride, layer.padding, layer.dilation)


@converter(nn.Conv1d)
def _conv1d(graph: OnnxGraph, layer: nn.Conv1d, x: Value) -> str:
    return _conv(graph, layer, x, (layer.stride,), (layer.padding,), (layer.dilation,))


def _conv(
    graph: OnnxGraph,
    layer: nn.Conv1d | nn.Conv2d,
    x: Value,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
) -> str:
    return graph.node(
        "Conv",
        x.name,
        graph.parameter(layer, "W"),
        graph.parameter(layer, "b", layer.b.reshape(-1)),
        kernel_shape=layer.W.shape[2:],
        strides=stride,
        pads=padding * 2,  # above and left, then below and right
        dilations=dilation,
        group=layer.groups,
    )


@converter(nn.GlobalAvgPool)
def _global_avg_pool(graph: OnnxGraph, layer: nn.GlobalAvgPool, x: Value) -> str:
    return graph.node("Flatten", graph.node("GlobalAveragePool", x.name), axis=1)


@converter(nn.MaxPool2d)
def _max_pool2d(graph: OnnxGraph, layer: nn.MaxPool2d, x: Value) -> str:
    return graph.node("MaxPool", x.name, **_windows(layer))


@converter(nn.AvgPool2d)
def _avg_pool2d(graph: OnnxGraph, layer: nn.AvgPool2d, x: Value) -> str:
    return graph.node("AveragePool", x.name, count_include_pad=1, **_windows(layer))


def _windows(layer: nn.MaxPool2d | nn.AvgPool2d) -> dict[str, Any]:
    return {"kernel_shape": layer.size, "strides": layer.stride, "pads": layer.padding * 2}


# ---- sequences -------------------------------------------------------------------------------


@converter(nn.Embedding)
def _embedding(graph: OnnxGraph, layer: nn.Embedding, x: Value) -> str:
    return graph.node("Gather", graph.parameter(layer, "W"), x.name, axis=0)


@converter(nn.LSTM)
def _lstm(graph: OnnxGraph, layer: nn.LSTM, x: Value) -> str:
    def gates(columns: Any) -> Any:  # there rows, in another order, and for one direction
        i, f, g, o = np.split(columns, 4, axis=-1)
        return np.concatenate([i, o, f, g], axis=-1).T[np.newaxis]

    def axis(number: int) -> str:
        return graph.array("axis", np.array([number]))

    biases = np.concatenate([gates(layer.b), np.zeros((1, layer.b.size), layer.b.dtype)], axis=1)
    y = graph.node(  # (T, 1, N, H)
        "LSTM",
        graph.node("Transpose", x.name, perm=(1, 0, 2)),
        graph.parameter(layer, "Wx", gates(layer.Wx)),
        graph.parameter(layer, "Wh", gates(layer.Wh)),
        graph.parameter(layer, "b", biases),
        hidden_size=layer.Wh.shape[0],
    )
    if layer.last:
        last = graph.node("Gather", y, graph.array("last", np.int64(-1)), axis=0)
        return graph.node("Squeeze", last, axis(0))
    return graph.node("Transpose", graph.node("Squeeze", y, axis(1)), perm=(1, 0, 2))


@converter(nn.MultiHeadAttention)
def _attention(graph: OnnxGraph, layer: nn.MultiHeadAttention, x: Value) -> str:
    _, T, D = x.example.shape
    size = D // layer.heads

    def affine(a: str, letter: str) -> str:
        W = graph.parameter(layer, f"W{letter}")
        b = graph.parameter(layer, f"b{letter}", layer.arrays((f"b{letter}",))[0].reshape(-1))
        return graph.node("Add", graph.node("MatMul", a, W), b)

    def of_heads(letter: str, *axes: int) -> str:
        split = _reshape(graph, affine(x.name, letter), 0, 0, layer.heads, size)
        return graph.node("Transpose", split, perm=axes)

    q, k, v = of_heads("q", 0, 2, 1, 3), of_heads("k", 0, 2, 3, 1), of_heads("v", 0, 2, 1, 3)
    scale = graph.array("scale", np.float64(1 / sqrt(size)))
    scores = graph.node("Mul", graph.node("MatMul", q, k), scale)
    if layer.causal:
        later = np.where(np.tri(T, dtype=bool), 0.0, -np.inf)
        scores = graph.node("Add", scores, graph.array("later", later))
    seen = graph.node("MatMul", graph.node("Softmax", scores, axis=-1), v)
    rows = graph.node("Transpose", seen, perm=(0, 2, 1, 3))
    return affine(_reshape(graph, rows, 0, 0, D), "o")
