"""What a network takes for what: a table of all pairs of classes, and the worst in words."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

_MOST_CLASSES = 40  # of which a table of all pairs can be read
_MOST_WORST = 3  # mistakes that are as common as each other, in words


def confusion(counts: Any, classes: tuple[str, ...], things: str) -> list[str]:
    """Say in words and as a table what is taken for what.

    Parameters
    ----------
    counts : ndarray of int, shape (classes, classes)
        As in `Mistakes`.
    classes : tuple of str
    things : str
        What the samples are called.
    """
    worst = f"<p>{worst_mistakes(counts, classes, things)}</p>"
    if len(counts) > _MOST_CLASSES:
        return [worst]
    numbers = range(len(counts))
    head = "".join(f'<th scope="col">{escape(classes[j])}</th>' for j in numbers)
    body = "".join(
        f'<tr><th scope="row">{escape(classes[i])}</th>'
        + "".join(_cell(counts, i, j) for j in numbers)
        + f'<td class="share">{_share(counts[i, i], counts[i].sum())}</td></tr>'
        for i in numbers
    )
    foot = "".join(
        f'<td class="share"><span>{_share(counts[j, j], counts[:, j].sum())}</span></td>'
        for j in numbers
    )
    table = (
        '<p class="soft narrow">Where the table is wider than the screen, it scrolls sideways.</p>'
        '<div class="scroll" tabindex="0" role="group" aria-label="what is taken for what">'
        '<table class="confusion"><caption>Down: what it is. '
        "Across: what it was taken for.</caption>"
        f'<tr><td></td>{head}<td class="share">found</td></tr>{body}'
        f'<tr><th scope="row">right when said</th>{foot}<td></td></tr></table></div>'
    )
    return [worst, table]


def worst_mistakes(counts: Any, classes: tuple[str, ...], things: str) -> str:
    """Say how many are wrong, and which mistakes are the most common.

    Examples
    --------
    >>> counts = np.array([[5, 2, 0], [2, 9, 0], [0, 1, 7]])
    >>> worst_mistakes(counts, ("a", "b", "c"), "rows").partition(". ")[2]
    'The most common mistakes: a is taken for b, and b for a, twice each.'
    """
    wrong = counts - np.diag(np.diag(counts))
    if not wrong.any():
        return f"None of the test {things} is classified wrong."
    most = wrong.max()
    pairs = [(escape(classes[i]), escape(classes[j])) for i, j in np.argwhere(wrong == most)]
    (first, second), *others = pairs[:_MOST_WORST]
    said = f"{first} is taken for {second}"
    said += "".join(f", {a} for {b}" for a, b in others[:-1])
    left = len(pairs) - 1 - len(others)
    if others:
        a, b = others[-1]
        said += f", {a} for {b}, and {left:,} more" if left else f", and {a} for {b}"
    each = " each" if others else ""
    return (
        f"{wrong.sum():,} of {counts.sum():,} test {things} are classified wrong. The most common "
        f"mistake{'s' * bool(others)}: {said}, {_times(int(most))}{each}."
    )


def _times(count: int) -> str:
    return "once" if count == 1 else "twice" if count == 2 else f"{count:,} times"


def _cell(counts: Any, i: int, j: int) -> str:
    count = int(counts[i, j])
    if i == j:
        return f'<td class="right">{count:,}</td>'
    if not count:
        return '<td class="none">·</td>'
    wrong = counts - np.diag(np.diag(counts))
    strength = round(5 + 40 * count / wrong.max())  # beyond it the ink cannot be read, in dark
    tint = f"color-mix(in srgb,var(--backward) {strength}%,var(--paper))"
    return f'<td style="background:{tint}">{count:,}</td>'


def _share(part: Any, whole: Any) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"
