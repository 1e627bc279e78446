"""Where the arrays of a plan lie for machine code, and which kernels it calls."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from clearprop.compile.grouping import Group, Stage
from clearprop.compile.machine.convolution import Convolution, convolution_scratch_bytes
from clearprop.compile.machine.engine import Processor
from clearprop.compile.machine.fourier import fourier_bytes
from clearprop.compile.machine.matmul import Product as Spec
from clearprop.compile.machine.matmul import packed_bytes, packed_parts, scratch_bytes
from clearprop.compile.machine.prefetch import largest_product, lines_of_row
from clearprop.compile.machine.products import list_length
from clearprop.compile.memory import LINE, placed, size_of
from clearprop.compile.needs import is_transformed
from clearprop.compile.nests import Factored, Fourier, Nest, Packing, Product, Windows, Work
from clearprop.compile.planning import Plan
from clearprop.compile.scalars import Array
from clearprop.compile.table import ARRAYS

_K_BLOCK = 512  # of a long sum: a chain of float32 would lose digits


@dataclass
class Layout:
    """The memory of a plan.

    Attributes
    ----------
    words : dict of Array to int
        Which word of the table says where an array lies.
    scratch : int
        Bytes that each thread needs for itself.
    """

    words: dict[Array, int] = field(default_factory=dict)
    scratch: int = 0

    @classmethod
    def of(cls, plan: Plan, processor: Processor) -> Layout:
        """Lay out a plan."""
        made = cls()
        for phase in plan.phases:
            for part in phase:
                if not isinstance(part, Group):
                    continue
                local = set(part.local).union(*(stage.local for stage in part.stages))
                for array in arrays_of(part.works):
                    if array not in local:
                        made.words.setdefault(array, ARRAYS + len(made.words))
                shared = places_in_shard(part)[1]
                for stage in part.stages:
                    needs = [kernel_bytes(work, part, stage, processor) for work in stage.works]
                    own = places_in_block(stage)[1] + max(needs, default=0)
                    made.scratch = max(made.scratch, shared + own)
        return made


def places_in_shard(group: Group) -> tuple[dict[Array, int], int]:
    """Give where the arrays of one shard lie in a thread's memory, and the bytes of all."""
    # A stage does all of its works for a block before the next block: its arrays live all along.
    return _places(group.local, group.shard_rows, [stage.works for stage in group.stages])


def places_in_block(stage: Stage) -> tuple[dict[Array, int], int]:
    """Give where the arrays of one block lie after those of the shard, and the bytes of all."""
    return _places(stage.local, stage.block_rows, [[work] for work in stage.works])


def _places(
    arrays: list[Array], rows: int, moments: list[list[Work]]
) -> tuple[dict[Array, int], int]:
    spans = _spans(moments)
    return placed(
        (array, _lines(array.row * array.dtype.itemsize * rows), *spans[array]) for array in arrays
    )


def arrays_of(works: list[Work]) -> list[Array]:
    """Give what works read and write."""
    found: dict[Array, None] = {}
    for work in works:
        found.update(dict.fromkeys(work.outputs))
        found.update(dict.fromkeys(read_by(work)))
    return list(found)


def read_by(work: Work) -> list[Array]:
    """Give what a work reads."""
    if isinstance(work, Nest):
        return [load.array for load in work.loads()]
    if isinstance(work, Product):
        return [work.a.array, work.packed or work.b.array]
    if isinstance(work, Packing):
        return [work.product.b.array]
    if isinstance(work, Factored | Fourier):
        return [block.array for block, _ in work.inputs]
    return [work.first, work.second] if isinstance(work, Windows) else [work.key]


def product_spec(work: Product, rows: int, listed: int = 0) -> Spec:
    """Give the kernel of a matrix product, for blocks of so many rows; 0 for all of them.

    ``listed`` lines of memory are fetched meanwhile.
    """
    m, n, k = work.sizes
    (a_row, a_k), (b_k, b_column) = work.a.strides, work.b.strides
    return Spec(
        m, n, k, work.c.array.dtype.name, a_row, a_k, b_k, b_column, work.c.strides[0],
        k_block=_K_BLOCK if k > 2 * _K_BLOCK else None,
        rows=min(rows, m) if work.by_rows and rows else None, packed=work.packed is not None,
        listed=listed,
    )  # fmt: skip


def hosted_lines(work: Product, group: Group, stage: Stage) -> int:
    """Give the lines that a product fetches for the next shard, if it is the one that does so."""
    return stage.block_rows * lines_of_row(group.works) if work is largest_product(group) else 0


def packed_form(work: Product, shards: int) -> tuple[int, int]:
    """Give the elements and the parts of a copy of B for rows in so many shards."""
    m = work.sizes[0]
    spec = replace(product_spec(work, -(-m // shards)), packed=True)
    return packed_bytes(spec) // np.dtype(spec.dtype).itemsize, packed_parts(spec)


def convolution_spec(work: Windows, group: Group) -> Convolution:
    """Give the kernel of a convolution."""
    x, W = {
        "y": (work.first, work.second),
        "x": (work.out, work.second),
        "W": (work.first, work.out),
    }[work.target]
    how: dict[str, Any] = {
        key: work.attributes[key] for key in ("stride", "padding", "dilation", "groups")
    }
    shape: Any = W.shape[1:] if work.out in group.parts else W.shape
    image: Any = x.shape[1:]
    return Convolution(
        work.target, image, shape, **how, dtype=W.dtype.name, transformed=is_transformed(work)
    )


def kernel_bytes(work: Work, group: Group, stage: Stage, processor: Processor) -> int:
    """Give the bytes that the kernel of a work needs for itself."""
    if isinstance(work, Product):
        spec = product_spec(work, stage.block_rows, hosted_lines(work, group, stage))
        return _lines(scratch_bytes(spec, processor)) + 8 * list_length(spec, processor)
    if isinstance(work, Windows):
        need = _lines(convolution_scratch_bytes(convolution_spec(work, group), processor))
        return need + (size_of(work.out) if work.out in group.parts else 0)
    if isinstance(work, Fourier):
        return _lines(fourier_bytes(work, processor))
    return 0


def _lines(size: int) -> int:
    return -(-size // LINE) * LINE + LINE


def _spans(moments: list[list[Work]]) -> dict[Array, tuple[int, int]]:
    """Give for each array the first and the last moment in which it is needed."""
    spans: dict[Array, tuple[int, int]] = {}
    for k, works in enumerate(moments):
        for array in arrays_of(works):
            spans[array] = spans.get(array, (k, k))[0], k
    return spans
