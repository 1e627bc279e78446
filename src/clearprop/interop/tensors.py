"""The arrays of a network as a safetensors file, and back: its own layout, and PyTorch's."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import clearprop
from clearprop.errors import DataError, DTypeError, OptionError, ShapeError, UnknownNameError
from clearprop.extras import require
from clearprop.interop.exported import checked
from clearprop.interop.layouts import LayerArrays, clearprop_layout, torch_layout
from clearprop.interop.writing import write_whole
from clearprop.legible import legible_name
from clearprop.nn.affine import Affine
from clearprop.nn.chain import Chain
from clearprop.nn.sequential import Sequential
from clearprop.places import current_line

#: What a file calls the dtypes that an array here may have.
_DTYPES = {"F16": "float16", "F32": "float32", "F64": "float64", "U64": "uint64", "I64": "int64"}
_TOLD = 6  # names in an error


def save_safetensors(
    network: Sequential,
    path: str | os.PathLike[str],
    *,
    layout: str = "clearprop",
    names: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    r"""Write the parameters and buffers of a network as a safetensors file.

    Parameters
    ----------
    network : Sequential
    path : str or path
        It is written in whole or not at all.
    layout : {"clearprop", "torch"}
        ``clearprop``: names, shapes and dtypes are those of ``network.params`` and
        ``network.state``. ``torch``: those that ``torch.nn.Sequential`` of the same layers has in
        its ``state_dict()``, so that ``load_state_dict(safetensors.torch.load_file(path))`` takes
        it, see Notes.
    names : mapping of str to str, optional
        With ``torch``: what the modules of layers are called, ``{"Affine1": "fc1"}``. By default
        the position of the layer, ``0``, ``2``.
    metadata : mapping of str to str, optional
        What is to be known of the network, for the file's metadata: what is done to samples before
        the network gets them, the names of classes.

    Raises
    ------
    OptionError
        ``layout`` is something else; a layer has no counterpart in PyTorch; the file cannot be
        written.
    UnknownNameError
        ``names`` has a name that is no layer's.
    DTypeError
        An array has a dtype that such a file cannot have.
    MissingExtraError
        safetensors is not installed.

    Notes
    -----
    PyTorch's layout, for the layers that have arrays:

    ==============  =======================================  ========================
    here            there                                    shape there
    ==============  =======================================  ========================
    ``Affine``      ``Linear``: ``weight`` is ``W.T``        (n, D)
    \               ``bias`` is ``b``                        (n,)
    ``Conv2d``      ``Conv2d``: ``weight`` is ``W``          (F, C / groups, kh, kw)
    \               ``bias`` is ``b``                        (F,)
    ``BatchNorm``   ``BatchNorm1d``, ``2d``: ``weight``      (D,)
                    is ``gamma``, ``bias`` is ``beta``
    \               ``running_mean``, ``running_var``        (D,)
    \               ``num_batches_tracked``, written as 0    (), int64
    ==============  =======================================  ========================

    `LayerNorm`, `Conv1d`, `Embedding`, `LSTM`, `MultiHeadAttention` and `Residual` stand in the
    table of the page on export.

    What is no array is not in such a file: stride and padding, ``ratio``, and the ``eps`` of
    BatchNorm, which is 1e-5 there and 10e-7 here by default. ``momentum`` there is 1 minus the one
    here. An `Affine` takes images as they are, a ``Linear`` wants a ``Flatten`` before it, which
    counts as a position.

    Examples
    --------
    >>> import tempfile
    >>> from clearprop import interop, nn
    >>> net, other = nn.TwoLayerNet(4, 5, 3, seed=1), nn.TwoLayerNet(4, 5, 3, seed=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     interop.save_safetensors(net, f"{folder}/net.safetensors", layout="torch")
    ...     interop.load_safetensors(other, f"{folder}/net.safetensors", layout="torch")
    >>> bool((net.params["W1"] == other.params["W1"]).all())
    True
    """
    require("safetensors.numpy", "train", "writes the file", "save_safetensors")
    from safetensors.numpy import save

    network = checked(network, "save_safetensors")
    arrays = {**network.params, **network.state}
    made: dict[str, Any] = {}
    for part in _layout(network, layout, names):
        made |= part.there(arrays)
    for name, array in made.items():
        if array.dtype.name not in _DTYPES.values():
            raise DTypeError(
                f"save_safetensors: {name} is an array of {array.dtype}.",
                where=current_line(1),
                why=f"Such a file has {', '.join(_DTYPES.values())}.",
                write="net.params = {name: a.astype(float) for name, a in net.params.items()}",
            )
        made[name] = np.array(array, array.dtype.newbyteorder("="), order="C")
    layers = [repr(layer) for layer in network.layers.values()]
    told = {"version": clearprop.__version__, "layout": layout, "layers": layers}
    text = json.dumps({**told, **({"metadata": dict(metadata)} if metadata else {})})
    data = save(made, metadata={"clearprop": text})
    write_whole(Path(path), lambda stream: stream.write(data))


def load_safetensors(
    network: Sequential,
    path: str | os.PathLike[str],
    *,
    layout: str = "clearprop",
    names: Mapping[str, str] | None = None,
) -> None:
    """Read the parameters and buffers of a network from a safetensors file.

    All of them or, where anything does not fit, none. The arrays keep the dtypes that they have in
    the network; numbers are never rounded.

    Parameters
    ----------
    network : Sequential
    path : str or path
        The file. It is data: nothing in it is executed.
    layout : {"clearprop", "torch"}
        As in `save_safetensors`. Where the file of a PyTorch model is wanted, there
        ``safetensors.torch.save_file(model.state_dict(), path)``.
    names : mapping of str to str, optional
        As in `save_safetensors`.

    Raises
    ------
    DataError
        The file is not there, truncated, or no safetensors file.
    UnknownNameError
        The file lacks an array of the network, or has one more.
    ShapeError
        An array has another shape in the file.
    DTypeError
        An array has a dtype in the file that would have to be rounded, or that NumPy has not.
    OptionError
        ``layout`` is something else, or a layer has no counterpart in PyTorch.
    MissingExtraError
        safetensors is not installed.

    Examples
    --------
    See `save_safetensors`.
    """
    require("safetensors", "train", "reads the file", "load_safetensors")
    from safetensors import SafetensorError, safe_open

    network = checked(network, "load_safetensors")
    parts = _layout(network, layout, names)
    path = Path(path)
    if not path.is_file():
        raise _unreadable(path, "it is no file", "interop.load_safetensors(net, 'net.safetensors')")
    arrays = {**network.params, **network.state}
    found: dict[str, Any] = {}
    try:
        with safe_open(path, framework="np") as file:
            kinds = {
                name: (tuple(part.get_shape()), str(part.get_dtype()))
                for name in file.keys()  # noqa: SIM118 (it is no dict)
                for part in [file.get_slice(name)]
            }
            wanted = [(part, part.there(arrays)) for part in parts]
            needed = {n: n not in p.spare() for p, expected in wanted for n in expected}
            _check_names(path, network, needed, set(kinds), layout)
            for part, expected in wanted:
                asked = [name for name in expected if needed[name]]
                for name in asked:
                    _check_kind(path, part, name, expected[name], kinds[name])
                found |= part.here({name: file.get_tensor(name) for name in asked})
    except (SafetensorError, OSError) as error:
        reason = legible_name(str(error)).removeprefix("Error while deserializing header: ")
        raise _unreadable(path, reason, "load_safetensors after fetching the file again") from error
    new = {
        own: np.array(value, arrays[own].dtype, order="C").reshape(arrays[own].shape)
        for own, value in found.items()
    }
    network.params = {name: new[name] for name in network.parameters}
    network.state = {name: new[name] for name in network.buffers if name in new}


def torch_names(network: Sequential, shape: tuple[int, ...]) -> dict[str, str]:
    """Number the layers as in PyTorch, where a Linear takes rows: with a Flatten before it.

    Parameters
    ----------
    network : Sequential
    shape : tuple of int
        Of one sample.

    Returns
    -------
    dict of str to str
        What `save_safetensors` takes as ``names``: those that differ from the position.

    Examples
    --------
    >>> from clearprop import nn
    >>> torch_names(nn.TwoLayerNet(16, 5, 3, seed=0), (1, 4, 4))
    {'Affine1': '1', 'Affine2': '3'}
    >>> along = nn.Affine(np.ones((4, 2)), np.zeros(2), last_axis=True)  # as a Linear: no Flatten
    >>> torch_names(nn.Sequential(along), (5, 4))
    {}
    """
    names, added = {}, 0
    layers = network.summary(shape).layers
    for place, (name, layer) in enumerate(network.layers.items()):
        if isinstance(layer, Affine) and len(shape) > 1 and not layer.last_axis:
            added += 1
        if added and layer.parameters:
            names[name] = str(place + added)
        shape = tuple(layers[place].shape)
    return names


def _layout(network: Sequential, layout: str, names: Mapping[str, str] | None) -> list[LayerArrays]:
    if layout == "torch":
        return torch_layout(network, names or {})
    if layout != "clearprop" or names:
        raise OptionError(
            f"layout is {layout!r}{', and names are given' if names else ''}.",
            where=current_line(2),
            why="Names of modules are PyTorch's; here arrays are called as in network.params.",
            write="layout='torch', names={'Affine1': 'fc1'}, or layout='clearprop'",
        )
    return clearprop_layout(network)


def _check_names(
    path: Path, network: Sequential, needed: Mapping[str, bool], given: set[str], layout: str
) -> None:
    missing = [name for name, is_needed in needed.items() if is_needed and name not in given]
    extra = sorted(given - needed.keys())
    if not missing and not extra:
        return
    parts = [
        f"{word} {_listed(names)}" for word, names in (("lacks", missing), ("has", extra)) if names
    ]
    both = ", and ".join(parts) if missing else f"{parts[0]} too many"
    raise UnknownNameError(
        f"{legible_name(str(path))} {both}.",
        where=current_line(2),
        why=f"In the layout {layout!r} the network has {_listed(list(needed))}.",
        write=_names_of(network, given)
        if layout == "torch"
        else "layout='torch', if the file is of a PyTorch model."
        if any("." in name and name.rpartition(".")[2] in ("weight", "bias") for name in extra)
        else "a network of the same layers.",
    )


def _names_of(network: Sequential, given: set[str]) -> str:
    """Propose ``names``, where the modules of the file are as many as the layers with arrays."""
    modules = {name.rpartition(".")[0]: None for name in sorted(given, key=_natural)}
    layers = [name for name, layer in network.layers.items() if layer.parameters]
    if any(isinstance(network.layers[name], Chain) for name in layers):
        layers = []
    if len(modules) != len(layers):
        return "a network with the layers of the file, or names={'Affine1': 'fc1'}"
    pairs = (f"{a!r}: {legible_name(b)!r}" for a, b in zip(layers, modules, strict=True))
    return f"names={{{', '.join(pairs)}}}, if this is what they are."


def _natural(name: str) -> list[Any]:
    """Sort ``layer2`` before ``layer10``."""
    words = "".join(c if c.isdecimal() else f" {c} " for c in name).split()
    return [(int(word), "") if word.isdecimal() else (-1, word) for word in words]


def _check_kind(
    path: Path, part: LayerArrays, name: str, expected: Any, kind: tuple[tuple[int, ...], str]
) -> None:
    shape, dtype = kind
    what = f"{legible_name(str(path))}: {name}"
    if shape != expected.shape:
        raise ShapeError(
            f"{what} has shape {shape}, and for {part.name} it has {expected.shape}.",
            where=current_line(2),
            why="The layers have the sizes that they were made with.",
            write="a network of the sizes of the file."
            if shape != expected.shape[::-1]
            else "layout='torch', or layout='clearprop'; one has the transpose of the other.",
        )
    here = expected.dtype
    there = np.dtype(_DTYPES[dtype]) if dtype in _DTYPES else None
    if there is None or there.kind != here.kind or not np.can_cast(there, here, "safe"):
        is_rounded = there is not None and there.kind == here.kind
        raise DTypeError(
            f"{what} is {there or legible_name(dtype)}, and for {part.name} it is {here}.",
            where=current_line(2),
            why="Numbers would be rounded."
            if is_rounded
            else "It is another kind of number, or one that NumPy has not.",
            write=f"a network of {there}, such as nn.Affine.initial(…, dtype=np.{there})"
            if is_rounded
            else "a file whose arrays are float32: tensor.float() in PyTorch.",
        )


def _listed(names: list[str]) -> str:
    shown = ", ".join(legible_name(name)[:60] for name in names[:_TOLD])
    return shown + (f" and {len(names) - _TOLD} more" if len(names) > _TOLD else "")


def _unreadable(path: Path, reason: str, write: str) -> DataError:
    return DataError(
        f"{legible_name(str(path))}: {reason}.",
        where=current_line(2),
        why="The weights are read from a safetensors file, which says what it has at its start.",
        write=write,
    )
