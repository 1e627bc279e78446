"""Convolution and pooling."""

from __future__ import annotations

from benchmarks.mutation.entries.lazily import F
from benchmarks.mutation.entry import Draw, Entry

FILE = "class_conv"


def stepped(d) -> tuple[int, int]:
    """Stride and padding of a case."""
    return {0: (1, 1), 1: (2, 0), 2: (2, 2)}[d.case]


def convolution(d, r: Draw):
    stride, pad = stepped(d)
    return {
        "x": r(d.N, 2, d.S, d.S + 1),
        "W": r(d.K, 2, 3, 4),
        "b": r(d.K),
        "stride": stride,
        "pad": pad,
    }


def pooling(d, r: Draw):
    # windows that meet, that overlap, and that leave a rest
    height, width, stride = {0: (2, 2, 2), 1: (3, 2, 1), 2: (2, 3, 3)}[d.case]
    return {"x": r(d.N, 2, d.S, d.S + 1), "height": height, "width": width, "stride": stride}


def depthwise(v):
    w = v.w[:, None]
    return F.conv2d(v.x, w, groups=w.shape[0], padding=v.pad)


ENTRIES = (
    Entry(
        "Convolution",
        FILE,
        "layer",
        convolution,
        ("x",),
        {"r": "x", "o.dW": "W", "o.db": "b"},
        lambda v: F.conv2d(v.x, v.W, v.b, stride=v.stride, padding=v.pad),
        lambda cls, v: cls(v.W, v.b, v.stride, v.pad),
        scopes=("Convolution.backward", "col2im"),
    ),
    Entry(
        "ConvLoops",
        FILE,
        "layer",
        convolution,
        ("x",),
        {"r": "x", "o.dfilters": "W", "o.dbias": "b"},
        lambda v: F.conv2d(v.x, v.W, v.b, stride=v.stride),
        lambda cls, v: cls(v.W, v.b, v.stride),
    ),
    Entry(
        "Conv1d",
        FILE,
        "layer",
        lambda d, r: {"x": r(d.N, d.S, d.D), "kernel": r(3, d.D, d.M), "bias": r(d.M)},
        ("x",),
        {"r": "x", "o.dkernel": "kernel", "o.dbias": "bias"},
        lambda v: F.conv1d(v.x.mT, v.kernel.permute(2, 1, 0), v.bias).mT,
        lambda cls, v: cls(v.kernel, v.bias),
    ),
    Entry(
        "DepthwiseConv",
        FILE,
        "layer",
        lambda d, r: {"x": r(d.N, d.C, d.S, d.S + 1), "w": r(d.C, 3, 2), "pad": stepped(d)[1]},
        ("x",),
        {"r": "x", "o.dw": "w"},
        depthwise,
        lambda cls, v: cls(v.w, v.pad),
    ),
    Entry(
        "MaxPool",
        FILE,
        "layer",
        pooling,
        ("x",),
        {"r": "x"},
        lambda v: F.max_pool2d(v.x, (v.height, v.width), v.stride),
        lambda cls, v: cls(v.height, v.width, v.stride),
    ),
    Entry(
        "AvgPool",
        FILE,
        "layer",
        pooling,
        ("x",),
        {"r": "x"},
        lambda v: F.avg_pool2d(v.x, v.height, v.stride),
        lambda cls, v: cls(v.height, v.stride),
    ),
    Entry(
        "GlobalAvgPool",
        FILE,
        "layer",
        lambda d, r: {"x": r(d.N, d.C, d.S, d.S + 1)},
        ("x",),
        {"r": "x"},
        lambda v: F.adaptive_avg_pool2d(v.x, 1).flatten(1),
    ),
)
