"""Why a run came to nothing: samples that are not finite, a unit that is too large, a rate."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from clearprop.data.fitting import whole_samples
from clearprop.errors import ClearpropError, NonFiniteError
from clearprop.train.measuring import first_not_finite
from clearprop.train.sources import Source
from clearprop.train.targets import Targets
from clearprop.train.updates import Updates

_PIECE = 10_000  # rows looked at at once
_GROWN = 1_000  # times the first loss: no run that learns does that
_LARGE = 30  # standard deviations of samples or targets, or means, that are no longer about 1
_LR = 0.1


def calmer(lr: float) -> float:
    """Give a learning rate to try where this one was too large."""
    return min(lr / 10, 0.1)


def loss_not_finite(
    loss: float, iteration: int, model: Any, rule: Any, updates: Updates, source: Source
) -> NonFiniteError:
    """Give the error for the loss of a batch: by its samples, or else by the first operation."""
    what = f"train: the loss is {loss} at iteration {iteration:,}."
    x, t = updates.last
    found = _found(x, t, source)
    if found:
        why, write = found
        return NonFiniteError(what, why=why, write=write)
    made = first_not_finite(model, x, t)
    if iteration > 1:
        return _grown_beyond(what, rule, made, remedies(model, x, t))
    write = "; or ".join([*remedies(model, x, t), "smaller initial weights"])
    why = f"{made} No update was made before: the samples or the weights are too large."
    return NonFiniteError(what, why=why.strip(), write=write)


def parameter_not_finite(name: str, iteration: int, rule: Any) -> NonFiniteError:
    """Give the error for a parameter with NaN or infinity after so many updates."""
    if iteration:
        return _grown_beyond(
            f"train: {name} holds NaN or infinity at iteration {iteration:,}.", rule
        )
    return NonFiniteError(
        f"train: {name} holds NaN or infinity before the first update.",
        why="The network was made, loaded or left by an earlier run like this.",
        write="a network that is made anew, such as nn.TwoLayerNet(784, 50, 10)",
    )


def remedies(model: Any, x: Any, t: Any) -> list[str]:
    """Write what brings samples and targets of a regression to numbers about 1, if need be."""
    lines = []
    if x.dtype.kind == "f" and _is_large(x):
        lines.append("x = (x - x.mean(axis=0)) / x.std(axis=0)")
    degree = getattr(getattr(model, "last_layer", None), "degree", None)
    if degree is not None and _is_large(t):
        lines.append("fit(…, prepare_target=data.Standardized((t.mean(),), (t.std(),)))")
    return lines


def growth(
    first: float, last: float, model: Any, rule: Any, updates: Updates, targets: Targets
) -> str:
    """Say that a loss has grown and is finite still, as a sentence; "" if it has not.

    It is a thousand times the first one, and a thousand times that of a network that always says
    0: of one that was trained before, the first may be as small as it likes.
    """
    if not last > _GROWN * first:
        return ""
    x, t = updates.last
    try:
        y, loss = model.predict(x), model.last_layer
        nothing = targets.own(float(loss.compute(np.zeros_like(y), t=loss.targets(t, y))))
    except (AttributeError, ClearpropError):  # a model of one's own
        nothing = first
    if not last > _GROWN * nothing:
        return ""
    lr = getattr(rule, "lr", None)
    lines = [*remedies(model, x, t), f"lr={calmer(lr):g}"] if isinstance(lr, float) else []
    return (
        f"train: the loss has grown from {first:.4g} to {last:.4g}. Why: each update overshoots: "
        "the learning rate is too large for numbers of this size. Write instead: "
        f"{'; or '.join(lines or remedies(model, x, t) or ['a smaller learning rate'])}"
    )


def _grown_beyond(
    what: str, rule: Any, made: str = "", lines: list[str] | None = None
) -> NonFiniteError:
    lr = getattr(rule, "lr", _LR)
    rate = f"lr={calmer(lr):g}" if isinstance(lr, float) else "a smaller learning rate"
    return NonFiniteError(
        what,
        why=f"{made} "
        * bool(made)
        + "The updates have grown beyond what a float holds, as they do when the learning rate "
        "is too large for the model and the batches.",
        write="; or ".join([*(lines or []), rate]),
    )


def _found(x: Any, t: Any, source: Source) -> tuple[str, str] | None:
    """Say what is not finite in a batch, and where it stands in the samples."""
    for name, part in (("x", x), ("t", t)):
        if part.dtype.kind != "f" or np.isfinite(part).all():
            continue
        whole: Any = dict(zip(("x", "t"), source.constants, strict=False)).get(name)
        said = "" if whole is None else _counted(whole)
        if said:
            return f"{name} has {said}.", whole_samples(f"np.isfinite({name})", whole.ndim)
        own = f"The batch's own {name} has {_counted(part)}"
        if whole is None:
            return f"{own}.", f"batches in which np.isfinite({name}).all()"
        return f"{own}; before prepare it is finite.", "a prepare that gives finite numbers"
    return None


def _counted(array: npt.NDArray[Any]) -> str:
    """Count what is not finite, and say where the first stands; "" if all is finite."""
    if array.dtype.kind != "f":
        return ""
    nans = infinities = 0
    first: tuple[int, ...] = ()
    for start in range(0, len(array), _PIECE):
        piece = array[start : start + _PIECE]
        wrong = ~np.isfinite(piece)
        if wrong.any():
            if not nans + infinities:
                row, *rest = np.argwhere(wrong)[0].tolist()
                first = (start + row, *rest)
            missing = int(np.count_nonzero(np.isnan(piece)))
            nans, infinities = nans + missing, infinities + int(np.count_nonzero(wrong)) - missing
    numbers = [(nans, "NaN"), (infinities, "infinite")]
    said = " and ".join(f"{count:,} {kind}" for count, kind in numbers if count)
    more = "the first at " if nans + infinities > 1 else "at "
    return f"{said}, {more}{list(first)}" if said else ""


def _is_large(array: Any) -> bool:
    with np.errstate(all="ignore"):
        size = max(abs(float(np.mean(array))), float(np.std(array)))
    return not math.isfinite(size) or size > _LARGE
