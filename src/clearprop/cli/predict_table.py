"""``clearprop predict`` for a run on a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from clearprop.cli.predictions import (
    cells,
    facts_of,
    for_the_command,
    form_of,
    print_table,
    target_name,
    write_csv,
)
from clearprop.errors import DataError, OptionError

if TYPE_CHECKING:
    from clearprop.train import Predicted, Predictor, Run

_ROWS = 20  # on the screen; more are asked for


def predict_table(
    run: Run,
    predictor: Predictor,
    inputs: Sequence[str],
    out: str | None,
    json: str | None,
    whole: bool,
) -> None:
    """Predict the rows of a table, and write what is predicted."""
    from clearprop.cli.screen import Screen, write_json
    from clearprop.data import read_rows
    from clearprop.legible import legible_name

    if len(inputs) != 1:
        raise OptionError(
            f"predict: {len(inputs)} files are given, and this run is on a table.",
            why="the rows of one table are predicted at a time.",
            write=f"clearprop predict {run.path} {inputs[0]}",
        )
    try:
        rows = read_rows(inputs[0], run, texts=out is not None or json is not None)
    except DataError as error:
        raise for_the_command(error, "read_rows", "TABLE.csv") from error
    found = predictor(rows.x)
    if rows.unused:
        told = ", ".join(map(legible_name, rows.unused))
        typer.echo(f"Not used: {told}.", err=True)
    name = target_name(run)
    right = how_right(found, rows.t)
    if out is not None:
        write_csv(out, _beside(rows.unused, rows.texts, len(rows.x)), found, name)
    if json is not None:
        others = [
            dict(zip(rows.unused, texts, strict=True)) for texts in zip(*rows.texts, strict=True)
        ]
        facts = [
            {
                "row": number,
                **({"columns": others[number - 1]} if others else {}),
                **facts_of(found, number - 1),
            }
            for number in _numbers(found)
        ]
        given = {"run": str(run.path), "predictions": facts, "unused": rows.unused}
        write_json({**given, **right}, json)
    if "-" in (out, json):
        return
    screen = Screen()
    if out is not None or json is not None:
        count = len(found.scores)
        screen.line(f"{count:,} row{'s' * (count != 1)} predicted: {out or json}")
        if right:
            screen.line(told_of(right, name))
        return
    shown = len(found.scores) if whole or len(found.scores) <= _ROWS + 1 else _ROWS
    form = form_of(found.scores[:shown])
    head = ["row", name, *(["probability", "then"] if found.classes else [])]
    print_table(
        screen, [head, *([f"{n:,}", *cells(found, n - 1, form)] for n in _numbers(found)[:shown])]
    )
    if hidden := len(found.scores) - shown:
        screen.line(f"…  {hidden:,} more with --all; as a file with --out FILE.csv")
    if right:
        screen.line("")
        screen.line(told_of(right, name))


def _beside(
    names: Sequence[str], texts: Sequence[Sequence[str]], count: int
) -> dict[str, Sequence[Any]]:
    """Give what stands before the predictions: the number of the row, and what was not used."""
    numbers = {} if "row" in names else {"row": range(1, count + 1)}
    return {**numbers, **dict(zip(names, texts, strict=True))}


def _numbers(found: Predicted) -> range:
    return range(1, len(found.scores) + 1)


def how_right(found: Predicted, t: Any) -> dict[str, float]:
    """Compare with the target, where the table has it."""
    import numpy as np

    if t is None:
        return {}
    if found.probabilities is not None:
        return {"accuracy": float(np.mean(found.probabilities.argmax(axis=1) == t))}
    return {"mean absolute error": float(np.mean(np.abs(found.scores - t)))}


def told_of(right: dict[str, float], name: str) -> str:
    """Say how predictions compare with the target."""
    [(what, value)] = right.items()
    if what == "accuracy":
        return f"The table has {name} as well: {100 * value:.2f} % are predicted right."
    from clearprop.train.quality import shown_amount

    return f"The table has {name} as well: the mean absolute error is {shown_amount(value)}."
