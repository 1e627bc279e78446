"""Expected, found and their difference as tables of colours, blue below 0 and orange above.

A pair that colour-blind readers can tell apart, symmetric about 0. Wrong entries have a border, and
say so in words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.check.handwritten.model import Evidence
from clearprop.check.reports.numbers import writer
from clearprop.check.reports.windows import Window, windows, wrong_entries

Array = np.ndarray[Any, Any]

STEPS = 8  # shades on each side of 0
_ROWS, _COLUMNS = 16, 24
_WRITTEN = 8  # columns up to which numbers stand in the cells


def heat_maps(evidence: Evidence, text: Callable[[object], str]) -> str:
    """Draw expected, found and difference.

    Parameters
    ----------
    evidence : Evidence
        The gradients.
    text : callable
        Escapes a text.

    Returns
    -------
    str
        HTML.
    """
    parts = []
    if evidence.probe:
        parts.append(f'<p class="soft">{text(evidence.probe)}</p>')
    shown = windows(evidence, _ROWS, _COLUMNS)
    where = ", ".join(dict.fromkeys(window.where for window in shown if window.where))
    if where:
        parts.append(f'<p class="soft">Shown: {text(where)}</p>')
    bound = _bound([a for w in shown for a in (w.expected, w.found) if a is not None])
    figures = []
    for window in shown:
        pair = None
        if window.wrong is not None and window.expected is not None and window.found is not None:
            pair = (window.expected[window.wrong], window.found[window.wrong])
        arrays = [a for a in (window.expected, window.found) if a is not None]
        write = _writer(arrays, pair)
        if window.expected is not None:
            caption = f"expected {text(evidence.gradient)} {np.shape(evidence.expected)}"
            figures.append(_table(window.expected, window, None, caption, bound, write, text))
        if window.found is not None:
            shape = np.asarray(evidence.found).shape
            caption = f"found {text(evidence.gradient)} {shape}{_how_many(evidence)}"
            figures.append(_table(window.found, window, window.wrong, caption, bound, write, text))
        difference = _difference(window)
        if difference is not None:
            limit = _bound([difference])
            caption = f"found − expected, up to ±{limit:.3g}"
            own = _writer([difference], None)
            figures.append(_table(difference, window, window.wrong, caption, limit, own, text))
    if evidence.found is None:
        figures.append('<p class="none">found: none</p>')
    marked = any(window.wrong is not None and window.wrong.any() for window in shown)
    legend = _legend(bound, marked) if bound > 0 else ""
    return "".join([*parts, f'<div class="maps">{"".join(figures)}</div>', legend])


def _how_many(evidence: Evidence) -> str:
    wrong = wrong_entries(evidence)
    if wrong is None or not wrong.any():
        return ""
    return f", <b>{int(wrong.sum())} of {wrong.size} wrong</b>"


def _difference(window: Window) -> Array | None:
    if window.expected is None or window.found is None or not window.expected.size:
        return None
    if not all(a.dtype.kind in "biuf" for a in (window.expected, window.found)):
        return None
    with np.errstate(all="ignore"):
        return np.asarray(window.found.astype(float) - window.expected.astype(float))


def _bound(arrays: list[Array]) -> float:
    """The largest finite magnitude."""
    largest = 0.0
    for array in arrays:
        if array.dtype.kind in "biufc" and array.size:
            size = np.abs(array if array.dtype.kind == "c" else array.astype(float))
            largest = max(largest, float(np.max(size[np.isfinite(size)], initial=0.0)))
    return largest


def _writer(arrays: list[Array], pair: tuple[Array, Array] | None) -> Callable[[Any], str]:
    if not all(a.dtype.kind in "biufc" for a in arrays):
        return str
    both = np.concatenate([a.ravel() for a in arrays]) if arrays else np.zeros(0)
    return writer(both, pair)


def _table(
    matrix: Array,
    window: Window,
    wrong: Array | None,
    caption: str,
    bound: float,
    write: Callable[[Any], str],
    text: Callable[[object], str],
) -> str:
    if not matrix.size:
        return f'<figure><figcaption>{caption}</figcaption><p class="none">no entries</p></figure>'
    written = matrix.shape[1] <= _WRITTEN
    rows = []
    for i, row in enumerate(matrix):
        cells = []
        for k, value in enumerate(row):
            bad = wrong is not None and bool(wrong[i, k])
            number = text(write(value))
            title = f"{text(window.index(i, k))} {number}".strip() + (", wrong" if bad else "")
            kind = _shade(value, bound) + (" wrong" if bad else "")
            inner = number + ('<span class="hidden"> wrong</span>' if bad else "")
            if not written:
                inner = f'<span class="hidden">{inner}</span>'
            cells.append(f'<td class="{kind}" title="{title}">{inner}</td>')
        rows.append(f"<tr>{''.join(cells)}</tr>")
    kind = "numbers" if written else "dots"
    return (
        f'<figure class="scroll"><table class="map {kind}">'
        f"<caption>{caption}</caption><tbody>{''.join(rows)}</tbody></table></figure>"
    )


def _shade(value: Any, bound: float) -> str:
    """Name the class of a colour: z, p1 to p8, n1 to n8, or x for what is no finite number."""
    try:
        real = float(np.real(value))
    except (TypeError, ValueError):
        return "x"
    if not np.isfinite(value):
        return "x"
    step = int(np.ceil(STEPS * min(1.0, abs(real) / bound))) if bound > 0 else 0
    return "z" if step == 0 else f"{'p' if real > 0 else 'n'}{step}"


def _legend(bound: float, marked: bool) -> str:
    steps = [f"n{k}" for k in range(STEPS, 0, -1)] + ["z"] + [f"p{k}" for k in range(1, STEPS + 1)]
    cells = "".join(f'<span class="{step}"></span>' for step in steps)
    label = f"Colours: blue is negative down to {-bound:.3g}, orange positive up to {bound:.3g}"
    key = '<span class="key"><span class="swatch wrong"></span> wrong</span>' if marked else ""
    return (
        f'<p class="legend"><span class="hidden">{label}</span><span aria-hidden="true">'
        f'{-bound:.3g}</span><span class="scale" aria-hidden="true">{cells}</span>'
        f'<span aria-hidden="true">{bound:.3g}</span>{key}</p>'
    )
