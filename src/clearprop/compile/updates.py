"""Updates in place: what may be written over an argument, as nobody reads that any more."""

from __future__ import annotations

from clearprop.compile.affine import Affine
from clearprop.compile.grouping import Group
from clearprop.compile.needs import reads
from clearprop.compile.nests import Nest, Store, Work
from clearprop.compile.planning import Plan
from clearprop.compile.scalars import Array


def over(plan: Plan) -> dict[Array, frozenset[Array]]:
    """Give for each array the arguments whose memory it may take, element by element.

    Those are read in earlier phases, and by the loop that writes the array, at the very element
    that it writes. Machine code is told that these may be the same memory.
    """
    given = {array for node, array in plan.arrays.items() if node.primitive is None}
    groups = [(p, part) for p, phase in enumerate(plan.phases) for part in phase]
    readers: dict[Array, list[tuple[int, Work]]] = {}
    for p, part in groups:
        if not isinstance(part, Group):
            return {}  # a step with NumPy calls is made by Python
        for work in part.works:
            for array, _ in reads(work):
                if array in given:
                    readers.setdefault(array, []).append((p, work))

    def may_take(store: Store, array: Array, nest: Nest, p: int) -> bool:
        same = (array.shape, array.dtype) == (store.array.shape, store.array.dtype)
        before = all(q < p or other is nest for q, other in readers[array])
        return same and before and _reads_only(nest, array, store.place)

    found: dict[Array, frozenset[Array]] = {}
    for p, part in groups:
        assert isinstance(part, Group)
        for nest in part.works:
            if isinstance(nest, Nest) and not nest.totals:
                for store in nest.stores:
                    read = given.intersection(load.array for load in nest.loads())
                    takes = {array for array in read if may_take(store, array, nest, p)}
                    if takes and not store.adds:
                        found[store.array] = frozenset(takes)
    return found


def _reads_only(nest: Nest, array: Array, place: Affine) -> bool:
    return all(load.place == place for load in nest.loads() if load.array is array)
