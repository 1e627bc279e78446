"""What is done to samples before a network gets them, in models that are for others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.data.preparing import Preparation, Scaled, Standardized
from clearprop.errors import DTypeError, OptionError
from clearprop.interop.onnx_graph import OnnxGraph, Value
from clearprop.legible import legible_name
from clearprop.places import current_line

ARRAYS = "PREPARE"  #: the dict of a standalone file that has the numbers of `Standardized`


def checked_preparation(prepare: Any, caller: str) -> Preparation | None:
    """Give what is done to samples, if it can be written.

    Raises
    ------
    OptionError
        It is something else than `data.Scaled` or `data.Standardized`.
    """
    if prepare is None or isinstance(prepare, Scaled | Standardized):
        return prepare
    raise OptionError(
        f"{caller}: prepare is {type(prepare).__name__}.",
        where=current_line(2),
        why="What is written is what data.Scaled or data.Standardized does, as dataset.prepare is.",
        write=f"{caller}(network, x, prepare=data.Scaled())",
    )


def as_stored(prepare: Preparation, x: Any, caller: str) -> Any:
    """Give samples as they are stored: bytes, or numbers of a table in float64.

    Raises
    ------
    DTypeError
        They are prepared already: floats where bytes are stored.
    """
    if isinstance(prepare, Standardized):
        return np.asarray(x, np.float64)
    x = np.asarray(x)
    with np.errstate(invalid="ignore"):
        stored = x.astype(np.uint8)
    if np.array_equal(stored, x):
        return stored
    raise DTypeError(
        f"{caller}: x_example has other numbers than whole ones from 0 to 255.",
        where=current_line(2),
        why="With prepare=data.Scaled() it is as stored, bytes; the model divides them by 255.",
        write=f"{caller}(network, x.astype(np.uint8), prepare=data.Scaled()) with grey values x",
    )


def arrays_of(prepare: Preparation | None) -> dict[str, Any]:
    """Give the numbers that it needs, by name."""
    if not isinstance(prepare, Standardized):
        return {}
    return {"mean": np.array(prepare.mean), "std": np.array(prepare.std)}


# ---- NumPy -------------------------------------------------------------------------------------


def text_of(prepare: Preparation) -> list[str]:
    """Write ``prepare(x)``.

    Examples
    --------
    >>> print(text_of(Scaled())[-1].strip())
    return np.asarray(x, "float32") / np.float32(255)
    """
    if isinstance(prepare, Scaled):
        says = "Divide grey values, 0 to 255, by 255."
        does = f'np.asarray(x, "{prepare.dtype}") / np.{prepare.dtype}(255)'
    else:
        says = "Bring each column to mean 0 and standard deviation 1 of the samples trained with."
        does = (
            f'((np.asarray(x, "float64") - {ARRAYS}["mean"]) / {ARRAYS}["std"])'
            f'.astype("{prepare.dtype}")'
        )
    return ["def prepare(x):", f'    """{says}"""', f"    return {does}"]


def said_of(prepare: Preparation) -> str:
    """Say how samples are given to a model that has it inside.

    Examples
    --------
    >>> said_of(Standardized((1.0,), (2.0,)))
    'x is as in the table; mean and deviation are taken out here'
    """
    if isinstance(prepare, Scaled):
        return "x are grey values from 0 to 255; they are divided by 255 here"
    return "x is as in the table; mean and deviation are taken out here"


def example_for(prepare: Preparation | None, shape: tuple[int, ...], dtype: Any) -> tuple[str, Any]:
    """Give samples that a file checks itself with: as text, and as the network gets them."""
    size = int(np.prod(shape))
    if prepare is None and np.dtype(dtype).kind != "f":
        return f"np.zeros({size}).reshape{shape}", np.zeros(shape, dtype)
    if isinstance(prepare, Scaled):
        x = np.linspace(0, 255, size).reshape(shape)
        return f"np.linspace(0, 255, {size}).reshape{shape}", prepare(x.astype(prepare.dtype))
    text, x = f"np.linspace(0.1, 1, {size}).reshape{shape}", np.linspace(0.1, 1, size)
    x = x.reshape(shape)
    if prepare is None:
        return text, x.astype(dtype)
    arrays = arrays_of(prepare)
    stored = arrays["mean"] + arrays["std"] * x
    return f'{ARRAYS}["mean"] + {ARRAYS}["std"] * {text}', prepare(stored)


# ---- ONNX --------------------------------------------------------------------------------------


def onnx_of(graph: OnnxGraph, prepare: Preparation, x: Value) -> Value:
    """Write it into a graph, and give its output: in the dtype of the graph."""
    to_type = graph.onnx.helper.np_dtype_to_tensor_dtype
    outer, graph.layer = graph.layer, "Prepare"
    if isinstance(prepare, Scaled):
        floats = graph.node("Cast", x.name, to=to_type(graph.dtype))
        y = graph.node("Div", floats, graph.array("most", np.float64(255)))
    else:  # in float64, rounded once
        mean, std = (graph.exact(name, array) for name, array in arrays_of(prepare).items())
        y = graph.node("Div", graph.node("Sub", x.name, mean), std)
        y = graph.node("Cast", y, to=to_type(graph.dtype))
    graph.layer = outer
    return Value(y, prepare(x.example))


# ---- words -------------------------------------------------------------------------------------


def metadata_lines(metadata: Mapping[str, str]) -> list[tuple[str, str]]:
    """Give what the user says of a model as it may stand in a docstring."""
    return [(_plain(name), _plain(text)) for name, text in metadata.items()]


def _plain(text: str) -> str:
    return legible_name(text).replace("\\", "/").replace('"', "'")
