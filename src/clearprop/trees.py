"""Arguments and results that are nested: dicts, lists, tuples and dataclasses of arrays.

What is opened, and what names its parts have, is said once, in `_opened`; the rest walks. None
and the static fields of a dataclass hold no numbers: they belong to the nesting, and stay.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator
from types import MemberDescriptorType, ModuleType
from typing import Any

from clearprop.errors import DTypeError, ShapeError
from clearprop.idioms import is_called
from clearprop.places import current_line

_DEEPEST = 200  # levels; Python recurses to 1,000 frames
_STATIC = (str, bool, type(None), ModuleType)


def tree_map(f: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Apply ``f`` to every leaf of a tree (and the leaves at the same places of the others).

    Raises
    ------
    ShapeError
        If another tree is nested otherwise.
    DTypeError
        If the tree contains itself.
    """
    return _map(f, tree, others, ())


def tree_leaves(tree: Any, name: str = "") -> list[tuple[str, Any]]:
    """List the leaves in order, each with its name: ``params['W1']``, ``x[0]``, ``model.W``."""
    return list(_walk(tree, name, ()))


def tree_values(tree: Any) -> Iterator[Any]:
    """Go through the leaves in order; nothing is copied."""
    found: list[Any] = []
    _collect(tree, found, ())
    return iter(found)


def flattened(tree: Any) -> tuple[list[Any], Any]:
    """Give the leaves in order, and the `structure` that they were in."""
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves, ())


def structure(tree: Any) -> Any:
    """Give the nesting of a tree with what is static in it, to be compared and looked up."""
    return flattened(tree)[1]


class _Opened:
    """The parts of a dict, list, tuple or dataclass: how each is found, and how they go back."""

    __slots__ = ("form", "keys", "values")

    def __init__(self, form: str, keys: list[Any], values: list[Any]) -> None:
        self.form = form  # "item" or "field": what `keys` are
        self.keys = keys
        self.values = values

    def name(self, key: Any) -> str:
        return f".{key}" if self.form == "field" else f"[{key!r}]"


def _opened(tree: Any) -> _Opened:
    """Open a container."""
    if isinstance(tree, dict):
        return _Opened("item", list(tree), list(tree.values()))
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return _Opened("field", list(tree._fields), list(tree))
    if isinstance(tree, tuple | list):
        return _Opened("item", list(range(len(tree))), list(tree))
    fields = [field for field in dataclasses.fields(tree) if hasattr(tree, field.name)]
    names = [field.name for field in fields if not _is_static(field, tree)]
    return _Opened("field", names, [getattr(tree, name) for name in names])


class _IsLeaf(dict[type, bool]):
    """Whether the values of a type are leaves, for each that was met: asked at every call."""

    def __missing__(self, kind: type) -> bool:
        container = issubclass(kind, dict | tuple | list) or hasattr(kind, "__dataclass_fields__")
        self[kind] = not container
        return not container


_IS_LEAF = _IsLeaf()


def _is_dataclass(tree: Any) -> bool:
    return hasattr(type(tree), "__dataclass_fields__")


def _is_static(field: dataclasses.Field[Any], tree: Any) -> bool:
    if field.metadata.get("static"):
        return True
    value = getattr(tree, field.name)
    return isinstance(value, _STATIC) or (is_called(value) and _IS_LEAF[type(value)])


def static_fields(tree: Any) -> dict[str, Any]:
    """Give the fields of a dataclass that are no data, by name; nothing for anything else."""
    if not _is_dataclass(tree) or isinstance(tree, dict | tuple | list):
        return {}
    return {
        field.name: getattr(tree, field.name)
        for field in dataclasses.fields(tree)
        if hasattr(tree, field.name) and _is_static(field, tree)
    }


def fields_of(tree: Any) -> Any:
    """Give a dataclass as the dict of its fields that are data; anything else as it is."""
    if not _is_dataclass(tree) or isinstance(tree, dict | tuple | list):
        return tree
    opened = _opened(tree)
    return dict(zip(opened.keys, opened.values, strict=True))


def _map(f: Callable[..., Any], tree: Any, others: tuple[Any, ...], above: tuple[Any, ...]) -> Any:
    if _IS_LEAF[type(tree)]:
        return None if tree is None and above else f(tree, *others)
    kind = type(tree)
    if others or kind not in _PLAIN:
        opened = _opened(tree)
        above = _deeper(tree, above)
        rest = [_parts_like(tree, opened, other) for other in others]
        values = [
            _map(f, value, tuple(part[i] for part in rest), above)
            for i, value in enumerate(opened.values)
        ]
        return _rebuilt(tree, opened, values)
    above = _deeper(tree, above)
    is_leaf = _IS_LEAF
    if kind is dict:
        return {key: _map(f, value, (), above) for key, value in tree.items()}
    return kind(
        [
            f(value) if is_leaf[type(value)] and value is not None else _map(f, value, (), above)
            for value in tree
        ]
    )


_PLAIN = (dict, list, tuple)


def _collect(tree: Any, found: list[Any], above: tuple[Any, ...]) -> None:
    if _IS_LEAF[type(tree)]:
        if tree is not None or not above:
            found.append(tree)
        return
    above = _deeper(tree, above)
    kind = type(tree)
    values = tree.values() if kind is dict else tree
    for value in values if kind in _PLAIN else _opened(tree).values:
        _collect(value, found, above)


