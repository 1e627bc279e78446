"""Matrix products: transposes, order, and products of another kind."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import combinations, permutations

from clearprop.check.handwritten.edits.model import OPERAND, VALUE, Change, Site
from clearprop.check.handwritten.edits.sites import (
    called,
    factors_of,
    is_matmul,
    is_product,
    multiplied,
    with_factors,
)
from clearprop.check.handwritten.edits.trees import attribute, binary, call, dotted, number, twin


def turned(node: ast.expr) -> ast.expr:
    """Put ``.T`` on, or take it off; ``.t()`` is torch's."""
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return node.value
    if called(node) == ("t", True) and isinstance(node, ast.Call) and not node.args:
        assert isinstance(node.func, ast.Attribute)
        return node.func.value
    return attribute(node, "T")


def transposes(site: Site) -> Iterator[Change]:
    """``.T`` on one operand of a product, on both, on the result, or off."""
    node = site.node
    if is_matmul(node) and site.role in (VALUE, OPERAND):
        a, b = factors_of(node)
        for rank, left, right, what in (
            (1.2, a, turned(b), "the second transposed"),
            (1.2, turned(a), b, "the first transposed"),
            (1.5, b, a, "the operands exchanged"),
            (1.7, turned(b), a, "exchanged, and transposed"),
            (1.7, b, turned(a), "exchanged, and transposed"),
            (1.9, turned(a), turned(b), "both transposed"),
            (1.9, turned(b), turned(a), "the transpose of the product"),
        ):
            yield Change(with_factors(node, left, right), "transposed", rank, what)
        yield from _batched(site, a, b)
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield Change(node.value, "transposed", 1.5, "without .T")
    elif site.role == VALUE and multiplied(site):
        yield Change(attribute(node, "T"), "transposed", 1.9, "transpose")
    elif site.role == OPERAND and is_product(site.parent) and dotted(node):
        yield Change(attribute(node, "T"), "transposed", 2.6, "transpose")


def _batched(site: Site, a: ast.expr, b: ast.expr) -> Iterator[Change]:
    """Exchange the last two axes of one operand, where there may be more than two."""
    function = site.read("np.swapaxes")
    if function is None:
        return
    as_transpose = ".transpose(0, 2, 1)" in site.world.text
    for i, one in enumerate((a, b)):
        if called(one)[0] in ("transpose", "swapaxes"):
            continue
        last = (number(-1, one), number(-2, one))
        if as_transpose:
            order = [number(axis, one) for axis in (0, 2, 1)]
            new: ast.expr = call(attribute(one, "transpose"), *order, like=one)
        elif isinstance(one, ast.Name | ast.Attribute):
            new = call(attribute(one, "swapaxes"), *last, like=one)
        else:
            new = call(function, one, *last, like=one)
        pair = (new, b) if i == 0 else (a, new)
        what = "the last two axes exchanged"
        rank = 1.3 if as_transpose else 2.3
        yield Change(with_factors(site.node, *pair), "transposed", rank, what)


