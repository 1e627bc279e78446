"""The report of a run: what it says is what the network does, and it stands alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from clearprop import nn, train
from clearprop.data import DataSet, Split
from clearprop.errors import NonFiniteError
from clearprop.train.report import RunReport, report_page
from clearprop.train.report.charts import accuracy_chart
from clearprop.train.report.confusion import worst_mistakes
from clearprop.train.report.mistakes import find_mistakes

VOID = {"meta", "br", "img", "path", "use"}


class Page(HTMLParser):
    """Elements that are opened and closed in turn, the texts between them, and what they name."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.text: list[str] = []
        self.feed(page.decode())
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in {"src", "href", "xlink:href", "data", "action"}:
                self.references.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text.append(data)


class Stored:
    """Samples that are floats already."""

    def __call__(self, x: Any) -> Any:
        return x


@pytest.fixture(scope="module")
def digits() -> DataSet:
    rng = np.random.default_rng(0)
    patterns = rng.random((10, 1, 28, 28), dtype=np.float32)

    def split(count: int) -> Split:
        t = rng.integers(0, 10, count)
        noise = rng.random((count, 1, 28, 28), dtype=np.float32)
        return Split(np.float32(0.35) * patterns[t] + np.float32(0.65) * noise, t)

    classes = tuple(map(str, range(10)))
    return DataSet("digits", split(300), split(120), Stored(), classes)


@pytest.fixture(scope="module")
def make(digits: DataSet) -> Callable[..., RunReport]:
    def run(iterations: int = 40, command: str = "clearprop train", **settings: Any) -> RunReport:
        chosen = train.Settings(iterations=iterations, **settings)
        weights, batches = chosen.streams()
        network = train.build_for(chosen, digits, weights)
        diary = train.Diary(network, digits.train.x, iterations)
        metrics, failure = train.Metrics(), None
        try:
            train.fit(
                network,
                (digits.train, digits.test),
                lr=chosen.lr,
                iterations=iterations,
                seed=batches,
                metrics=metrics,
                watch=diary,
            )
        except NonFiniteError as error:
            failure = error
        ended = "as asked" if failure is None else failure.what
        outcome = train.Outcome(metrics, 1.5, ended, failure)
        return RunReport(
            chosen,
            network,
            digits,
            outcome,
            diary,
            {"numpy": np.__version__},
            command,
            "again",
        )

    return run


def texts(run: RunReport) -> str:
    return " ".join(" ".join(Page(report_page(run)).text).split())


@pytest.mark.parametrize("model", ["two-layer", "linear"])
def test_the_page_stands_alone(make: Callable[..., RunReport], model: str) -> None:
    content = report_page(make(model=model))
    page = Page(content)
    assert len(set(page.ids)) == len(page.ids)
    assert all(
        reference.startswith(("data:image/png;base64,", "#")) for reference in page.references
    )
    assert {r[1:] for r in page.references if r.startswith("#")} <= set(page.ids)
    assert b"<script" not in content
    assert not re.search(rb"url\((?!#)|@import|#0[1-4]0[1-4]0[0-9]", content)  # no colour forgotten


def test_what_it_says_is_what_the_network_does(
    make: Callable[..., RunReport], digits: DataSet
) -> None:
    run = make(iterations=120)
    said = texts(run)
    scores = run.network.predict(digits.test.x)
    right = np.mean(np.argmax(scores, axis=1) == digits.test.t)
    assert 0.2 < right < 1
    assert f"{100 * right:.2f} % of the 120 test images are classified right" in said
    wrong = round((1 - right) * 120)
    assert f"{wrong} of 120 test images are classified wrong" in said
    assert f"{min(wrong, 48)} of {wrong}: those where" in said


def test_mistakes_are_counted_one_by_one(make: Callable[..., RunReport], digits: DataSet) -> None:
    run = make()
    x, t = digits.test
    found = find_mistakes(run.network.predict, x, t)
    scores = run.network.predict(x).astype(float)
    softmax = nn.Softmax().forward(scores)
    for i in range(len(t)):
        assert found.taken_for[i] == max(range(10), key=lambda j: scores[i, j])
        assert found.probability[i] == pytest.approx(softmax[i].max())
    for i in range(10):
        for j in range(10):
            assert found.confusion[i, j] == sum((t == i) & (found.taken_for == j))
    assert set(found.wrong) == {i for i in range(len(t)) if t[i] != found.taken_for[i]}
    assert list(found.probability[found.wrong]) == sorted(found.probability[found.wrong])[::-1]


def test_the_most_common_mistakes_are_all_said() -> None:
    names = ("4", "9", "7")
    counts = np.array([[9, 15, 1], [15, 9, 0], [2, 0, 9]])
    said = worst_mistakes(counts, names, "images")
    assert said.endswith("The most common mistakes: 4 is taken for 9, and 9 for 4, 15 times each.")
    counts[0, 1] = 16
    said = worst_mistakes(counts, names, "images")
    assert said.endswith("The most common mistake: 4 is taken for 9, 16 times.")
    ones = np.ones((3, 3), int)
    said = worst_mistakes(ones, names, "images")
    assert said.endswith("mistakes: 4 is taken for 9, 4 for 7, 9 for 4, and 3 more, once each.")


def test_a_few_points_have_ticks_of_their_own() -> None:
    rows = [train.Row(n, n / 600, 0.5, 0.7 + n / 9e3, 0.8) for n in (0, 600, 1200)]
    ticks = re.findall(r">([\d,]+)</text>", accuracy_chart(rows))
    assert ticks[:2] == ["600", "1,200"]
    close = [*rows, train.Row(1201, 2.01, 0.5, 0.8, 0.8)]  # no room for two numbers there
    assert "1,201" not in accuracy_chart(close)