def _walk(tree: Any, name: str, above: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    if _IS_LEAF[type(tree)]:
        if tree is not None or not above:
            yield name, tree
        return
    opened = _opened(tree)
    above = _deeper(tree, above)
    for key, value in zip(opened.keys, opened.values, strict=True):
        yield from _walk(value, name + opened.name(key), above)


def _flatten(tree: Any, leaves: list[Any], above: tuple[Any, ...]) -> Any:
    if _IS_LEAF[type(tree)]:
        if tree is None and above:
            return None
        leaves.append(tree)
        return "leaf"
    above = _deeper(tree, above)
    kind = type(tree)
    if kind not in _PLAIN:
        opened = _opened(tree)
        static = tuple((name, type(v), v) for name, v in static_fields(tree).items())
        return kind, tuple(opened.keys), static, *_flatten_all(opened.values, leaves, above)
    if kind is dict:
        return kind, tuple(tree), *_flatten_all(tree.values(), leaves, above)
    return kind, *_flatten_all(tree, leaves, above)


def _flatten_all(values: Iterable[Any], leaves: list[Any], above: tuple[Any, ...]) -> list[Any]:
    found = []
    for value in values:
        if _IS_LEAF[type(value)] and value is not None:  # as `_flatten` says, but here at once
            leaves.append(value)
            found.append("leaf")
        else:
            found.append(_flatten(value, leaves, above))
    return found


def _deeper(tree: Any, above: tuple[Any, ...]) -> tuple[Any, ...]:
    """Go down one level; refuse a container that stands inside itself."""
    if any(tree is container for container in above):
        raise DTypeError(
            f"A {type(tree).__name__} contains itself.",
            where=current_line(2),
            why="Arguments and results may be nested, and the nesting has an end.",
            write="the arrays alone, without the reference back to what holds them.",
        )
    if len(above) == _DEEPEST:
        raise DTypeError(
            f"Arguments or results are nested more than {_DEEPEST} deep.",
            where=current_line(2),
            why="Nestings are walked by recursion.",
            write="a list of the arrays, in the place of a chain of nested pairs.",
        )
    return (*above, tree)


def _parts_like(tree: Any, opened: _Opened, other: Any) -> list[Any]:
    """Give the parts of another tree at the places of this one's."""
    if _IS_LEAF[type(other)] or (isinstance(tree, dict) != isinstance(other, dict)):
        raise _otherwise(opened, f"a {type(other).__name__}")
    theirs = _opened(other)
    # By the fields of the first: what is static there is so by its values, which may differ here.
    if opened.form == "field" and all(hasattr(other, key) for key in opened.keys):
        return [getattr(other, key) for key in opened.keys]
    if len(theirs.keys) != len(opened.keys) or (
        isinstance(tree, dict) and theirs.keys != opened.keys and set(other) != set(tree)
    ):
        raise _otherwise(opened, f"{theirs.keys}")
    return [other[key] for key in opened.keys] if isinstance(tree, dict) else theirs.values


def _otherwise(opened: _Opened, found: str) -> ShapeError:
    return ShapeError(
        f"Two nestings differ: {opened.keys} in one, {found} in the other.",
        where=current_line(3),
        why="What belongs together has the same keys and lengths.",
        write="both with the same keys and lengths.",
    )


# ---- putting the parts back ---------------------------------------------------------------------


def _rebuilt(tree: Any, opened: _Opened, values: list[Any]) -> Any:
    kind = type(tree)
    if kind is dict:
        return dict(zip(opened.keys, values, strict=True))
    if kind is list:
        return values
    if kind is tuple:
        return tuple(values)
    if isinstance(tree, dict):
        return _dict_like(tree, dict(zip(opened.keys, values, strict=True)))
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return kind._make(values)  # not kind(…): its __new__ may be the user's
    if isinstance(tree, tuple | list):
        try:
            return kind(values)
        except TypeError:  # it is made from something else
            return values if isinstance(tree, list) else tuple(values)
    return _dataclass_like(tree, dict(zip(opened.keys, values, strict=True)))


def _dict_like(tree: Any, parts: dict[Any, Any]) -> Any:
    """Copy a subclass of dict (its order, its default factory) with other values."""
    try:
        made = copy.copy(tree)
        same = type(made) is type(tree) and made is not tree and list(made) == list(tree)
    except Exception:  # whatever the copying of a user's class raises: a dict will do
        return parts
    if not same:
        return parts
    for key, value in parts.items():
        dict.__setitem__(made, key, value)
    return made


def _dataclass_like(tree: Any, parts: dict[str, Any]) -> Any:
    """Copy a dataclass with other values in its fields; nothing of its own code runs again.

    What it has computed from the fields and remembers (`cached_property`) is left out: it would
    be a number that no longer knows where it came from.
    """
    kind = type(tree)
    try:
        made = object.__new__(kind)
    except TypeError:  # what derives from a built-in type is made by that type
        made = copy.copy(tree)
    for name, value in getattr(tree, "__dict__", {}).items():
        if not isinstance(getattr(kind, name, None), functools.cached_property):
            made.__dict__[name] = value
    for base in kind.__mro__:
        for name, slot in vars(base).items():
            if isinstance(slot, MemberDescriptorType) and hasattr(tree, name):
                object.__setattr__(made, name, getattr(tree, name))
    for name, value in parts.items():
        object.__setattr__(made, name, value)
    return made
