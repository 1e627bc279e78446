"""The arrays that an object holds: found by their paths, and exchanged for others."""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

_DEPTH = 6


def arrays_in(thing: Any) -> dict[str, Any]:
    """Give the arrays that an object holds, by path: ``W``, ``params['W1']``, ``layers[0].W``.

    Recorded values count as arrays. An array that is held twice has its shortest path.
    """
    found: dict[str, Any] = {}
    seen: set[int] = set()
    for path, value, _ in _walk(thing):
        if is_array(value) and id(value) not in seen:
            seen.add(id(value))
            found[path] = value
    return found


def attributes_of(thing: Any) -> dict[str, Any]:
    """Give everything that an object holds, by path: numbers, None and text as well."""
    return {path: value for path, value, _ in _walk(thing)}


def exchange(thing: Any, others: dict[int, Any]) -> None:
    """Put another value wherever the object holds an array; ``others`` is by ``id``."""
    for _, value, (holder, key) in list(_walk(thing)):
        if id(value) in others and is_array(value):
            if isinstance(holder, tuple):
                continue  # read again through the path that the tuple came by
            if isinstance(holder, dict | list):
                holder[key] = others[id(value)]
            else:
                setattr(holder, key, others[id(value)])


def copied(thing: Any) -> Any:
    """Copy arrays, so that user code that writes into what it gets does no harm."""
    if isinstance(thing, np.ndarray):
        return thing.copy(order="K")  # in memory as it is: see `varying.behind_another`
    if isinstance(thing, dict):
        return {key: copied(value) for key, value in thing.items()}
    if isinstance(thing, list):
        return [copied(value) for value in thing]
    return thing


def is_array(value: Any) -> bool:
    """Whether a value is an array or a recorded value."""
    return isinstance(value, np.ndarray) or hasattr(value, "__array_function__")


def is_real(value: Any) -> bool:
    """Whether a value is an array of real numbers."""
    return is_array(value) and getattr(value.dtype, "kind", "") == "f"


def _walk(thing: Any) -> Iterator[tuple[str, Any, tuple[Any, Any]]]:
    """Walk breadth first, so that the shortest path to a value comes first."""
    queue: list[tuple[str, Any]] = [("", thing)]
    opened: set[int] = set()
    for _ in range(_DEPTH):
        below: list[tuple[str, Any]] = []
        for path, holder in queue:
            if id(holder) in opened:
                continue
            opened.add(id(holder))
            for name, key, value in _parts(holder, path):
                yield name, value, (holder, key)
                if not is_array(value):
                    below.append((name, value))
        queue = below


def _parts(holder: Any, path: str) -> list[tuple[str, Any, Any]]:
    if isinstance(holder, dict):
        return [(f"{path}[{key!r}]", key, value) for key, value in list(holder.items())]
    if isinstance(holder, list | tuple):
        return [(f"{path}[{i}]", i, value) for i, value in enumerate(holder[:200])]
    if _is_plain(holder):
        return []
    dot = f"{path}." if path else ""
    inside = dict(getattr(holder, "__dict__", {}))
    for cls in type(holder).__mro__:
        for slot in getattr(cls, "__slots__", ()):
            if isinstance(slot, str) and hasattr(holder, slot):
                inside[slot] = getattr(holder, slot)
    return [(f"{dot}{plain_name(holder, key)}", key, value) for key, value in inside.items()]


def plain_name(holder: Any, key: str) -> str:
    """Undo what Python makes of ``self.__x``."""
    prefix = f"_{type(holder).__name__.lstrip('_')}__"
    return f"__{key[len(prefix) :]}" if key.startswith(prefix) else key


def _is_plain(value: Any) -> bool:
    return (
        value is None
        or is_array(value)
        or isinstance(
            value,
            str | bytes | int | float | complex | type | ModuleType | FunctionType | np.generic,
        )
        or type(value).__module__.split(".")[0] in ("numpy", "random")
        or (callable(value) and not hasattr(value, "__dict__"))
    )
