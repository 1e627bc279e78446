"""What the layers accept: real numbers, parameters that fit together, whole strides, ratios."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from clearprop.errors import BoundsError, DTypeError, OptionError, ShapeError
from clearprop.places import current_line
from clearprop.staged.reading import is_staging
from clearprop.tensor import Tensor


def real_inputs(inputs: Sequence[Any], parameters: Sequence[Any], layer: str) -> tuple[Any, ...]:
    """Give the inputs as float arrays; whole numbers take the dtype of what they meet.

    Raises
    ------
    DTypeError
        If an input holds no real numbers.
    """
    if all(type(value) is Tensor or _is_float(value) for value in inputs):
        return tuple(inputs)
    floats = [value.dtype for value in (*inputs, *parameters) if _is_float(value)]
    dtype = np.result_type(*floats) if floats else np.dtype(np.float64)
    return tuple(_real(value, dtype, layer) for value in inputs)


def _is_float(value: Any) -> bool:
    ours = isinstance(value, np.ndarray | np.generic | Tensor) and not _masked(value)
    return ours and value.dtype.kind == "f"


def _masked(value: Any) -> bool:
    return isinstance(value, np.ma.MaskedArray)


def _real(value: Any, dtype: np.dtype[Any], layer: str) -> Any:
    if isinstance(value, Tensor) or _is_float(value):
        return value
    if _masked(value):
        raise _no_masked(layer)
    is_number = isinstance(value, bool | int | float)
    array = _as_array(value, layer)
    if array.dtype.kind == "f" and not is_number:
        return array  # a list of floats, or an array of another library
    if array.dtype.kind not in "fiub":
        raise DTypeError(
            f"{layer}: the input is {_described(value, array)}; a layer needs real numbers.",
            where=current_line(1),
            why="Only real numbers can move by a small amount.",
            write="x.real" if array.dtype.kind == "c" else "np.asarray(x, dtype=float)",
        )
    return array.astype(dtype)[()]


def _no_masked(layer: str) -> DTypeError:
    return DTypeError(
        f"{layer}: the input is a masked array.",
        where=current_line(1),
        why="What a masked element contributes to a gradient is not defined here.",
        write="np.where(x.mask, 0.0, x.data)",
    )


def row_numbers(value: Any, count: int, layer: str) -> Any:
    """Give the input as an array of whole numbers that are rows of a table.

    Raises
    ------
    DTypeError
        If it holds no whole numbers.
    BoundsError
        If the table has no such row. While a program is made nothing is known of its arguments.
    """
    if _masked(value):
        raise _no_masked(layer)
    array = value if isinstance(value, Tensor) else _as_array(value, layer)
    if not hasattr(value, "dtype") and not array.size:
        array = array.astype(np.intp)  # an empty list holds no floats
    check_whole(array, layer)
    if isinstance(value, Tensor) and is_staging.get():
        return array
    plain = array.value if isinstance(array, Tensor) else array
    wrong = (plain < 0) | (plain >= count)
    if np.any(wrong):
        place = tuple(np.argwhere(wrong)[0].tolist())
        number = plain[place].item()
        raise BoundsError(
            f"{layer}: x{list(place) if place else ''} is {number}, W has {count} rows.",
            where=current_line(1),
            why=f"Its rows are numbered from 0 to {count - 1}."
            if count
            else "There is no row to take.",
            write=f"nn.{layer}.initial({number + 1}, …), a table with a row for each number."
            if number >= 0
            else f"x % {count}, if numbers below 0 count from the end.",
        )
    return array


def check_whole(x: Any, layer: str) -> None:
    """Check that an input holds whole numbers.

    Raises
    ------
    DTypeError
        If it does not.
    """
    if x.dtype.kind in "iu":
        return
    raise DTypeError(
        f"{layer}: the input is an array of {x.dtype}; it takes whole numbers.",
        where=current_line(1),
        why="A number says which row of the table is meant; there is no row between two.",
        write="x.astype(int)" if x.dtype.kind in "fb" else "np.asarray(x, dtype=int)",
    )


def _as_array(value: Any, what: str) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise ShapeError(
            f"{what}: a list whose rows have different lengths is no array.",
            where=current_line(1),
            why=str(error).strip().rstrip(".") + ".",
            write="rows of equal length, such as np.zeros((2, 3))",
        ) from error


def _described(value: Any, array: np.ndarray[Any, Any]) -> str:
    if isinstance(value, np.ndarray | np.generic):
        return f"an array of {array.dtype}"
    return f"a {type(value).__name__} ({array.dtype})"


def parameter(value: Any, name: str, layer: str) -> Any:
    """Give a parameter as it is: the very array, so that in-place updates reach the layer.

    Raises
    ------
    DTypeError
        If it is no array of floats.
    """
    if isinstance(value, Tensor) or _is_float(value):
        return value
    if isinstance(value, list | tuple | float):
        value = _as_array(value, f"{layer}: {name}")
        if value.dtype.kind in "fiub":
            return value.astype(float)
    kind = type(value).__name__
    found = f"an array of {value.dtype}" if hasattr(value, "dtype") else f"{_article(kind)} {kind}"
    if _masked(value):
        found = "a masked array"
    initial = layer in _SIZES and not hasattr(value, "dtype")
    raise DTypeError(
        f"{layer}: {name} is {found}.",
        where=current_line(1),
        why="A parameter is trained in place by small amounts, so it is an array of floats.",
        write=f"nn.{layer}.initial({_SIZES[layer]}), which draws the parameters."
        if initial
        else f"{name}.astype(float)",
    )


_SIZES = {
    "Affine": "2, 3, seed=0",
    "Conv1d": "1, 30, 5, seed=0",
    "Conv2d": "1, 30, 5, seed=0",
    "BatchNorm": "3",
    "LayerNorm": "3",
    "Embedding": "100, 8, seed=0",
    "LSTM": "8, 16, seed=0",
    "MultiHeadAttention": "8, heads=2, seed=0",
}


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def whole_number(value: Any, name: str, least: int, layer: str, why: str) -> int:
    """Give a stride, a padding or a number of groups as a Python int.

    Raises
    ------
    DTypeError
        If it is no whole number.
    ShapeError
        If it is too small.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is not None and number >= least:
        return number
    raise (DTypeError if number is None else ShapeError)(
        f"{layer}: {name} is {value!r}.", where=current_line(1), why=why, write=f"{name}={least}"
    )