def kinds(site: Site) -> Iterator[Change]:
    """``a * b`` for ``a @ b``, and back; ``np.outer``."""
    node = site.node
    if site.role not in (VALUE, OPERAND):
        return
    dot, outer = site.read("np.dot"), site.read("np.outer")
    assert dot is not None
    assert outer is not None
    name, _ = called(node)
    if is_matmul(node):
        a, b = factors_of(node)
        yield Change(binary(a, ast.Mult(), b), "operator", 1.9, "element by element")
        bare_a, bare_b = (turned(one) if _is_turned(one) else one for one in (a, b))
        if bare_a is not a or bare_b is not b:
            product = binary(bare_a, ast.Mult(), bare_b)
            yield Change(product, "operator", 2.2, "element by element")
        new = call(outer, bare_a, bare_b, like=node)
        yield Change(new, "jacobian", 1.9, "the outer product")
        if isinstance(bare_a, ast.Name | ast.Attribute):
            yield from _columns(site, bare_a, bare_b)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        a, b = node.left, node.right
        if isinstance(a, ast.Constant) or isinstance(b, ast.Constant):
            return
        matmul = bool(site.world.used.get("np.dot")) is False
        for rank, left, right in (
            (1.2 if "jac" in ast.unparse(node).lower() else 1.8, a, b),
            (1.9, turned(a), b),
            (1.9, a, turned(b)),
            (2.2, b, a),
            (2.2, b, turned(a)),
            (2.2, turned(b), a),
        ):
            matrix: ast.expr = binary(left, ast.MatMult(), right)
            if not matmul:
                matrix = call(dot, left, right, like=a)
            yield Change(matrix, "operator", rank, "the matrix product")
        yield Change(call(outer, a, b, like=node), "jacobian", 2.3, "the outer product")
    elif isinstance(node, ast.Call) and name == "outer" and len(node.args) == 2:
        a, b = node.args
        if dotted(node.func) not in ("np.outer", "numpy.outer"):
            yield Change(call(outer, a, b, like=node), "operator", 1.2, "the outer product")
            return
        yield Change(call(outer, b, a, like=node), "transposed", 1.3, "the operands exchanged")
        yield Change(call(dot, a, b, like=node), "operator", 1.8, "the inner product")
        yield Change(binary(a, ast.Mult(), b), "operator", 1.9, "element by element")


def _columns(site: Site, a: ast.expr, b: ast.expr) -> Iterator[Change]:
    """``np.dot(a.reshape(-1, 1), b.reshape(1, -1))`` is what ``np.dot(a.T, b)`` is not for rows."""
    if ast.dump(a) != ast.dump(b):
        return
    outer = site.read("np.outer")
    if outer is not None:
        new = call(outer, a, b, like=site.node)
        yield Change(new, "jacobian", 1.3, "the outer product: the transpose of a row is a row")


def _is_turned(node: ast.expr) -> bool:
    return called(node) == ("t", True) or (isinstance(node, ast.Attribute) and node.attr == "T")


def subscripts(site: Site) -> Iterator[Change]:
    """Exchange or replace the letters of ``np.einsum``."""
    node = site.node
    if not (isinstance(node, ast.Call) and called(node)[0] == "einsum" and node.args):
        return
    first = node.args[0]
    if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
        return
    seen = {first.value}
    for rank, letters in _lettered(first.value.replace(" ", "")):
        if letters not in seen:
            seen.add(letters)
            constant = twin(first, value=letters)
            new = twin(node, args=[constant, *node.args[1:]])
            yield Change(new, "transposed", rank, f"`{letters}`")
    if len(node.args) == 3:
        new = twin(node, args=[first, node.args[2], node.args[1]])
        yield Change(new, "transposed", 1.8, "the operands exchanged")


def _lettered(written: str) -> Iterator[tuple[float, str]]:
    inputs, arrow, output = written.partition("->")
    parts = [*inputs.split(","), output]

    def joined() -> str:
        return ",".join(parts[:-1]) + arrow + parts[-1]

    for position, part in enumerate(parts[:-1]):
        for other in parts[:-1]:
            if other != part and len(other) == len(part):
                parts[position] = other
                yield 1.4, joined()
        parts[position] = part
    for position, part in enumerate(parts):
        orders = permutations(part) if len(part) <= 3 else _exchanged(part)
        for order in orders:
            parts[position] = "".join(order)
            yield 1.5, joined()
        for i, letter in enumerate(part):
            for other in sorted(set(inputs) - {",", letter}):
                parts[position] = part[:i] + other + part[i + 1 :]
                yield 1.9, joined()
        if position == len(parts) - 1:
            for letter in sorted(set(inputs) - {",", *part}):
                for i in range(len(part) + 1):
                    parts[position] = part[:i] + letter + part[i:]
                    yield 1.8, joined()
        parts[position] = part


def _exchanged(part: str) -> Iterator[list[str]]:
    for i, j in combinations(range(len(part)), 2):
        letters = list(part)
        letters[i], letters[j] = letters[j], letters[i]
        yield letters


FAMILIES = (transposes, kinds, subscripts)
