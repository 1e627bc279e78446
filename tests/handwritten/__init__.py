"""Layers as people write them by hand, right; tests put faults into them."""

from handwritten import activations, dense, sequences, windows
from handwritten.making import LAYERS

__all__ = ["LAYERS", "activations", "dense", "sequences", "windows"]
