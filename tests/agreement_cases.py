"""What is compared: every example of every primitive, and every layer."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from layer_examples import examples as layer_examples

import clearprop as cp
from clearprop.check.primitives import examples


@dataclass
class Case:
    """A function and what it is called with."""

    name: str
    f: Any
    args: tuple[Any, ...]
    dtype: str
    more: int = 1  # times as many samples as the example has: sums of them are less exact


# ---- primitives ------------------------------------------------------------------------------


def of_primitive(primitive: Any, dtype: str = "float64", more: int = 1) -> list[Case]:
    """Give the example calls of a primitive as functions of their arrays.

    Of one with a derivative: its value, and the gradients of its weighted sum. With ``more``
    samples: the cases that can have them.
    """
    cases = []
    drawn = examples(primitive, np.random.default_rng(0))
    for number, (given, options) in enumerate(drawn):
        if primitive.name == "astype" and dtype != "float64":
            continue  # the example asks for float64
        operands, attributes = (
            (given, options) if more == 1 else _with_more(primitive, given, options, more)
        )
        if operands is None:
            continue
        call, arrays = function_of(primitive, operands, attributes, dtype)
        real = [i for i, a in enumerate(arrays) if a.dtype.kind in "fc"]
        f = call if primitive.no_derivative or not real else value_and_gradients(call, real)
        name = f"{primitive.name} {number + 1}"
        cases.append(Case(name, f, tuple(arrays), dtype, more))
    return cases


def function_of(primitive: Any, operands: Any, attributes: Any, dtype: str) -> Any:
    """Give a call as a function of its arrays, and these arrays."""
    places = [i for i, o in enumerate(operands) if isinstance(o, np.ndarray | np.generic)]
    arrays = [_cast(operands[i], dtype) for i in places]

    def call(*given):
        filled = list(operands)
        for i, value in zip(places, given, strict=True):
            filled[i] = value
        return primitive(*filled, **attributes)

    return call, arrays


def value_and_gradients(call: Any, real: list[int]) -> Any:
    """Give a function of the arrays: the value, and the gradients of its weighted sum."""

    def pulled(*given):
        def of_real(*leaves):
            filled = list(given)
            for i, leaf in zip(real, leaves, strict=True):
                filled[i] = leaf
            return call(*filled)

        rng = np.random.default_rng(1)
        y, pullback = cp.vjp(of_real, *(given[i] for i in real))
        dy = tuple(weights(rng, p) for p in y) if isinstance(y, tuple) else weights(rng, y)
        return y, pullback(dy)

    return pulled


def weights(rng: Any, part: Any) -> Any:
    return rng.uniform(0.5, 1.5, part.shape).astype(part.dtype)


def _cast(array: Any, dtype: str) -> Any:
    return array.astype(dtype) if array.dtype.kind == "f" else array


def _with_more(primitive: Any, operands: Any, attributes: Any, more: int) -> Any:
    """Repeat what has the first axis of the first operand along it; None where that is no call."""
    first = np.shape(operands[0])
    if not first or not first[0]:
        return None, None
    length = first[0]

    def longer(value):
        if not (isinstance(value, np.ndarray) and value.dtype.kind == "f"):
            return value
        if value.ndim != len(first) or value.shape[0] != length:
            return value
        return np.concatenate([value] * more)

    def longer_shape(key, value):
        is_shape = key == "shape" and isinstance(value, tuple) and value[:1] == (length,)
        return (length * more, *value[1:]) if is_shape else value

    operands = [longer(operand) for operand in operands]
    attributes = {key: longer_shape(key, value) for key, value in attributes.items()}
    try:
        with np.errstate(all="ignore"):
            primitive.implementation(*operands, **attributes)
    except (ValueError, IndexError, np.linalg.LinAlgError):
        return None, None
    return operands, attributes


# ---- layers ----------------------------------------------------------------------------------


def of_layers(dtype: str = "float64", more: int = 1) -> list[Case]:
    """Give every layer: its value, the gradients of its weighted sum, and its new buffers."""
    cases = []
    for name, (layer, given, labels) in layer_examples(np.dtype(dtype).type).items():
        inputs = given
        t = tuple(layer.targets(label, inputs[0]) for label in labels)
        if more > 1:
            if np.ndim(inputs[0]) < 2:
                continue
            length = len(inputs[0])
            inputs, t = (
                tuple(np.concatenate([v] * more) if len(v) == length else v for v in values)
                for values in (inputs, t)
            )
        arguments = (inputs, layer.arrays(layer.parameters), layer.arrays(layer.buffers), t)
        for train in (True, False) if layer.buffers else (None,):
            if name.endswith("single") and train:
                continue  # one sample has no variance
            which = {None: "", True: ", training", False: ", inference"}[train]
            f = _of_layer(layer, train)
            cases.append(Case(name + which, f, arguments, dtype, more))
    return cases


def _of_layer(layer: Any, train: bool | None) -> Any:
    def f(inputs, parameters, buffers, t):
        def loss(inputs, parameters):
            options = {"t": t[0]} if t else {}
            options |= {} if train is None else {"train": train}
            y = layer.compute(*inputs, *parameters, *buffers, **options)
            y, seen = y if layer.buffers else (y, ())
            after = layer.advance(buffers, seen) if train else ()
            return np.sum(weights(np.random.default_rng(1), y) * y), (y, after)

        of = (1,) if layer.whole_inputs else (0, 1)  # whole numbers have no derivative
        return cp.value_and_grad(loss, of, has_aux=True)(inputs, parameters)

    return f
