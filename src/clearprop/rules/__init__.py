"""The primitives, a file a family. Importing this package registers them all."""

from clearprop.rules import (
    arithmetic,
    comparison,
    convolution,
    exponential,
    indexing,
    linear,
    loss,
    normalization,
    random,
    reduction,
    shape,
    special,
    trigonometric,
)

__all__ = [
    "arithmetic",
    "comparison",
    "convolution",
    "exponential",
    "indexing",
    "linear",
    "loss",
    "normalization",
    "random",
    "reduction",
    "shape",
    "special",
    "trigonometric",
]