def check_vector(value: Any, name: str, length: int, why: str, layer: str) -> None:
    """Check a bias or a scale: shape (n,) or (1, n).

    Raises
    ------
    ShapeError
        If it has another shape.
    """
    if value.shape in ((length,), (1, length)):
        return
    raise ShapeError(
        f"{layer}: {name} has shape {value.shape}; it needs ({length},) or (1, {length}).",
        where=current_line(1),
        why=why,
        write=f"{name}.reshape({length})" if value.size == length else f"np.zeros({length})",
    )


def along_features(value: Any, shape: tuple[int, ...]) -> Any:
    """Give a bias or a scale the shape in which it meets the features."""
    return value if value.shape == shape else np.reshape(value, shape)


def whole_pair(value: Any, name: str, least: int, layer: str) -> tuple[int, int]:
    """Give a stride, padding, dilation or size as (vertical, horizontal).

    Raises
    ------
    DTypeError
        If it is no whole number.
    ShapeError
        If it is no pair, or too small.
    """
    parts = tuple(value) if isinstance(value, tuple | list | np.ndarray) else (value, value)
    try:
        numbers = tuple(operator.index(part) for part in parts)
    except TypeError:
        raise DTypeError(
            f"{layer}: {name} is {value!r}.",
            where=current_line(1),
            why="Rows and columns of pixels are counted in whole numbers.",
            write=f"{name}=2, or {name}=(2, 1) for rows and columns.",
        ) from None
    if len(numbers) != 2 or min(numbers) < least:
        raise ShapeError(
            f"{layer}: {name} is {value!r}.",
            where=current_line(1),
            why=f"It is one number or a pair (rows, columns), each at least {least}.",
            write=f"{name}={max(least, 1)}, or {name}=({max(least, 1)}, {least}).",
        )
    return numbers[0], numbers[1]


def between(value: Any, name: str, low: float, high: float, layer: str) -> float:
    """Give an option that lies in ``low <= value < high``, as a Python float.

    Raises
    ------
    OptionError
        If it does not.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not low <= number < high:
        raise OptionError(
            f"{layer}: {name} is {value!r}.",
            where=current_line(1),
            why=f"It is a number from {low:g} up to, but not including, {high:g}.",
            write=f"{name}={(low + min(high, 1)) / 2:g}",
        )
    return number


def check_images(x: Any, layer: str) -> None:
    """Check that there are four axes: (N, C, H, W).

    Raises
    ------
    ShapeError
        If there are not.
    """
    if x.ndim == 4:
        return
    raise ShapeError(
        f"{layer}: x has shape {x.shape}.",
        where=current_line(1),
        why="Images have four axes: (N, C, H, W), samples, channels, rows, columns.",
        write="x[np.newaxis], a batch of one image (C, H, W)."
        if x.ndim == 3
        else "x.reshape(N, C, H, W)",
    )


def check_window(
    x: Any,
    span: tuple[int, int],
    padding: tuple[int, int],
    what: str,
    layer: str,
) -> None:
    """Check that a window fits into the padded image.

    Raises
    ------
    ShapeError
        If it is larger.
    """
    height, width = x.shape[2] + 2 * padding[0], x.shape[3] + 2 * padding[1]
    if span[0] <= height and span[1] <= width:
        return
    more = max((span[0] - x.shape[2] + 1) // 2, (span[1] - x.shape[3] + 1) // 2)
    raise ShapeError(
        f"{layer}: {what} spans {span[0]}×{span[1]} pixels, the image with its padding has "
        f"{height}×{width}; x has shape {x.shape}.",
        where=current_line(1),
        why="Not one position of it fits.",
        write=f"padding={more}, or a smaller one.",
    )
