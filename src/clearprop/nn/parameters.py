"""The arrays of a network under one roof, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.errors import ShapeError, UnknownNameError
from clearprop.nn.checks import parameter
from clearprop.nn.layer import Layer
from clearprop.places import current_line
from clearprop.tensor import Tensor


class Arrays(dict[str, Any]):
    """The arrays of layers by name: what is assigned here is assigned there.

    They are the very arrays of the layers, so that ``arrays["W1"] -= step`` changes the layer, and
    ``arrays["W1"] = new`` and ``arrays.update(new)`` do, too. A copy is a plain dict.

    Raises
    ------
    UnknownNameError
        There is no array of the name that is assigned to.
    ShapeError
        What is assigned has another shape.
    DTypeError
        What is assigned is no array of floats.
    """

    def __init__(self, places: Mapping[str, tuple[Layer, str]]) -> None:
        super().__init__((name, getattr(*place)) for name, place in places.items())
        self._places = places

    def __setitem__(self, name: str, value: Any) -> None:
        value = self._checked(name, value)
        layer, attribute = self._places[name]
        setattr(layer, attribute, value)
        super().__setitem__(name, value)

    def update(self, *others: Any, **more: Any) -> None:
        """Assign several; where one of them does not fit, none is assigned."""
        given = {name: self._checked(name, value) for name, value in dict(*others, **more).items()}
        for name, value in given.items():
            self[name] = value

    def __ior__(self, other: Any) -> Arrays:  # type: ignore[override,misc]
        self.update(other)
        return self

    def __reduce__(self) -> Any:
        return dict, (dict(self),)

    def _checked(self, name: str, value: Any) -> Any:
        if name not in self._places:
            raise UnknownNameError(
                f"{name!r} is no array of this network.",
                where=current_line(1),
                why="Its arrays belong to its layers; there is no layer for this one.",
                write=f"one of {list(self._places)}",
            )
        old = self[name]
        if value is old:
            return value  # after -=
        if not isinstance(value, Tensor) and old.dtype.kind == "u":  # the key of a mask
            value = np.asarray(value, old.dtype)
        else:
            value = parameter(value, name, "params")
        if value.shape != old.shape:
            raise ShapeError(
                f"params: {name} has shape {old.shape}, what is assigned to it {value.shape}.",
                where=current_line(1),
                why="The layers fit together in the shapes that they were made with.",
                write=f"{name}.T"
                if value.shape == old.shape[::-1]
                else f"an array of shape {old.shape}",
            )
        return value
