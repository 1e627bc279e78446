"""The products of a convolution of known shapes: what is to be computed, and from which grids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clearprop.compile.machine.correlation import Correlation
from clearprop.compile.machine.engine import Processor
from clearprop.compile.machine.grids import Grid, Pair, grid
from clearprop.compile.machine.vectors import pieces


@dataclass(frozen=True)
class Convolution:
    """One of the three products of a convolution.

    Attributes
    ----------
    target : str
        'y', 'x' or 'W': what is computed from the other two.
    x : (C, H, W)
        The images of one sample.
    W : (F, C / groups, kernel height, kernel width)
    stride, padding, dilation : pair of int
    groups : int
    dtype : str
        float32 or float64.
    transformed : bool
        Whether it is computed by the fewer multiplications of `winograd`, whose rounding is
        another one. For 3×3 windows with step 1.
    """

    target: str
    x: tuple[int, int, int]
    W: tuple[int, int, int, int]
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    dtype: str = "float32"
    transformed: bool = False

    @property
    def y(self) -> tuple[int, int, int]:
        """The shape of one sample's outputs."""
        rows, columns = (
            (size + 2 * p - (k - 1) * d - 1) // s + 1
            for size, k, s, p, d in zip(
                self.x[1:], self.W[2:], self.stride, self.padding, self.dilation, strict=True
            )
        )
        return self.W[0], rows, columns

    @property
    def flops(self) -> int:
        """The multiplications and additions for one sample, those with padding included."""
        return 2 * int(np.prod(self.W)) * self.y[1] * self.y[2]


def x_grid(spec: Convolution) -> Grid:
    """Describe the padded images of x as windows read them."""
    _, *size = spec.y
    reach = [
        n + (k - 1) * d // s
        for n, k, d, s in zip(size, spec.W[2:], spec.dilation, spec.stride, strict=True)
    ]
    return grid(spec.x, spec.padding, (reach[0], reach[1]), spec.stride)


def y_grid(spec: Convolution) -> Grid:
    """Describe the padded images of dy as the gradient of x reads them."""
    top: list[int] = []
    size: list[int] = []
    for n, k, s, p, d in zip(
        spec.x[1:], spec.W[2:], spec.stride, spec.padding, spec.dilation, strict=True
    ):
        top.append(max(0, (k - 1) * d // s - p // s))
        size.append((n - 1 + p) // s + top[-1] + 1)
    return grid(spec.y, (top[0], top[1]), (size[0], size[1]), (1, 1))


def forward(spec: Convolution) -> list[Correlation]:
    """Describe y as sums over windows of x."""
    g = x_grid(spec)
    F, C, kh, kw = spec.W
    _, rows, columns = spec.y
    (dh, dw) = spec.dilation
    taps = tuple(
        tuple((g.offset(u * dh, v * dw), u * kw + v) for v in range(kw)) for u in range(kh)
    )
    return [
        Correlation(
            channels=C,
            outputs=F // spec.groups,
            taps=taps,
            w_output=C * kh * kw,
            w_channel=kh * kw,
            in_channel=g.channel,
            in_row=g.row,
            rows=rows,
            columns=columns,
            out_start=0,
            out_output=rows * columns,
            out_row=columns,
            out_column=1,
            copied=not g.as_it_is,
        )
    ]


def backward(spec: Convolution) -> list[Correlation]:
    """Give one correlation for every place of x between two strides."""
    g = y_grid(spec)
    F, C, kh, kw = spec.W
    _, height, width = spec.x
    found = []
    for down in range(spec.stride[0]):
        for right in range(spec.stride[1]):
            first, count, taps = [], [], []
            for phase, n, k, s, p, d in zip(
                (down, right),
                (height, width),
                (kh, kw),
                spec.stride,
                spec.padding,
                spec.dilation,
                strict=True,
            ):
                first.append(-((phase - p) // s))
                count.append(len(range(first[-1] * s + phase - p, n, s)))
                taps.append([(u * d // s, u) for u in range(k) if u * d % s == phase])
            if not (count[0] and count[1]):
                continue
            start = (first[0] + g.top) * g.row + first[1] + g.left
            found.append(
                Correlation(
                    channels=F // spec.groups,
                    outputs=C,
                    taps=tuple(
                        tuple((start - a * g.row - e, u * kw + v) for e, v in taps[1])
                        for a, u in taps[0]
                    ),
                    w_output=kh * kw,
                    w_channel=C * kh * kw,
                    in_channel=g.channel,
                    in_row=g.row,
                    rows=count[0],
                    columns=count[1],
                    out_start=(first[0] * spec.stride[0] + down - spec.padding[0]) * width
                    + first[1] * spec.stride[1]
                    + right
                    - spec.padding[1],
                    out_output=height * width,
                    out_row=spec.stride[0] * width,
                    out_column=spec.stride[1],
                    copied=not g.as_it_is,
                )
            )
    return found


def padded(spec: Convolution, lanes: int, masks: bool) -> int:
    """Give the outputs of a group, with what fills the last vector."""
    count = spec.W[0] // spec.groups
    return sum(piece.width for piece in pieces(count, lanes, masks=masks))


def sizes(spec: Convolution, processor: Processor) -> list[int]:
    """Give the elements of each part of the scratch memory."""
    lanes = processor.lanes(np.dtype(spec.dtype).itemsize)
    g = y_grid(spec) if spec.target == "x" else x_grid(spec)
    sizes = [0 if g.as_it_is else -(-g.items(lanes) // lanes) * lanes]
    if spec.target == "W":
        wide = padded(spec, lanes, processor.vector_bytes > 16)
        _, rows, columns = spec.y
        sizes += [rows * columns * wide, spec.groups * wide * int(np.prod(spec.W[1:]))]
    return sizes
