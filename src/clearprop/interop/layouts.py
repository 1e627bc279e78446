"""What the arrays of a network are called in a file, and in which form they are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from clearprop.errors import OptionError, UnknownNameError
from clearprop.nn.affine import Affine
from clearprop.nn.attention import MultiHeadAttention
from clearprop.nn.batch_norm import BatchNorm
from clearprop.nn.chain import Chain
from clearprop.nn.convolution import Conv1d, Conv2d
from clearprop.nn.embedding import Embedding
from clearprop.nn.layer import Layer
from clearprop.nn.layer_norm import LayerNorm
from clearprop.nn.recurrent import LSTM
from clearprop.nn.sequential import Sequential
from clearprop.places import current_line

Arrays = Mapping[str, Any]


class Form(NamedTuple):
    """How the arrays of a layer are in a file.

    Attributes
    ----------
    there : callable
        From the arrays of the layer, by their names on it, to those of the file.
    here : callable
        Back; axes of length 1 are repaired by the caller.
    spare : tuple of str
        What is written, and not asked for.
    """

    there: Callable[[Arrays], dict[str, Any]]
    here: Callable[[Arrays], dict[str, Any]]
    spare: tuple[str, ...] = ()


class LayerArrays(NamedTuple):
    """A layer, or the whole network, in a file.

    Attributes
    ----------
    name : str
        ``Affine1``.
    prefix : str
        What stands before the names of its arrays in the file.
    own : dict of str to str
        The names of its arrays on the layer, and in the network.
    form : Form
    """

    name: str
    prefix: str
    own: dict[str, str]
    form: Form

    def there(self, arrays: Arrays) -> dict[str, Any]:
        """Give the arrays of the file, from those of the network."""
        mine = {name: arrays[outside] for name, outside in self.own.items()}
        return {self.prefix + name: np.asarray(a) for name, a in self.form.there(mine).items()}

    def here(self, arrays: Arrays) -> dict[str, Any]:
        """Give the arrays of the network, from those of the file."""
        start = len(self.prefix)
        mine = {name[start:]: a for name, a in arrays.items() if name.startswith(self.prefix)}
        return {self.own[name]: array for name, array in self.form.here(mine).items()}

    def spare(self) -> set[str]:
        """Name what the file may lack."""
        return {self.prefix + name for name in self.form.spare}


def _called(**arrays: str) -> Form:
    """Let arrays have other names, ``W.T`` be transposed, and ``b.ravel`` be one row of numbers."""

    def there(mine: Arrays) -> dict[str, Any]:
        return {name: _form(mine[own.partition(".")[0]], own) for name, own in arrays.items()}

    def here(theirs: Arrays) -> dict[str, Any]:
        return {own.partition(".")[0]: _form(theirs[name], own) for name, own in arrays.items()}

    return Form(there, here)


def _form(array: Any, own: str) -> Any:
    if own.endswith(".T"):
        return array.T
    return array.reshape(-1) if own.endswith(".ravel") else array


def _with_count(form: Form) -> Form:
    """Add the number of batches seen, which nobody counts here."""
    name = "num_batches_tracked"

    def there(mine: Arrays) -> dict[str, Any]:
        return {**form.there(mine), name: np.array(0, np.int64)}

    return Form(there, form.here, (name,))


def _lstm() -> Form:
    """There are two biases, which are added."""
    weights = _called(weight_ih_l0="Wx.T", weight_hh_l0="Wh.T")

    def there(mine: Arrays) -> dict[str, Any]:
        b = mine["b"]
        return {**weights.there(mine), "bias_ih_l0": b, "bias_hh_l0": np.zeros_like(b)}

    def here(theirs: Arrays) -> dict[str, Any]:
        return {**weights.here(theirs), "b": theirs["bias_ih_l0"] + theirs["bias_hh_l0"]}

    return Form(there, here)


def _attention() -> Form:
    """Queries, keys and values come from one matrix."""
    out = _called(**{"out_proj.weight": "Wo.T", "out_proj.bias": "bo.ravel"})

    def there(mine: Arrays) -> dict[str, Any]:
        W = np.concatenate([mine[f"W{letter}"] for letter in "qkv"], axis=1).T
        b = np.concatenate([mine[f"b{letter}"].reshape(-1) for letter in "qkv"])
        return {"in_proj_weight": W, "in_proj_bias": b, **out.there(mine)}

    def here(theirs: Arrays) -> dict[str, Any]:
        W = np.split(theirs["in_proj_weight"].T, 3, axis=1)
        b = np.split(theirs["in_proj_bias"], 3)
        found = out.here(theirs)
        for letter, Wi, bi in zip("qkv", W, b, strict=True):
            found |= {f"W{letter}": Wi, f"b{letter}": bi}
        return found

    return Form(there, here)


#: What PyTorch's module that computes the same has: one row a layer.
TORCH: dict[type[Layer], Form] = {
    Affine: _called(weight="W.T", bias="b.ravel"),  # torch.nn.Linear has a row for each output
    Conv1d: _called(weight="W", bias="b.ravel"),
    Conv2d: _called(weight="W", bias="b.ravel"),
    Embedding: _called(weight="W"),
    LayerNorm: _called(weight="gamma", bias="beta"),
    LSTM: _lstm(),
    MultiHeadAttention: _attention(),
    BatchNorm: _with_count(
        _called(
            weight="gamma.ravel",
            bias="beta.ravel",
            running_mean="running_mean",
            running_var="running_var",
        )
    ),
}


def clearprop_layout(network: Sequential) -> list[LayerArrays]:
    """Give the arrays of a file under their names in the network, which they have there, too."""
    own = {name: name for name in (*network.parameters, *network.buffers)}
    return [LayerArrays("the network", "", own, Form(dict, dict))]


def torch_layout(network: Sequential, names: Mapping[str, str]) -> list[LayerArrays]:
    """Give the layers whose arrays are in a file of PyTorch.

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
    parts = _parts(network, "", names)
    prefixes = [part.prefix for part in parts]
    twice = [prefix for prefix in prefixes if prefixes.count(prefix) > 1]
    if twice:
        raise OptionError(
            f"names: two layers would be called {twice[0].rstrip('.')!r} in the file.",
            where=current_line(3),
            why="A layer without a name of its own has that of its position.",
            write="names={…} with another name for one of the layers.",
        )
    return parts


def _parts(chain: Chain, prefix: str, names: Mapping[str, str]) -> list[LayerArrays]:
    """Give the layers of a chain; those of a block inside it stand under the block's name."""
    parts: list[LayerArrays] = []
    for position, (name, layer) in enumerate(chain.layers.items()):
        module = prefix + names.get(name, str(position))
        inside = f"{module}." if module else ""
        if isinstance(layer, Chain):
            parts += _parts(layer, inside, {})
        elif layer.parameters:
            own = {key: layer.called[key] for key in (*layer.parameters, *layer.buffers)}
            parts.append(LayerArrays(name, inside, own, _form_of(name, layer)))
    return parts


def _form_of(name: str, layer: Layer) -> Form:
    for kind in type(layer).__mro__:
        if kind in TORCH:
            return TORCH[kind]
    raise OptionError(
        f"layout='torch': {name} is a layer of the class {type(layer).__name__}.",
        where=current_line(4),
        why="There is no module of PyTorch known whose arrays it has.",
        write="layout='clearprop'",
    )
