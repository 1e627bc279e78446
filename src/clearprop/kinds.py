"""How the compiler reads a primitive: elementwise, one of a closed set of loop forms, or opaque.

An *elementwise* body is parsed and fused. A *structural* primitive names a loop form, which the
compiler knows how to write as loops from the shapes and the attributes alone. A *composite* is
NumPy text over other primitives, with a derivative of its own: readers that need loops open it.
An *opaque* primitive stays a NumPy call between compiled pieces, and the plan says so.
"""

from __future__ import annotations


class Kind:
    """Base of the kinds; ``name`` is what the docs and the plan print."""

    @property
    def name(self) -> str:
        """The kind in one word."""
        return type(self).__name__.lower()


class Elementwise(Kind):
    """One scalar expression, applied to broadcast operands."""


class Composite(Kind):
    """A body of other primitives, with a hand-derived rule."""


class Opaque(Kind):
    """A NumPy call that the compiler does not look into."""


class Reduce(Kind):
    """Combine along the axes of attribute ``axis``: ``+``, ``mean``, ``max`` or ``min``."""

    def __init__(self, combine: str) -> None:
        self.combine = combine


class Contract(Kind):
    """A matrix product over the last two axes, leading axes broadcast."""


class Permute(Kind):
    """The same elements in another order of axes, or in another shape."""


class Broadcast(Kind):
    """The same elements, repeated along new or stretched axes."""


class Gather(Kind):
    """``y[i] = x[index(i)]``."""


class Scatter(Kind):
    """``y[index(i)] += x[i]``, the transpose of a gather."""


class Scan(Kind):
    """A running combination along one axis: ``+``."""

    def __init__(self, combine: str) -> None:
        self.combine = combine


class Window(Kind):
    """The loop nest of a convolution, ``y[n,f,i,j] += x[n,c,i*s+u*d-p,…] * W[f,c,u,v]``.

    ``target`` says which of the three (``y``, ``x`` or ``W``) is computed from the other two.
    """

    def __init__(self, target: str) -> None:
        self.target = target


class Factorization(Kind):
    """What is made of a factorization of square matrices, the last two axes of the first operand.

    Those of a few rows are loops; larger ones stay a NumPy call.
    """


class Fourier(Kind):
    """Both parts of the Fourier transform along one axis, from both parts."""


class Winner(Kind):
    """Where in its image the first largest element of each window is, as a flat position."""


class Concatenate(Kind):
    """Arrays one after the other along an axis."""


class Pad(Kind):
    """An array inside a larger one."""


class Random(Kind):
    """Numbers that are a function of a key and of their position alone."""


ELEMENTWISE = Elementwise()
COMPOSITE = Composite()
OPAQUE = Opaque()
CONTRACT = Contract()
FACTORIZATION = Factorization()
FOURIER = Fourier()
PERMUTE = Permute()
BROADCAST = Broadcast()
GATHER = Gather()
SCATTER = Scatter()
WINNER = Winner()
CONCATENATE = Concatenate()
PAD = Pad()
RANDOM = Random()
