"""What the code says about its arguments: names of keys, ranks of shapes, kinds of targets."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import Any

from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.meaning import is_target


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
    for tree in trees:
        for node in ast.walk(tree):
            key = _dict_key(node)
            if key is not None:
                keys.setdefault(key[0], [])
                if key[1] and key[1] not in keys[key[0]]:
                    keys[key[0]].append(key[1])
            rank = _rank(node)
            if rank is not None:
                ranks.setdefault(*rank)
            if isinstance(node, ast.Compare) and isinstance(node.comparators[0], ast.Constant):
                if isinstance(node.comparators[0].value, str):
                    strings.append(node.comparators[0].value)
    name = driver.candidate.name
    is_loss = any(is_target(p.name) for p in driver.inputs) or "loss" in name.lower()
    arguments = tuple(p.name for p in [*driver.inputs, *driver.constructor])
    gates = 4 if _parts(forward, 4) else 3 if _parts(forward, 3) else 0
    is_network = driver.candidate.style == "network"
    return Texts(forward, name, is_loss, is_network, keys, ranks, strings, arguments, gates)


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


def _dict_key(node: ast.AST) -> tuple[str, str] | None:
    """Give (name, key) of ``name['key']`` or ``name.get('key', …)``."""
    if (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
        and isinstance(node.ctx, ast.Load)
    ):
        return node.value.id, node.slice.value
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("get", "setdefault")
        and isinstance(node.func.value, ast.Name)
        and node.args
        and isinstance(node.args[0], ast.Constant)
    ):
        return node.func.value.id, str(node.args[0].value) if len(node.args) == 1 else ""
    return None


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
