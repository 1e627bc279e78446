"""Loops, before they are a text or machine code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from clearprop.compile.affine import Affine, Var, flat
from clearprop.compile.scalars import Apply, Array, Chosen, Convert, Load, Number, Scalar, Total


@dataclass
class Store:
    """``array[place] = value``, or ``+=`` where ``adds``."""

    array: Array
    place: Affine
    value: Scalar
    adds: bool = False


@dataclass
class Nest:
    """Loops inside each other, with stores and totals in the innermost.

    Attributes
    ----------
    axes : list of Var
        Outermost first. Those of length 1 are left out.
    stores : list of Store
        In the innermost loop.
    totals : list of (Total, Scalar)
        What is combined in the innermost loop.
    depth : int
        Totals start inside this many loops, and their results are stored there.
    results : list of Store
    lanes : Var or None
        The loop that takes a vector of elements at a time; None where the order matters.
    row : Var or None
        The loop over the rows of a block.
    """

    axes: list[Var]
    stores: list[Store] = field(default_factory=list)
    totals: list[tuple[Total, Scalar]] = field(default_factory=list)
    depth: int = 0
    results: list[Store] = field(default_factory=list)
    lanes: Var | None = None
    row: Var | None = None

    @property
    def outputs(self) -> list[Array]:
        """What is written."""
        return [store.array for store in (*self.stores, *self.results)]

    def values(self) -> list[Scalar]:
        """Give the expressions that are computed."""
        stores = (*self.stores, *self.results)
        return [
            *(store.value for store in stores),
            *(v.chosen for store in stores for v, _ in store.place.terms if v.chosen is not None),
            *(value for _, value in self.totals),
        ]

    def loads(self) -> list[Load]:
        """Give what is read."""
        return [v for v in walked(self.values()) if isinstance(v, Load)]

    def places(self) -> list[Affine]:
        """Give every place that is read, written or computed with."""
        found = [store.place for store in (*self.stores, *self.results)]
        return found + [v.place for v in walked(self.values()) if isinstance(v, Load | Number)]


@dataclass
class Block:
    """Where a kernel reads or writes: an array, and how far apart the elements along axes are."""

    array: Array
    place: Affine  # of the first element; variables of the loops around
    strides: tuple[int, ...]


@dataclass
class Product:
    """Rows of a matrix product, ``C[M, N] = A[M, K] @ B[K, N]``, inside loops over other axes."""

    axes: list[Var]
    c: Block
    a: Block
    b: Block
    sizes: tuple[int, int, int]  # M, N, K
    by_rows: bool  # a block of rows is a part of M; else of the first of the axes, or everything
    packed: Array | None = None  # a copy of B in the order in which it is read

    @property
    def outputs(self) -> list[Array]:
        """What is written."""
        return [self.c.array]


@dataclass
class Packing:
    """The copy of B that the blocks of a matrix product share."""

    product: Product
    out: Array
    parts: int

    @property
    def outputs(self) -> list[Array]:
        """What is written."""
        return [self.out]


@dataclass
class Windows:
    """Samples of a convolution: `kinds.Window`, with ``target`` from the two others."""

    target: str
    out: Array
    first: Array
    second: Array
    attributes: dict[str, Any]

    @property
    def outputs(self) -> list[Array]:
        """What is written."""
        return [self.out]


@dataclass
class Factored:
    """Square matrices inside loops over other axes, and what a factorization of them gives.

    Attributes
    ----------
    name : str
        The function of `numpy.linalg`: 'solve', 'inv', 'det', 'slogdet' or 'cholesky'.
    n : int
        The rows of a matrix.
    axes : list of Var
        The loops around; rows of a block are those of the first.
    out : Block
        It has as many strides as what is made of one matrix has axes.
    a : Block
    b : Block or None
        The right sides of 'solve': one where it has one stride, else the columns of a matrix.
    columns : int
        Of these; 1 where there is one.
    """

    name: str
    n: int
    axes: list[Var]
    out: Block
    a: Block
    b: Block | None = None
    columns: int = 1

    @property
    def outputs(self) -> list[Array]:
        """What is written."""
        return [self.out.array]

    @property
    def inputs(self) -> list[tuple[Block, tuple[int, ...]]]:
        """What is read, and the shape of what is read for one matrix."""
        found: list[tuple[Block, tuple[int, ...]]] = [(self.a, (self.n, self.n))]
        if self.b is not None:
            found.append((self.b, (self.n, self.columns)[: len(self.b.strides)]))
        return found


@dataclass
class Fourier:
    """Lines of numbers inside loops over other axes, and their Fourier transforms.

    Attributes
    ----------
    n : int
        The numbers of a line.
    axes : list of Var
        The loops around; rows of a block are those of the first. The last one takes vectors.
    out : Block
        Its strides are those between the two parts, and along a line.
    re, im : Block or None
        What is transformed; None where it is 0.
    inverse : bool
    norm : str or None
        As NumPy has it.
    """

    n: int
    axes: list[Var]
    out: Block
    re: Block | None
    im: Block | None
    inverse: bool = False
    norm: str | None = None

    @property
    def outputs(self) -> list[Array]:
        """What is written."""
        return [self.out.array]

    @property
    def inputs(self) -> list[tuple[Block, tuple[int, ...]]]:
        """What is read, and the shape of what is read for one line."""
        return [(block, (self.n,)) for block in (self.re, self.im) if block is not None]


@dataclass
class Draw:
    """Numbers from a key: a primitive of `clearprop.rules.random`, by its name.

    ``rate`` is that of ``keep_mask``; ``first`` the position of the first of them.
    """

    name: str
    out: Array
    key: Array
    rate: float = 0.0
    first: int = 0

    @property
    def outputs(self) -> list[Array]:
        """What is written."""
        return [self.out]


Work = Nest | Product | Packing | Windows | Factored | Fourier | Draw


def filling(y: Array, index: tuple[Affine, ...], axes: tuple[Var, ...], value: Scalar) -> Nest:
    """Fill an array of the shape that the axes have."""
    loops = [v for v in axes if v.extent != 1]
    return Nest(
        loops,
        [Store(y, flat(index, y.shape), value)],
        depth=len(loops),
        lanes=loops[-1] if loops else None,
        row=axes[0] if axes and axes[0].extent != 1 else None,
    )


def walked(values: list[Scalar]) -> list[Scalar]:
    """Give every expression that these are made of, each once, what it is made of first."""
    found: dict[Scalar, None] = {}
    waiting: list[tuple[Scalar, bool]] = [(v, False) for v in reversed(values)]
    while waiting:
        value, is_ready = waiting.pop()
        if value in found:
            continue
        if is_ready:
            found[value] = None
            continue
        waiting.append((value, True))
        waiting += [(part, False) for part in (*value.parts, *chosen_in(value))]
    return list(found)


def chosen_in(value: Scalar) -> list[Scalar]:
    """Give the numbers that choose the place that an expression reads."""
    if not isinstance(value, Load | Number):
        return []
    return [v.chosen for v, _ in value.place.terms if v.chosen is not None]


def rewritten(
    nest: Nest, new: dict[Var, Affine], given: dict[tuple[Array, Affine], Scalar]
) -> None:
    """Put places in the place of variables, and values in the place of what is read, in a nest."""
    done: dict[Scalar, Scalar] = {}
    for value in walked(nest.values()):
        done[value] = _rewritten(value, new, given, done)
    for store in (*nest.stores, *nest.results):
        store.place = store.place.replaced(new)
        store.value = done[store.value]
    nest.totals = [(total, done[value]) for total, value in nest.totals]


def _rewritten(
    value: Scalar,
    new: dict[Var, Affine],
    given: dict[tuple[Array, Affine], Scalar],
    done: dict[Scalar, Scalar],
) -> Scalar:
    if isinstance(value, Apply):
        parts = tuple(done[part] for part in value.arguments)
        same = all(a is b for a, b in zip(parts, value.arguments, strict=True))
        return value if same else Apply(value.name, parts, value.dtype)
    if isinstance(value, Convert):
        return value if done[value.of] is value.of else Convert(done[value.of], value.dtype)
    if isinstance(value, Chosen):
        if done[value.of] is value.of:
            return value
        made = Chosen(done[value.of], value.axis, value.var.extent)
        new[value.var] = Affine(((made.var, 1),))
        return made
    if isinstance(value, Load):
        place = value.place.replaced(new)
        if (value.array, place) in given:
            return given[value.array, place]
        return value if place is value.place else Load(value.array, place)
    if isinstance(value, Number):
        place = value.place.replaced(new)
        return value if place is value.place else Number(place)
    return value
