"""The curves: what the picture says, and numbers that are few or not finite."""

from __future__ import annotations

import io
from array import array

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from clearprop.train import Metrics, Row
from clearprop.train.curves import draw_curves

START = Row(0, 0.0, float("nan"), 0.1, 0.11)


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Every figure that is saved."""
    saved = []
    save = Figure.savefig

    def remember(self: Figure, *args: object, **kwargs: object) -> None:
        saved.append(self)
        save(self, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", remember)
    return saved


def test_axes_say_what_and_in_which_unit(figures: list[Figure]) -> None:
    rows = [START, Row(600, 1.0, 0.7, 0.90, 0.91), Row(1200, 2.0, 0.3, 0.95, 0.94)]
    before = dict(mpl.rcParams)
    losses = array("d", np.linspace(2.3, 0.3, 1200))
    png = draw_curves(Metrics(losses, rows, 1200), "a title")
    assert dict(mpl.rcParams) == before
    assert imread(io.BytesIO(png)).shape == (1400, 1600, 4)
    (figure,) = figures
    above, below = figure.axes
    assert figure.get_suptitle() == "a title"
    assert above.get_ylabel() == "loss\n(mean of a batch)"
    assert below.get_ylabel() == "accuracy\n(% of the samples)"
    assert below.get_xlabel() == "iterations"
    assert [text.get_text() for text in above.get_legend().get_texts()] == [
        "each batch",
        "mean of 24 batches",
    ]
    assert [text.get_text() for text in below.get_legend().get_texts()] == [
        "train, from 10.0 % to 95.00 %",
        "test, from 11.0 % to 94.00 %",
    ]
    mean = above.get_lines()[1]
    assert np.interp(600, *mean.get_data()) == pytest.approx(losses[599], rel=0.01)  # not delayed
    assert below.get_lines()[0].get_xdata().tolist() == [600, 1200]


@pytest.mark.parametrize(
    ("losses", "rows"),
    [
        ([], []),
        ([2.3], [START, Row(1, 0.1, 2.3, 0.1, 0.1)]),
        ([2.3, 1e30, float("inf"), float("nan")], [START]),
        ([0.0] * 60, [START]),
        ([2.3, float("nan")] * 60, [START]),
    ],
)
def test_numbers_that_are_few_or_not_finite(losses: list[float], rows: list[Row]) -> None:
    assert draw_curves(Metrics(array("d", losses), rows), "early end").startswith(b"\x89PNG")