def test_a_line_of_many_points_has_no_markers() -> None:
    def markers(count: int) -> int:
        rows = [train.Row(n, n / 4, 0.5, 0.8, 0.7 + n / 9e3) for n in range(count)]
        return accuracy_chart(rows).count("<use")

    assert markers(40) > 80
    assert markers(400) < 60  # ticks


def test_the_best_epoch_is_marked(make: Callable[..., RunReport]) -> None:
    run = make(iterations=7)
    rows = run.outcome.metrics.rows
    ended = run.outcome._replace(ended="no better", kept=rows[0])
    for outcome, wanted in ((run.outcome, False), (ended, True)):
        page = report_page(replace(run, outcome=outcome)).decode()
        assert (">the best epoch</text>" in page) == wanted  # of a line in the chart
        assert ('<tr class="best">' in page) == wanted


def test_no_mistakes(digits: DataSet) -> None:
    network = nn.Sequential(nn.Affine(np.eye(3), np.zeros(3)), loss=nn.SoftmaxWithLoss())
    found = find_mistakes(network.predict, 5 * np.eye(3), np.arange(3))
    assert not found.wrong.size
    assert np.array_equal(found.confusion, np.eye(3))


def test_a_run_that_diverged(make: Callable[..., RunReport]) -> None:
    said = texts(make(lr=1e30))
    assert "The run ended early, after 1 of 40 iterations: train: the loss is" in said
    assert "they predict nothing" in said
    assert "nan %" not in said


def test_a_run_without_an_iteration(make: Callable[..., RunReport]) -> None:
    run = make()
    metrics = train.Metrics(rows=run.outcome.metrics.rows[:1])
    nothing = train.Diary(run.network, run.data.train.x, 40)
    outcome = train.Outcome(metrics, 0.0, "SIGINT")
    report = RunReport(run.settings, run.network, run.data, outcome, nothing, {}, "c", "a")
    said = texts(report)
    assert "No iteration was made" in said
    assert "SIGINT" in said


def test_what_was_typed_is_text(make: Callable[..., RunReport]) -> None:
    command = "clearprop train --out '</code><script>alert(1)</script>&amp;'"
    assert command in texts(make(command=command))


def test_the_same_run_gives_the_same_page(make: Callable[..., RunReport]) -> None:
    assert report_page(make(iterations=7)) == report_page(make(iterations=7))


def test_the_diary_is_that_of_the_gradients(digits: DataSet) -> None:
    x, t = digits.train
    network = nn.TwoLayerNet(784, 6, 10, seed=1, dtype="float32")
    diary = train.Diary(network, x, iterations=5)
    copy = nn.TwoLayerNet(784, 6, 10, seed=1, dtype="float32")
    train.fit(network, digits, iterations=5, batch=20, seed=3, watch=diary)
    drawn = np.random.default_rng(3).integers(len(x), size=20)
    grads = copy.gradient(x[drawn], t[drawn])
    for layer, names in {"Affine1": ("W1", "b1"), "Affine2": ("W2", "b2")}.items():
        norm = np.sqrt(sum(np.sum(grads[name].astype(float) ** 2) for name in names))
        assert diary.norms[layer][0] == pytest.approx(norm, rel=1e-5)
        assert len(diary.norms[layer]) == 5
    assert diary.moments == [1, 2, 3, 4, 5]


def test_dead_units_are_found(digits: DataSet) -> None:
    network = nn.TwoLayerNet(784, 8, 10, seed=1, dtype="float32")
    bias = np.full(8, 10, np.float32)
    bias[:3] = -1e3
    network.params["b1"] = bias
    diary = train.Diary(network, digits.train.x, iterations=1)
    diary(train.Metrics(rows=[train.Row(0, 0.0, 2.3, 0.1, 0.1)]))
    assert diary.dead == {"ReLU1": [3 / 8]}


@pytest.mark.parametrize("samples", [500, 501, 999, 2000])
def test_a_unit_that_lives_for_the_last_sample_alone_is_not_dead(samples: int) -> None:
    network = nn.TwoLayerNet(2, 4, 3, seed=0)
    network.params.update(W1=np.eye(2, 4), b1=np.array([0.0, 0, -1, -1]))
    x = np.zeros((samples, 2))
    x[0, 0] = x[-1, 1] = 1.0  # the first unit lives at first, the second at last, two do not
    for compiled in (True, False):
        diary = train.Diary(network, x, iterations=1, compiled=compiled)
        diary(train.Metrics(rows=[train.Row(0, 0.0, 2.3, 0.1, 0.1)]))
        assert diary.dead == {"ReLU1": [0.5]}, compiled


def test_a_channel_is_a_unit() -> None:
    rng = np.random.default_rng(0)
    W = rng.normal(size=(4, 1, 3, 3))
    network = nn.Sequential(
        nn.Conv2d(W, np.array([0, -1e3, 0, -1e3])),
        nn.ReLU(),
        nn.Flatten(),
        nn.Affine.initial(4 * 36, 3, seed=rng),
        loss=nn.SoftmaxWithLoss(),
    )
    diary = train.Diary(network, rng.random((5, 1, 8, 8)), iterations=1)
    diary(train.Metrics(rows=[train.Row(0, 0.0, 2.3, 0.1, 0.1)]))
    assert diary.dead == {"ReLU1": [0.5]}
