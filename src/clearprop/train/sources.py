"""Where batches come from: arrays that samples are drawn from, or a stream of ready batches."""

from __future__ import annotations

import copy
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import prod
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from clearprop.errors import DataError
from clearprop.train.generators import generator_facts, restore_generator

Indices = npt.NDArray[np.int64]


class Source(Protocol):
    """What gives batches to updates.

    Attributes
    ----------
    constants : tuple of ndarray
        What all steps read.
    facts : dict
        Where it is, of what JSON has.
    """

    constants: tuple[Any, ...]

    @property
    def facts(self) -> dict[str, Any]:
        """Where it is."""

    def restore(self, facts: Mapping[str, Any]) -> None:
        """Go to where another one was."""

    def take(self, count: int) -> Any:
        """Give what so many steps need, with an axis for the steps in front; or fewer."""

    def give_back(self, count: int) -> None:
        """Take back the last so many of the batches that were taken last."""

    def batch(self, part: Any, *constants: Any) -> tuple[Any, Any]:
        """Give samples and labels of a step. Pure, so that it compiles into the step."""

    def epoch(self, iterations: int) -> float:
        """Say how many epochs so many updates are."""

    def border(self, iterations: int) -> int:
        """Give the next update that ends an epoch, as far as it is known."""


class Drawn:
    """Which samples make the batches: drawn with replacement, or each once in an epoch.

    Parameters
    ----------
    samples : int
        How many there are.
    size : int
        Samples in a batch.
    rng : numpy.random.Generator
        The same numbers whether batches are drawn singly or several at once.
    replace : bool, default True
        Otherwise an epoch is all samples in a random order; a batch that reaches over the end of
        an order goes on in the next one, so that all batches have one size and no sample is left
        out.

    Examples
    --------
    >>> import numpy as np
    >>> drawn = Drawn(5, 2, np.random.default_rng(0), replace=False)
    >>> sorted(drawn.draw(5).ravel().tolist())  # two epochs
    [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    """

    def __init__(
        self, samples: int, size: int, rng: np.random.Generator, *, replace: bool = True
    ) -> None:
        self.samples, self.size, self.rng, self.replace = samples, size, rng, replace
        self._order: Indices | None = None
        self._before: Mapping[str, Any] = {}  # the generator's state before it made the order
        self._at = 0

    def draw(self, *count: int) -> Indices:
        """Draw the numbers of the samples of a batch, or of several."""
        shape = (*count, self.size)
        if self.replace:
            return self.rng.integers(self.samples, size=shape)
        left, parts = prod(shape), [np.empty(0, np.int64)]
        while left:
            if self._order is None or self._at == self.samples:
                self._next_order()
            assert self._order is not None
            parts.append(self._order[self._at : self._at + left])
            self._at += len(parts[-1])
            left -= len(parts[-1])
        return np.concatenate(parts).reshape(shape)

    def _next_order(self) -> None:
        self._before = self.rng.bit_generator.state
        self._order, self._at = self.rng.permutation(self.samples), 0

    def mark(self) -> tuple[Any, ...]:
        """Note where it is, for `rewind`."""
        return self.rng.bit_generator.state, self._before, self._order, self._at

    def rewind(self, mark: tuple[Any, ...]) -> None:
        """Go back to where it was."""
        self.rng.bit_generator.state, self._before, self._order, self._at = mark

    @property
    def facts(self) -> dict[str, Any]:
        """The generator, and the position in the order that it makes next."""
        rng = copy.deepcopy(self.rng)
        if self._order is not None:
            rng.bit_generator.state = self._before
        ordered = self._order is not None
        return {"generator": generator_facts(rng), "ordered": ordered, "at": self._at}

    def restore(self, facts: Mapping[str, Any]) -> None:
        """Go to where another one was."""
        self.rng = restore_generator(facts["generator"])
        self._order = None
        if facts["ordered"]:
            self._next_order()
        self._at = facts["at"]


