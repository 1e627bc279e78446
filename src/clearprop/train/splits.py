"""The samples of a run: what it trains with, what it is measured on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from clearprop.errors import DataError, OptionError
from clearprop.train.settings import check_setting, set_aside
from clearprop.train.sources import Drawn, FromArrays, FromStream, Source

Split = tuple[npt.NDArray[Any], npt.NDArray[Any]]


def sources_of(
    data: Any,
    batch: int,
    validation: float | Split | None,
    replace: bool,
    rng: np.random.Generator,
) -> tuple[Source, dict[str, Split]]:
    """Give what batches come from, and the samples that are measured, by name."""
    train, test = data
    splits: dict[str, Split] = {} if test is None else {"test": _checked("test", test)}
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
    x, t = splits["train"] = _checked("train", train)
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
        splits["validation"] = x[aside], t[aside]
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


def _checked(name: str, split: Any) -> Split:
    x, t = (part if isinstance(part, np.ndarray) else np.asarray(part) for part in split)
    if x.ndim and t.ndim and len(x) == len(t) and len(x):
        return x, t
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
