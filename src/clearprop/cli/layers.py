"""A network or layer as a function of its inputs and its parameters: ``f(x, W1, b1, …)``."""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from clearprop.nn.chain import Chain
from clearprop.nn.layer import Layer
from clearprop.nn.losses import Loss
from clearprop.nn.sequential import Sequential

_SIZES = (4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 64)  # of images, until one fits


def as_function(layer: Layer, name: str) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Write a layer as a function, so that its parameters are arguments with derivatives.

    Parameters
    ----------
    layer : Layer
        A `Sequential` with a loss is the function of its loss, ``f(x, t, W1, …)``; its layers
        compute as for predictions.
    name : str
        What the function is called.

    Returns
    -------
    tuple
        The function, and its arguments that are known: the parameters and their arrays. What is
        ``Residual1.W1`` in a network is called ``Residual1_W1``.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> f, known = as_function(nn.TwoLayerNet(4, 5, 3), "net")
    >>> f.__name__, list(inspect.signature(f).parameters), list(known)
    ('net', ['x', 't', 'W1', 'b1', 'W2', 'b2'], ['W1', 'b1', 'W2', 'b2'])
    """
    words = _words(layer)
    known = dict(zip(words.values(), layer.arrays(layer.parameters), strict=True))
    inputs = _inputs(layer)
    own = "network" if isinstance(layer, Sequential) else "layer"
    own += "_" * (own == name)
    if isinstance(layer, Sequential):
        method = "predict" if layer.last_layer is None else "loss"
        params = ", ".join(f'"{key}": {word}' for key, word in words.items())
        called = f"{method}({', '.join(inputs)}, params={{{params}}})"
    elif isinstance(layer, Loss):
        called = f"forward({', '.join(inputs)})"
    else:
        held = [f"{own}.{key}" for key in layer.buffers]
        if held and isinstance(layer, Chain):
            held = [f"*{own}.arrays({own}.buffers)"]
        called = f"compute({', '.join([*inputs, *known, *held, *(['train=False'] * bool(held))])})"
        called += "[0]" * bool(held)
    text = f"def {name}({', '.join([*inputs, *known])}):\n    return {own}.{called}\n"
    return _made(name, text, {own: layer}), known


def _words(layer: Layer) -> dict[str, str]:
    """Give each parameter a name that an argument can have."""
    return {name: name.replace(".", "_") for name in layer.parameters}


def _made(name: str, text: str, namespace: dict[str, Any]) -> Callable[..., Any]:
    """Make the function of its text, which pages show as the user's own."""
    file = f"<{name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), namespace)
    made: Callable[..., Any] = namespace[name]
    return made


def _inputs(layer: Layer) -> tuple[str, ...]:
    if isinstance(layer, Loss):
        return ("x", "t")
    if isinstance(layer, Sequential):
        return ("x",) if layer.last_layer is None else ("x", "t")
    found = inspect.signature(layer.compute).parameters.values()
    names = [p.name for p in found if p.kind is p.POSITIONAL_OR_KEYWORD]
    return tuple(n for n in names if n not in (*layer.parameters, *layer.buffers))


def proposed_inputs(
    layer: Layer, function: Callable[..., Any], given: dict[str, Any], seed: int
) -> dict[str, Any] | None:
    """Find inputs of a layer: in the shape that it accepts, with labels that it has.

    Parameters
    ----------
    layer : Layer
    function : callable
        As `as_function` gave it.
    given : dict
        Arguments that are known, the parameters among them.
    seed : int

    Returns
    -------
    dict or None
        All arguments; None where no shape was accepted.
    """
    names = list(inspect.signature(function).parameters)
    rng = np.random.default_rng([seed, 271828])
    for shape in _shapes(layer):
        x: Any = rng.standard_normal(shape)
        if layer.whole_inputs:
            x = rng.integers(len(_first_weights(layer)[0]), size=shape)
        found = {name: given.get(name, x) for name in names}
        try:
            if "t" in names and "t" not in given:
                found["t"] = _labels(layer, found, rng)
            function(*found.values())
        except Exception:  # it does not accept this shape
            continue
        return found
    return None


def _labels(layer: Layer, found: dict[str, Any], rng: np.random.Generator) -> Any:
    scores = found["x"]
    if isinstance(layer, Sequential):
        params = {name: found[word] for name, word in _words(layer).items()}
        scores = layer.predict(scores, params=params)
    if scores.ndim < 2 or scores.shape[-1] == 1:
        return rng.integers(2, size=scores.shape)
    return rng.integers(scores.shape[-1], size=len(scores))


def _first_weights(layer: Layer) -> tuple[Any, ...]:
    """Give the parameters of the first layer that has some."""
    layers = layer.every_layer() if isinstance(layer, Chain) else iter([layer])
    for each in layers:
        if each.parameters and not isinstance(each, Chain):
            return each.arrays(each.parameters)
    return ()


def _shapes(layer: Layer) -> Iterator[tuple[int, ...]]:
    weights = _first_weights(layer)
    if layer.whole_inputs:
        yield (4, 5)  # sequences of words; where they are to have a certain length, it is found
        yield from ((4, size) for size in _SIZES)
        yield (4,)
        return
    if weights:
        shape = weights[0].shape
        if len(shape) == 4:
            yield from ((2, shape[1], size, size) for size in _SIZES)
        if len(shape) == 3:
            yield from ((2, shape[1], size) for size in _SIZES)
        yield (4, shape[0])
        yield (2, 5, shape[0])
    yield (4, 3)
    yield from ((2, 1, size, size) for size in _SIZES)
