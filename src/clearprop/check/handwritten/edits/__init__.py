"""The single edits of a hand-written backward pass, each with the cause that it would cure.

A faulty backward usually differs from a right one by one small edit. Each family of edits undoes
something that people get wrong; the first edit that makes the gradients right names the line, the
cause and what to write there::

    factors     signs, 1/N, 2, the upstream gradient, local derivatives
    terms       terms too many or too few, the whole of a softmax's Jacobian
    paths       whole terms of known formulas: means, counts, what a penalty leaves out
    mirrored    what forward does and backward has no counterpart of
    products    transposes, the order of operands, ``@`` and ``*``, ``np.einsum``
    reductions  axes, keepdims, sums and means
    naming      another name
    values      numbers, comparisons, masks, functions, powers
    windows     indices, slices, ranges, the order of axes
    statements  ``=`` and ``+=``, order, lines too many, copies
    missing     lines too few
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from clearprop.check.handwritten.edits import (
    caching as caches,
)
from clearprop.check.handwritten.edits import (
    factors,
    mirrored,
    missing,
    naming,
    paths,
    products,
    reductions,
    statements,
    terms,
    values,
    windows,
)
from clearprop.check.handwritten.edits.compiling import compile_function
from clearprop.check.handwritten.edits.model import Edit, World
from clearprop.check.handwritten.edits.scope import Scope, Value, scope_of
from clearprop.check.handwritten.edits.sites import sites
from clearprop.check.handwritten.edits.trees import Forms, blocks, put

__all__ = ["Edit", "Scope", "Value", "compile_function", "edits", "scope_of"]

#: Families, each with the most edits that it may give for one function.
_IN_EXPRESSIONS: tuple[tuple[Any, int], ...] = (
    *((family, 900) for family in factors.FAMILIES),
    *((family, 250) for family in terms.FAMILIES),
    *((family, 120) for family in paths.FAMILIES),
    *((family, 60) for family in mirrored.FAMILIES),
    *((family, 250) for family in products.FAMILIES),
    *((family, 250) for family in reductions.FAMILIES),
    *((family, 400) for family in naming.FAMILIES),
    *((family, 200) for family in values.FAMILIES),
    *((family, 200) for family in windows.FAMILIES),
)
_IN_BLOCKS: tuple[tuple[Any, int], ...] = (
    *((family, 120) for family in statements.FAMILIES),
    *((family, 120) for family in missing.FAMILIES),
    (mirrored.neighbours, 20),
    (naming.everywhere, 120),
    (paths.axes_everywhere, 60),
)
#: All families together.
_MOST = 2500


def edits(
    function: ast.FunctionDef,
    scope: Scope,
    caching: bool = False,
    wanted: Callable[[int], bool] = bool,
) -> Iterator[Edit]:
    """Give the single edits of a function, those that people need most often first.

    Parameters
    ----------
    function : ast.FunctionDef
        The backward pass, with the line numbers of the user's file.
    scope : Scope
        What edits may mention, from ``scope_of``.
    caching : bool
        Edit only what is kept for the backward pass: ``function`` is the forward then.
    wanted : callable
        Says of a line whether it is to be edited; of a loop, one line in it is enough.

    Yields
    ------
    Edit
        In the order of ``rank``; no two compute the same, but for the order of factors and terms.

    Examples
    --------
    >>> import ast
    >>> import numpy as np
    >>> source = '''def backward(self, dout):
    ...     self.dW = np.dot(dout, self.x)
    ...     return np.dot(dout, self.W.T)
    ... '''
    >>> function = ast.parse(source).body[0]
    >>> x, W = np.ones((3, 2)), np.ones((2, 4))
    >>> scope = scope_of(function, {"x": x, "W": W, "dW": None}, None, ["dout"])
    >>> right = "self.dW = np.dot(self.x.T, dout)"
    >>> edit = next(edit for edit in edits(function, scope) if edit.after == right)
    >>> edit.line, edit.cause, edit.what
    (2, 'transposed', 'exchanged, and transposed')
    """
    forms = Forms()
    forms.keep(function)
    kept = caches.cached(function, scope) if caching else set()
    meant = caches.meant(function, scope, kept)
    world = World(function, scope, forms.keep, kept, meant)
    found = list(_all(world, caching, wanted))
    found.sort(key=lambda one: one[0].rank)
    seen: set[Any] = set()
    given: Counter[Any] = Counter()
    most = dict((*_IN_EXPRESSIONS, *_IN_BLOCKS, (caches.keeping, 60)))
    for edit, family in found:
        if given[family] >= most[family] or given.total() >= _MOST:
            continue
        form = (edit.block, edit.start, len(edit.old), tuple(map(forms.of, edit.new)))
        if form in seen or form[3] == tuple(map(forms.of, edit.old)):
            continue
        seen.add(form)
        given[family] += 1
        yield edit


def _all(world: World, caching: bool, wanted: Callable[[int], bool]) -> Iterator[tuple[Edit, Any]]:
    function, source = world.function, world.scope.source
    in_blocks = ((caches.keeping, 0),) if caching else _IN_BLOCKS
    for path, block in blocks(function):
        for start, statement in enumerate(block):
            at = (function, path, start)
            line = statement.lineno
            inside = range(line, (statement.end_lineno or line) + 1)
            if not any(map(wanted, inside if hasattr(statement, "body") else (line,))):
                continue
            if not caching or id(statement) in world.wanted:
                for site in sites(statement, world):
                    for family, _ in _IN_EXPRESSIONS:
                        for new, cause, rank, what in family(site):
                            yield (
                                Edit(
                                    "stale-cache" if caching else cause,
                                    line,
                                    rank,
                                    what,
                                    *at,
                                    (statement,),
                                    (put(statement, site.path, new),),
                                    source,
                                    (site.node, new),
                                ),
                                family,
                            )
            rest = block[start + 1 :]
            for family, _ in in_blocks:
                for lines, count, cause, rank, what, other in family(statement, rest, world):
                    old = tuple(block[start : start + count])
                    where = other or line
                    yield Edit(cause, where, rank, what, *at, old, lines, source), family
