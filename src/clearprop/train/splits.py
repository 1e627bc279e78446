"""The samples of a run: what it trains with, what it is measured on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from clearprop.errors import DataError, OptionError
from clearprop.train.settings import check_setting, set_aside
from clearprop.train.sources import Drawn, FromArrays, FromStream, Indices, Source

Pair = tuple[npt.NDArray[Any], npt.NDArray[Any]]


class Subset(NamedTuple):
    """Samples and labels, or some rows of them, which stay where they are until they are needed.

    Attributes
    ----------
    x, t : ndarray
        Those of all.
    rows : ndarray of int, optional
        Which are meant, in ascending order.
    """

    x: npt.NDArray[Any]
    t: npt.NDArray[Any]
    rows: Indices | None = None

    @property
    def samples(self) -> int:
        """How many they are."""
        return len(self.x if self.rows is None else self.rows)

    def pieces(self, size: int, first: int = 0, of: int = 1) -> Iterator[Pair]:
        """Give at most so many samples at once: memory does not grow with their number.

        All pieces, or from the ``first`` on every one of ``of``: what one of several is dealt.
        """
        for start in range(first * size, self.samples, of * size):
            piece: Any = slice(start, start + size)
            if self.rows is not None:
                piece = self.rows[piece]
            yield self.x[piece], self.t[piece]


def sources_of(
    data: Any,
    batch: int,
    validation: float | Pair | None,
    replace: bool,
    rng: np.random.Generator,
) -> tuple[Source, dict[str, Subset]]:
    """Give what batches come from, and the samples that are measured, by name."""
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise DataError(
            f"train: data is {_described(data)}.",
            why="it is two pairs: what to train with, and what to measure on, or None.",
            write="fit(model, ((x, t), None))",
        )
    train, test = data
    validation = _as_float(validation)
    if isinstance(train, np.ndarray):
        raise DataError(
            "train: data is a pair of arrays.",
            why="it is two pairs: what to train with, and what to measure on, or None.",
            write="fit(model, ((x, t), None))",
        )
    splits: dict[str, Subset] = {} if test is None else {"test": _checked("test", test)}
    if callable(train) or not _is_pair(train):
        if isinstance(validation, float):
            raise OptionError(
                f"train: validation is {validation!r}, of batches that are made elsewhere.",
                why="nobody knows which samples there are.",
                write="validation=(x, t)",
            )
        if validation is not None:
            splits["validation"] = _checked("validation", validation)
        return FromStream(train), splits
    splits["train"] = _checked("train", train)
    x, t = splits["train"][:2]
    rows = None
    if isinstance(validation, float):
        check_setting("validation", validation)
        order = rng.permutation(len(x))
        apart = set_aside(len(x), validation)
        rows, aside = np.sort(order[apart:]), np.sort(order[:apart])
        if not rows.size:
            raise DataError(
                f"train: of {len(x)} samples none is left to train with.",
                why=f"validation={validation!r} takes {apart} of them away.",
                write="validation=0.1",
            )
        splits["train"] = Subset(x, t, rows)
        splits["validation"] = Subset(x, t, aside)
    elif validation is not None:
        splits["validation"] = _checked("validation", validation)
    drawn = Drawn(len(x) if rows is None else len(rows), batch, rng, replace=replace)
    return FromArrays(x, t, drawn, rows), splits


def _is_pair(train: Any) -> bool:
    """Whether it is samples and labels, and not batches of them."""
    return (
        isinstance(train, tuple | list)
        and len(train) == 2
        and not any(isinstance(part, tuple) for part in train)
    )


def _as_float(validation: Any) -> Any:
    is_number = isinstance(validation, int | np.floating | np.integer)
    return float(validation) if is_number else validation


def _described(given: Any) -> str:
    return (
        f"{len(given)} things" if isinstance(given, tuple | list) else f"a {type(given).__name__}"
    )


def _checked(name: str, split: Any) -> Subset:
    if not isinstance(split, tuple | list) or len(split) != 2:
        raise DataError(
            f"train: the {name} samples are {_described(split)}.",
            why="they are a pair: samples, and as many labels.",
            write="fit(model, ((x_train, t_train), (x_test, t_test)))",
        )
    x, t = (part if isinstance(part, np.ndarray) else np.asarray(part) for part in split)
    if x.ndim and t.ndim and len(x) == len(t) and len(x):
        return Subset(x, t)
    if x.ndim and t.ndim and len(x) == len(t):
        raise DataError(
            f"train: there are no {name} samples.",
            why="a batch is drawn from those to train with, and the accuracy is a fraction of "
            "those to measure.",
            write="fit(model, ((x_train, t_train), (x_test, t_test)))",
        )
    raise DataError(
        f"train: the {name} samples have shape {x.shape}, their labels {t.shape}.",
        why="the first axis of both counts the samples.",
        write="fit(model, ((x_train, t_train), (x_test, t_test)))",
    )
