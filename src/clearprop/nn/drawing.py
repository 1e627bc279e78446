"""What layers share that draw numbers: a key, from which a call in training makes all of them."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from clearprop.errors import DTypeError, OptionError
from clearprop.nn.layer import Layer
from clearprop.places import current_line

_NEXT_CALL = np.array([0, 1], np.uint64)
_CALL_BITS = 48  # of the second word of the key; the position in a network is above


class Drawing(Layer):
    """A layer that draws numbers in training: base of `Dropout` and of the augmentations.

    They are a function of the seed, of the layer's position in its network and of the number of
    the call in training, and of nothing else. So ``backward`` needs none of them kept, the same
    seed gives the same run, and a run goes on where it stopped once ``key`` is put back. A part of
    a batch draws what is its own: ``compute`` takes the number of its ``first`` sample.

    Parameters
    ----------
    seed : int
        From 0 to 2**64 - 1.

    Attributes
    ----------
    key : ndarray of uint64, shape (2,)
        The seed, and the number of the next call in training.
    """

    buffers = ("key",)
    _example = ""  # of the options before the seed, for messages

    def __init__(self, seed: int) -> None:
        self.key = np.array([self._checked_seed(seed), 0], np.uint64)

    def advance(self, buffers: tuple[Any, ...], seen: tuple[Any, ...]) -> tuple[Any, ...]:
        """Count the call."""
        return (buffers[0] + _NEXT_CALL,)

    def place(self, position: int) -> None:
        """Draw other numbers than a layer with the same seed elsewhere in the network."""
        call = int(self.key[1]) % (1 << _CALL_BITS)
        self.key = np.array([int(self.key[0]), (position << _CALL_BITS) + call], np.uint64)

    def forward(self, x: Any, train: bool = True) -> Any:
        """Compute ``y``; in training, with the numbers of this call. See `Layer.forward`."""
        return super().forward(x, train=train)

    def _options(self) -> str:
        return f"seed={int(self.key[0])}"

    def _checked_seed(self, seed: Any) -> int:
        name = type(self).__name__
        try:
            number = operator.index(seed)
        except TypeError:
            raise DTypeError(
                f"{name}: seed is {seed!r}.",
                where=current_line(1),
                why="What is drawn is computed from a whole number.",
                write=f"{name}({self._example}seed=0)",
            ) from None
        if not 0 <= number < 1 << 64:
            raise OptionError(
                f"{name}: seed is {seed!r}.",
                where=current_line(1),
                why="A seed is a whole number from 0 to 2**64 - 1.",
                write=f"{name}({self._example}seed=0)",
            )
        return number
