"""The loop of gradient descent in mini-batches, and the numbers it leaves."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from os import PathLike
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from clearprop.data.dataset import DataSet
from clearprop.data.preparing import Standardized
from clearprop.errors import OptionError
from clearprop.signatures import told
from clearprop.train.asked import (
    as_checkpoints,
    check_model,
    check_prepare,
    generator_of,
    length_of,
    rule_of,
    watchers_of,
)
from clearprop.train.checkpoints import Checkpoints
from clearprop.train.faults import growth, loss_not_finite, parameter_not_finite
from clearprop.train.keeping import Keeping
from clearprop.train.measuring import Measured, Measuring
from clearprop.train.metrics import Metrics, Row
from clearprop.train.parallel.agreement import (
    check_parameters,
    check_processes,
    check_same,
    facts_of,
)
from clearprop.train.parallel.processes import Processes
from clearprop.train.parallel.sharing import share
from clearprop.train.parallel.step import updates_of
from clearprop.train.settings import check_setting
from clearprop.train.sources import Source
from clearprop.train.splits import Pair, Subset, sources_of
from clearprop.train.targets import Targets, targets_of
from clearprop.train.updates import (
    CannotCompileError,
    Compiled,
    Interpreted,
    Prepare,
    Rule,
    Updates,
)
from clearprop.trees import tree_leaves


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


Watcher = Callable[[Metrics], object]


@told("train.fit")
def fit(
    model: Model,
    data: DataSet | tuple[Any, Pair | None],
    *,
    optimizer: Rule | None = None,
    lr: float | None = None,
    batch: int = 100,
    iterations: int | None = None,
    epochs: float | None = None,
    replace: bool = True,
    validation: float | Pair | None = None,
    seed: int | np.random.Generator = 0,
    metrics: Metrics | None = None,
    watch: Watcher | Sequence[Watcher] = (),
    prepare: Callable[[Any], Any] | None = None,
    prepare_target: Standardized | None = None,
    checkpoints: Checkpoints | str | PathLike[str] | None = None,
    resume: bool = False,
    state: Any = None,
    train_accuracy: bool = True,
    interpret: bool = False,
    parallel: Processes | None = None,
) -> Metrics:
    r""":math:`\theta \leftarrow \theta - \eta\,\partial L/\partial \theta`, batch after batch.

    Parameters
    ----------
    model : Model
        The network, such as `nn.TwoLayerNet`; it is trained in place.
    data : DataSet or pair
        What to train with, and what to test with: what `data.load` gives, with its ``prepare``; or
        ``(x_train, t_train), (x_test, t_test)``, as from `data.mnist`: arrays, or memory maps that
        stay on the disk. The second may be None. In the place of the first may stand batches that
        are made elsewhere: an iterable of pairs ``(x, t)``, or a function that gives one for each
        epoch.
    optimizer : Rule, optional
        An update rule, such as `optim.Adam`; by default ``optim.SGD(lr)``.
    lr : float, default 0.1
        The learning rate :math:`\eta`, without an `optimizer`.
    batch : int, default 100
        Samples in a batch.
    iterations : int, default 10,000
        Updates to make.
    epochs : float, optional
        In the place of iterations: how often to go through the samples.
    replace : bool, default True
        Whether samples are drawn with replacement, as in the documents. Otherwise an epoch is all
        of them in a random order.
    validation : float or pair of ndarray, optional
        Samples that are measured after each epoch and not trained with: a part of the training
        samples, chosen at random, or samples and labels of their own.
    seed : int or numpy.random.Generator, default 0
        Of the batches.
    metrics : Metrics, optional
        Where the numbers go; they are there even when an exception ends the run.
    watch : callable, or several
        Called before training and after every update with the metrics so far. What one returns,
        if true, ends the run. Where it has a method ``next_look``, as a `Diary` has, it is called
        after the update ``watch.next_look(metrics.iterations)``, after each epoch and several
        times a second, and in between machine code runs without Python. A method ``finish`` is
        called at the end.
    prepare : callable, optional
        What is done to samples, batch by batch, before the network gets them, in NumPy: with
        ``lambda x: x / np.float32(255)`` images stay bytes in memory, a quarter of what floats
        take. It is compiled into the step.
    prepare_target : Standardized, optional
        What is done to targets of a regression, batch by batch: one mean and one standard
        deviation. By default that of a data set, ``data.unit(model)``.
        The network then learns numbers about 0, whatever their unit, and
        ``prepare_target.undo(net.predict(x))`` has the unit again. Losses are reported in it
        (in its square, for squared errors); Huber's δ counts in standard deviations.
    checkpoints : Checkpoints or path, optional
        Where the run is saved, now and then and at its end, however it ends; a path stands for
        ``Checkpoints(path)``.
    resume : bool, default False
        Whether to go on from the newest checkpoint, if there is one: to the bit, the run that was
        never interrupted.
    state : nested arrays, optional
        What the optimizer remembers of an earlier run, its ``metrics.optimizer_state``: the run
        goes on from there, with other samples or the same.
    train_accuracy : bool, default True
        Whether the samples to train with are measured, too, before training and after each epoch.
        For a small network that takes about a third of the time; without it the rows say NaN.
    interpret : bool, default False
        Compute in NumPy, update by update, and not in machine code. The batches are the same, the
        losses are so to rounding.
    parallel : Processes, optional
        The processes that train together, on one machine or several: ``train.mpi()``. Every one of
        them calls `fit` with the same arguments; what watches, and the checkpoints, are those of
        the first.

    Returns
    -------
    Metrics
        The loss of every batch, in nats per sample (of a regression, in the unit of its targets or
        the square of it), and the accuracies before training, after
        each epoch and at the end, as fractions.

    Raises
    ------
    NonFiniteError
        The loss of a batch, or a parameter at the end of an epoch, is NaN or infinite; it names
        the samples that are, or else the first operation that made it so. The network is as it was
        before that update.
    OptionError
        A number is out of its limits, the optimizer is no rule, a watcher or `prepare` no function,
        or the state is of another optimizer or network.
    OrderError
        The network has no loss.
    UnknownKeywordError, ArgumentsError
        There is no such keyword; or samples and labels are no pair, but arguments of their own.
    DataError
        There are no samples, or not as many labels.

    Warns
    -----
    RuntimeWarning
        At the end the loss is a thousand times what it was at first, and finite still.
    RuntimeWarning
        A checkpoint was refused, and an older one is used; or it was written by other versions, on
        another processor, or with other samples, or `prepare` makes other numbers of them now.
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
    >>> from clearprop import nn, optim, train
    >>> x, t = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    >>> net = nn.TwoLayerNet(2, 16, 2, weight_init_std=1.0)
    >>> metrics = train.fit(net, ((x, t), (x, t)), lr=0.5, batch=4, iterations=500)
    >>> len(metrics.loss), metrics.rows[-1].train_accuracy
    (500, 1.0)
    >>> metrics = train.fit(net, ((x, t), None), optimizer=optim.Adam(), batch=2, epochs=3)
    >>> len(metrics.loss)
    6
    """
    check_model(model)
    if isinstance(data, DataSet):
        prepare = data.prepare if prepare is None else prepare
        if prepare_target is None:
            prepare_target = data.unit(model)
        data = data.train, data.test if len(data.test.x) else None
    targets = targets_of(model, prepare_target)
    rule, length = rule_of(optimizer, lr), length_of(iterations, epochs)
    check_setting("batch", batch)
    check_prepare(prepare)
    check_processes(parallel)
    watchers, generator = watchers_of(watch), generator_of(seed)
    if parallel is not None and not parallel.is_first:
        watchers = tuple(each for each in watchers if hasattr(each, "share"))
        checkpoints = None
    source, splits = sources_of(data, int(batch), validation, replace, generator)
    if not train_accuracy:
        splits.pop("train", None)
    metrics = Metrics() if metrics is None else metrics

    def evaluate() -> None:
        if parallel is not None:
            check_parameters(parallel, model.params)
        for name, value in model.params.items():
            if not np.isfinite(value).all():
                raise parameter_not_finite(name, metrics.iterations, rule)
        metrics.rows.append(_row(measure, splits, metrics, source))

    def look() -> bool:
        if parallel is not None:
            for watcher in watchers:
                if hasattr(watcher, "share"):
                    watcher.share(parallel.collect)
        answers = [watcher(metrics) for watcher in watchers]  # each is called
        found = any(map(bool, answers))
        return found if parallel is None else any(parallel.collect(found))

    with ExitStack() as stack:
        # what is not finite is an error below, and not a warning
        stack.enter_context(np.errstate(all="ignore"))
        if parallel is not None:
            stack.enter_context(parallel.together())
            how = length, interpret, prepare, splits
            check_same(parallel, facts_of(model, source, rule, how, parallel))
        parts = source, rule, prepare, targets
        updates, reason = _updates(model, parts, interpret, parallel)
        compiled = isinstance(updates, Compiled) and not interpret
        if state is not None:
            updates.state = _fitting(state, updates.state, rule)
        if compiled:
            stack.enter_context(_blas_on_one_thread())
        measure = Measuring(model, prepare, targets, compiled=compiled, parallel=parallel)
        stack.callback(lambda: setattr(metrics, "optimizer_state", updates.state))
        keeping = None
        if checkpoints is not None:
            checkpoints = as_checkpoints(checkpoints)
            stack.enter_context(checkpoints)
            run = checkpoints, model, updates, source, metrics, watchers
            keeping = Keeping(*run, prepare_target, prepare)
            if resume:
                keeping.resume()
            stack.callback(keeping.save)
        if parallel is not None:
            stack.push(parallel.fails)
            share(parallel, model, updates, source, metrics)
        if not metrics.rows:
            evaluate()
        stopped, begun = look(), len(metrics.loss)
        while not (stopped or length.is_reached(metrics.iterations, source)):
            border = source.border(metrics.iterations)
            looks = watchers if keeping is None else (*watchers, keeping)
            until = min(length.most, border, _next_look(looks, metrics.iterations))
            until = length.first_end(metrics.iterations, until, source)
            epoch = math.floor(source.epoch(metrics.iterations))
            losses = updates.make(max(1, min(updates.most, until - metrics.iterations)))
            metrics.loss.extend(map(targets.own, losses))
            metrics.iterations += len(losses)
            if not math.isfinite(losses[-1]):
                metrics.iterations -= 1
                iteration = metrics.iterations + 1
                raise loss_not_finite(losses[-1], iteration, model, rule, updates, source)
            if reason and (
                parallel is None or parallel.is_first
            ):  # not before: what is wrong with the model or the data is an error by now
                warnings.warn(reason, RuntimeWarning, stacklevel=3)
                reason = ""
            if math.floor(source.epoch(metrics.iterations)) > epoch:
                evaluate()
            stopped = look()
            if keeping is not None:
                keeping()
        if keeping is not None:
            keeping.save()  # without the row below, which a run that goes on does not have
        if len(metrics.loss) > begun:
            ends = metrics.loss[begun], metrics.loss[-1]
            grown = growth(*ends, model, rule, updates, targets)
            if grown and (parallel is None or parallel.is_first):
                warnings.warn(grown, RuntimeWarning, stacklevel=3)
        if metrics.rows[-1].iteration < metrics.iterations:
            evaluate()
            look()
    for watcher in watchers:
        if finish := getattr(watcher, "finish", None):
            finish(metrics)
    if parallel is not None:  # with the best weights, perhaps, which the first one has kept
        with parallel.together():
            share(parallel, model, updates, source, metrics)
    return metrics


def _fitting(state: Any, fresh: Any, rule: Rule) -> Any:
    """Give a state that was handed in, if it has the form of a fresh one."""

    def form(nested: Any) -> list[Any]:
        return [
            (path, np.shape(leaf), np.asarray(leaf).dtype) for path, leaf in tree_leaves(nested)
        ]

    if form(state) == form(fresh):
        return state
    raise OptionError(
        f"train: the state is none of {type(rule).__name__} for this network.",
        why="what an optimizer remembers has names of its own, and the parameters' shapes.",
        write="state=metrics.optimizer_state, from a run of such a network with this optimizer",
    )


def _updates(
    model: Any,
    parts: tuple[Source, Rule, Prepare | None, Targets],
    interpret: bool,
    parallel: Processes | None,
) -> tuple[Updates, str]:
    """Give what makes the updates and, where it is not what was asked for, the reason."""
    if parallel is not None:
        return updates_of(model, parts, parallel, interpret)
    if not interpret:
        try:
            return Compiled(model, *parts), ""
        except CannotCompileError as error:
            reason = f"train: this run is computed in NumPy, not in machine code. {error.reason}"
            return Interpreted(model, *parts), reason
    return Interpreted(model, *parts), ""


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


def _next_look(watchers: Sequence[Any], done: int) -> int:
    """Give the update after which the first of the watchers has to be called."""
    looks: list[int] = [
        getattr(watcher, "next_look", lambda done: done + 1)(done) for watcher in watchers
    ]
    return min(looks, default=sys.maxsize)


def _row(measure: Measuring, splits: Mapping[str, Subset], metrics: Metrics, source: Source) -> Row:
    since = metrics.rows[-1].iteration if metrics.rows else 0
    losses = metrics.loss[since : metrics.iterations]
    found = {name: measure(split, loss=name != "train") for name, split in splits.items()}
    train, test, validation = (
        found.get(name, Measured()) for name in ("train", "test", "validation")
    )
    return Row(
        iteration=metrics.iterations,
        epoch=source.epoch(metrics.iterations),
        loss=math.fsum(losses) / len(losses) if losses else math.nan,
        train_accuracy=train.accuracy,
        test_accuracy=test.accuracy,
        test_loss=test.loss,
        validation_accuracy=validation.accuracy,
        validation_loss=validation.loss,
    )
