"""A large graph: its groups are opened, left, lit while a step is in them, and offered."""

import re

import numpy as np
import pytest
from pages.browsing import data_of

import clearprop as cp
from clearprop.draw.numbers import describe


def looped(x, y):
    z = x * y
    for _ in range(100):
        z = np.sin(z) + x
    return z


@pytest.fixture(scope="module")
def page():
    return cp.trace(looped, 0.5, 2.0).backward().to_html()


def test_a_group_is_opened_by_a_click_and_left_by_escape(show, page):
    opened = show(page)
    groups = opened.page.locator('#picture [aria-label^="group "]')
    assert groups.count() >= 2
    name = re.match(r"group (.*?), steps", groups.first.get_attribute("aria-label"))[1]
    groups.first.locator("rect").last.click()
    assert opened.page.locator("#path [aria-current]").inner_text() == name
    opened.page.keyboard.press("Escape")
    assert opened.page.locator("#path [aria-current]").inner_text() == "looped"
    groups.first.focus()
    opened.page.keyboard.press("Enter")
    assert opened.page.locator("#path [aria-current]").inner_text() == name
    opened.page.click("#path button >> nth=0")
    assert opened.page.locator("#path [aria-current]").inner_text() == "looped"
    opened.check()


def test_a_step_inside_a_group_lights_it_and_offers_to_open_it(show, page):
    opened = show(page)
    opened.go(40)
    lit = opened.page.locator("#picture .lit[data-group]")
    assert lit.count() == 1
    first, last = map(int, re.findall(r"\((\d+)\)", lit.get_attribute("aria-label")))
    assert first <= 40 <= last
    for _ in range(4):
        if opened.page.locator('#picture .lit[aria-label^="step 40,"]').count():
            break
        opened.page.click("#offer button")
    assert opened.page.locator('#picture .lit[aria-label^="step 40,"]').count() == 1
    opened.go(3)  # elsewhere: the way there is offered
    assert "go there" in opened.text("#offer")
    opened.page.click("#offer button")
    assert opened.page.locator("#picture .lit[data-box]").count() == 1
    opened.check()


def test_derivatives_at_the_edge_of_a_group_are_those_of_its_uses():
    """An argument used in several groups gets from each the sum of what is passed back there."""
    graph = cp.trace(looped, 0.5, 2.0)
    gradients = graph.backward()
    html = gradients.to_html()
    data = data_of(html)
    view = data["views"][0]
    from_x = [a for a in view["arrows"] if a.get("name") == "x" and "d" in a]  # or a reference to x
    assert len(from_x) > 2
    parts = [data["arrays"][data["quantities"][a["d"]]] for a in from_x]
    assert sum(parts) == pytest.approx(float(gradients["x"]), rel=1e-12)
    texts = {describe(np.float64(part), shape=False).line for part in parts}
    assert all(f">{text}<" in html for text in texts)


def test_numbers_on_groups_follow_a_changed_argument(show, page):
    opened = show(page)
    opened.change("x", {(): 0.75})
    opened.page.click("#last")
    other = cp.trace(looped, 0.75, 2.0)
    expected = data_of(other.backward().to_html())
    view = expected["views"][0]
    above = opened.labels("above")
    for arrow, text in zip(view["arrows"], above, strict=True):
        if arrow.get("v", -1) >= 0 and "at" in arrow:
            value = expected["arrays"][expected["quantities"][arrow["v"]]]
            assert text == describe(np.float64(value)).line
    opened.check()


def test_every_step_is_walked_though_the_innermost_groups_are_not_drawn(show):
    def long(x):
        for _ in range(900):
            x = np.sin(x) * 1.01
        return x

    html = cp.trace(long, 1.0).backward().to_html()
    opened = show(html)
    assert "1800 operations" in opened.text("#arguments")
    for moment in (1, 900, 1800, 1801, 3600):
        opened.go(moment)
        assert opened.page.locator("#picture .lit, #picture .lit-back").count()
    opened.check()


def test_the_ends_of_a_line_that_is_cut_lead_there(show):
    def net(xs, W, b):
        h = np.zeros(2)
        for x in xs:
            h = np.tanh(x @ W + h * b)
        return np.sum(h)

    opened = show(cp.trace(net, np.ones((5, 2)), np.eye(2), np.ones(2)).backward().to_html())
    ends = opened.page.locator("#picture [role=button][data-refers]")
    several = ends.filter(has_text=", ").first
    steps = [int(n) for n in several.get_attribute("data-refers").split()]
    assert len(steps) > 1
    for step in [*steps, steps[0]]:  # each in turn, and again the first
        several.dispatch_event("click")
        assert opened.text("#sentence").startswith(f"Forward, step ({step})")
    name = opened.page.locator("#picture [role=button][aria-label^='line to W']").first
    name.focus()
    opened.page.keyboard.press("Enter")
    label = opened.page.evaluate("() => document.activeElement.getAttribute('aria-label')")
    assert label.startswith("argument W")
    opened.check()


def test_a_line_that_leads_to_groups_is_followed_to_their_first_steps(show):
    def cell(x, h, W, b):
        z = x @ W + h * b
        return np.tanh(z) * np.exp(-z * z) + z / (1 + np.abs(z)) + np.sin(z) * np.cos(z)

    def net(xs, W, b):
        h = np.zeros(2)
        for x in xs:
            h = cell(x, h, W, b)
        return np.sum(h)

    graph = cp.trace(net, np.ones((5, 2)), np.eye(2), np.ones(2))
    opened = show(graph.backward().to_html())
    end = (
        opened.page.locator("#picture [role=button][data-refers]").filter(has_text="to cell").first
    )
    step = int(end.get_attribute("data-refers").split()[0])
    end.dispatch_event("click")
    assert opened.text("#sentence").startswith(f"Forward, step ({step})")
    assert opened.page.locator("#picture .lit").count()
    opened.check()
