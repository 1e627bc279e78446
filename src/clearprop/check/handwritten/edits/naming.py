"""Another name where one stands: the value that was meant."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import lru_cache

from clearprop.check.handwritten.edits.model import (
    INDEX,
    OPERAND,
    OPTION,
    OVER,
    TARGET,
    TEST,
    VALUE,
    Change,
    Lines,
    Site,
    World,
)
from clearprop.check.handwritten.edits.scope import GRADIENT, OTHER, PARAMETER, SETTING, Value
from clearprop.check.handwritten.edits.sites import sites
from clearprop.check.handwritten.edits.trees import dotted, put, stores, twin

_FUNCTIONS = {
    "np",
    "numpy",
    "torch",
    "math",
    "len",
    "range",
    "enumerate",
    "zip",
    "int",
    "float",
    "reversed",
}


@lru_cache(maxsize=4096)
def _likeness(a: str, b: str) -> float:
    return SequenceMatcher(None, a.rpartition(".")[2], b.rpartition(".")[2]).ratio()


def names(site: Site) -> Iterator[Change]:
    """``self.W`` for ``self.dW``, ``self.out`` for ``self.x``: those of the same shape first."""
    node = site.node
    if not isinstance(node, ast.Name | ast.Attribute):
        return
    here = dotted(node)
    scope = site.scope
    if not here or here in _FUNCTIONS or here == scope.owner or here in scope.functions:
        return
    if isinstance(node, ast.Attribute) and dotted(node.value) != scope.owner:
        return
    if isinstance(site.parent, ast.Call) and site.parent.func is node:
        return
    line = site.statement.lineno
    mine = scope.value(here)
    for there in scope.reads(line):
        if there == here or there in _FUNCTIONS:
            continue
        value = scope.value(there)
        if site.role == TARGET and value.kind not in (GRADIENT, OTHER):
            continue
        rank = _rank(site, here, there, mine, value)
        if site.world.meant.get(id(node), ("",))[0] == there:
            rank = 0.2  # it is kept under this name
        other = site.read(there)
        if rank is None or other is None:
            continue
        if site.role == TARGET and isinstance(node.ctx, ast.Store):
            other = stores(other)  # type: ignore[assignment]  # an expression remains one
        what = f"`{there}` in the place of `{here}`"
        cause = _cause(site, here, value)
        if cause == "upstream-twice" and there in site.world.dead:
            cause = "wrong-value"
        yield Change(other, cause, rank, what)


def everywhere(statement: ast.stmt, rest: list[ast.stmt], world: World) -> Iterator[Lines]:
    """Another name wherever one stands in a statement, where that is more than once."""
    del rest
    if not isinstance(statement, ast.Assign | ast.AugAssign | ast.Return):
        return
    several: dict[str, list[Site]] = {}
    for site in sites(statement, world):
        if dotted(site.node) and site.role in (VALUE, OPERAND):
            several.setdefault(dotted(site.node), []).append(site)
    for of_name in several.values():
        if len(of_name) < 2:
            continue
        for change in names(of_name[0]):
            new = statement
            for site in of_name:
                new = put(new, site.path, change.new)
            yield Lines((new,), 1, change.cause, change.rank + 0.1, f"{change.what}, everywhere")


def pieces(site: Site) -> Iterator[Change]:
    """``window`` for ``w[f]``, ``hs[t]`` for ``h``: parts of arrays that the function reads."""
    node = site.node
    part = isinstance(node, ast.Subscript)
    if site.role not in (VALUE, OPERAND) or not (part or isinstance(node, ast.Name)):
        return
    if isinstance(site.parent, ast.Subscript | ast.Attribute):
        return
    here = ast.unparse(node)
    for there in site.world.parts:
        other = site.read(there) if there != here else None
        if other is not None:
            what = f"`{there}` in the place of `{here}`"
            yield Change(other, "wrong-value", 2.2 if part else 2.4, what)
    if part:
        for there in site.scope.reads(site.statement.lineno):
            other = site.read(there)
            if other is not None and site.scope.value(there).shape != ():
                unused = 0.0 if site.world.used.get(there) else 0.7
                what = f"`{there}` in the place of `{here}`"
                yield Change(other, "wrong-value", 2.3 - unused, what)


def _rank(site: Site, here: str, there: str, mine: Value, value: Value) -> float | None:
    """Rank a name in the place of another; None where it can hardly be meant."""
    small = site.role in (INDEX, OPTION, OVER, TEST)
    cached = site.world.wanted  # what forward keeps may be of another kind than what is needed
    if mine.shape is not None and value.shape is not None and site.role != TARGET and not cached:
        lost = site.role == OPERAND and site.gradient and not site.world.used.get(there, 0)
        if mine.shape == () and value.shape != () and not lost:
            return None
        if value.shape == () and mine.shape != () and not _squared(site, here):
            return None
    masks = site.role == INDEX and isinstance(site.parent, ast.Compare)  # dh[h < 0] = 0
    if small and value.kind == PARAMETER and not masks:
        return None
    setting = value.kind == SETTING and mine.kind != SETTING and mine.shape != ()
    if not small and setting and not _squared(site, here):
        return None
    rank = 2.4 - 0.3 * _squared(site, here)
    if cached and mine.shape == () and value.shape:
        rank -= 1.0
    if mine.shape is not None and mine.shape == value.shape:
        rank -= 0.5
    if mine.kind == value.kind:
        rank -= 0.2
    if _likeness(here, there) > 0.6:
        rank -= 0.3
    if site.world.used.get(there, 0) == 0 and site.role != TARGET:
        rank -= 0.4  # kept by forward or computed, and never read
        rank -= 0.5 * (there in site.world.dead)
    set_later = site.world.set_at.get(here, 0) >= site.statement.lineno and "." in here
    if set_later and site.role != TARGET:
        rank -= 0.5
    if site.role == TARGET:
        rank += 0.3
    return rank


def _squared(site: Site, here: str) -> bool:
    """Whether a name is multiplied by itself: one of the two is another, of whatever kind."""
    parent = site.parent
    if not isinstance(parent, ast.BinOp) or not isinstance(parent.op, ast.Mult):
        return False
    return dotted(parent.left) == dotted(parent.right) == here


def _cause(site: Site, here: str, value: Value) -> str:
    world, line = site.world, site.statement.lineno
    if site.role == TARGET:
        return "exchanged"
    if "." in here and world.set_at.get(here, 0) >= line:
        return "unset"
    if value.mask or (isinstance(site.parent, ast.Compare) and site.role == INDEX):
        return "mask"
    if isinstance(site.statement, ast.Return) and site.role == VALUE:
        return "exchanged" if isinstance(site.parent, ast.Tuple) else "wrong-value"
    if here in site.scope.upstream:
        often = sum(dotted(node) == here for node in ast.walk(site.statement))
        twice = often > 1 and site.gradient and value.kind != GRADIENT
        return "upstream-twice" if twice else "wrong-value"
    if here in world.updated and site.scope.value(here).kind == PARAMETER:
        return "updated-parameter"
    return "wrong-value"


def keys(site: Site) -> Iterator[Change]:
    """``grads["W2"]`` for ``grads["W1"]``."""
    node = site.node
    if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        return
    if site.role != INDEX:
        return
    for key in _strings(site):
        if key != node.value:
            rank = 2.0 - 0.3 * (_likeness(key, node.value) > 0.4)
            cause = "exchanged" if _in_target(site) else "wrong-value"
            yield Change(
                twin(node, value=key), cause, rank, f'"{key}" in the place of "{node.value}"'
            )


def _in_target(site: Site) -> bool:
    return site.path[0][0] in ("targets", "target")


def _strings(site: Site) -> list[str]:
    found: dict[str, None] = {}
    trees = [site.world.function, *([site.scope.forward] if site.scope.forward else [])]
    for tree in trees:
        for node in ast.walk(tree):
            key = node.slice if isinstance(node, ast.Subscript) else None
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                found[key.value] = None
    return list(found)[:12]


FAMILIES = (names, keys, pieces)
