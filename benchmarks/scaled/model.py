"""The time of an update on many processes, from what one and two of them take.

An update of a process with k shards of s samples takes

    computing   u + k (a + b s)
    a sum       M α + N β + A γ        M messages, N bytes sent, A bytes added

which for R processes and n bytes are M = 2 log₂ R, N = 2 (R - 1) / R n and A = (R - 1) / R n.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.train.parallel.sums import over_processes

Measured = Mapping[str, list[float]]


@dataclass(frozen=True)
class Computing:
    """Computing a part of a batch, and the update: ``u + k (a + b s)`` seconds.

    Parameters
    ----------
    of_update, of_shard, of_sample : float
    off : float
        How far the measured times are from these, at most.
    """

    of_update: float
    of_shard: float
    of_sample: float
    off: float

    def __call__(self, shards: int, samples: float) -> float:
        """Give the seconds of a process with so many shards of so many samples."""
        return self.of_update + shards * (self.of_shard + self.of_sample * samples)

    @classmethod
    def fitted(cls, measured: Measured, net: str) -> Computing:
        """Fit it to what was measured."""
        keys = [key.split("/")[2:] for key in measured if key.startswith(f"computing/{net}/")]
        pairs = [(int(shards), int(samples)) for shards, samples in keys]
        times = np.array([measured[f"computing/{net}/{k}/{s}"][0] for k, s in pairs])
        numbers = fitted(np.array([[1.0, k, k * s] for k, s in pairs]), times)
        made = cls(*numbers, 0.0)
        off = max(abs(made(k, s) / t - 1) for (k, s), t in zip(pairs, times, strict=True))
        return cls(*numbers, float(off))


@dataclass(frozen=True)
class Network:
    """What carries messages: seconds of a message, of a byte, and of adding a byte.

    Parameters
    ----------
    name : str
    of_message, of_byte, adding : float
    off : float
        How far the measured times are from these, at most; 0 where the numbers are given.
    """

    name: str
    of_message: float
    of_byte: float
    adding: float
    off: float = 0.0

    def __call__(self, size: int, count: int) -> float:
        """Give the seconds of a sum of so many bytes over so many processes."""
        messages, sent, added = counted(size, count)
        return messages * self.of_message + sent * self.of_byte + added * self.adding

    @classmethod
    def fitted(cls, name: str, measured: Measured, form: str) -> Network:
        """Fit it to the sums of two processes, ``exact`` or ``fast``."""
        adding, _ = curve(measured, "adding")
        sizes = [int(key.split("/")[1]) for key in measured if key.startswith(f"{form}/")]
        counts = [counted(2, size) for size in sizes]
        times = np.array([measured[f"{form}/{size}"][0] for size in sizes])
        rest = times - np.array([added * adding for _, _, added in counts])
        rows = np.array([[messages, sent] for messages, sent, _ in counts], float)
        made = cls(name, *fitted(rows, rest, times), adding)
        off = max(abs(made(2, size) / t - 1) for size, t in zip(sizes, times, strict=True))
        return cls(name, made.of_message, made.of_byte, adding, float(off))


def fitted(rows: Any, times: Any, scale: Any = None) -> list[float]:
    """Give the numbers, none negative, with the least squares of relative errors."""
    scale = times if scale is None else scale
    free = list(range(rows.shape[1]))
    while True:
        found, *_ = np.linalg.lstsq(rows[:, free] / scale[:, None], times / scale, rcond=None)
        if (found >= 0).all() or len(free) == 1:
            break
        del free[int(np.argmin(found * rows[:, free].mean(axis=0)))]
    numbers = np.zeros(rows.shape[1])
    numbers[free] = np.maximum(found, 0)
    return [float(number) for number in numbers]


def curve(measured: Measured, name: str) -> tuple[float, float]:
    """Give the seconds of a byte and of a call of what was measured by bytes."""
    sizes = [int(key.split("/")[1]) for key in measured if key.startswith(f"{name}/")]
    times = np.array([measured[f"{name}/{size}"][0] for size in sizes])
    once, byte = fitted(np.array([[1.0, size] for size in sizes]), times)
    return byte, once


class Counted:
    """Another process, to which everything is sent that the first of so many sends."""

    def __init__(self, size: int) -> None:
        self.rank, self.size = 0, size
        self.messages = self.bytes = 0

    def swap(self, given: Any, partner: int, taken: Any) -> None:
        """Count."""
        self.messages += 1
        self.bytes += given.nbytes
        taken[...] = 0


def counted(size: int, count: int) -> tuple[int, int, int]:
    """Give messages, bytes sent and bytes added by a process, in a sum of so many bytes."""
    if size == 1:
        return 0, 0, 0
    exchange = Counted(size)
    over_processes(np.zeros(count // 4, np.float32), exchange)
    whole = exchange.messages == size.bit_length() - 1  # each of them is added
    return exchange.messages, exchange.bytes, exchange.bytes if whole else exchange.bytes // 2


@dataclass(frozen=True)
class Scaling:
    """A net on many processes, each on a machine of its own.

    Parameters
    ----------
    computing : Computing
    size : int
        Bytes of all gradients and the loss.
    network : Network
    shards : int
        Of a batch, or as many as there are processes, if these are more; 1 is ``fast_sum``.
    """

    computing: Computing
    size: int
    network: Network
    shards: int

    def update(self, processes: int, batch: int) -> float:
        """Give the seconds of an update; those of one process are with the batch as a whole."""
        shards = max(self.shards, processes) if processes > 1 else 1
        computed = self.computing(shards // processes, batch / shards)
        return computed + self.network(processes, self.size)

    def speed_up(self, processes: int, batch: int, alone: int) -> float:
        """Give how many samples a second more than one process with so many in its batch."""
        here = batch / self.update(processes, batch)
        return here / (alone / self.update(1, alone))
