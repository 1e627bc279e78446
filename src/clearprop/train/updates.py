"""Updates from mini-batches: one after the other in NumPy, or many in one call of machine code."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np

from clearprop.errors import ClearpropError, MissingExtraError
from clearprop.nn.chain import Chain
from clearprop.nn.layer import Layer
from clearprop.nn.sequential import Sequential
from clearprop.train.sources import Source
from clearprop.train.targets import Targets
from clearprop.transforms import value_and_grad
from clearprop.trees import tree_leaves, tree_map

_SECONDS = 0.1  # of one call: so often are signals heard, and can progress be shown
_GROWTH = 8  # from one call to the next, at most, while its speed is not known yet
_MOST_BYTES = 1 << 23  # of batches, or of numbers of samples, in one call
_PIECE = 10_000  # labels checked at once

Prepare = Callable[[Any], Any]

#: From network, samples, labels, parameters and buffers: the loss, what was seen, the gradients.
Derivative = Callable[[Any, Any, Any, Any, Any], tuple[Any, Any, Any]]


class Rule(Protocol):
    """An update rule, such as `optim.SGD`."""

    def init(self, params: Any) -> Any:
        """Give the state before the first update."""

    def update(self, params: Any, grads: Any, state: Any) -> tuple[Any, Any]:
        """Give new parameters and the new state."""


class Updates(Protocol):
    """What makes updates of a network.

    Attributes
    ----------
    most : int
        How many one call is to make, so that it does not take long.
    state : nested arrays
        Of the update rule.
    last : pair of ndarray
        Samples and labels of the last batch.
    """

    most: int
    state: Any

    @property
    def last(self) -> tuple[Any, Any]:
        """The last batch."""

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
    source : Source
    rule : Rule
    prepare : callable, optional
        What is done to the samples of a batch before the network gets them.
    targets : Targets, optional
        What is done to its targets.
    """

    most = 1

    def __init__(
        self,
        model: Any,
        source: Source,
        rule: Rule,
        prepare: Prepare | None = None,
        targets: Targets | None = None,
    ) -> None:
        self.model, self.source, self.rule, self.prepare = model, source, rule, prepare
        self.targets = Targets() if targets is None else targets
        self.state = rule.init(dict(model.params))
        self._part: Any = None

    @property
    def last(self) -> tuple[Any, Any]:
        """Samples and labels of the last batch."""
        x, t = self.source.batch(self._part, *self.source.constants)
        return prepared(x, self.prepare), self.targets(t)

    def make(self, count: int) -> Sequence[float]:
        """Make updates; see `Updates`."""
        losses: list[float] = []
        for _ in range(count):
            self._part = tree_map(lambda part: part[0], self.source.take(1))
            loss, grads = self.model.loss_and_gradient(*self.last)
            losses.append(float(loss))
            if not math.isfinite(loss):
                break
            params = dict(self.model.params)
            self.model.params, self.state = self.rule.update(params, grads, self.state)
        return losses


