"""The room that texts are given is at least what a real browser needs for them."""

from __future__ import annotations

from draw.examples import EXAMPLES

import clearprop as cp
from clearprop.draw.metrics import SMALL, TEXT, text_width

_SCRIPT = """() => [...document.querySelectorAll('text')].map(t => {
  const box = t.getBBox();
  return [t.textContent, t.getAttribute('class') || '', box.width];
})"""


def test_texts_are_not_wider_in_chromium_than_estimated(browser):
    found = []
    page = browser.new_page()
    for f, args in EXAMPLES.values():
        graph = cp.trace(f, *args)
        page.set_content(graph.to_svg(local=True))
        found += page.evaluate(_SCRIPT)
    page.close()
    assert len(found) > 300
    for text, look, width in found:
        size = SMALL if "small" in look else TEXT
        assert width <= text_width(text, size, "name" in look) + 1, text
