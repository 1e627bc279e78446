"""Arguments and results that are nested dicts, lists and tuples of arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def tree_map(f: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Apply ``f`` to every leaf of a tree (and the leaves at the same places of the others)."""
    if isinstance(tree, dict):
        return {key: tree_map(f, tree[key], *(o[key] for o in others)) for key in tree}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*_each(f, tree, others))
    if isinstance(tree, tuple | list):
        return type(tree)(_each(f, tree, others))
    return f(tree, *others)


def _each(f: Callable[..., Any], tree: Any, others: tuple[Any, ...]) -> Iterator[Any]:
    return (tree_map(f, item, *(o[i] for o in others)) for i, item in enumerate(tree))


def tree_leaves(tree: Any, name: str = "") -> list[tuple[str, Any]]:
    """List the leaves of a tree in order, each with its name: ``params['W1']``, ``x[0]``."""
    if isinstance(tree, dict):
        parts: Any = ((f"{name}[{key!r}]", value) for key, value in tree.items())
    elif isinstance(tree, tuple) and hasattr(tree, "_fields"):
        parts = ((f"{name}.{key}", value) for key, value in zip(tree._fields, tree, strict=True))
    elif isinstance(tree, tuple | list):
        parts = ((f"{name}[{i}]", value) for i, value in enumerate(tree))
    else:
        return [(name, tree)]
    return [leaf for part, value in parts for leaf in tree_leaves(value, part)]
