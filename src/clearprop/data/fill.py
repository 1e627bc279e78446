"""How large the ink is in the images of a data set, and whether they are dark around it."""

from __future__ import annotations

from typing import Any

import numpy as np

MNIST_FILL = 20 / 28  #: of the field: what MNIST's digits fit into
_IMAGES = 500  # that are looked at
_INK = 0.35  # of the strongest grey value, from which on it is ink
_FAIRLY = 0.04  # by so much two fills are the same
_SAME_SIZE = 0.08  # the fills of nine in ten images of digits differ by less, or by two pixels
_STROKES = 0.6  # of the box of a digit is ink: 0.38 in MNIST, 0.56 in 8 x 8 pixels; of clothes 0.65
_DARK = 0.2  # of the way from black to white
_MOST_OF = 0.8  # of the images are so


def fill_of(x: Any) -> float | None:
    """Say how much of the field the ink of images fills: the longer side of its box, the median.

    Parameters
    ----------
    x : array of uint8, shape (N, 1, H, W)
        Images, light on dark.

    Returns
    -------
    float or None
        As `read_image` takes it. None where images are no light ink on dark paper, each of one
        size: most of them are light at the border, or they fill more or less of the field, or what
        is light is no strokes but fills its box, as clothes do.

    Examples
    --------
    >>> from clearprop.data import mnist
    >>> round(fill_of(mnist(shape="channels").train.x), 3)
    0.714
    """
    some, most, border = _looked_at(x)
    count, height, width = some.shape
    if not count or np.median(np.median(border, axis=1) / most) > 0.5:
        return None
    ink = some > _INK * most[:, None, None]
    rows, columns = ink.any(axis=2).sum(axis=1), ink.any(axis=1).sum(axis=1)  # gaps are few
    fills = np.maximum(rows / height, columns / width)
    low, high = np.quantile(fills, (0.05, 0.95))
    covered = np.median(ink.sum(axis=(1, 2)) / (rows * columns))
    if high - low > max(_SAME_SIZE, 2.5 / max(height, width)) or covered > _STROKES:
        return None
    fill = float(np.median(fills))
    return MNIST_FILL if abs(fill - MNIST_FILL) <= _FAIRLY else fill


def border_of(x: Any) -> str | None:
    """Say whether images are "dark" or "light" at the border, None where they differ.

    Parameters
    ----------
    x : array of uint8, shape (N, 1, H, W)

    Examples
    --------
    >>> from clearprop.data import mnist
    >>> x = mnist(shape="channels").train.x[:50]
    >>> border_of(x), border_of(255 - x)
    ('dark', 'light')
    """
    _, _, border = _looked_at(x)
    if not len(border):
        return None
    levels = np.median(border, axis=1) / 255
    for name, is_so in (("dark", levels < _DARK), ("light", levels > 1 - _DARK)):
        if is_so.mean() > _MOST_OF:
            return name
    return None


def _looked_at(x: Any) -> tuple[Any, Any, Any]:
    """Give some images that are not black, the largest value of each, and its border."""
    some = np.asarray(x[:_IMAGES, 0], np.float64)
    some = some[some.max(axis=(1, 2)) > 0]
    border = np.concatenate([some[:, 0], some[:, -1], some[:, :, 0], some[:, :, -1]], axis=1)
    return some, some.max(axis=(1, 2)), border
