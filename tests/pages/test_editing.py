"""Changing an argument on the page: every number is then what Python would have drawn."""

import re

import numpy as np
import pytest
from draw.examples import EXAMPLES
from pages.browsing import data_of

import clearprop as cp
from clearprop import nn
from clearprop.draw.views import make_views


def drawn(graph, dy=None):
    """Give what stands above and below the arrows in Python's own picture."""
    model = make_views(graph, graph.backward(dy), is_open=True)[0].model
    values = [arrow.value for arrow in model.arrows]
    derivatives = [arrow.derivative and arrow.derivative.shown for arrow in model.arrows]
    return [_text(value) for value in values], [_text(shown) for shown in derivatives]


def _text(shown):
    if shown is None:
        return None
    rows = zip(*shown.rows, strict=True) if shown.matrix else shown.rows  # drawn by columns
    return " ".join(cell for row in rows for cell in row)


def _without_rest(texts):
    """Leave out what rounding left of 0: it depends on the last bit of exp, machine by machine."""
    return [
        re.sub(r"-?[\d.]+e-(\d+)", lambda m: "rest" if int(m[1]) > 14 else m[0], text or "")
        for text in texts
    ]


def at_the_end(opened):
    opened.page.click("#last") if opened.page.is_enabled("#last") else None
    return opened.labels("above"), opened.labels("below")


def test_scalars(show):
    f, args = EXAMPLES["apples_and_oranges"]
    opened = show(cp.trace(f, *args).backward().to_html())
    rng = np.random.default_rng(0)
    for _ in range(3):
        new = [float(x) for x in np.round(rng.standard_normal(5) * 100, rng.integers(0, 9))]
        for label, value in zip(data_labels(f, args), new, strict=True):
            opened.change(label, {(): value})
        assert at_the_end(opened) == drawn(cp.trace(f, *new))
    opened.check()


def data_labels(f, args):
    return list(cp.trace(f, *args).inputs)


@pytest.mark.parametrize("name", ["affine", "sigmoid", "softmax_with_loss", "two_layers", "relu"])
def test_matrices(show, name):
    f, args = EXAMPLES[name]
    graph = cp.trace(f, *args)
    dy = None if not np.ndim(graph.output) else np.ones(np.shape(graph.output))
    opened = show(graph.backward(dy).to_html())
    label = next(iter(graph.inputs))
    x = np.array(graph.inputs[label].value)
    for place, value in [((0,) * x.ndim, 1.75), ((-1,) * x.ndim, -0.125)]:
        x[place] = value
        index = tuple(int(n) % length for n, length in zip(place, x.shape, strict=True))
        opened.change(label, {index: value})
    new = cp.trace(f, *[float(x) if not x.ndim else x, *args[1:]])
    found, wanted = at_the_end(opened), drawn(new, dy)
    assert [_without_rest(texts) for texts in found] == [_without_rest(texts) for texts in wanted]
    opened.check()


def test_log_probabilities(show):
    def f(x):
        y = nn.LogSoftmax().forward(x)
        return np.sum(y * y)

    x = np.array([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]])
    graph = cp.trace(f, x)
    assert "log_softmax" in [node.operation for node in graph.nodes]
    opened = show(graph.backward().to_html())
    x[1, 2] = -1.5
    opened.change("x", {(1, 2): -1.5})
    assert at_the_end(opened) == drawn(cp.trace(f, x))
    opened.check()


def test_the_panel_and_the_sentence_follow_too(show):
    f, args = EXAMPLES["apples"]
    opened = show(cp.trace(f, *args).backward().to_html())
    opened.go(3)
    opened.change("tax", {(): 1.25})
    assert opened.text("#sentence") == "Backward, step (2), ×: apple_price gets 1.25; tax gets 200."
    assert "1.25" in opened.text("#panel")
    opened.page.click("#reset")
    assert opened.text("#sentence") == "Backward, step (2), ×: apple_price gets 1.1; tax gets 200."
    assert opened.page.input_value("#arguments input >> nth=2") == "1.1"


def test_a_field_without_a_number_changes_nothing_and_says_so(show):
    f, args = EXAMPLES["apples"]
    opened = show(cp.trace(f, *args).backward().to_html())
    opened.page.fill("#arguments input >> nth=0", "")
    assert opened.page.get_attribute("#arguments input >> nth=0", "aria-invalid") == "true"
    assert "no number yet" in opened.text("#arguments")
    opened.go(1)
    assert opened.labels("above")[0] == "100"
    opened.check()


def test_an_argument_that_is_no_number_is_shown_and_stays_while_others_change(show):
    def f(x):
        return np.sum(np.maximum(x, 1.0) * 2)

    opened = show(cp.trace(f, np.array([np.nan, 2.0, np.inf])).backward().to_html())
    fields = [f"#arguments input >> nth={i}" for i in range(3)]
    shown = [opened.page.get_attribute(field, "placeholder") for field in fields]
    assert shown == ["nan", "2", "inf"]
    opened.change("x", {(1,): 3.0})
    assert "no number yet" not in opened.text("#arguments")
    found = at_the_end(opened)
    assert found == drawn(cp.trace(f, np.array([np.nan, 3.0, np.inf])))
    assert "3" in found[0][0]
    opened.check()


def test_an_argument_that_is_shortened_keeps_its_digits(show):
    opened = show(cp.trace(lambda x, y: x * y, 1 / 3, 2.0).backward().to_html())
    assert opened.page.input_value("#arguments input >> nth=0") == "0.333333"
    opened.change("y", {(): 3.0})
    opened.go(1)
    assert opened.labels("above")[-1] == "1"  # not 0.999999


def test_a_changed_argument_that_is_an_index_out_of_range_is_refused_in_words(show):
    f, args = EXAMPLES["labels"]
    opened = show(cp.trace(f, *args).backward().to_html())
    label = next(k for k, n in cp.trace(f, *args).inputs.items() if n.dtype.kind == "i")
    opened.change(label, {(0,): 99})
    assert "out of bounds" in opened.text("#arguments")
    opened.check()


def test_a_page_that_cannot_compute_says_why(show):
    def f(x):
        return x * 2 if x > 1 else x * 3

    opened = show(cp.trace(f, 2.0).backward().to_html())
    assert "cannot be changed here" in opened.text("#arguments")
    assert "x > 1" in opened.text("#arguments")
    assert "x > 1" in opened.text("#sources")
    assert not opened.page.locator("#arguments input").count()
    opened.go(2)
    opened.check()


def test_every_label_of_a_program_is_an_argument():
    f, args = EXAMPLES["two_layers"]
    graph = cp.trace(f, *args)
    data = data_of(graph.backward().to_html())
    assert [leaf["label"] for leaf in data["program"]["leaves"]] == list(graph.inputs)