class FromArrays:
    """Batches of samples drawn from arrays, which are gathered inside the step.

    Parameters
    ----------
    x, t : ndarray
        All samples and labels.
    drawn : Drawn
        From those that are trained with.
    rows : ndarray of int, optional
        Which these are, where it is not all.
    """

    def __init__(self, x: Any, t: Any, drawn: Drawn, rows: Indices | None = None) -> None:
        self.constants: tuple[Any, ...] = (x, t)
        self.drawn, self.rows = drawn, rows
        self._mark = drawn.mark()
        self._taken = 0

    def take(self, count: int) -> Indices:
        """Draw; see `Source`."""
        self._mark, self._taken = self.drawn.mark(), count
        positions = self.drawn.draw(count)
        return positions if self.rows is None else self.rows[positions]

    def give_back(self, count: int) -> None:
        """Draw again what stays taken; see `Source`."""
        self.drawn.rewind(self._mark)
        self._taken -= count
        self.drawn.draw(self._taken)

    def batch(self, part: Any, *constants: Any) -> tuple[Any, Any]:
        """Gather; see `Source`."""
        x, t = constants
        return x[part], t[part]

    def epoch(self, iterations: int) -> float:
        """Count the samples drawn in units of all; see `Source`."""
        return iterations * self.drawn.size / self.drawn.samples

    def border(self, iterations: int) -> int:
        """Give the update with which an epoch ends; see `Source`."""
        samples, size = self.drawn.samples, self.drawn.size
        return -(-(iterations * size // samples + 1) * samples // size)

    @property
    def facts(self) -> dict[str, Any]:
        """Where it is."""
        return self.drawn.facts

    def restore(self, facts: Mapping[str, Any]) -> None:
        """Go to where another one was."""
        self.drawn.restore(facts)


class FromStream:
    """Batches that something else makes: pairs of samples and labels, pass after pass.

    Parameters
    ----------
    batches : iterable of pairs, or callable that gives one
        Gone through once for each epoch.

    Raises
    ------
    DataError
        It is a generator, which can be gone through once; a pass gives no batch, or something that
        is no pair of arrays.

    Examples
    --------
    >>> import numpy as np
    >>> stream = FromStream([(np.zeros((2, 3)), np.array([0, 1]))] * 4)
    >>> x, t = stream.take(3)
    >>> x.shape, stream.epoch(3)
    ((3, 2, 3), 0.0)
    """

    constants: tuple[Any, ...] = ()

    def __init__(self, batches: Iterable[Any] | Callable[[], Iterable[Any]]) -> None:
        if isinstance(batches, Iterator):
            raise DataError(
                f"train: the batches come from a {type(batches).__name__}, which can be gone "
                "through only once.",
                why="each epoch goes through all batches again.",
                write="fit(model, (make, test)), with def make(): … yield x, t",
            )
        self._batches = batches
        self._passes = self._at = 0  # whole passes, and batches taken since
        self._iterator: Iterator[Any] | None = None
        self._length = 0  # of the pass so far
        self._waiting: deque[tuple[Any, Any]] = deque()
        self._last: list[tuple[Any, Any]] = []

    def take(self, count: int) -> tuple[Any, Any]:
        """Stack batches of one shape, at most to the end of the pass; see `Source`."""
        found: list[tuple[Any, Any]] = []
        while len(found) < count and (pair := self._peek()) is not None:
            if found and _kinds(pair) != _kinds(found[0]):
                break
            found.append(self._waiting.popleft())
        if not found:
            raise DataError(
                "train: the stream gives no batch.",
                why="an epoch has at least one.",
                write="def make(): … yield x, t",
            )
        self._last, self._at = found, self._at + len(found)
        self._length = self._at
        if self._peek() is None:
            self._passes, self._at, self._iterator = self._passes + 1, 0, None
        return np.stack([x for x, _ in found]), np.stack([t for _, t in found])

    def give_back(self, count: int) -> None:
        """Go back to an earlier batch; see `Source`."""
        if count and not self._at:  # the pass had ended with them
            self._passes, self._at, self._iterator = self._passes - 1, self._length, iter(())
        kept = len(self._last) - count
        self._waiting.extendleft(reversed(self._last[kept:]))
        self._last, self._at = self._last[:kept], self._at - count

    def batch(self, part: Any, *constants: Any) -> tuple[Any, Any]:
        """Give the part itself; see `Source`."""
        x, t = part
        return x, t

    def epoch(self, iterations: int) -> float:
        """Count whole passes; see `Source`."""
        return float(self._passes)

    def border(self, iterations: int) -> int:
        """Nobody knows; see `Source`."""
        return sys.maxsize

    def _peek(self) -> tuple[Any, Any] | None:
        if not self._waiting:
            if self._iterator is None:
                self._iterator = iter(self._batches() if callable(self._batches) else self._batches)
            try:
                self._waiting.append(_pair(next(self._iterator)))
            except StopIteration:
                return None
        return self._waiting[0]

    @property
    def facts(self) -> dict[str, Any]:
        """Where it is."""
        return {"passes": self._passes, "at": self._at}

    def restore(self, facts: Mapping[str, Any]) -> None:
        """Go to where another one was: the batches before are made, and left."""
        self._passes, self._at = facts["passes"], 0
        self._iterator = None
        self._waiting.clear()
        while self._at < facts["at"] and self._peek() is not None:
            self._waiting.clear()
            self._at += 1


def _kinds(pair: tuple[Any, Any]) -> list[Any]:
    return [(part.shape, part.dtype) for part in pair]


def _pair(given: Any) -> tuple[Any, Any]:
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise DataError(
            f"train: the stream gives a {type(given).__name__} in the place of a batch.",
            why="a batch is a pair: samples, and as many labels.",
            write="yield x, t",
        )
    x, t = map(np.array, given)  # copies: whoever makes batches may use its arrays again
    if not x.ndim or not t.ndim or len(x) != len(t) or not len(x):
        raise DataError(
            f"train: the stream gives samples of shape {x.shape} and labels of shape {t.shape}.",
            why="the first axis of both counts the samples of the batch, at least one.",
            write="yield x, t",
        )
    return x, t
