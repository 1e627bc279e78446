"""How long a run was to be, and which of its rows its weights are of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from clearprop.train.metrics import Row


def used_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the number of iterations that nothing ran with: that beside epochs.

    Examples
    --------
    >>> used_settings({"lr": 0.1, "iterations": 10000, "epochs": 5})
    {'lr': 0.1, 'epochs': 5}
    """
    unused = {"iterations"} if settings.get("epochs") is not None else set()
    return {name: value for name, value in settings.items() if name not in unused}


def asked_iterations(written: Any, settings: Mapping[str, Any], rows: Sequence[Row]) -> int | None:
    """Give the iterations that a run was to have; None where nobody knows.

    Parameters
    ----------
    written : object
        What its ``config.json`` says; runs of earlier versions do not say it.
    settings : mapping
    rows : sequence of Row
        Of what is measured: they tell how many iterations an epoch has.

    Examples
    --------
    >>> asked_iterations(None, {"iterations": 10000, "epochs": 5}, [Row(8, 1.0, 2.3, 0.1, 0.1)])
    40
    """
    if _is_count(written):
        return int(written)
    epochs = settings.get("epochs")
    if epochs is None:
        iterations: Any = settings.get("iterations")
        return int(iterations) if _is_count(iterations) else None
    counted = [row for row in rows if 0 < row.epoch < math.inf and row.iteration > 0]
    if not counted or not isinstance(epochs, int | float) or isinstance(epochs, bool):
        return None
    if not 0 < epochs < 1e15:
        return None
    per_epoch = counted[-1].iteration / counted[-1].epoch
    asked = epochs * per_epoch
    return max(1, math.ceil(asked - 1e-6)) if 0 < asked < math.inf else None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def kept_row(
    result: Mapping[str, Any] | None, settings: Mapping[str, Any], rows: Sequence[Row]
) -> Row | None:
    """Give the row that the saved weights are of: the last one, or the best where that is kept.

    Parameters
    ----------
    result : mapping or None
        What ``result.json`` says; earlier versions did not say which row is kept.
    settings : mapping
    rows : sequence of Row

    Examples
    --------
    >>> rows = [Row(n, n / 8, 1.0, 0.5, 0.5, validation_loss=v) for n, v in ((8, 0.2), (16, 0.3))]
    >>> kept_row({"ended": "no better"}, {"patience": 1}, rows).iteration
    8
    >>> kept_row({"ended": "as asked"}, {"patience": None}, rows).iteration
    16
    """
    if not rows:
        return None
    result = result or {}
    if "kept_iteration" in result:
        kept = [row for row in rows if row.iteration == result["kept_iteration"]]
        return kept[-1] if kept else rows[-1]
    ended = str(result.get("ended", ""))
    was_given_back = ended in ("as asked", "no better") or ended.startswith("SIG")
    measured = [row for row in rows if not math.isnan(row.validation_loss)]
    if settings.get("patience") is None or not was_given_back or not measured:
        return rows[-1]
    return min(measured, key=lambda row: row.validation_loss)
