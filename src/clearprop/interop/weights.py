"""The arrays of a standalone file: as numbers, as base64, or in an .npz beside it."""

from __future__ import annotations

import base64
import json
import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.source.literals import literal

_MOST_WRITTEN = 64  # elements of an array that a reader may want to see
_WIDTH = 88

Groups = Mapping[str, Mapping[str, Any]]

_READER = '''def _array(dtype, shape, text):
    """Read an array from base64."""
    return np.frombuffer(base64.b64decode(text), dtype).reshape(shape).copy()'''


def arrays_inside(groups: Groups) -> str:
    """Write dicts of arrays with all their numbers.

    Parameters
    ----------
    groups : mapping of str to mapping of str to ndarray
        The names of the dicts, and what is in them.

    Examples
    --------
    >>> print(arrays_inside({"PARAMS": {"b1": np.array([0.5, 1], "f4")}}))
    # fmt: off
    PARAMS = {
        "b1": np.array([0.5, 1.0], dtype="float32"),
    }
    # fmt: on
    """
    texts = ["# fmt: off"]
    for name, arrays in groups.items():
        entries = [f"    {json.dumps(key)}: {_written(array)}," for key, array in arrays.items()]
        texts += [f"{name} = {{", *entries, "}"]
    texts.append("# fmt: on")
    if any("_array(" in text for text in texts):
        texts = [_READER, "", "", *texts]
    return "\n".join(texts)


def arrays_beside(groups: Groups, file: str) -> str:
    """Write how dicts of arrays are read from a file in the same folder.

    Examples
    --------
    >>> print(arrays_beside({"PARAMS": {"W1": np.ones(2)}}, "model.npz"))
    ARRAYS = np.load(Path(__file__).with_name("model.npz"))
    PARAMS = {name: ARRAYS[name] for name in ("W1",)}
    """
    lines = [f"ARRAYS = np.load(Path(__file__).with_name({json.dumps(file)}))"]
    for name, arrays in groups.items():
        names = ", ".join(map(json.dumps, arrays))
        comma = "," if len(arrays) == 1 else ""
        text = f"{name} = {{name: ARRAYS[name] for name in ({names}{comma})}}"
        lines += textwrap.wrap(text, _WIDTH, subsequent_indent="    ")
    return "\n".join(lines)


def _written(array: Any) -> str:
    array = np.asarray(array)
    if array.size <= _MOST_WRITTEN:
        plain = np.array(array.tolist()).dtype == array.dtype
        kind = "" if plain else f', dtype="{array.dtype.name}"'
        text = f"np.array({literal(array.tolist())}{kind})"
        return "\n".join(textwrap.wrap(text, _WIDTH - 10, subsequent_indent=" " * 8))
    little = array.astype(array.dtype.newbyteorder("<"))
    text = base64.b64encode(little.tobytes()).decode()
    lines = textwrap.wrap(text, _WIDTH - 8, break_on_hyphens=False)
    body = "\n".join(f"        {line}" for line in lines)
    return f'_array("{little.dtype.str}", {array.shape}, """\n{body}\n    """)'