class Compiled:
    """Many updates in one call of machine code, which gathers the batches too.

    What it carries from one update to the next are the parameters, the buffers (running means,
    the keys of masks), the state of the update rule, and the gradients, which nobody reads on the
    way: after a call the network has the arrays that it would have after as many single updates.
    Nothing depends on how many a call makes.

    Parameters
    ----------
    network : Sequential
    source : Source
    rule : Rule
    prepare : callable, optional
        What is done to the samples of a batch before the network gets them.
    targets : Targets, optional
        What is done to its targets.
    derivative : Derivative, optional
        What computes loss and gradients of what a step gets; by default, of the batch at once.

    Raises
    ------
    CannotCompileError
        With the reason why updates of this network, or from these data, have to be interpreted.
    """

    def __init__(
        self,
        network: Any,
        source: Source,
        rule: Rule,
        prepare: Prepare | None = None,
        targets: Targets | None = None,
        derivative: Derivative | None = None,
    ) -> None:
        self.network, self.source, self.prepare = network, source, prepare
        self.targets = Targets() if targets is None else targets
        self.most = 1
        check_network(network)
        names = ("x", "t")
        self._constants = [readable(*pair) for pair in zip(names, source.constants, strict=False)]
        try:
            self.state = rule.init(dict(network.params))
            parts = rule, prepare, self.targets, derivative or _of_batch
            self._scan = self._looped(_step(network, source.batch, *parts))
            self._part = source.take(1)
            source.give_back(1)
            if self._constants:
                self._check(*self._constants)
            self._run(self._carry(), _steps(self._part, 0, 0))  # compiles
        except Exception as error:
            # whatever it is: where the fault is the user's, the first update in NumPy will say so
            raise CannotCompileError(error) from error

    def _looped(self, step: Callable[..., Any]) -> Callable[..., Any]:
        """Give the loop of a step, in machine code."""
        from clearprop.compile import compile
        from clearprop.extras import require

        require("llvmlite.binding", "train", "writes machine code", "fit")
        scan: Callable[..., Any] = compile(step).scan
        return scan

    @property
    def last(self) -> tuple[Any, Any]:
        """Samples and labels of the last batch."""
        part = tree_map(lambda part: part[-1], self._part)
        x, t = self.source.batch(part, *self.source.constants)
        return prepared(x, self.prepare), self.targets(t)

    def make(self, count: int) -> Sequence[float]:
        """Make updates; see `Updates`."""
        started = time.perf_counter()
        self._part = part = self.source.take(max(1, min(count, self.most)))
        count = len(tree_leaves(part)[0][1])
        before = self._carry()
        try:
            if not self._constants:
                self._check(*(each.reshape(-1, *each.shape[2:]) for each in part))
            after, found = self._run(before, part)
        except BaseException:  # Ctrl-C too: whoever saves the run finds it before this call
            self.source.give_back(count)
            raise
        finite = np.isfinite(found)
        if not finite.all():
            done = int(np.argmin(finite))
            self.source.give_back(count - done - 1)
            self._part = _steps(part, 0, done + 1)
            before, _ = self._run(before, _steps(part, 0, done))
            (_, buffers, gradients, _), _ = self._run(before, _steps(part, done, done + 1))
            after, found = (before[0], buffers, gradients, before[3]), found[: done + 1]
        self._leave(after)
        self._adapt(count, time.perf_counter() - started)
        losses: list[float] = found.tolist()
        return losses

    def _run(self, carry: Any, part: Any) -> Any:
        return self._scan(carry, part, *self._constants)

    def _carry(self) -> tuple[Any, ...]:
        parameters = self.network.arrays(self.network.parameters)
        buffers = self.network.arrays(self.network.buffers)
        # in the place of gradients the parameters: nobody reads them
        return parameters, buffers, parameters, self.state

    def _leave(self, carry: Any) -> None:
        parameters, buffers, gradients, self.state = carry
        self.network.params = dict(zip(self.network.parameters, parameters, strict=True))
        self.network.replace(buffers)
        self.network.keep(gradients)

    def _adapt(self, count: int, seconds: float) -> None:
        by_time = int(count * _SECONDS / max(seconds, 1e-9))
        size = sum(np.asarray(part[0]).nbytes for _, part in tree_leaves(self._part))
        by_memory = _MOST_BYTES // max(size, 1)
        self.most = max(1, min(by_time, by_memory, _GROWTH * count))

    def _check(self, x: Any, t: Any) -> None:
        """Check labels and numbers of rows, piece by piece: a step looks at no value."""
        last = self.network.last_layer
        y = self.network.predict(self.last[0][:1])
        for start in range(0, len(t), _PIECE):
            piece = slice(start, start + _PIECE)
            targets = self.targets(t[piece])
            last.targets(targets, np.broadcast_to(y, (len(targets), *y.shape[1:])))
            if self.network.whole_inputs:
                parameters = self.network.arrays(self.network.parameters)
                self.network.taken((prepared(x[piece], self.prepare),), parameters)


def _steps(part: Any, first: int, last: int) -> Any:
    return tree_map(lambda each: each[first:last], part)


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


def _step(
    network: Sequential,
    batch: Callable[..., Any],
    rule: Rule,
    prepare: Prepare | None,
    targets: Targets,
    derivative: Derivative,
) -> Callable[..., Any]:
    """Make the function of one update: pure, and the same arithmetic as `Interpreted`."""
    names = network.parameters

    def step(carry: Any, part: Any, *constants: Any) -> Any:
        parameters, buffers, _before, state = carry
        x, t = batch(part, *constants)
        t = targets(t)
        x = taken(network, prepared(x, prepare), parameters)
        value, seen, gradients = derivative(network, x, t, parameters, buffers)
        params, grads = (dict(zip(names, part, strict=True)) for part in (parameters, gradients))
        params, state = rule.update(params, grads, state)
        after = network.advance(buffers, seen)
        buffers = tuple(_as(new, old.dtype) for new, old in zip(after, buffers, strict=True))
        return (tuple(params[name] for name in names), buffers, gradients, state), value

    return step


def _of_batch(network: Any, x: Any, t: Any, parameters: Any, buffers: Any) -> Any:
    """Compute loss and gradients of a batch at once; see `Derivative`."""
    last = network.last_layer

    def loss(*arrays: Any) -> Any:
        y = network.compute(x, *arrays, *buffers, train=True)
        y, seen = y if buffers else (y, ())
        return last.compute(y, t=last.targets(t, y)), seen

    derivative = value_and_grad(loss, range(len(parameters)), has_aux=True)
    (value, seen), gradients = derivative(*parameters)
    return value, seen, gradients


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
