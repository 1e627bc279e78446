"""A value looked at closely: heat map, histogram, extremes, zeros and where a gradient stopped."""

from itertools import pairwise

import numpy as np

import clearprop as cp
from clearprop.draw.page.arrays import Table


def network(x, W, b):
    a = x @ W + b
    h = np.maximum(a, 0)
    return np.sum(h**2)


def opened_at(show, label, *, at_end=True):
    rng = np.random.default_rng(0)
    b = np.where(np.arange(20) % 4 == 0, -50.0, 0.1)
    args = (rng.standard_normal((10, 6)), rng.standard_normal((6, 20)), b)
    graph = cp.trace(network, *args)
    gradients = graph.backward()
    opened = show(gradients.to_html())
    if at_end:
        opened.page.click("#last")
    opened.page.locator(f'#picture [aria-label^="{label},"] .hit').click()
    return opened, graph, gradients


def test_an_arrow_opens_a_map_of_its_value_and_its_derivative(show):
    opened, graph, gradients = opened_at(show, "a")
    page = opened.page
    assert page.is_visible("#detail")
    assert page.locator("#detail canvas[role=img]").count() == 2
    size = page.eval_on_selector("#detail canvas[role=img]", "c => [c.width, c.height]")
    assert size == [20, 10]
    a, da = graph["a"], gradients["a"]
    for side, array in (("value", a), ("derivative", da)):
        text = page.inner_text(f"#detail .side.{side}")
        i, j = np.unravel_index(np.argmax(array), array.shape)
        assert f"largest {array.max():.6g} at [{i}, {j}]" in text
        assert page.locator(f"#detail .side.{side} .bars span").count() == 24
    opened.check()


def test_colours_diverge_from_0_in_the_middle(show):
    opened, graph, _ = opened_at(show, "a")
    pixels = opened.page.eval_on_selector(
        "#detail .side.value canvas[role=img]",
        "c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)",
    )
    rgb = np.reshape(pixels, (10, 20, 4)).astype(int)
    a = graph["a"]
    low, high = rgb[a == a.min()][0], rgb[a == a.max()][0]
    assert low[2] > low[0]  # blue is negative
    near_zero = rgb[np.unravel_index(np.argmin(np.abs(a)), a.shape)]
    assert near_zero[:3].min() > 180
    # what is larger in size is never lighter
    for sign in (1, -1):
        part = sorted((abs(v), rgb[i][:3].sum()) for i, v in np.ndenumerate(a) if v * sign > 0)
        light = [int(c) for _, c in part]
        assert all(x >= y - 1 for x, y in pairwise(light))
    assert high[0] >= high[2]
    ticks = opened.page.inner_text("#detail .side.value .legend").split()
    assert ticks[1] == "0"
    assert ticks[0] == f"-{ticks[2]}"


def test_dead_units_are_counted_and_where_their_gradient_stopped_is_said(show):
    opened, _, gradients = opened_at(show, "a")
    dead = int(np.sum(~np.any(gradients["a"] != 0, axis=0)))
    assert dead >= 5
    text = opened.text("#detail .side.derivative")
    assert f"{round(100 * dead / 20)} % of these units are dead, {dead} of 20" in text
    assert "Here is where their gradient stopped" in text
    assert "maximum" in text
    opened.page.click("#detail .paths button")
    assert opened.text("#sentence").startswith("Backward, step (3)")


def test_a_vector_of_dead_units_is_told_in_one_sentence(show):
    def f(x):
        return np.sum(np.maximum(x, 0))

    graph = cp.trace(f, np.array([1.0, -1, -2, 3, 4, 5, -6, 7]))
    opened = show(graph.backward().to_html())
    opened.page.click("#last")
    opened.page.locator('#picture [aria-label^="x,"] .hit').click()
    text = opened.text("#detail .side.derivative")
    assert "38 % of these units are dead: here is where their gradient stopped." in text


def test_before_its_moment_the_detail_shows_nothing_of_it(show):
    opened, *_ = opened_at(show, "a", at_end=False)
    assert opened.text("#detail .side.value") == "value\n\nnot computed"
    assert opened.text("#detail .side.derivative") == "derivative\n\nnot computed"
    opened.page.click("#next")
    opened.page.click("#next")
    assert opened.page.locator("#detail .side.value canvas").count()
    assert not opened.page.locator("#detail .side.derivative canvas").count()


def test_single_elements_are_read_by_keyboard(show):
    opened, graph, _ = opened_at(show, "a")
    canvas = opened.page.locator("#detail .side.value canvas[role=img]")
    canvas.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        opened.page.keyboard.press(key)
    told = opened.text("#detail .side.value .told")
    assert told == f"[1, 2] = {graph['a'][1, 2]:.4g}"
    assert opened.page.input_value("#moment") == opened.page.get_attribute("#moment", "max")


def test_escape_closes_and_gives_the_focus_back(show):
    opened, *_ = opened_at(show, "a")
    page = opened.page
    page.keyboard.press("Escape")
    assert not page.is_visible("#detail")
    opener = page.locator('#picture [data-arrow][aria-label^="a,"]').first
    opener.focus()
    page.keyboard.press("Enter")
    assert page.is_visible("#detail")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("a,")


def test_large_arrays_are_sampled_and_the_page_says_so(show):
    def f(x):
        return np.sum(x * x)

    opened = show(cp.trace(f, np.random.default_rng(0).standard_normal((300, 200))).to_html())
    opened.page.locator('#picture [aria-label^="x,"] .hit').first.click()
    assert "Sampled: every 5th row and every third column" in opened.text("#detail")
    opened.check()


def test_the_table_keeps_within_its_budget_and_keeps_what_is_small_whole():
    rng = np.random.default_rng(0)
    table = Table()
    for _ in range(40):
        table.add(rng.standard_normal((100, 100)))
    coloured = sum(len(e["h"]["b"]) for e in table.entries if "h" in e)
    assert coloured < 4 / 3 * 4 * 41_000
    assert sum("h" not in e for e in table.entries) > 20  # and these say so on the page
    small = rng.standard_normal((8, 8))
    assert table.entries[table.add(small)]["v"] == small.ravel().tolist()
    assert table.add(small.copy()) == table.add(small)


def test_statistics_are_of_all_elements_whatever_is_coloured():
    x = np.random.default_rng(0).standard_normal((300, 200))
    x[17, 3] = 99.0
    entry = Table()
    n = entry.entries[entry.add(x)]["n"]
    assert n["max"] == 99.0
    assert n["at"][1] == 17 * 200 + 3
    assert sum(n["hist"]) == x.size
