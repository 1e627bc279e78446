"""How each layer is written as ONNX: one function a layer, in its idiom there."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop import nn
from clearprop.interop.onnx_graph import OnnxGraph, Value, converter

# ---- elementwise -----------------------------------------------------------------------------


@converter(nn.Add)
def _add(graph: OnnxGraph, layer: nn.Add, x: Value, y: Value) -> str:
    return graph.node("Add", x.name, y.name)


@converter(nn.Mul)
def _mul(graph: OnnxGraph, layer: nn.Mul, x: Value, y: Value) -> str:
    return graph.node("Mul", x.name, y.name)


@converter(nn.Exp)
def _exp(graph: OnnxGraph, layer: nn.Exp, x: Value) -> str:
    return graph.node("Exp", x.name)


@converter(nn.Reciprocal)
def _reciprocal(graph: OnnxGraph, layer: nn.Reciprocal, x: Value) -> str:
    return graph.node("Reciprocal", x.name)


@converter(nn.ReLU)
def _relu(graph: OnnxGraph, layer: nn.ReLU, x: Value) -> str:
    return graph.node("Relu", x.name)


@converter(nn.Sigmoid)
def _sigmoid(graph: OnnxGraph, layer: nn.Sigmoid, x: Value) -> str:
    return graph.node("Sigmoid", x.name)


@converter(nn.Tanh)
def _tanh(graph: OnnxGraph, layer: nn.Tanh, x: Value) -> str:
    return graph.node("Tanh", x.name)


@converter(nn.Softmax)
def _softmax(graph: OnnxGraph, layer: nn.Softmax, x: Value) -> str:
    return graph.node("Softmax", x.name, axis=-1)


@converter(nn.Dropout)
def _dropout(graph: OnnxGraph, layer: nn.Dropout, x: Value) -> str:
    if layer.inverted:
        return x.name
    return graph.node("Mul", x.name, graph.array("keep", np.float64(1 - layer.ratio)))


# ---- features --------------------------------------------------------------------------------


@converter(nn.Flatten)
def _flatten(graph: OnnxGraph, layer: nn.Flatten, x: Value) -> str:
    return x.name if x.ndim <= 2 else graph.node("Flatten", x.name, axis=1)


@converter(nn.Affine)
def _affine(graph: OnnxGraph, layer: nn.Affine, x: Value) -> str:
    W, b = graph.parameter(layer, "W"), graph.parameter(layer, "b", layer.b.reshape(-1))
    if x.ndim == 1:  # Gemm is of matrices
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


def _reshape(graph: OnnxGraph, x: str, *shape: int) -> str:
    """Reshape; a 0 is a length that stays."""
    return graph.node("Reshape", x, graph.array("shape", np.array(shape, np.int64)))


# ---- images ----------------------------------------------------------------------------------


@converter(nn.Conv2d)
def _conv2d(graph: OnnxGraph, layer: nn.Conv2d, x: Value) -> str:
    return graph.node(
        "Conv",
        x.name,
        graph.parameter(layer, "W"),
        graph.parameter(layer, "b", layer.b.reshape(-1)),
        kernel_shape=layer.W.shape[2:],
        strides=layer.stride,
        pads=layer.padding * 2,  # above and left, then below and right
        dilations=layer.dilation,
        group=layer.groups,
    )


@converter(nn.MaxPool2d)
def _max_pool2d(graph: OnnxGraph, layer: nn.MaxPool2d, x: Value) -> str:
    return graph.node("MaxPool", x.name, **_windows(layer))


@converter(nn.AvgPool2d)
def _avg_pool2d(graph: OnnxGraph, layer: nn.AvgPool2d, x: Value) -> str:
    return graph.node("AveragePool", x.name, count_include_pad=1, **_windows(layer))


def _windows(layer: nn.MaxPool2d | nn.AvgPool2d) -> dict[str, Any]:
    return {"kernel_shape": layer.size, "strides": layer.stride, "pads": layer.padding * 2}
