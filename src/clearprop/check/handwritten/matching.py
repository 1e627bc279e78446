"""Which product of known arrays an array is, up to a number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.check.handwritten.model import Array

#: So many entries are compared.
_ENTRIES = 24
#: Numbers that people forget: of a square, a half, a cube.
_NUMBERS = (1.0, 2.0, 0.5, 3.0, 4.0)
_EXACT = 1e-7
#: Fewer entries than this say nothing; of more names than that, no three are tried.
_LEAST, _FEW = 3, 45


@dataclass(frozen=True)
class Match:
    """``number * over[0] * over[1] / (under[0] * count)``, in the user's names.

    ``count`` is a number of samples or features that is divided by, ``times`` one that is
    multiplied by; "" for none.
    """

    number: float
    over: tuple[str, ...] = ()
    under: tuple[str, ...] = ()
    count: str = ""
    times: str = ""

    @property
    def simplicity(self) -> int:
        """How few things it is made of: less is simpler."""
        numbers = (abs(self.number) != 1.0) + bool(self.count) + bool(self.times)
        names = (*self.over, *self.under)
        made = sum(not name.replace(".", "").isidentifier() for name in names)
        return len(names) + numbers + made

    @property
    def source(self) -> str:
        """What is multiplied, without the sign and what is divided by; "" where nothing is."""
        number = f"{abs(self.number):g}" if abs(self.number) != 1.0 else ""
        return " * ".join([part for part in (number, self.times, *self.over) if part])

    @property
    def divisor(self) -> str:
        """What is divided by; "" where nothing is."""
        return " * ".join(part for part in (*self.under, self.count) if part)


class Pool:
    """Arrays by the source that gives them, for one shape."""

    def __init__(
        self, values: dict[str, Any], shape: tuple[int, ...], counts: dict[str, float]
    ) -> None:
        rng = np.random.default_rng(5)
        size = int(np.prod(shape))
        self.at = rng.permutation(size)[:_ENTRIES]
        self.counts = counts
        rows: dict[str, Array] = {}
        for source, value in values.items():
            try:
                row = np.broadcast_to(np.asarray(value, float), shape).ravel()[self.at]
            except (TypeError, ValueError):
                continue
            if np.isfinite(row).all() and np.any(row) and not np.allclose(np.abs(row), 1.0):
                rows[source] = row
        self.names = list(rows)
        self.rows = np.array(list(rows.values())).reshape(len(rows), len(self.at))
        i, j = np.triu_indices(len(rows))
        self.pairs = i, j
        self.products = self.rows[i] * self.rows[j]

    def terms(self, wanted: Array) -> Iterator[Match]:
        """Give the products of one and two that an array is a multiple of."""
        target = wanted.ravel()[self.at]
        yield from self._named(target, np.ones((1, len(target))), [((), ())])
        yield from self._named(target, self.rows, [((n,), ()) for n in self.names])
        both = [((self.names[i], self.names[j]), ()) for i, j in zip(*self.pairs, strict=True)]
        yield from self._named(target, self.products, both)

    def triples(self, wanted: Array) -> Iterator[Match]:
        """Give the products of three that an array is a multiple of, where there are few."""
        if len(self.names) > _FEW:
            return
        target = wanted.ravel()[self.at]
        three = (self.products[:, None, :] * self.rows[None, :, :]).reshape(-1, len(target))
        i, j = self.pairs
        names = [
            ((self.names[a], self.names[b], c), ())
            for a, b in zip(i, j, strict=True)
            for c in self.names
        ]
        seen: set[tuple[str, ...]] = set()
        for match in self._named(target, three, names):
            if tuple(sorted(match.over)) not in seen:
                seen.add(tuple(sorted(match.over)))
                yield match

    def quotients(self, wanted: Array) -> Iterator[Match]:
        """Give the quotients that an array is a multiple of."""
        target = wanted.ravel()[self.at]
        with np.errstate(all="ignore"):
            one_over = 1.0 / self.rows
            of_two = self.rows[:, None, :] / self.rows[None, :, :]
        yield from self._named(target, one_over, [((), (n,)) for n in self.names])
        names = [((a,), (b,)) for a in self.names for b in self.names]
        yield from self._named(target, of_two.reshape(len(names), len(target)), names)

    def _named(self, target: Array, rows: Array, names: list[Any]) -> Iterator[Match]:
        told = ~np.isnan(target)  # 0 / 0 says nothing
        target, rows = target[told], rows[:, told]
        if len(target) < _LEAST or not len(rows) or not np.any(target):
            return
        if not np.isfinite(target).all():
            return
        with np.errstate(all="ignore"):
            numbers = rows @ target / np.sum(rows * rows, axis=1)
            off = np.max(np.abs(target - numbers[:, None] * rows), axis=1)
        close = off <= _EXACT * np.max(np.abs(target))
        for k in np.flatnonzero(close & np.isfinite(numbers) & (numbers != 0)):
            over, under = names[k]
            for number, count, times in self._spelled(float(numbers[k])):
                yield Match(number, over, under, count, times)

    def _spelled(self, number: float) -> Iterator[tuple[float, str, str]]:
        for known in _NUMBERS:
            for sign in (1.0, -1.0):
                if np.isclose(number, sign * known, rtol=_EXACT):
                    yield sign * known, "", ""
        for source, count in self.counts.items():
            for known in _NUMBERS:
                for sign in (1.0, -1.0):
                    if np.isclose(number * count, sign * known, rtol=_EXACT):
                        yield sign * known, source, ""
                    if np.isclose(number / count, sign * known, rtol=_EXACT):
                        yield sign * known, "", source
