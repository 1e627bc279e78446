"""Layer: the textbook contract, ``forward`` and ``backward``, on the record of the engine.

A layer is one pure method, ``compute``, in ordinary NumPy. ``forward`` records it and keeps the
pullback; ``backward`` runs the pullback. No layer has a backward pass of its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from clearprop.errors import (
    ArgumentsError,
    ClearpropError,
    DTypeError,
    MissingMethodError,
    OrderError,
    ShapeError,
)
from clearprop.idioms import FromElsewhere, refusing
from clearprop.nn.checks import real_inputs
from clearprop.places import current_line
from clearprop.signatures import Told, initial_sizes, name_of, told, written
from clearprop.staged.reading import refuse_state
from clearprop.tensor import Tensor
from clearprop.transforms import vjp


class Names(tuple[str, ...]):
    """The names of a layer's parameters; called, as PyTorch's method is, they say what to write."""

    __slots__ = ()

    def __call__(self) -> Any:
        """Refuse."""
        raise MissingMethodError(
            "parameters are the names of a layer's arrays, and no method.",
            where=current_line(1),
            why="An update rule holds numbers only, and no parameters.",
            write="optim.Adam(0.001), then train.fit(net, ((x, t), None), optimizer=rule) or "
            "rule.update(net.params, grads, state); the arrays are net.params.values()",
        )


class Layer(FromElsewhere, Told):
    """``y = forward(x)``, then ``dx = backward(dy)``: base of all layers, and of your own.

    A subclass names its parameters and writes ``compute`` in ordinary NumPy; its backward pass
    follows from that.

    Attributes
    ----------
    parameters : tuple of str
        Names of the attributes that are trained, such as ``("W", "b")``. After ``backward`` the
        attribute ``dW`` holds the gradient of ``W``, in the shape and dtype of ``W``.
    buffers : tuple of str
        Names of the attributes that change in training without being trained, such as
        ``running_mean``. They are replaced, never written into.
    called : dict of str to str
        What a network calls them, such as ``W1`` for ``W``; for pictures.
    whole_inputs : bool
        Whether the input is whole numbers, as that of `Embedding`. They have no derivative, so
        ``backward`` returns None.

    Raises
    ------
    OrderError
        ``backward`` was called before ``forward``.
    ShapeError
        ``dy`` does not have the shape of ``y``, or an input does not fit the layer.
    DTypeError
        An input holds no real numbers.

    Notes
    -----
    - Integers, booleans and Python numbers count as real numbers, in the dtype of the parameters
      (or of the other input); ``float32`` stays ``float32``, forward and backward.
    - Neither the inputs nor ``dy`` nor the parameters are written into. ``backward`` may be called
      again: it assigns ``dW``, it does not add to it.
    - What is written to an input, a parameter or ``y`` between ``forward`` and ``backward`` does
      not change the answer.
    - NaN passes through, forward and backward.
    - Called on a recorded value, inside ``cp.grad`` or ``cp.trace``, ``forward`` computes on that
      record and returns a recorded value; the gradient then comes from there.

    Source
    ------
    The layers of K. Saitoh, *Deep Learning from Scratch*, 2016, chapter 5.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> class Scale(nn.Layer):
    ...     parameters = ("k",)
    ...
    ...     def __init__(self, k):
    ...         self.k = k
    ...
    ...     def compute(self, x, k):
    ...         return x * k
    >>> layer = Scale(np.array([2.0, 3.0]))
    >>> layer.forward(np.array([[1.0, 1.0], [4.0, 5.0]]))
    array([[ 2.,  3.],
           [ 8., 15.]])
    >>> layer.backward(np.ones((2, 2)))
    array([[2., 3.],
           [2., 3.]])
    >>> layer.dk
    array([5., 6.])
    """

    parameters: tuple[str, ...] = ()
    buffers: tuple[str, ...] = ()
    called: Mapping[str, str] = MappingProxyType({})
    whole_inputs: bool = False
    extent = 1  # positions that it takes in a network

    _pullback: Callable[[Any], tuple[Any, ...]] | None = None
    _shape: tuple[int, ...] = ()  # of the last y
    _count = 1  # of inputs in the last forward

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if isinstance(vars(cls).get("parameters"), tuple):
            cls.parameters = Names(cls.parameters)
        if isinstance(initial := vars(cls).get("initial"), classmethod):
            cls.initial = classmethod(told(".initial")(initial.__func__))  # type: ignore[attr-defined]

    @classmethod
    def _misfit(
        cls, args: tuple[Any, ...], kwargs: Mapping[str, Any], what: str
    ) -> ClearpropError | None:
        if not hasattr(cls, "initial") or any(hasattr(value, "dtype") for value in args):
            return super()._misfit(args, kwargs, what)
        sizes = written(args, kwargs)
        return DTypeError(
            f"{name_of(cls)}({sizes}): {what}.",
            where=current_line(1),
            why="A layer is made from the arrays of its parameters; initial draws them by sizes.",
            write=f"{name_of(cls)}.initial({initial_sizes(cls.initial, args, kwargs)})",
        )

    def compute(self, *arrays: Any, **options: Any) -> Any:
        """Compute ``y`` from the inputs, the parameters and the buffers, in this order.

        Pure: it changes nothing. A layer with buffers takes ``train`` as well, and returns
        ``(y, seen)``: what ``advance`` needs to know of this call.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what it computes")

    def advance(self, buffers: tuple[Any, ...], seen: tuple[Any, ...]) -> tuple[Any, ...]:
        """Give the buffers after a call in training. Pure."""
        return buffers

    def place(self, position: int) -> None:
        """Hear one's position in a network. Most layers have no use for it."""

    def taken(self, inputs: Sequence[Any], parameters: Sequence[Any]) -> tuple[Any, ...]:
        """Give the inputs as arrays that ``compute`` takes: here, of floats.

        Raises
        ------
        DTypeError
            If an input is not what the layer takes.
        """
        return real_inputs(inputs, parameters, type(self).__name__)

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Compute ``y``, and keep what ``backward`` needs.

        Parameters
        ----------
        *inputs : array_like of real numbers
            See the layer.

        Returns
        -------
        ndarray or NumPy scalar
        """
        self._pullback = None  # where this call fails, the one before it must not answer
        parameters, buffers = self.arrays(self.parameters), self.arrays(self.buffers)
        inputs = self.taken(inputs, parameters)
        fixed = inputs if self.whole_inputs else ()
        seen: tuple[Any, ...] = ()

        def f(*arrays: Any) -> Any:
            nonlocal seen
            if not self.buffers:
                return self.compute(*arrays, **options)
            y, seen = self.compute(*arrays, *buffers, **options)
            return y

        if any(isinstance(array, Tensor) for array in (*inputs, *parameters)):
            y = f(*inputs, *parameters)
        else:
            moving = (*inputs, *parameters)[len(fixed) :]
            y, self._pullback = vjp(lambda *arrays: f(*fixed, *arrays), *moving)
            self._shape, self._count = np.shape(y), len(inputs) - len(fixed)
        if options.get("train"):
            self.remember(seen)
        return y

    @refusing
    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Refuse, and say which method is meant.

        Raises
        ------
        ArgumentsError
        """
        is_network = hasattr(self, "predict")
        raise ArgumentsError(
            f"A {type(self).__name__} is not called.",
            where=current_line(1),
            why="predict computes without a record; forward keeps what backward needs."
            if is_network
            else "forward keeps what backward needs.",
            write="net.predict(x)" if is_network else f"layer.forward({_inputs_of(self)})",
        )

    def backward(self, dy: Any = None) -> Any:
        """Compute ``dx`` from ``dy``, and leave the gradients of the parameters on the layer.

        Parameters
        ----------
        dy : array_like, shape of y
            The gradient that arrives, in units of loss per unit of ``y``.

        Returns
        -------
        ndarray, shape of x, or a tuple of them
            In units of loss per unit of ``x``; one for each input. None where the input is whole
            numbers.

        Raises
        ------
        OrderError
            Before ``forward``.
        ArgumentsError
            Without ``dy``.
        ShapeError
            If ``dy`` has another shape than ``y``.
        DTypeError
            If ``dy`` holds no real numbers.
        """
        name = type(self).__name__
        if self._pullback is None:
            raise OrderError(
                f"{name}.backward was called before {name}.forward.",
                where=current_line(1),
                why="The backward pass comes from the record of the layer's own forward; a forward "
                "inside cp.grad or cp.trace belongs to theirs.",
                write="y = layer.forward(x); dx = layer.backward(dy)",
            )
        if dy is None:
            raise ArgumentsError(
                f"{name}.backward: dy is missing.",
                where=current_line(1),
                why="It is the gradient that arrives from behind; only a loss starts with 1.",
                write="net.gradient(x, t), from the loss back"
                if getattr(self, "last_layer", None) is not None
                else f"layer.backward(np.ones({self._shape})), or dy from the layer behind",
            )
        gradients = self._pullback(self._checked(dy))
        self.keep(gradients[self._count :])
        if self.whole_inputs:
            return None
        return gradients[0] if self._count == 1 else gradients[: self._count]

    def _checked(self, dy: Any) -> Any:
        name = type(self).__name__
        dy = dy if isinstance(dy, Tensor) else np.asarray(dy)
        if dy.shape != self._shape:
            raise ShapeError(
                f"{name}.backward: dy has shape {dy.shape}, y has shape {self._shape}.",
                where=current_line(1),
                why="dy holds one number for each element that forward returned.",
                write=f"layer.backward(np.broadcast_to(dy, {self._shape}))"
                if dy.size == 1
                else f"dy of shape {self._shape}, the gradient of what this forward returned.",
            )
        if dy.dtype.kind not in "fiub":
            raise DTypeError(
                f"{name}.backward: dy is an array of {dy.dtype}.",
                where=current_line(1),
                why="A gradient holds real numbers.",
                write="dy.real" if dy.dtype.kind == "c" else "dy.astype(float)",
            )
        return dy

    # ---- where the arrays live: a chain keeps them in its layers ---------------------------

    def places(self, names: Sequence[str]) -> tuple[tuple[Layer, str], ...]:
        """Say where the arrays of these names live: on which layer, as which attribute."""
        return tuple((self, name) for name in names)

    def arrays(self, names: Sequence[str]) -> tuple[Any, ...]:
        """Give the arrays of these names."""
        return tuple(getattr(layer, key) for layer, key in self.places(names))

    def keep(self, gradients: Sequence[Any]) -> None:
        """Keep the gradients where the textbook does: ``dW`` on the layer of ``W``."""
        for (layer, key), gradient in zip(self.places(self.parameters), gradients, strict=True):
            setattr(layer, f"d{key}", gradient)

    def remember(self, seen: tuple[Any, ...]) -> None:
        """Replace the buffers by those after a call in training; recorded values become plain."""
        if self.buffers:
            refuse_state(type(self).__name__)
        before = self.arrays(self.buffers)
        self.replace(self.advance(before, tuple(_plain(value) for value in seen)))

    def replace(self, buffers: tuple[Any, ...]) -> None:
        """Put other arrays in the place of the buffers."""
        for (layer, key), new in zip(self.places(self.buffers), buffers, strict=True):
            setattr(layer, key, np.asarray(new, dtype=getattr(layer, key).dtype))

    def __getstate__(self) -> dict[str, Any]:
        """Leave the record behind: a copy has parameters, and needs a forward of its own."""
        return {key: value for key, value in vars(self).items() if key != "_pullback"}

    def _options(self) -> str:
        """Describe the layer, for its repr."""
        return ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._options()})"


def _inputs_of(layer: Layer) -> str:
    """Give the names of what a layer's ``forward`` takes; x, where it takes whatever there is."""
    known = inspect.signature(layer.forward).parameters.values()
    names = [p.name for p in known if p.default is p.empty and p.kind < p.VAR_POSITIONAL]
    return ", ".join(names) or "x"


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Tensor) else value
