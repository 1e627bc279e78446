"""What the arrays of a network are called in a file, and in which form they are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from clearprop.errors import OptionError, UnknownNameError
from clearprop.nn.affine import Affine
from clearprop.nn.batch_norm import BatchNorm
from clearprop.nn.convolution import Conv2d
from clearprop.nn.layer import Layer
from clearprop.nn.sequential import Sequential
from clearprop.places import current_line

#: From the array of a layer to that of the file, or back, given the shape it has to have there.
Change = Callable[[Any], Any]


class Stored(NamedTuple):
    """An array of a file.

    Attributes
    ----------
    name : str
        In the file; of an entry of the table, behind the name of its module.
    array : str
        The parameter or buffer of the layer; "" where the layer has none.
    form : callable
        Gives the array as it is in the file.
    back : callable
        Gives the array of the file as the layer has it, but for axes of length 1.
    """

    name: str
    array: str
    form: Change = np.asarray
    back: Change = np.asarray


def _vector(array: Any) -> Any:
    return np.reshape(array, array.size)


def _count(_: Any) -> Any:
    return np.array(0, np.int64)


#: What PyTorch's module that computes the same has: one row a layer.
TORCH: dict[type[Layer], tuple[Stored, ...]] = {
    Affine: (  # torch.nn.Linear has one row for each output
        Stored("weight", "W", np.transpose, np.transpose),
        Stored("bias", "b", _vector),
    ),
    Conv2d: (Stored("weight", "W"), Stored("bias", "b", _vector)),
    BatchNorm: (
        Stored("weight", "gamma", _vector),
        Stored("bias", "beta", _vector),
        Stored("running_mean", "running_mean"),
        Stored("running_var", "running_var"),
        Stored("num_batches_tracked", "", _count),
    ),
}


def clearprop_layout(network: Sequential) -> dict[str, Stored]:
    """Give the arrays of a file under their names in the network, which they have there, too."""
    return {name: Stored(name, name) for name in (*network.parameters, *network.buffers)}


def torch_layout(network: Sequential, names: Mapping[str, str]) -> dict[str, Stored]:
    """Give the arrays of a file of PyTorch: by their names in the network, or there.

    Parameters
    ----------
    network : Sequential
    names : mapping of str to str
        The modules of layers; by default their positions, as in ``torch.nn.Sequential``.

    Raises
    ------
    OptionError
        PyTorch has no module for a layer, or two layers have one name.
    UnknownNameError
        ``names`` has a name that is no layer's.
    """
    unknown = [name for name in names if name not in network.layers]
    if unknown:
        raise UnknownNameError(
            f"names has {unknown[0]!r}, which is no layer of the network.",
            where=current_line(3),
            why=f"Its layers are {', '.join(network.layers)}.",
            write="names={'Affine1': 'fc1'}, the layer here and the module there.",
        )
    found: dict[str, Stored] = {}
    for position, (name, layer) in enumerate(network.layers.items()):
        module = names.get(name, str(position))
        for entry in _entries(name, layer):
            stored = f"{module}.{entry.name}" if module else entry.name
            own = layer.called[entry.array] if entry.array else f"{name}.{entry.name}"
            if any(other.name == stored for other in found.values()):
                raise OptionError(
                    f"names: two arrays would be called {stored!r} in the file.",
                    where=current_line(3),
                    why="A layer without a name of its own has that of its position.",
                    write="names={…} with another name for one of the layers.",
                )
            found[own] = entry._replace(name=stored, array=own if entry.array else "")
    return found


def _entries(name: str, layer: Layer) -> tuple[Stored, ...]:
    for kind in type(layer).__mro__:
        if kind in TORCH:
            return TORCH[kind]
    if layer.parameters:
        raise OptionError(
            f"layout='torch': {name} is a layer of the class {type(layer).__name__}.",
            where=current_line(4),
            why="There is no module of PyTorch known whose arrays it has.",
            write="layout='clearprop'",
        )
    return ()
