"""The loop of gradient descent in mini-batches, and the numbers it leaves."""

from __future__ import annotations

import math
import sys
import warnings
from array import array
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from clearprop.errors import DataError, NonFiniteError
from clearprop.train.prediction import CompiledPrediction
from clearprop.train.settings import check_setting
from clearprop.train.updates import (
    Batches,
    CannotCompileError,
    Compiled,
    Interpreted,
    Prepare,
    Updates,
    prepared,
)

_PIECE = 10_000  # samples predicted at once: memory does not grow with the data

Split = tuple[npt.NDArray[Any], npt.NDArray[Any]]
_Accuracy = Callable[[Any, Any], float]


class Model(Protocol):
    """What `fit` asks of a network; those of `clearprop.nn` have it."""

    @property
    def params(self) -> Mapping[str, npt.NDArray[Any]]:
        """The arrays that are trained, by name."""

    @params.setter
    def params(self, new: Mapping[str, npt.NDArray[Any]]) -> None: ...

    def loss_and_gradient(self, x: Any, t: Any) -> tuple[Any, Mapping[str, npt.NDArray[Any]]]:
        """Compute the mean loss over a batch, and its gradients under the names of `params`."""

    def accuracy(self, x: Any, t: Any) -> float:
        """Compute the fraction of the samples that are classified as their labels say."""


class Row(NamedTuple):
    """How good the network is at one moment: a line of the table.

    Attributes
    ----------
    iteration : int
        Updates made so far.
    epoch : float
        Samples drawn so far, in units of the training set.
    loss : float
        Mean of the batches' losses since the row before, in nats per sample; NaN in the first.
    train_accuracy, test_accuracy : float
        Fractions of the samples, from 0 to 1.
    """

    iteration: int
    epoch: float
    loss: float
    train_accuracy: float
    test_accuracy: float


@dataclass
class Metrics:
    """The numbers of a run.

    Attributes
    ----------
    loss : array of float
        ``loss[i]`` is the mean loss of the batch for update ``i + 1``, before that update, in nats
        per sample.
    rows : list of Row
        Before training, after each epoch, and at the end.
    iterations : int
        Updates made so far. Where the loss was not finite, one less than there are losses.
    """

    loss: array[float] = field(default_factory=lambda: array("d"))
    rows: list[Row] = field(default_factory=list)
    iterations: int = 0


def fit(
    model: Model,
    data: tuple[Split, Split],
    *,
    lr: float = 0.1,
    batch: int = 100,
    iterations: int = 10_000,
    seed: int | np.random.Generator = 0,
    metrics: Metrics | None = None,
    watch: Callable[[Metrics], object] | None = None,
    prepare: Callable[[Any], Any] | None = None,
    interpret: bool = False,
) -> Metrics:
    r""":math:`\theta \leftarrow \theta - \eta\,\partial L/\partial \theta`, batch after batch.

    Parameters
    ----------
    model : Model
        The network, such as `nn.TwoLayerNet`; it is trained in place.
    data : pair of pairs of ndarray
        ``(x_train, t_train), (x_test, t_test)``, as from `data.mnist`.
    lr : float, default 0.1
        The learning rate :math:`\eta`.
    batch : int, default 100
        Samples in a batch, drawn with replacement.
    iterations : int, default 10,000
        Updates to make.
    seed : int or numpy.random.Generator, default 0
        Of the batches.
    metrics : Metrics, optional
        Where the numbers go; they are there even when an exception ends the run.
    watch : callable, optional
        Called before training and after every update with the metrics so far. What it returns,
        if true, ends the run. Where it has a method ``next_look``, as a `Diary` has, it is called
        after the update ``watch.next_look(metrics.iterations)``, after each epoch and several
        times a second, and in between machine code runs without Python.
    prepare : callable, optional
        What is done to samples, batch by batch, before the network gets them, in NumPy: with
        ``lambda x: x / np.float32(255)`` images stay bytes in memory, a quarter of what floats
        take. It is compiled into the step.
    interpret : bool, default False
        Compute in NumPy, update by update, and not in machine code. The batches are the same, the
        losses are so to rounding.

    Returns
    -------
    Metrics
        The loss of every batch, in nats per sample, and the accuracies before training, after
        each epoch and at the end, as fractions.

    Raises
    ------
    NonFiniteError
        The loss of a batch, or a parameter at the end of an epoch, is NaN or infinite.
    OptionError
        A number is out of its limits.
    DataError
        There are no samples.

    Warns
    -----
    RuntimeWarning
        The run is interpreted though ``interpret`` is not given: llvmlite is not installed, or the
        model is none that machine code is made of, such as one with a ``loss_and_gradient`` of its
        own. The warning says why.

    Notes
    -----
    A whole update, from the gathering of the batch to the new parameters, is one compiled step
    (`cp.compile`), and a call of machine code makes as many updates as fit into about 0.1 s. The
    numbers do not depend on how many these are, nor on the threads (`cp.set_threads`).

    Source
    ------
    K. Saitoh, *Deep Learning from Scratch*, 2016, section 5.7.4.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn, train
    >>> x, t = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    >>> net = nn.TwoLayerNet(2, 16, 2, weight_init_std=1.0)
    >>> metrics = train.fit(net, ((x, t), (x, t)), lr=0.5, batch=4, iterations=500)
    >>> len(metrics.loss), metrics.rows[-1].train_accuracy
    (500, 1.0)
    """
    for name, value in (("lr", lr), ("batch", batch), ("iterations", iterations)):
        check_setting(name, value)
    x, t = data[0]
    if not all(len(samples) for samples, _ in data):
        raise DataError(
            "train: there are no samples to train with, or none to test with.",
            why="a batch is drawn from the first, and the accuracy is a fraction of both.",
            write="fit(model, ((x_train, t_train), (x_test, t_test)))",
        )
    batches = Batches(x, t, int(batch), np.random.default_rng(seed), prepare)
    metrics = Metrics() if metrics is None else metrics

    def evaluate() -> Row:
        for name, value in model.params.items():
            if not np.isfinite(value).all():
                raise _not_finite(f"{name} holds NaN or infinity", metrics.iterations, lr)
        return _row(accuracy, data, metrics, batch)

    with ExitStack() as stack:
        # what is not finite is an error below, and not a warning
        stack.enter_context(np.errstate(all="ignore"))
        updates, reason = _updates(model, batches, float(lr), interpret)
        if isinstance(updates, Compiled):
            stack.enter_context(_blas_on_one_thread())
        accuracy = _accuracy_of(model, prepare, compiled=isinstance(updates, Compiled))
        if not metrics.rows:
            metrics.rows.append(evaluate())
        stopped = watch is not None and watch(metrics)
        while metrics.iterations < iterations and not stopped:
            border = _end_of_epoch(metrics, len(x), batch)
            until = min(iterations, border, _next_look(watch, metrics.iterations))
            losses = updates.make(max(1, min(updates.most, until - metrics.iterations)))
            metrics.loss.extend(losses)
            metrics.iterations += len(losses)
            if not math.isfinite(losses[-1]):
                metrics.iterations -= 1
                raise _not_finite(f"the loss is {losses[-1]}", metrics.iterations + 1, lr)
            if reason:  # not before: what is wrong with the model or the data is an error by now
                warnings.warn(reason, RuntimeWarning, stacklevel=2)
                reason = ""
            if metrics.iterations >= border:
                metrics.rows.append(evaluate())
            stopped = watch is not None and watch(metrics)
        if metrics.rows[-1].iteration < metrics.iterations:
            metrics.rows.append(evaluate())
            if watch is not None:
                watch(metrics)
    return metrics


