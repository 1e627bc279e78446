"""Matrix products."""

import numpy as np

from clearprop.kinds import CONTRACT
from clearprop.primitive import Case, composition, primitive


def transposed(x):
    """Exchange the last two axes."""
    return np.transpose(x) if len(np.shape(x)) < 3 else np.swapaxes(x, -1, -2)


@primitive(
    np.matmul,
    kind=CONTRACT,
    symbol="@",
    latex="A B",
    cases=[
        Case((3, 4), (4, 2)),
        Case((4,), (4, 2)),
        Case((3, 4), (4,)),
        Case((4,), (4,)),
        Case((2, 3, 4), (4, 2)),
        Case((2, 1, 3, 4), (5, 4, 2)),
        Case((4,), (2, 4, 3)),
        Case((2, 3, 4), (4,)),
    ],
)
def matmul(x1, x2):
    return x1 @ x2


@matmul.vjp("x1", latex=r"\bar y\,B^{\mathsf T}")
def _(dy, x2, x1_shape):
    if len(np.shape(x2)) == 1:  # x2 is a column, and dy has lost the axis of length 1
        return np.expand_dims(dy, -1) * x2
    if len(x1_shape) == 1:  # x1 is a row
        return (np.expand_dims(dy, -2) @ transposed(x2))[..., 0, :]
    return dy @ transposed(x2)


@matmul.vjp("x2", latex=r"A^{\mathsf T}\,\bar y")
def _(dy, x1, x2_shape):
    if len(np.shape(x1)) == 1 and len(x2_shape) == 1:
        return dy * x1
    if len(np.shape(x1)) == 1:
        return np.expand_dims(x1, -1) * np.expand_dims(dy, -2)
    if len(x2_shape) == 1:
        return (transposed(x1) @ np.expand_dims(dy, -1))[..., 0]
    return transposed(x1) @ dy


@composition(np.dot)
def dot(a, b):
    if not np.ndim(a) or not np.ndim(b):
        return np.multiply(a, b)
    if np.ndim(b) <= 2:
        return np.matmul(a, b)
    rest = np.shape(b)[:-2] + np.shape(b)[-1:]  # the last axis of a against the last but one of b
    columns = np.reshape(np.moveaxis(b, -2, 0), (np.shape(b)[-2], -1))
    return np.reshape(np.matmul(a, columns), np.shape(a)[:-1] + rest)


@composition(np.outer)
def outer(a, b):
    return np.expand_dims(np.ravel(a), -1) * np.ravel(b)
