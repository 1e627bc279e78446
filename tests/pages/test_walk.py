"""Walking by buttons, slider and keys; what is not there yet is not computed."""

import re
from functools import cache

import numpy as np
import pytest
from draw.examples import EXAMPLES

import clearprop as cp
from clearprop.errors import OrderError
from clearprop.formula import Formula, run


@cache
def page_of(name, differentiated=True):
    f, args = EXAMPLES[name]
    graph = cp.trace(f, *args)
    return graph.backward().to_html() if differentiated else graph.to_html()


def test_numbers_appear_as_the_passes_reach_them(show):
    opened = show(page_of("apples"))
    above, below = [], []
    for moment in range(5):
        opened.go(moment)
        above.append(opened.labels("above"))
        below.append(opened.labels("below"))
    # arrows: apple, number, apple_price, tax, price
    assert above[0] == ["100", "2", None, "1.1", None]
    assert above[1] == ["100", "2", "200", "1.1", None]
    assert above[2] == above[3] == above[4] == ["100", "2", "200", "1.1", "220"]
    assert below[0] == below[1] == below[2] == [None] * 5
    assert below[3] == [None, None, "1.1", "200", "1"]
    assert below[4] == ["2.2", "110", "1.1", "200", "1"]
    opened.check()


def test_before_its_moment_a_number_is_not_computed_and_never_0(show):
    opened = show(page_of("softmax_with_loss"))
    opened.go(2)
    waiting = opened.page.evaluate(
        """() => [...document.querySelectorAll('#picture .waiting')].map(
            e => [getComputedStyle(e).visibility, e.previousElementSibling.textContent])"""
    )
    assert waiting
    assert {text for _, text in waiting} <= {"not computed", "…"}
    assert {visibility for visibility, _ in waiting} == {"hidden"}
    label = opened.page.get_attribute('#picture [data-arrow][aria-label^="e,"]', "aria-label")
    assert label.endswith("not computed; derivative not computed")


def test_buttons_step_forth_and_back_and_to_the_ends(show):
    opened = show(page_of("apples"))
    said = []
    for button in ("next", "next", "next", "next"):
        opened.page.click(f"#{button}")
        said.append(opened.text("#sentence"))
    assert said == [
        "Forward, step (1), ×: apple_price = 200.",
        "Forward, step (2), ×: price = 220.",
        "Backward, step (2), ×: apple_price gets 1.1; tax gets 200.",
        "Backward, step (1), ×: apple gets 2.2; number gets 110.",
    ]
    assert opened.page.is_disabled("#next")
    opened.page.click("#back")
    assert opened.text("#sentence") == said[2]
    opened.page.click("#first")
    assert "Nothing is computed yet" in opened.text("#sentence")
    opened.page.click("#last")
    assert opened.text("#sentence") == said[3]
    opened.check()


def test_keys_walk_and_space_plays(show):
    opened = show(page_of("apples"), clock=True)
    moment = lambda: int(opened.page.input_value("#moment"))  # noqa: E731
    keys = opened.page.keyboard
    keys.press("ArrowRight")
    keys.press("ArrowRight")
    assert moment() == 2
    keys.press("ArrowLeft")
    assert moment() == 1
    keys.press("End")
    assert moment() == 4
    keys.press("Home")
    assert moment() == 0
    keys.press("Space")
    assert opened.page.get_attribute("#play", "aria-pressed") == "true"
    opened.page.clock.run_for(3000)
    assert moment() == 2
    keys.press("Space")
    assert opened.page.get_attribute("#play", "aria-pressed") == "false"
    keys.press("?")
    assert opened.page.is_visible("#help")
    keys.press("Escape")
    assert not opened.page.is_visible("#help")


def test_a_step_lights_its_box_its_line_and_its_generated_line(show):
    opened = show(page_of("affine"))
    opened.go(5)  # backward through +
    lit = opened.page.eval_on_selector_all(
        "#picture .lit-back", "all => all.map(e => e.dataset.box).filter(Boolean)"
    )
    assert len(lit) == 1
    lines = opened.page.eval_on_selector_all(".line.lit-back", "all => all.map(e => e.textContent)")
    assert lines[0] == "    y = x @ W + b"
    assert any(line.strip().startswith("db = np.sum(") for line in lines[1:])
    assert opened.text(".line mark") == "x @ W + b"
    opened.go(6)  # through @, which is written within the line of +
    lines = opened.page.eval_on_selector_all(".line.lit-back", "all => all.map(e => e.textContent)")
    assert [line.split(" = ")[0].strip() for line in lines] == ["y", "# of y", "dx", "dW"]


def test_the_panel_shows_the_rule_and_upstream_times_local(show):
    opened = show(page_of("apples"))
    opened.go(3)
    assert opened.page.locator("#panel math").count() == 3  # ȳ, and one rule for each operand
    pieces = opened.page.locator("#panel .product").first.inner_text().split()
    assert pieces == ["upstream", "1", "×", "local", "1.1", "=", "downstream", "1.1"]


def rules(opened):
    texts = opened.page.locator("#panel .rule").all_text_contents()
    return [re.sub(r"\s|¯", "", text) for text in texts]


