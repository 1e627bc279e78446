"""Whatever the names and texts of a function are, the page only shows them."""

import json
import re

import numpy as np
import pytest
from draw.examples import EXAMPLES
from hypothesis import given, settings
from hypothesis import strategies as st
from pages.browsing import data_of

import clearprop as cp
from clearprop.draw.page import formulas
from clearprop.draw.page.writing import embedded
from clearprop.mathml import is_harmless

NASTY = [
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    '"><svg onload=document.title="owned">',
    "\u202egpj.exe \u2066 \u200f",
    "<!--", "]]>", "&amp;<b>", "${title} $title $$", "\u2028\u2029\x00\x07\ud800",
    "w" * 5000, "'\"`\\",
]  # fmt: skip


def test_hostile_keys_are_shown_and_do_nothing(show):
    def f(params):
        return sum((p * p for p in params.values()), 0.0)

    f.__name__ = "<script>document.title='owned'</script>"
    params = {name: float(i + 1) for i, name in enumerate(NASTY)}
    graph = cp.trace(f, params)
    opened = show(graph.backward().to_html())
    opened.page.click("#last")
    for item in opened.page.locator("#picture [role=button]").all():
        item.dispatch_event("click")
    assert "owned" not in opened.page.title() or "<script>" in opened.page.title()
    assert opened.page.locator("img, script:not([type])").count() == 0
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 1280
    opened.check()


@settings(max_examples=25, deadline=None)
@given(st.recursive(st.text() | st.integers(-99, 99), st.lists))
def test_data_read_back_is_data_written(data):
    text = embedded(data)
    assert "<" not in text
    assert ">" not in text
    assert "&" not in text
    assert json.loads(text) == data


def test_every_formula_of_the_registry_is_kept_and_is_mathml():
    found = json.loads(formulas._FILE.read_text(encoding="utf-8"))
    assert set(found) == formulas.texts(), "formulas.keep() writes the file anew"
    for latex, made in found.items():
        assert made.startswith("<math"), latex
        assert is_harmless(made)
    latex = r"\bar{x_1} = \bar y\,x_2"
    assert found[latex] == formulas.converted(latex)


def test_the_page_asks_for_nothing_and_allows_nothing():
    f, args = EXAMPLES["two_layers"]
    html = cp.trace(f, *args).backward().to_html()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    outside = re.findall(r"https?://[^\s\"'<)]*", html)
    assert set(outside) == {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert not re.search(r"<link|<img|<iframe|@import|url\(", html)


def test_a_page_is_written_to_a_file_and_is_the_same_each_time(tmp_path):
    f, args = EXAMPLES["affine"]
    html = cp.trace(f, *args).backward().to_html(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == html
    assert cp.trace(f, *args).backward().to_html() == html


@pytest.mark.parametrize("name", EXAMPLES)
def test_pages_of_examples_are_small(name):
    f, args = EXAMPLES[name]
    graph = cp.trace(f, *args)
    html = graph.to_html()
    assert len(html.encode()) < 400_000
    data = data_of(html)
    assert data["steps"]


def test_the_bare_graph_and_its_derivatives_have_a_page_each():
    graph = cp.trace(lambda x: np.sum(x * x), np.ones(3))
    assert not data_of(graph.to_html())["differentiated"]
    assert data_of(graph.backward().to_html())["differentiated"]
    assert graph.to_html(gradients=graph.backward()) == graph.backward().to_html()
