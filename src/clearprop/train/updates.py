"""Updates from mini-batches: one after the other in NumPy, or many in one call of machine code."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from clearprop.errors import ClearpropError, MissingExtraError
from clearprop.nn.chain import Chain
from clearprop.nn.layer import Layer
from clearprop.nn.sequential import Sequential
from clearprop.optim import sgd
from clearprop.transforms import value_and_grad

_SECONDS = 0.1  # of one call: so often are signals heard, and can progress be shown
_GROWTH = 8  # from one call to the next, at most, while its speed is not known yet
_MOST_DRAWN = 1 << 20  # numbers of samples in one call, which take memory
_PIECE = 10_000  # labels checked at once

Prepare = Callable[[Any], Any]


class Batches(NamedTuple):
    """Samples and labels, and what batches are drawn from them with.

    Attributes
    ----------
    x, t : ndarray
        All of them.
    size : int
        Samples in a batch, drawn with replacement.
    rng : numpy.random.Generator
        Which; the same numbers whether batches are drawn singly or several at once.
    prepare : callable, optional
        What is done to the samples of a batch before the network gets them.
    """

    x: Any
    t: Any
    size: int
    rng: np.random.Generator
    prepare: Prepare | None = None

    def draw(self, *count: int) -> npt.NDArray[np.int64]:
        """Draw the numbers of the samples of a batch, or of several."""
        return self.rng.integers(len(self.x), size=(*count, self.size))


class Updates(Protocol):
    """What makes updates of a network.

    Attributes
    ----------
    most : int
        How many one call is to make, so that it does not take long.
    """

    most: int

    def make(self, count: int) -> Sequence[float]:
        """Make updates, and give the loss of each batch before its update.

        Where a loss is not finite it is the last one, and its update is not made.
        """


class Interpreted:
    """One update after the other, in NumPy.

    Parameters
    ----------
    model : Model
        What is trained, as `fit` asks of it.
    batches : Batches
    lr : float
    """

    most = 1

    def __init__(self, model: Any, batches: Batches, lr: float) -> None:
        self.model, self.batches, self.lr = model, batches, lr

    def make(self, count: int) -> Sequence[float]:
        """Make updates; see `Updates`."""
        losses: list[float] = []
        for _ in range(count):
            drawn = self.batches.draw()
            x = prepared(self.batches.x[drawn], self.batches.prepare)
            loss, grads = self.model.loss_and_gradient(x, self.batches.t[drawn])
            losses.append(float(loss))
            if not math.isfinite(loss):
                break
            self.model.params = sgd(dict(self.model.params), grads, self.lr)
        return losses


class Compiled:
    """Many updates in one call of machine code, which gathers the batches too.

    What it carries from one update to the next are the parameters, the buffers (running means,
    the keys of masks) and the gradients, which nobody reads on the way: after a call the network
    has the arrays that it would have after as many single updates. Nothing depends on how many
    a call makes.

    Parameters
    ----------
    network : Sequential
    batches : Batches
    lr : float

    Raises
    ------
    CannotCompileError
        With the reason why updates of this network, or from these data, have to be interpreted.
    """

    def __init__(self, network: Any, batches: Batches, lr: float) -> None:
        self.network, self.batches = network, batches
        self.most = 1
        check_network(network)
        x, t = (readable(name, part) for name, part in (("x", batches.x), ("t", batches.t)))
        try:
            from clearprop.compile import compile
            from clearprop.extras import require

            require("llvmlite.binding", "train", "writes machine code", "fit")
            _check_inputs(network, x, batches.prepare)
            _check_labels(network, prepared(x[:1], batches.prepare), t)
            self._scan = compile(_step(network, lr, batches.prepare)).scan
            self._data = x, t
            self._run(self._carry(), np.empty((0, batches.size), np.int64))  # compiles
        except Exception as error:
            # whatever it is: where the fault is the user's, the first update in NumPy will say so
            raise CannotCompileError(error) from error

    def make(self, count: int) -> Sequence[float]:
        """Make updates; see `Updates`."""
        count = max(1, min(count, self.most))
        started = time.perf_counter()
        generator = self.batches.rng.bit_generator
        state = generator.state
        drawn = self.batches.draw(count)
        before = self._carry()
        after, found = self._run(before, drawn)
        finite = np.isfinite(found)
        if not finite.all():
            done = int(np.argmin(finite))
            generator.state = state
            self.batches.draw(done + 1)
            before, _ = self._run(before, drawn[:done])
            (_, *others), _ = self._run(before, drawn[done : done + 1])
            after, found = (before[0], *others), found[: done + 1]
        self._leave(after)
        self._adapt(count, time.perf_counter() - started)
        losses: list[float] = found.tolist()
        return losses

    def _run(self, carry: Any, drawn: npt.NDArray[np.int64]) -> Any:
        return self._scan(carry, drawn, *self._data)

    def _carry(self) -> tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]:
        parameters = self.network.arrays(self.network.parameters)
        buffers = self.network.arrays(self.network.buffers)
        return parameters, buffers, parameters  # in the place of gradients: nobody reads them

    def _leave(self, carry: Any) -> None:
        parameters, buffers, gradients = carry
        self.network.params = dict(zip(self.network.parameters, parameters, strict=True))
        self.network.replace(buffers)
        self.network.keep(gradients)

    def _adapt(self, count: int, seconds: float) -> None:
        by_time = int(count * _SECONDS / max(seconds, 1e-9))
        by_memory = _MOST_DRAWN // self.batches.size
        self.most = max(1, min(by_time, by_memory, _GROWTH * count))


class CannotCompileError(Exception):
    """Updates have to be interpreted; its cause, or its text, says why."""

    @property
    def reason(self) -> str:
        """Why, and what to do about it, as sentences."""
        error = self.__cause__
        if isinstance(error, MissingExtraError):
            return str(error)
        if error is None:
            what = str(self)
        elif isinstance(error, ClearpropError):
            what = f"{error.what} Why: {error.why}" if error.why else error.what
        else:
            what = f"{type(error).__name__}: {error}."
        return f"{what} Write instead: interpret=True, and nothing is said of it."


def _step(network: Sequential, lr: float, prepare: Prepare | None) -> Callable[..., Any]:
    """Make the function of one update: pure, and the same arithmetic as `Interpreted`."""
    count, last = len(network.parameters), network.last_layer
    assert last is not None

    def step(carry: Any, drawn: Any, x: Any, t: Any) -> Any:
        parameters, buffers, _before = carry
        x, t = x[drawn], t[drawn]
        x = taken(network, prepared(x, prepare), parameters)

        def loss(*arrays: Any) -> Any:
            y = network.compute(x, *arrays, *buffers, train=True)
            y, seen = y if buffers else (y, ())
            return last.compute(y, t=last.targets(t, y)), seen

        (value, seen), gradients = value_and_grad(loss, range(count), has_aux=True)(*parameters)
        after = network.advance(buffers, seen)
        return (
            (
                sgd(parameters, gradients, lr),
                tuple(_as(new, old.dtype) for new, old in zip(after, buffers, strict=True)),
                gradients,
            ),
            value,
        )

    return step


def prepared(x: Any, prepare: Prepare | None) -> Any:
    """Do what is to be done to samples before a network gets them, if anything."""
    return x if prepare is None else prepare(x)


def taken(network: Sequential, x: Any, parameters: Iterable[Any]) -> Any:
    """Give samples as the network computes with them: floats, but where it takes whole numbers."""
    if network.whole_inputs or x.dtype.kind == "f":
        return x
    return x.astype(np.result_type(*(p.dtype for p in parameters)))


def _as(value: Any, dtype: Any) -> Any:
    return value if value.dtype == dtype else value.astype(dtype)


# What machine code does in their place; who writes one anew means another computation.
_OF_ALL = ("compute", "_run", "_steps", "arrays", "places", "params")
_OF_NETWORK = ("loss_and_gradient", "advance", "keep", "remember", "replace")
_OF_LAYER = ("arrays", "keep", "places", "remember", "replace")


def check_network(network: Any, names: Iterable[str] = _OF_NETWORK) -> None:
    """Refuse what is no `Sequential`, or not quite one, or has no parameters or loss.

    Parameters
    ----------
    network : Any
    names : iterable of str
        Methods that are to be those of `Sequential`, besides those with which it computes.

    Raises
    ------
    CannotCompileError
    """
    kind = type(network).__name__
    if not isinstance(network, Sequential):
        raise CannotCompileError(f"{kind} is no nn.Sequential.")
    own = [f"{kind}.{name}" for name in _changed(network, Sequential, (*_OF_ALL, *names))]
    for layer in network.every_layer():
        base = Chain if isinstance(layer, Chain) else Layer
        own += [f"{type(layer).__name__}.{name}" for name in _changed(layer, base, _OF_LAYER)]
    if own:
        raise CannotCompileError(f"{own[0]} is written anew, and might do something else.")
    if not network.parameters or network.last_layer is None:
        raise CannotCompileError(f"the {kind} has no parameters, or no loss.")


def _changed(part: Any, base: type, names: Iterable[str]) -> list[str]:
    kind, own = type(part), vars(part)
    return [n for n in names if getattr(kind, n) is not getattr(base, n) or n in own]


def readable(name: str, array: Any) -> Any:
    """Give a view of an array that says that nobody writes to it, so that it is not copied."""
    if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):
        raise CannotCompileError(f"{name} is a {type(array).__name__}, and no ndarray.")
    if array.dtype.kind not in "fiub":
        raise CannotCompileError(f"{name} is an array of {array.dtype}.")
    native: Any = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    return np.asarray(memoryview(native).toreadonly())


def _check_inputs(network: Sequential, x: Any, prepare: Prepare | None) -> None:
    """Check all whole numbers that a table is read by, as a step checks none."""
    if network.whole_inputs:
        parameters = network.arrays(network.parameters)
        for start in range(0, len(x), _PIECE):
            network.taken((prepared(x[start : start + _PIECE], prepare),), parameters)


def _check_labels(network: Sequential, x: Any, t: Any) -> None:
    """Check all labels: a step checks none, as it looks at no value."""
    last = network.last_layer
    assert last is not None
    y = network.predict(x)
    for start in range(0, len(t), _PIECE):
        piece = t[start : start + _PIECE]
        last.targets(piece, np.broadcast_to(y, (len(piece), *y.shape[1:])))
