"""The page of a run's report: one file, without a script, that needs nothing beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

import numpy as np

import clearprop as cp
from clearprop.data import DataSet
from clearprop.legible import legible_name
from clearprop.nn import Sequential
from clearprop.train.diary import Diary
from clearprop.train.metrics import Row, shown_epoch, shown_number
from clearprop.train.models import title_of
from clearprop.train.prediction import prediction
from clearprop.train.progress import columns_of
from clearprop.train.quality import shown_amount
from clearprop.train.report import charts, images
from clearprop.train.report.confusion import confusion
from clearprop.train.report.mistakes import Mistakes, find_mistakes
from clearprop.train.report.style import STYLE
from clearprop.train.run_length import used_settings
from clearprop.train.saving import Outcome
from clearprop.train.settings import Settings

_MOST_DIGITS, _MOST_UNITS = 48, 100  # shown as images
_DRAWN = 4  # samples in the batch that the picture of the network shows
_ENDS = {
    "no better": "it became no better any more; the weights are those of the best epoch.",
    "SIGINT": "by Ctrl-C (SIGINT).",
}
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class RunReport:
    """What the report of a run is made from.

    Attributes
    ----------
    settings : Settings
    network : Sequential
        With the weights that the run ended with.
    data : DataSet
        What it was trained on, and tested on.
    outcome : Outcome
    diary : Diary
    made_with : mapping
        Versions, as from `describe_environment`.
    command, again : str
        What was typed, and what makes the same run again.
    """

    settings: Settings
    network: Sequential
    data: DataSet
    outcome: Outcome
    diary: Diary
    made_with: Mapping[str, Any]
    command: str
    again: str


def report_page(run: RunReport) -> bytes:
    """Write the report of a run as one HTML file.

    Parameters
    ----------
    run : RunReport

    Returns
    -------
    bytes
        Curves, confusion matrix, the surest mistakes, the weights of the first layer, gradient
        norms, dead units, the network's graph, and how to make the run again. Where the weights are
        no numbers any more, what cannot be said is said to be so.
    """
    title = escape(_title(run))
    sections = "".join(_sections(run))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{title}</title><style>{STYLE}</style></head><body><main>"
        f"<h1>{title}</h1>{sections}</main>"
        f'<footer><p class="soft">Written by clearprop {cp.__version__}.</p></footer></body></html>'
    ).encode()


def _title(run: RunReport) -> str:
    model = title_of(run.settings, run.network)
    return f"{model}, {_iterations(run.outcome.metrics.iterations)}"


def _iterations(count: int) -> str:
    return "1 iteration" if count == 1 else f"{count:,} iterations"


def _sections(run: RunReport) -> Iterator[str]:
    yield _summary(run)
    yield _learning(run)
    if run.data.classes is not None and len(run.data.test.x):
        yield from _judged(run, run.data.classes)
    yield _gradients(run)
    yield _graph(run)
    yield _again(run)


def _judged(run: RunReport, classes: tuple[str, ...]) -> Iterator[str]:
    predict = prediction(run.network, run.data.prepare, compiled=not run.settings.interpret)
    mistakes = find_mistakes(predict, *run.data.test)
    if not np.isfinite(mistakes.probability).all():
        yield _section(
            "What it gets wrong",
            _p("The weights at the end give scores that are no numbers: they predict nothing."),
        )
        return
    yield _section("What it gets wrong", *confusion(mistakes.confusion, classes, _things(run)))
    if _are_drawn(run):
        yield _digits(run, mistakes, classes)
        yield _weights(run)


def _things(run: RunReport) -> str:
    return "images" if len(run.data.shape) == 3 else "rows"


def _are_drawn(run: RunReport) -> bool:
    """Whether samples can be shown: square images of one channel."""
    shape = run.data.shape
    return len(shape) == 3 and shape[0] == 1 and shape[1] == shape[2]


def _section(title: str, *parts: str) -> str:
    name = title.lower().replace(" ", "-").replace(",", "")
    return (
        f'<section aria-labelledby="{name}"><h2 id="{name}">{title}</h2>{"".join(parts)}</section>'
    )


def _p(text: str, kind: str = "") -> str:
    return f'<p class="{kind}">{text}</p>' if kind else f"<p>{text}</p>"


# ---- how good it is, and how it became so ------------------------------------------------------


def _summary(run: RunReport) -> str:
    rows, outcome = run.outcome.metrics.rows, run.outcome
    parts = []
    if rows:
        last = outcome.row
        assert last is not None
        when = f"after {_epochs(last)}, {outcome.seconds:,.1f} s"
        if _is_best(run):
            when = (
                f"with the weights of the best epoch, {shown_epoch(last)} of "
                f"{shown_epoch(rows[-1])}; {outcome.seconds:,.1f} s"
            )
        elif last.iteration < outcome.metrics.iterations:
            when = f"when that was last counted, after {_iterations(last.iteration)}"
        things = _things(run)
        trained = run.settings.trained_on(len(run.data.train.x))
        if run.data.classes is None:
            said = _off_by(run, last.test_loss) + f": {when}."
        else:
            said = (
                f"<strong>{100 * last.test_accuracy:.2f} %</strong> of the "
                f"{len(run.data.test.x):,} test {things} are classified right, and "
                f"{100 * last.train_accuracy:.2f} % of the {trained:,} that it was "
                f"trained on: {when}."
            )
        parts.append(_p(said, "lead"))
    if outcome.ended != "as asked":
        done = outcome.metrics.iterations
        asked = run.settings.total(len(run.data.train.x))
        parts.append(
            _p(
                f"The run ended early, after {done:,} of {_iterations(asked)}: "
                f"{escape(_ENDS.get(outcome.ended, outcome.ended))}",
                "stopped",
            )
        )
    return "".join(parts)


def _off_by(run: RunReport, loss: float) -> str:
    """Say how good a regression is."""
    count, quality = f"{len(run.data.test.x):,} test {_things(run)}", run.outcome.quality
    if quality is None:
        return f"The mean squared error on the {count} is <strong>{loss:.4g}</strong>"
    explained = "" if math.isnan(quality.r2) else f"; R² is {quality.r2:.3f}"
    target = escape(legible_name(repr(run.data.target)))
    return (
        f"On the {count} the predicted {target} is off by "
        f"<strong>{shown_amount(quality.mean_absolute_error)}</strong> on average (mean absolute "
        f"error){explained}"
    )


def _is_best(run: RunReport) -> bool:
    """Whether the weights are those of an epoch before the last."""
    return run.outcome.row not in (None, *run.outcome.metrics.rows[-1:])


def _epochs(row: Row) -> str:
    shown = shown_epoch(row)
    return f"{shown} epoch" if shown == "1" else f"{shown} epochs"


def _learning(run: RunReport) -> str:
    metrics = run.outcome.metrics
    parts = []
    if any(map(math.isfinite, metrics.loss)):
        parts.append(charts.loss_chart(metrics.loss))
    else:
        parts.append(_p("There is no batch with a loss that is a number."))
    if metrics.rows:
        if run.data.classes is not None:
            best = run.outcome.row.iteration if run.outcome.row and _is_best(run) else None
            parts.append(charts.accuracy_chart(metrics.rows, _things(run), best))
        parts.append(_rows(run))
    return _section("How it learned", *parts)


def _rows(run: RunReport) -> str:
    rows = run.outcome.metrics.rows
    columns = columns_of(rows[-1])

    def marked(row: Row) -> str:
        return ' class="best"' if row == run.outcome.row and _is_best(run) else ""

    lines = "".join(
        f"<tr{marked(row)}><td>{shown_epoch(row)}{'*' * bool(marked(row))}</td>"
        f"<td>{row.iteration:,}</td>"
        f"<td>{'–' if math.isnan(row.loss) else shown_number(row.loss)}</td>"
        + "".join(f"<td>{_measured(row, name)}</td>" for name in columns)
        + "</tr>"
        for row in rows
    )
    loss = "loss" if run.data.classes is not None else "squared error"
    shown = [name.replace("loss", loss) for name in columns]
    names = ("epoch", "iteration", f"mean {loss} since", *shown)
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    return (
        "<details><summary>The numbers</summary>"
        + (_p("* the best epoch: the weights are those of it.") if _is_best(run) else "")
        + f'<div class="scroll"><table><tr>{head}</tr>{lines}</table></div></details>'
    )


def _measured(row: Row, column: str) -> str:
    value: float = getattr(row, column.replace(" ", "_"))
    return f"{100 * value:.2f} %" if column.endswith("accuracy") else shown_number(value)


# ---- what it gets wrong --------------------------------------------------------------------------


def _digits(run: RunReport, mistakes: Mistakes, classes: tuple[str, ...]) -> str:
    x, t = run.data.test
    shown = mistakes.wrong[:_MOST_DIGITS]
    if not shown.size:
        return ""
    pixels = run.data.prepare(x[shown]).reshape(len(shown), -1)
    items = "".join(
        f'<li><img alt="{escape(classes[t[i]])}" src="{images.digit(pixels[k])}">'
        f"{escape(classes[t[i]])}, taken for {escape(classes[mistakes.taken_for[i]])}<br>"
        f'<span class="soft">{100 * mistakes.probability[i]:.1f} % sure</span></li>'
        for k, i in enumerate(shown)
    )
    return (
        "<h3>The surest mistakes</h3>"
        + _p(
            f"{len(shown)} of {len(mistakes.wrong):,}: those where the network gave the wrong "
            "class the highest probability."
        )
        + f'<ul class="images">{items}</ul>'
    )


# ---- what it has learned -------------------------------------------------------------------------


def _weights(run: RunReport) -> str:
    name = next(iter(run.network.params))
    first = run.network.params[name]
    if first.ndim != 2 or not images.side_of(first.shape[0]):
        return ""
    shown = min(first.shape[1], _MOST_UNITS)
    largest = float(np.quantile(np.abs(first), 0.999))  # a single weight must not pale the rest
    items = "".join(
        f'<li><img alt="weights of unit {unit}" src="{images.weights(first[:, unit], largest)}">'
        f"unit {unit}</li>"
        for unit in range(shown)
    )
    all_of = "" if shown == first.shape[1] else f" The first {shown} of {first.shape[1]:,}."
    return _section(
        "What the first layer looks for",
        _p(
            f"The weights <code>{escape(name)}</code> of each unit, as an image of the pixels that "
            "they are multiplied by: ink where it is orange excites the unit, ink where it is "
            f"blue inhibits it, white does not matter. Full colour is ±{largest:.2g}.{all_of}"
        ),
        f'<ul class="images">{items}</ul>',
    )


# ---- how the gradient flowed ---------------------------------------------------------------------


def _gradients(run: RunReport) -> str:
    diary, parts = run.diary, []
    if diary.norms:
        parts.append(
            _p(
                "How large the gradient of each layer's parameters is: a layer whose line lies "
                "orders of magnitude below the others hardly learns; a line that rises without end "
                "is a learning rate that is too large."
            )
        )
        parts.append(charts.norm_chart(diary.moments, diary.norms))
    for name, shares in diary.dead.items():
        parts.append(_p(_dead(name, shares[_place(run, len(shares))])))
    if any(any(shares) for shares in diary.dead.values()):
        at = [row.iteration for row in run.outcome.metrics.rows]
        parts.append(charts.dead_chart(at, diary.dead))
    if not parts:
        parts.append(_p("No iteration was made."))
    return _section("How the gradient flowed", *parts)


def _place(run: RunReport, count: int) -> int:
    """Find the row of the weights among so many that something was written down for."""
    rows = run.outcome.metrics.rows
    return rows.index(run.outcome.row) if run.outcome.row in rows[:count] else -1


def _dead(name: str, share: float) -> str:
    if not share:
        return f"{name}: no unit is dead; each is above 0 for some sample, so gradients pass it."
    return (
        f"{name}: {100 * share:.0f} % of the units are dead. They are 0 for every sample they "
        "were tried on, so no gradient passes them, and the weights before them no longer change. "
        "A lower learning rate, or smaller weights at the start, keeps them alive."
    )


def _graph(run: RunReport) -> str:
    x, t = (part[:_DRAWN] for part in run.data.train)
    if (unit := run.data.unit(run.network)) is not None:
        t = unit(t)

    def loss(x: Any, t: Any, params: Any) -> Any:
        return run.network.loss(x, t, params=params)

    with np.errstate(all="ignore"):
        graph = cp.trace(loss, run.data.prepare(x), t, dict(run.network.params))
        picture = graph.backward().to_svg()
    return _section(
        "The network as a graph",
        _p(
            f"The loss of {_DRAWN} training {_things(run)} with the final weights: values above "
            "the arrows, derivatives below them. It scrolls sideways."
        ),
        f'<div class="scroll" tabindex="0" role="group" aria-label="graph">{picture}</div>',
    )


# ---- how to make it again ------------------------------------------------------------------------


def _again(run: RunReport) -> str:
    used = used_settings(asdict(run.settings))
    settings = {name: value for name, value in used.items() if value is not None}
    return _section(
        "How to make it again",
        _p("The same numbers bit for bit, with the same versions on the same kind of processor:"),
        f"<pre>{escape(run.again)}</pre>",
        _p(f"This run was made with <code>{escape(run.command)}</code>."),
        "<h3>Settings</h3>",
        _facts(settings),
        "<h3>Made with</h3>",
        _facts(run.made_with),
    )


def _facts(facts: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(str(name))}</th><td>{escape(_in_words(value))}</td></tr>'
        for name, value in facts.items()
    )
    return f'<div class="scroll"><table class="facts">{rows}</table></div>'


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    return f"{value:.0f}" if whole else str(value)
