"""Convolution of images, as the three products of one loop nest.

``y[n,f,i,j] = Σ x[n,c,i·s + u·d - p, j·s + v·d - p] · W[f,c,u,v]``: each of ``y``, ``x`` and ``W``
from the other two. The derivative of each is another of the three, to any order.
"""

import numpy as np

from clearprop.kinds import WINNER, Window
from clearprop.primitive import Case, primitive


def windows(x, size, stride, padding, dilation):
    """View the padded images as (N, C, out_h, out_w, kernel_h, kernel_w) windows."""
    (ph, pw), (sh, sw), (dh, dw) = padding, stride, dilation
    x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    reach = ((size[0] - 1) * dh + 1, (size[1] - 1) * dw + 1)
    every = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(2, 3))
    return every[:, :, ::sh, ::sw, ::dh, ::dw]


_SIMPLE = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
_GROUPED = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": 2}


@primitive(
    kind=Window("y"),
    symbol="conv",
    latex=r"x \star W",
    cases=[
        Case((2, 3, 5, 6), (4, 3, 3, 3), **_SIMPLE),
        Case((2, 4, 5, 6), (6, 2, 3, 2), **_GROUPED),
    ],
)
def conv2d(x, W, *, stride, padding, dilation, groups):
    seen = windows(x, W.shape[2:], stride, padding, dilation)
    parts = [
        np.tensordot(xs, Ws, axes=((1, 4, 5), (1, 2, 3)))
        for xs, Ws in zip(np.split(seen, groups, 1), np.split(W, groups, 0), strict=True)
    ]
    return np.ascontiguousarray(np.concatenate(parts, -1).transpose(0, 3, 1, 2))


@primitive(
    kind=Window("x"),
    symbol="convᵀ",
    latex=r"d \star^{\mathsf T} W",
    cases=[
        Case((2, 4, 3, 4), (4, 3, 3, 3), shape=(2, 3, 5, 6), **_SIMPLE),
        Case((2, 6, 3, 8), (6, 2, 3, 2), shape=(2, 4, 5, 6), **_GROUPED),
    ],
)
def conv2d_x(d, W, *, shape, stride, padding, dilation, groups):
    N, C, H, Wd = shape
    (ph, pw), (sh, sw), (dh, dw) = padding, stride, dilation
    kh, kw = W.shape[2:]
    oh, ow = d.shape[2:]
    x = np.zeros((C, N, H + 2 * ph, Wd + 2 * pw), np.result_type(d, W))
    d = d.transpose(1, 0, 2, 3).reshape(groups, len(W) // groups, -1)
    W = W.reshape(groups, -1, *W.shape[1:]).transpose(3, 4, 0, 2, 1)  # (kernel_h, kernel_w, …)
    for u in range(kh):
        for v in range(kw):
            rows = slice(u * dh, u * dh + oh * sh, sh)
            part = (W[u, v] @ d).reshape(C, N, oh, ow)
            x[:, :, rows, v * dw : v * dw + ow * sw : sw] += part
    x = x.swapaxes(0, 1)
    return np.ascontiguousarray(x[:, :, ph : ph + H, pw : pw + Wd])


@primitive(
    kind=Window("W"),
    symbol="conv∂W",
    latex=r"x \star d",
    cases=[
        Case((2, 3, 5, 6), (2, 4, 3, 4), shape=(4, 3, 3, 3), **_SIMPLE),
        Case((2, 4, 5, 6), (2, 6, 3, 8), shape=(6, 2, 3, 2), **_GROUPED),
    ],
)
def conv2d_W(x, d, *, shape, stride, padding, dilation, groups):
    F, C, kh, kw = shape
    d = d.transpose(1, 0, 2, 3).reshape(groups, F // groups, -1)
    seen = windows(x, (kh, kw), stride, padding, dilation)
    W = np.empty(shape, np.result_type(x, d))
    for u in range(kh):
        columns = seen[..., u, :].transpose(1, 4, 0, 2, 3).reshape(groups, C * kw, -1)
        W[:, :, u] = (d @ columns.swapaxes(1, 2)).reshape(F, C, kw)
    return W


@conv2d.vjp("x", latex=r"\bar y \star^{\mathsf T} W")
def _(dy, W, x_shape, *, stride, padding, dilation, groups):
    return conv2d_x(dy, W, shape=x_shape, **_how(stride, padding, dilation, groups))


@conv2d.vjp("W", latex=r"x \star \bar y")
def _(dy, x, W_shape, *, stride, padding, dilation, groups):
    return conv2d_W(x, dy, shape=W_shape, **_how(stride, padding, dilation, groups))


@conv2d_x.vjp("d", latex=r"\bar y \star W")
def _(dy, W, *, stride, padding, dilation, groups):
    return conv2d(dy, W, **_how(stride, padding, dilation, groups))


@conv2d_x.vjp("W", latex=r"\bar y \star d")
def _(dy, d, W_shape, *, stride, padding, dilation, groups):
    return conv2d_W(dy, d, shape=W_shape, **_how(stride, padding, dilation, groups))


@conv2d_W.vjp("x", latex=r"d \star^{\mathsf T} \bar y")
def _(dy, d, x_shape, *, stride, padding, dilation, groups):
    return conv2d_x(d, dy, shape=x_shape, **_how(stride, padding, dilation, groups))


@conv2d_W.vjp("d", latex=r"x \star \bar y")
def _(dy, x, *, stride, padding, dilation, groups):
    return conv2d(x, dy, **_how(stride, padding, dilation, groups))


def _how(stride, padding, dilation, groups):
    return {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


@primitive(
    kind=WINNER,
    no_derivative="the position of the largest element, not its value",
    cases=[Case((2, 3, 4, 5), size=(2, 2), stride=(2, 2), padding=(0, 0))],
)
def window_argmax(x, *, size, stride, padding):
    """Give the flat position in its image of the first largest element of each window."""
    N, C, H, W = x.shape
    (ph, pw), (sh, sw) = padding, stride
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=-np.inf)
    seen = windows(padded, size, stride, (0, 0), (1, 1))
    oh, ow = seen.shape[2:4]
    u, v = np.divmod(seen.reshape(N, C, oh, ow, size[0] * size[1]).argmax(-1), size[1])
    top, left = np.arange(oh)[:, None] * sh - ph, np.arange(ow) * sw - pw
    rows, columns = top + u, left + v
    if ph or pw:  # where all elements are -inf the padding came first: take the first element
        outside = (rows < 0) | (rows >= H) | (columns < 0) | (columns >= W)
        rows = np.where(outside, np.maximum(top, 0), rows)
        columns = np.where(outside, np.maximum(left, 0), columns)
    return rows * W + columns
