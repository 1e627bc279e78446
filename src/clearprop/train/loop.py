"""The loop of gradient descent in mini-batches, and the numbers it leaves."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from clearprop.errors import DataError, NonFiniteError
from clearprop.optim import sgd
from clearprop.train.settings import check_setting

_PIECE = 10_000  # samples predicted at once: memory does not grow with the data

Split = tuple[npt.NDArray[Any], npt.NDArray[Any]]


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
        if true, ends the run.

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
    rng = np.random.default_rng(seed)
    metrics = Metrics() if metrics is None else metrics

    def evaluate() -> Row:
        for name, value in model.params.items():
            if not np.isfinite(value).all():
                raise _not_finite(f"{name} holds NaN or infinity", metrics.iterations, lr)
        return _row(model, data, metrics, batch)

    with np.errstate(all="ignore"):  # what is not finite is an error below, and not a warning
        if not metrics.rows:
            metrics.rows.append(evaluate())
        stopped = watch is not None and watch(metrics)
        while metrics.iterations < iterations and not stopped:
            drawn = rng.integers(len(x), size=batch)
            loss, grads = model.loss_and_gradient(x[drawn], t[drawn])
            metrics.loss.append(float(loss))
            if not math.isfinite(loss):
                raise _not_finite(f"the loss is {loss}", metrics.iterations + 1, lr)
            model.params = sgd(dict(model.params), grads, lr)
            metrics.iterations += 1
            epochs = metrics.iterations * batch // len(x)
            if epochs > metrics.rows[-1].iteration * batch // len(x):
                metrics.rows.append(evaluate())
            stopped = watch is not None and watch(metrics)
        if metrics.rows[-1].iteration < metrics.iterations:
            metrics.rows.append(evaluate())
            if watch is not None:
                watch(metrics)
    return metrics


def _row(model: Model, data: tuple[Split, Split], metrics: Metrics, batch: int) -> Row:
    train, test = data
    since = metrics.rows[-1].iteration if metrics.rows else 0
    losses = metrics.loss[since : metrics.iterations]
    return Row(
        iteration=metrics.iterations,
        epoch=metrics.iterations * batch / len(train[0]),
        loss=math.fsum(losses) / len(losses) if losses else math.nan,
        train_accuracy=_accuracy(model, train),
        test_accuracy=_accuracy(model, test),
    )


def _accuracy(model: Model, split: Split) -> float:
    x, t = split
    pieces = [slice(start, start + _PIECE) for start in range(0, len(x), _PIECE)]
    right = sum(round(model.accuracy(x[piece], t[piece]) * len(x[piece])) for piece in pieces)
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
