"""Pictures as a real browser lays them out: nothing overlaps, and texts have the room they need."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from draw.examples import EXAMPLES
from draw.grouped import (
    CONV,
    LSTM,
    NET,
    conv_net,
    lstm,
    lstm_cell,
    steps,
    through_layers,
    two_layer_net,
)

import clearprop as cp
from clearprop.draw.metrics import SMALL, TEXT, text_width
from clearprop.draw.svg import draw
from clearprop.draw.views import make_views

_MEASURE = (Path(__file__).parent / "measured.js").read_text(encoding="utf-8")
_WIDTHS = """() => [...document.querySelectorAll('text')].map(t => {
  const box = t.getBBox();
  return [t.textContent, t.getAttribute('class') || '', box.width];
})"""


def one_cell(x, h, c, W, U, b):
    h, c = lstm_cell(x, h, c, W, U, b)
    return np.sum(h) + np.sum(c)


def layers(x):
    return np.sum(through_layers(x)[:, 0])


def five_thousand(x):
    return steps(x, 2500)


_CELL = (LSTM[0][0], np.zeros((2, 3)), np.zeros((2, 3)), *LSTM[1:])

#: What is looked at: the function, its arguments, and whether groups are open.
PICTURES = {
    **{name: (f, args, None) for name, (f, args) in EXAMPLES.items()},
    "two-layer net": (two_layer_net, NET, None),
    "layers": (layers, (NET[0],), True),
    "conv net": (conv_net, CONV, True),
    "conv net in groups": (conv_net, CONV, False),
    "LSTM cell": (one_cell, _CELL, None),
    "LSTM in groups": (lstm, LSTM, None),
    "LSTM whole": (lstm, LSTM, True),
    "5,000 operations": (five_thousand, (0.5,), None),
}


@pytest.fixture(scope="module")
def page(browser):
    found = browser.new_page(viewport={"width": 1200, "height": 800})
    yield found
    found.close()


def measure(page, svg, ends):
    page.set_content(f"<body style='margin:0'>{svg}")
    return page.evaluate(_MEASURE, ends)


def look_at(page, graph, gradients, is_open, local=False, view=0):
    """Measure one picture of a graph; give what is wrong with it."""
    layout = make_views(graph, gradients, is_open=is_open, local=local)[view].layout
    ends = [[arrow.source, arrow.target] for arrow in layout.model.arrows]
    found = measure(page, draw(layout), ends)
    assert found["lines"] > len(ends), "the arrows, and the one of the legend"
    assert found["boxes"] > 1
    assert found["texts"] > len(ends)
    return found["faults"]


@pytest.mark.parametrize("name", PICTURES)
def test_nothing_overlaps_in_chromium(page, name):
    f, args, is_open = PICTURES[name]
    graph = cp.trace(f, *args)
    assert look_at(page, graph, graph.backward(), is_open) == []
    assert look_at(page, graph, None, is_open) == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_nothing_overlaps_with_local_derivatives(page, name):
    f, args = EXAMPLES[name]
    graph = cp.trace(f, *args)
    assert look_at(page, graph, graph.backward(), None, local=True) == []


def test_nothing_overlaps_in_a_group(page):
    graph = cp.trace(lstm, *LSTM)
    gradients = graph.backward()
    for view in range(1, len(make_views(graph, gradients))):
        assert look_at(page, graph, gradients, None, view=view) == []


_FAULTS = {
    "the texts one and two overlap": (
        '<text x="50" y="50">one</text><text x="55" y="52">two</text>'
    ),
    "the text one leaves the picture": '<text x="395" y="50">one</text>',
    "the text one overlaps box 7": (
        '<g data-box="7"><rect x="50" y="30" width="80" height="40"/></g>'
        '<text x="60" y="50">one</text>'
    ),
    "the text sideways leaves its own box": (
        '<g data-box="7"><rect x="50" y="30" width="20" height="40"/>'
        '<text x="45" y="50">sideways</text></g>'
    ),
    "the boxes 7 and 8 overlap": (
        '<g data-box="7"><rect x="50" y="30" width="80" height="40"/></g>'
        '<g data-box="8"><rect x="120" y="60" width="80" height="40"/></g>'
    ),
    "the text one lies on a frame": (
        '<rect class="frame" x="60" y="30" width="80" height="40"/><text x="50" y="50">one</text>'
    ),
    "box 7 lies on a frame": (
        '<rect class="frame" x="60" y="30" width="80" height="40"/>'
        '<g data-box="7"><rect x="50" y="35" width="30" height="20"/></g>'
    ),
    "the line of arrow 0 runs through the text one": (
        '<g data-arrow="0"><path class="line" d="M0 0C100 0 0 80 100 80"/></g>'
        '<text x="40" y="44">one</text>'
    ),
    "the line of arrow 0 runs through box 7": (
        '<g data-arrow="0"><path class="line" d="M0 50H200"/></g>'
        '<g data-box="7"><rect x="50" y="30" width="80" height="40"/></g>'
    ),
}


@pytest.mark.parametrize("fault", _FAULTS)
def test_the_measure_finds(page, fault):
    svg = f'<svg width="400" height="200" viewBox="0 0 400 200">{_FAULTS[fault]}</svg>'
    assert fault in measure(page, svg, [[1, 2]])["faults"]


def test_texts_are_not_wider_in_chromium_than_estimated(page):
    found = []
    for f, args in EXAMPLES.values():
        graph = cp.trace(f, *args)
        page.set_content(graph.to_svg(local=True))
        found += page.evaluate(_WIDTHS)
    assert len(found) > 300
    for text, look, width in found:
        size = SMALL if "small" in look else TEXT
        assert width <= text_width(text, size, "name" in look) + 1, text
