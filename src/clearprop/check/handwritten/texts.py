"""What the code says about its arguments: names of keys, ranks of shapes, kinds of targets."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import Any

from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.meaning import is_prediction, is_target, stems
from clearprop.check.handwritten.said import shapes_said


@dataclass(frozen=True)
class Texts:
    """What the code says, as far as proposals need it."""

    forward: str = ""
    name: str = ""
    is_loss: bool = False
    is_network: bool = False
    keys: dict[str, list[str]] = field(default_factory=dict)
    ranks: dict[str, int] = field(default_factory=dict)
    strings: list[str] = field(default_factory=list)
    arguments: tuple[str, ...] = ()
    gates: int = 0
    channels_last: bool = False
    said: dict[str, tuple[int | str, ...]] = field(default_factory=dict)

    @property
    def has_weights(self) -> bool:
        """Whether some argument is by its name a matrix of weights."""
        return any(re.match(r"^(w\d?|weights?|theta)$", name, re.I) for name in self.arguments)


def read_texts(driver: Driver, functions: list[Any]) -> Texts:
    """Read the code for what its arguments must be."""
    trees = [t for t in (driver.source.tree(f) for f in functions) if t is not None]
    forward = "\n".join(_plain(t) for t in trees)
    keys: dict[str, list[str]] = {}
    ranks: dict[str, int] = {}
    strings: list[str] = []
    channels_last = False
    for tree in trees:
        for node in ast.walk(tree):
            for name, key in _dict_keys(node):
                keys.setdefault(name, [])
                if key and key not in keys[name]:
                    keys[name].append(key)
            rank = _rank(node)
            if rank is not None:
                ranks.setdefault(*rank)
                last = getattr(node.targets[0].elts[-1], "id", "")  # type: ignore[attr-defined]
                if rank[1] == 4 and re.match(
                    r"^(n_?)?(c|ch|channels?|depth|d)(_?(prev|in))?$", last, re.I
                ):
                    channels_last = True
            compared = node.comparators[0] if isinstance(node, ast.Compare) else None
            if isinstance(compared, ast.Constant) and isinstance(compared.value, str):
                strings.append(compared.value)
    name = driver.candidate.name
    names = [p.name for p in driver.inputs]
    is_loss = any(map(is_target, names)) or "loss" in name.lower()
    is_loss = is_loss or (bool({"y", "Y"} & set(names)) and any(map(is_prediction, names)))
    if "y" in names and driver.candidate.style == "loss and gradient":
        returned = driver.source.returned(driver.candidate.backward)
        is_loss = is_loss or not any("y" in stems(name) for name in returned)
    if "Y" in names and driver.candidate.style in ("pair", "loss and gradient"):
        is_loss = is_loss or driver.ways() == ["none"]
    costs = re.search(r"cost|loss", getattr(driver.candidate.forward, "__name__", ""), re.I)
    taught = driver.candidate.style in ("network", "training") or costs is not None
    is_loss = is_loss or (taught and bool({"y", "Y"} & set(names)))
    if "y" in names and re.search(r"\[[^\[\]]*range\([^\]]*\), y\]", forward):
        is_loss = True  # labels that choose an entry of each row
    arguments = tuple(p.name for p in [*driver.inputs, *driver.constructor])
    gates = 4 if _parts(forward, 4) else 3 if _parts(forward, 3) else 0
    is_network = driver.candidate.style in ("network", "training")
    said: dict[str, tuple[int | str, ...]] = {}
    for tree in trees[:1]:
        doc = ast.get_docstring(tree) or ""
        said |= shapes_said(doc, [a.arg for a in tree.args.args if a.arg != "self"])
    return Texts(
        forward,
        name,
        is_loss,
        is_network,
        keys,
        ranks,
        strings,
        arguments,
        gates,
        channels_last,
        said,
    )


def _plain(tree: ast.FunctionDef) -> str:
    """Give the text of a function without its docstring."""
    text = ast.unparse(tree)
    said = ast.get_docstring(tree, clean=False)
    return text if said is None else text.replace(ast.unparse(tree.body[0]), "", 1)


def _parts(text: str, count: int) -> bool:
    """Whether something is cut into so many gates: ``np.split(a, 4, …)``, ``a[:, 3 * H:]``."""
    return bool(
        re.search(rf"split\([^)]*,\s*{count}\b", text)
        or re.search(rf"\b{count - 1} ?\* ?[A-Za-z_.\[\]]+ ?:", text)
        or re.search(rf"// ?{count}\b", text)
    )


def _dict_keys(node: ast.AST) -> list[tuple[str, str]]:
    """Give (name, key) of ``name['key']`` or ``name.get('key', …)``.

    Of ``name['W' + str(l)]`` the first two.
    """
    if (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and isinstance(node.ctx, ast.Load)
    ):
        prefix = _prefix(node.slice)
        if prefix:
            return [(node.value.id, f"{prefix}1"), (node.value.id, f"{prefix}2")]
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            return [(node.value.id, node.slice.value)]
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("get", "setdefault")
        and isinstance(node.func.value, ast.Name)
        and node.args
        and isinstance(node.args[0], ast.Constant)
    ):
        key = str(node.args[0].value) if len(node.args) == 1 else ""
        return [(node.func.value.id, key)]
    return []


def _prefix(key: ast.expr) -> str:
    """Give ``W`` of the key ``'W' + str(l)`` or ``f'W{l}'``."""
    first: ast.expr | None = None
    if isinstance(key, ast.BinOp) and isinstance(key.op, ast.Add):
        first = key.left
    elif isinstance(key, ast.JoinedStr) and len(key.values) == 2:
        first = key.values[0]
    value = first.value if isinstance(first, ast.Constant) else ""
    return value if isinstance(value, str) else ""


def _rank(node: ast.AST) -> tuple[str, int] | None:
    """Give (name, dimensions) of ``N, C, H, W = name.shape``."""
    if (
        isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Tuple)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "shape"
        and not any(isinstance(e, ast.Starred) for e in node.targets[0].elts)
    ):
        owner = node.value.value
        name = owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "")
        return name, len(node.targets[0].elts)
    return None
