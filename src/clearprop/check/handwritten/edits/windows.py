"""Indices, slices, ranges, and the order of axes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import combinations, permutations
from typing import Any

from clearprop.check.handwritten.edits.model import (
    INDEX,
    OPERAND,
    OPTION,
    OVER,
    TARGET,
    VALUE,
    Change,
    Site,
)
from clearprop.check.handwritten.edits.sites import called, multiplied
from clearprop.check.handwritten.edits.trees import (
    attribute,
    binary,
    call,
    dotted,
    make,
    number,
    twin,
)

_STEP = re.compile(r"(^|[._])(stride|s|sh|sw|step|dilation)(_?[hwxy0-9])?$", re.I)
_PAD = re.compile(r"(^|[._])(pad|padding|p)(_?[hwxy0-9])?$", re.I)


def indices(site: Site) -> Iterator[Change]:
    """``i + 1``, ``i - 1``, ``i * stride``, ``i`` for ``i * stride``; indices exchanged."""
    node = site.node
    if site.role not in (INDEX, OVER) and not (site.position and site.role != TARGET):
        return
    if isinstance(node, ast.Tuple) and 2 <= len(node.elts) <= 5:
        for i, j in combinations(range(len(node.elts)), 2):
            several = list(node.elts)
            several[i], several[j] = several[j], several[i]
            yield Change(twin(node, elts=several), "window", 1.6, "the indices exchanged")
        if any(isinstance(one, ast.Name) for one in node.elts):
            kept = [_kept_axis(one) for one in node.elts]
            yield Change(twin(node, elts=kept), "window", 2.0, "the axes kept")
    if isinstance(node, ast.Slice):
        yield from _slices(site, node)
    if isinstance(node, ast.Name | ast.Attribute | ast.BinOp) and not _masklike(site):
        if isinstance(site.parent, ast.BinOp) and not isinstance(node, ast.Name | ast.Attribute):
            return
        one = number(1, node)
        if not isinstance(site.parent, ast.BinOp):
            yield Change(binary(node, ast.Add(), one), "window", 1.9, "one more")
            yield Change(binary(node, ast.Sub(), one), "window", 1.9, "one less")
        if isinstance(node, ast.Name):
            for stride in site.scope.reads(site.statement.lineno):
                step = site.read(stride) if _STEP.search(stride) else None
                if step is not None and stride != node.id:
                    new = binary(node, ast.Mult(), step)
                    yield Change(new, "window", 1.5, f"times `{stride}`")
    if isinstance(node, ast.Constant) and type(node.value) is int:
        for running in site.world.running(site.statement):
            meant = site.read(running)
            if meant is not None:
                what = f"`{running}` in the place of {node.value}"
                yield Change(meant, "window", 1.6, what)
    if isinstance(node, ast.BinOp):
        what = f"without `{ast.unparse(node.right)}`"
        yield Change(node.left, "window", 1.6, what)
        if not isinstance(node.op, ast.Sub):
            yield Change(node.right, "window", 1.8, f"without `{ast.unparse(node.left)}`")
        if isinstance(node.op, ast.Add | ast.Sub):
            other = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
            yield Change(twin(node, op=other), "window", 1.7, "the other sign")


def _kept_axis(node: ast.expr) -> ast.expr:
    if not isinstance(node, ast.Name):
        return node
    end = binary(node, ast.Add(), number(1, node))
    return make(ast.Slice, node, lower=node, upper=end, step=None)


def _masklike(site: Site) -> bool:
    source = dotted(site.node)
    return "mask" in source or site.scope.value(source).shape not in (None, ())


def _slices(site: Site, node: ast.Slice) -> Iterator[Change]:
    yield from _moved(node)
    if node.step is not None:
        yield Change(twin(node, step=None), "window", 1.6, "without a step")
    if node.lower is None and node.upper is None:
        if node.step is None:
            backwards = make(ast.UnaryOp, node, op=ast.USub(), operand=number(1, node))
            yield Change(twin(node, step=backwards), "window", 2.2, "reversed")
        return
    if node.lower is not None:
        yield Change(twin(node, lower=None), "window", 2.0, "from the beginning")
    if node.upper is not None:
        yield Change(twin(node, upper=None), "window", 2.0, "to the end")


def _moved(node: ast.Slice) -> Iterator[Change]:
    """Move both ends of a slice by one, or back to where they would be without it."""
    lower, upper = node.lower, node.upper
    if lower is None or upper is None:
        return
    for op, other in ((ast.Add, ast.Sub), (ast.Sub, ast.Add)):
        ends = [_without(end, op) for end in (lower, upper)]
        if ends[0] is None or ends[1] is None:
            ends = [binary(end, other(), number(1, node)) for end in (lower, upper)]
        what = "one place further" if other is ast.Add else "one place back"
        yield Change(twin(node, lower=ends[0], upper=ends[1]), "window", 1.8, what)


def _without(node: ast.expr, op: type[ast.operator]) -> ast.expr | None:
    """Give ``a`` of ``a + 1``."""
    one = isinstance(node, ast.BinOp) and isinstance(node.op, op)
    if one and isinstance(node, ast.BinOp) and ast.unparse(node.right) == "1":
        return node.left
    return None


#: The names of one axis and of the other.
_AXES = (
    *(("h", "w"), ("H", "W"), ("i", "j"), ("y", "x"), ("top", "left"), ("row", "col")),
    *(("rows", "cols"), ("height", "width"), ("r", "c"), ("a", "b"), ("u", "v"), ("p", "q")),
)


def alike(site: Site) -> Iterator[Change]:
    """``j * s : j * s + fw`` as ``i * s : i * s + fh`` beside it, for the other axis."""
    node = site.node
    if site.role not in (INDEX, OPTION) or not isinstance(node, ast.Tuple):
        return
    for i, j in permutations(range(len(node.elts)), 2):
        one, other = node.elts[i], node.elts[j]
        if abs(i - j) != 1 or isinstance(one, ast.Constant):
            continue
        said = ast.unparse(_crop_of(one))
        forth = i < j
        words = re.split(r"([A-Za-z_]\w*)", said)
        changed = "".join(_other_axis(w, forth) if w.isidentifier() else w for w in words)
        if changed == said or changed == ast.unparse(_crop_of(other)):
            continue
        read = site.read(f"({site.scope.owner or '0'})[{changed[1:-1]}]")
        if isinstance(read, ast.Subscript):
            several = list(node.elts)
            several[j] = read.slice
            yield Change(twin(node, elts=several), "window", 1.5, "as along the other axis")


def _crop_of(node: ast.expr) -> ast.expr:
    return ast.List([node], ast.Load())


def _other_axis(name: str, forth: bool) -> str:
    """Give the name of a length or an index for the other axis: ``out_w`` for ``out_h``."""
    parts = re.split(r"(_)", name)
    for pair in _AXES:
        old, new = pair if forth else pair[::-1]
        if old in parts:
            return "".join(new if part == old else part for part in parts)
        if len(old) == 1 and len(name) == 2 and name[1] == old:  # ow for oh
            return name[0] + new
    return name


def ranges(site: Site) -> Iterator[Change]:
    """``range(T)`` for ``reversed(range(T))``, and back; other bounds."""
    node = site.node
    if site.role != OVER:
        return
    name, _ = called(node)
    over = isinstance(site.parent, ast.For) and not isinstance(node, ast.Constant | ast.Tuple)
    if over and name not in ("range", "reversed", "enumerate", "zip"):
        function = site.read("reversed")
        if function is not None:
            listed = node
            if name in ("values", "keys", "items"):
                keep = site.read("list")
                listed = node if keep is None else call(keep, node, like=node)
            new = call(function, listed, like=node)
            yield Change(new, "window", 1.2, "from the last to the first")
    if not isinstance(node, ast.Call):
        return
    if name == "reversed" and len(node.args) == 1:
        yield Change(node.args[0], "window", 1.3, "from the first to the last")
    elif name == "range" and not isinstance(site.parent, ast.Call):
        function = site.read("reversed")
        if function is not None:
            yield Change(
                call(function, node, like=node), "window", 1.3, "from the last to the first"
            )
    if name != "range":
        return
    one = number(1, node)
    for i, bound in enumerate(node.args[:2]):
        for op, what in ((ast.Add(), "one more"), (ast.Sub(), "one less")):
            bounds = list(node.args)
            if not isinstance(bound, ast.Constant):
                bounds[i] = binary(bound, op, one)
                yield Change(twin(node, args=bounds), "window", 1.7, f"{what} in the range")
    if len(node.args) == 1:
        for first in (number(1, node), number(0, node)):
            new = twin(node, args=[first, *node.args])
            if first.value:
                yield Change(new, "window", 1.9, "from 1")
    if len(node.args) >= 2:
        yield Change(twin(node, args=[node.args[1]]), "window", 2.0, "from 0")


def orders(site: Site) -> Iterator[Change]:
    """Another order of the axes, or of the lengths of a shape; no transpose, no reshape."""
    node = site.node
    if site.role not in (VALUE, OPERAND):
        return
    shape = site.scope.value(dotted(node)).shape if dotted(node) else None
    if shape is not None and len(shape) == 4:
        for axes in ((0, 2, 3, 1), (0, 3, 1, 2)):
            order = [number(axis, node) for axis in axes]
            new: ast.expr = call(attribute(node, "transpose"), *order, like=node)
            yield Change(new, "transposed", 2.0, f"the axes in the order {axes}")
    if not isinstance(node, ast.Call):
        return
    name, method = called(node)
    if name not in ("transpose", "reshape", "swapaxes"):
        return
    inside = node.func.value if method and isinstance(node.func, ast.Attribute) else None
    if inside is None and node.args:
        inside = node.args[0]
    if inside is not None:
        cause = "shape" if name == "reshape" else "transposed"
        yield Change(inside, cause, 1.9, f"without {name}")
    skip = 0 if method else 1
    given = node.args[skip:]
    packed = len(given) == 1 and isinstance(given[0], ast.Tuple)
    parts = given[0].elts if packed and isinstance(given[0], ast.Tuple) else given
    if not 2 <= len(parts) <= 6:
        return
    if name == "transpose":
        yield from _axes(site, node, parts, packed, skip)
    elif name == "reshape":
        for i, j in combinations(range(len(parts)), 2):
            several = list(parts)
            several[i], several[j] = several[j], several[i]
            new = _with(node, several, packed, skip)
            yield Change(new, "shape", 1.7, "the lengths exchanged")


def _axes(
    site: Site, node: ast.Call, parts: list[ast.expr], packed: bool, skip: int
) -> Iterator[Change]:
    axes: list[Any] = [part.value for part in parts if isinstance(part, ast.Constant)]
    if len(axes) < len(parts) or sorted(axes, key=str) != list(range(len(axes))):
        return
    inverse = tuple(axes.index(i) for i in range(len(axes)))
    if len(axes) <= 4:
        choices = list(permutations(range(len(axes))))
    else:
        choices = [inverse]
        for i, j in combinations(range(len(axes)), 2):
            other = list(axes)
            other[i], other[j] = other[j], other[i]
            choices.append(tuple(other))
    for axes_there in choices:
        if list(axes_there) == axes:
            continue
        moved = sum(a != b for a, b in zip(axes, axes_there, strict=True))
        rank = 1.3 if axes_there == inverse else 1.6 if moved == 2 else 2.1
        new = _with(node, [number(a, node) for a in axes_there], packed, skip)
        yield Change(new, "transposed", rank, f"the axes in the order {axes_there}")


def _with(node: ast.Call, parts: list[ast.expr], packed: bool, skip: int) -> ast.Call:
    given: list[ast.expr] = list(parts)
    if packed:
        given = [make(ast.Tuple, node, elts=given, ctx=ast.Load())]
    return twin(node, args=[*node.args[:skip], *given])


def reshaped(site: Site) -> Iterator[Change]:
    """``e.reshape(self.x.shape)`` for ``e``; a padded border cut off."""
    if not multiplied(site) or site.role != VALUE:
        return
    node = site.node
    if called(node)[0] == "transpose":
        for name in site.scope.reads(site.statement.lineno):
            if site.scope.value(name).shape == () and "." not in name:
                rows = site.read(f"({site.scope.owner or '0'}).reshape(-1, {name})")
                if isinstance(rows, ast.Call):
                    new: ast.expr = call(attribute(node, "reshape"), *rows.args, like=node)
                    yield Change(new, "shape", 1.8, f"reshape to rows of `{name}`")
    if not site.gradient:
        return
    returned = isinstance(site.statement, ast.Return)
    for i, source in enumerate(_shapes(site)):
        shape = site.read(source)
        if shape is not None:
            new = call(attribute(node, "reshape"), shape, like=node)
            rank = (1.7 if returned else 1.9) + 0.05 * i
            yield Change(new, "shape", rank, f"reshape to `{source}`")
    for name in site.scope.reads(site.statement.lineno):
        if not _PAD.search(name):
            continue
        for crop in (
            "[:, :, {0}:-{0}, {0}:-{0}]",
            "[{0}:-{0}, {0}:-{0}]",
            "[:, {0}:-{0}, {0}:-{0}, :]",
        ):
            index = _crop(site, crop.format(name))
            new_index = make(ast.Subscript, node, value=node, slice=index, ctx=ast.Load())
            yield Change(new_index, "window", 1.9, "without the padding")


def _crop(site: Site, crop: str) -> ast.expr:
    tree = site.world.read(f"({site.scope.owner or '0'}){crop}", site.statement.lineno)
    assert isinstance(tree, ast.Subscript)
    return tree.slice


def _shapes(site: Site) -> list[str]:
    found = []
    for name in site.scope.reads(site.statement.lineno):
        value = site.scope.value(name)
        if name.endswith("shape"):
            found.append(name)
        elif value.shape is not None and len(value.shape) > 1 and value.kind != "gradient":
            found.append(f"{name}.shape")
    return found[:6]


def crops(site: Site) -> Iterator[Change]:
    """``e`` for ``e[…]``, where the statement gives a gradient."""
    node = site.node
    if isinstance(node, ast.Subscript) and site.role in (VALUE, OPERAND) and site.gradient:
        yield Change(node.value, "window", 2.0, "without the index")
    flips = called(node)[0] in ("flip", "rot90", "flipud", "fliplr")
    if flips and isinstance(node, ast.Call) and node.args:
        yield Change(node.args[0], "window", 1.5, "not flipped")
    pair = isinstance(node, ast.Tuple) and site.role == OPTION and len(node.elts) == 2
    if pair and isinstance(node, ast.Tuple) and all(map(dotted, node.elts)):
        new = twin(node, elts=list(reversed(node.elts)))
        made = called(site.parent)[0] in ("zeros", "ones", "empty", "full")
        cause, rank = ("exchanged", 1.9) if made else ("shape", 2.2)
        yield Change(new, cause, rank, "the lengths exchanged")


def axes_added(site: Site) -> Iterator[Change]:
    """``e[:, None]``, ``e[:, :, None, None]``: axes for broadcasting."""
    node = site.node
    if site.role not in (VALUE, OPERAND) or not dotted(node):
        return
    if isinstance(site.parent, ast.Subscript | ast.Attribute):
        return
    shape = site.scope.value(dotted(node)).shape
    forms = {1: ("[:, None]", "[:, None, None]"), 2: ("[:, :, None, None]", "[:, :, None]")}
    for form in forms.get(len(shape or ()), ()):
        new = site.read(f"{dotted(node)}{form}")
        if new is not None:
            yield Change(new, "shape", 1.8, f"`{dotted(node)}{form}`")


FAMILIES = (alike, axes_added, indices, ranges, orders, reshaped, crops)