def _blas_on_one_thread() -> AbstractContextManager[object]:
    """Keep NumPy, in what watches, off the cores of machine code.

    For many milliseconds after a product the threads of OpenBLAS wait for the next one, each in a
    loop that takes a core: with a watcher now and then, updates would take twice as long.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return nullcontext()
    limits: AbstractContextManager[object] = threadpool_limits(1, "blas")
    return limits


def _updates(model: Model, batches: Batches, lr: float, interpret: bool) -> tuple[Updates, str]:
    """Give what makes the updates and, where it is not what was asked for, the reason."""
    if not interpret:
        try:
            return Compiled(model, batches, lr), ""
        except CannotCompileError as error:
            reason = f"train: this run is computed in NumPy, not in machine code. {error.reason}"
            return Interpreted(model, batches, lr), reason
    return Interpreted(model, batches, lr), ""


def _end_of_epoch(metrics: Metrics, samples: int, batch: int) -> int:
    """Give the update with which the epoch of the last row ends."""
    epochs = metrics.rows[-1].iteration * batch // samples
    return -(-(epochs + 1) * samples // batch)


def _next_look(watch: Callable[[Metrics], object] | None, done: int) -> int:
    """Give the update after which the watcher has to be called."""
    if watch is None:
        return sys.maxsize
    next_look: Callable[[int], int] | None = getattr(watch, "next_look", None)
    return done + 1 if next_look is None else next_look(done)


def _accuracy_of(model: Model, prepare: Prepare | None, *, compiled: bool) -> _Accuracy:
    """Give what computes an accuracy: in machine code, where that is what the model would say."""
    if compiled:
        with suppress(CannotCompileError):
            return CompiledPrediction(model, prepare).accuracy
    return lambda x, t: model.accuracy(prepared(x, prepare), t)


def _row(accuracy: _Accuracy, data: tuple[Split, Split], metrics: Metrics, batch: int) -> Row:
    train, test = data
    since = metrics.rows[-1].iteration if metrics.rows else 0
    losses = metrics.loss[since : metrics.iterations]
    return Row(
        iteration=metrics.iterations,
        epoch=metrics.iterations * batch / len(train[0]),
        loss=math.fsum(losses) / len(losses) if losses else math.nan,
        train_accuracy=_of_all(accuracy, train),
        test_accuracy=_of_all(accuracy, test),
    )


def _of_all(accuracy: _Accuracy, split: Split) -> float:
    x, t = split
    pieces = [slice(start, start + _PIECE) for start in range(0, len(x), _PIECE)]
    right = sum(round(accuracy(x[piece], t[piece]) * len(x[piece])) for piece in pieces)
    return right / len(x)


def _not_finite(what: str, iteration: int, lr: float) -> NonFiniteError:
    return NonFiniteError(
        f"train: {what} at iteration {iteration:,}.",
        why="the updates have grown beyond what a float holds, as they do when the learning rate "
        "is too large for the model and the batches.",
        write=f"lr={calmer(lr):g}",
    )


def calmer(lr: float) -> float:
    """Give a learning rate to try where this one was too large."""
    return min(lr / 10, 0.1)
