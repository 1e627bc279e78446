"""What is predicted, as it is shown and written: of images and of rows of a table alike."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from clearprop.errors import DataError

if TYPE_CHECKING:
    from clearprop.train import Predicted, Run


def target_name(run: Run) -> str:
    """Name what is predicted, where that is known."""
    for target in (run.data.get("target"), run.settings.get("target")):
        if isinstance(target, str) and not target.lstrip("-").isdigit():
            return target
    return "prediction"


def facts_of(found: Predicted, sample: int) -> dict[str, Any]:
    """Give what is predicted of a sample as JSON has it."""
    scores = [float(score) for score in found.scores[sample]]
    if found.classes is None or found.probabilities is None:
        return {"prediction": scores[0] if len(scores) == 1 else scores}
    [(label, probability)] = found.likeliest(sample, 1)
    row = map(float, found.probabilities[sample])
    return {
        "prediction": label,
        "probability": probability,
        "probabilities": dict(zip(found.classes, row, strict=True)),
        "scores": scores,
    }


def form_of(scores: Any) -> str:
    """Find one format for all numbers of a column: six digits of the largest, three of the least.

    Examples
    --------
    >>> [format(x, form_of([[838523.2], [1273635.4]])) for x in (838523.2, 1273635.4)]
    ['838,523', '1,273,635']
    >>> [format(x, form_of([[2.5], [-0.03125]])) for x in (2.5, -0.03125)]
    ['2.50000', '-0.03125']
    """
    import numpy as np

    sizes = np.abs(np.asarray(scores, float))
    sizes = sizes[sizes > 0]
    if not sizes.size:
        return ",.6g"
    most, least = (math.floor(math.log10(size)) + 1 for size in (sizes.max(), sizes.min()))
    decimals = max(0, 6 - most, 3 - least if least < most - 6 else 0)
    return f",.{decimals}f" if decimals <= 12 and most <= 15 else ".5e"


def cells(found: Predicted, sample: int, form: str) -> list[str]:
    """Give what is predicted of a sample as a table on the screen has it."""
    if found.classes is None:
        return [", ".join(format(score, form) for score in found.scores[sample])]
    (label, p), *others = found.likeliest(sample)
    then = ", ".join(f"{name} {percent(q)}" for name, q in others if q >= 0.0005)
    return [label, percent(p), then]


def percent(p: float) -> str:
    """Write a probability; softmax gives neither 0 nor 1, unless it is rounded.

    Examples
    --------
    >>> percent(0.98765), percent(0.99999), percent(1.0), percent(0.0001)
    ('98.8 %', '>99.9 %', '>99.9 %', '<0.1 %')
    """
    if p >= 0.9995:
        return ">99.9 %"
    return "<0.1 %" if p < 0.0005 else f"{100 * p:.1f} %"


def print_table(screen: Any, lines: Sequence[Sequence[str]]) -> None:
    """Print lines of cells below each other, the first of them bold; numbers to the right."""
    from rich.cells import cell_len

    from clearprop.cli.screen import padded
    from clearprop.legible import legible_name

    lines = [[legible_name(cell) for cell in line] for line in lines]
    if not any(line[-1] for line in lines[1:]):  # a head alone says nothing
        lines = [line[:-1] for line in lines]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    right = [_are_numbers(column[1:]) for column in zip(*lines, strict=True)]
    for number, line in enumerate(lines):
        texts = [
            padded(cell, width, right=to_right)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ]
        screen.line("  ".join(texts).rstrip(), "" if number else "bold")


def _are_numbers(texts: Iterable[str]) -> bool:
    return all(text.strip("<>% ").replace(",", "").lstrip("-")[:1].isdigit() for text in texts)


def write_csv(
    target: str, beside: Mapping[str, Sequence[Any]], found: Predicted, name: str
) -> None:
    """Write all predictions as CSV: behind columns that tell what they are of."""
    from clearprop.cli.files import write_whole

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head, columns = list(beside), list(beside.values())
    if found.classes is None or found.probabilities is None:
        count = found.scores.shape[1]
        writer.writerow([*head, *([name] if count == 1 else [f"{name}_{n}" for n in range(count)])])
        rows: Iterable[Sequence[Any]] = found.scores.tolist()
    else:
        writer.writerow([*head, name, *(f"p_{each}" for each in found.classes)])
        numbers = found.probabilities.tolist()
        rows = ([label, *row] for label, row in zip(found.labels, numbers, strict=True))
    for number, row in enumerate(rows):
        writer.writerow([*(column[number] for column in columns), *row])
    if target == "-":
        typer.echo(text.getvalue(), nl=False)
    else:
        write_whole(Path(target), text.getvalue())


def for_the_command(error: DataError, function: str, what: str) -> DataError:
    """Say to somebody at a command line what a function says to somebody who called it."""
    write = re.sub(rf"{function}\(.*?\)", f"clearprop predict RUN {what}", error.write or "")
    return DataError(
        error.what.removeprefix(f"{function}: "),
        where=error.where,
        why=(error.why or "").replace("data.read_image reads it", "a run on images takes it"),
        write=write.replace("as_is=True", "--as-is"),
    )