def test_rules_are_written_with_the_readers_names(show):
    def bill(price, count, t):
        total = price * count
        return np.exp(total / t) ** 2 - t

    opened = show(cp.trace(bill, 3.0, 2.0, 4.0).backward().to_html())
    opened.go(1)
    assert rules(opened) == ["total=price·count"]
    opened.go(10)
    assert rules(opened) == ["price=total·count", "count=total·price"]
    assert "is (" not in opened.text("#panel")
    opened.go(9)  # (2) total / t, a result without a name: it stays y
    assert rules(opened) == ["total=y/t", "t=−yy/t"]
    opened.go(7)  # (4) (3)**2
    assert rules(opened) == ["x1=y·2·x12−1"]
    assert opened.page.text_content("#panel .note") == "x1 is (3)"
    opened.check()


def test_names_that_would_be_taken_for_letters_of_the_rule_stay_out_of_it(show):
    opened = show(cp.trace(lambda y, x: np.sum(y * x), 3.0, 2.0).backward().to_html())
    opened.go(4)  # y̅ = y̅ x would say something else
    assert rules(opened) == ["x1=yx2", "x2=yx1"]


def test_a_formula_is_the_title_of_its_page(show):
    done = run(Formula("t = x + y\nt * (x < 3)"), {"x": 1.0, "y": 2.0})
    opened = show(done.gradients.to_html())
    assert opened.text("h1") == "t = x + y; t * (x < 3)"
    assert opened.text("#sources figcaption >> nth=0") == "Your formula"
    assert opened.page.title().startswith("t = x + y; t * (x < 3)")
    opened.check()


def test_a_product_of_matrices_shows_the_other_matrix_transposed(show):
    opened = show(page_of("affine"))
    opened.go(6)  # backward through @
    products = opened.page.locator("#panel .product")
    first, second = (products.nth(i).inner_text().split() for i in (0, 1))
    assert first[:7] == ["upstream", "1", "1", "1", "1", "1", "1"]
    assert first[7:14] == ["×", "local,", "Wᵀ", "1", "-0.5", "0.5", "2"]
    assert second[:3] == ["local,", "xᵀ", "1"]


def test_where_paths_meet_the_sum_is_shown(show):
    opened = show(page_of("diamond"))
    # (1) t = exp(x), (2) left = 2 t, (3) right = sin(t), (4) left * right
    opened.go(6)  # backward through (3): the first part of the derivative of t
    first = opened.text("#panel .meeting").split()
    assert first[:5] == ["from", "(2)", "not", "computed", "+"]
    assert first[-3:] == ["sum", "not", "complete"]
    opened.go(7)  # through (2): the other part, and the sum
    text = opened.text("#panel .meeting")
    shown = [float(x) for x in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?$", text, re.MULTILINE)]
    assert len(shown) == 3
    assert shown[2] == pytest.approx(shown[0] + shown[1], rel=1e-5)


def test_without_derivatives_the_page_walks_forward_only(show):
    opened = show(page_of("apples", differentiated=False))
    assert opened.page.get_attribute("#moment", "max") == "2"
    opened.go(2)
    assert "Derivatives are not computed" in page_text(opened, 0)
    assert set(opened.labels("below")) == {None}
    opened.check()


def page_text(opened, moment):
    opened.go(moment)
    return opened.text("#panel")


def test_an_empty_graph_has_a_page(show):
    opened = show(cp.trace(lambda x: x, 1.0).to_html())
    assert "Nothing was recorded" in opened.text("#sentence")
    opened.check()


def test_a_function_without_an_operation_shows_the_derivative_of_its_result(show):
    opened = show(cp.trace(lambda x: x, 3.0).backward().to_html())
    assert "cannot be read" not in opened.text("#sources")
    assert opened.labels("below") == [None]
    opened.page.click("#next")
    assert opened.labels("below") == ["1"]
    assert opened.page.is_disabled("#next")
    opened.change("x", {(): 4.0})
    assert (opened.labels("above"), opened.labels("below")) == (["4"], ["1"])
    opened.check()


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_walked_from_end_to_end(show, name):
    f, args = EXAMPLES[name]
    graph = cp.trace(f, *args)
    output = graph.output
    if isinstance(output, tuple | list | dict) or np.ndim(output):
        html = graph.to_html()
    else:
        html = graph.backward().to_html()
    opened = show(html)
    said = opened.page.evaluate(
        """() => {
            const slider = document.getElementById('moment'), said = [];
            for (let m = 0; m <= Number(slider.max); m++) {
                slider.value = m; slider.dispatchEvent(new Event('input'));
                said.push(document.getElementById('sentence').textContent);
            }
            return said;
        }"""
    )
    assert len(set(said)) == len(said)
    opened.go(0)
    opened.check()


@pytest.mark.parametrize(
    ("f", "x"), [(np.floor, 2.5), (lambda x: 3.0, 1.0), (lambda n: n * 2, np.array([1, 2]))]
)
def test_a_result_that_is_constant_has_no_derivatives_and_the_page_says_so(show, f, x):
    graph = cp.trace(f, x)
    opened = show(graph.to_html())
    for text in (opened.text("#panel"), opened.text("#sources")):
        assert "the result depends on no argument of real numbers" in text
        assert "backward()" not in text  # it raises
    assert "not computed" not in [text for text in opened.labels("below") if text]
    with pytest.raises(OrderError):
        graph.backward()
    assert "There are no derivatives: the result depends on no" in graph.to_svg()
    opened.check()
