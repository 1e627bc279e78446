"""By keyboard alone, by screen reader, narrow and wide, light and dark, in print."""

from functools import cache

import numpy as np
import pytest
from draw.examples import EXAMPLES

import clearprop as cp

NAMES = ["apples", "affine", "softmax_with_loss", "two_layers", "long_lines"]


@cache
def page_of(name):
    f, args = EXAMPLES[name]
    return cp.trace(f, *args).backward().to_html()


def serious(page):
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        (v["id"], v["impact"], [n["html"][:150] for n in v["nodes"][:3]])
        for v in found
        if v["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize(("scheme", "width"), [("light", 320), ("dark", 1280)])
def test_axe_finds_nothing_serious(show, scheme, width):
    opened = show(page_of("two_layers"), width=width, scheme=scheme, bypass_csp=True)
    opened.go(25)
    opened.page.locator('#picture [aria-label^="hidden,"]').dispatch_event("click")
    assert serious(opened.page) == []


# What is cut off: wider than the window, or a text that is wider than the box that shows it.
CLIPPED = """() => {
    const found = [];
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth > width) found.push('the page is too wide');
    for (const e of document.querySelectorAll('body *')) {
        if (e.closest('svg, math, dialog, template, script')) continue;
        if (!e.getClientRects().length) continue;
        const box = e.getBoundingClientRect();
        let scroller = e.parentElement;
        while (scroller && !/auto|scroll/.test(getComputedStyle(scroller).overflowX)) {
            scroller = scroller.parentElement;
        }
        if (!scroller && (box.right > width + 1 || box.left < -1))
            found.push(e.outerHTML.slice(0, 120));
        const style = getComputedStyle(e);
        const hides = /hidden|clip/.test(style.overflowX);
        if (hides && e.id !== 'picture' && e.id !== 'stage' && e.scrollWidth > e.clientWidth + 1)
            found.push('cut: ' + e.outerHTML.slice(0, 120));
        if (e.matches('button') && e.scrollWidth > e.clientWidth + 1)
            found.push('cut: ' + e.outerHTML);
    }
    return found;
}"""


@pytest.mark.parametrize("widths", [(320, 1280), pytest.param((768, 1920), marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_cut_off(show, name, widths):
    opened = show(page_of(name), width=widths[0], height=900)
    last = int(opened.page.get_attribute("#moment", "max"))
    for width in widths:
        opened.resize(width, 900)
        opened.page.locator("#picture [data-arrow][role=button]").first.dispatch_event("click")
        for moment in (0, last // 4, last // 2, (3 * last) // 4, last):
            opened.go(moment)
            assert opened.page.evaluate(CLIPPED) == [], (width, moment)
    opened.check()


LIT_OUTSIDE = """() => {
    const found = [], slider = document.getElementById('moment');
    const window_ = document.getElementById('picture').getBoundingClientRect();
    for (let m = 1; m <= Number(slider.max); m++) {
        slider.value = m; slider.dispatchEvent(new Event('input'));
        const lit = document.querySelector(
            '#picture .lit[data-box], #picture .lit-back[data-box]');
        const box = lit.querySelector('rect').getBoundingClientRect();
        if (box.left < window_.left || box.right > window_.right || box.top < window_.top
            || box.bottom > window_.bottom) found.push(m);
    }
    return found;
}"""


def test_the_lit_box_is_in_view_at_every_step(show):
    opened = show(page_of("two_layers"), width=320)
    assert opened.page.evaluate(LIT_OUTSIDE) == []
    opened.resize(1280)
    assert opened.page.evaluate(LIT_OUTSIDE) == []


def test_all_is_reached_by_keyboard_alone(show):
    opened = show(page_of("apples"))
    page, keys = opened.page, opened.page.keyboard
    focused = lambda: page.evaluate(  # noqa: E731
        "(e => e.id || e.getAttribute('aria-label') || e.tagName)(document.activeElement)"
    )
    seen = []
    for _ in range(20):
        keys.press("Tab")
        seen.append(focused())
        if seen[-1] == "BODY":
            break
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", seen[-1]
    assert {"help-open", "play", "next", "moment", "zoom-fit"} <= set(seen)
    assert {"apple", "number", "tax"} <= set(seen)  # the fields
    boxes = [s for s in seen if s.startswith(("argument ", "step ")) or " from " in s]
    assert len(boxes) >= 1  # one stop for the whole picture …

    page.locator("#picture [tabindex='0']").focus()
    walked = []
    for _ in range(8):  # … and arrow keys within it
        keys.press("ArrowRight")
        walked.append(focused())
    assert any("apple_price" in s for s in walked)
    assert any(s.startswith("step 2") for s in walked)
    assert page.input_value("#moment") == "0"  # arrow keys in the picture do not walk
    page.locator('#picture [aria-label^="argument tax"]').focus()
    keys.press("Enter")
    assert focused() == "tax"
    keys.type("1.5")
    page.locator('#picture [aria-label^="step 2"]').focus()
    keys.press("Enter")
    assert opened.text("#sentence") == "Forward, step (2), ×: price = 300."
    keys.press("Enter")
    assert opened.text("#sentence").startswith("Backward, step (2)")
    opened.check()


def test_a_screen_reader_hears_each_step_and_every_box_has_a_name(show):
    opened = show(page_of("softmax_with_loss"))
    assert opened.page.get_attribute("#sentence", "aria-live") == "polite"
    names = opened.page.eval_on_selector_all(
        "#picture [role=button]", "all => all.map(e => e.getAttribute('aria-label'))"
    )
    assert all(names)
    opened.go(1)
    assert opened.page.get_attribute("#moment", "aria-valuetext") == "(1) forward"


def test_in_print_everything_is_on_paper(show):
    opened = show(page_of("affine"))
    opened.page.emulate_media(media="print")
    assert not opened.page.is_visible("#walk")
    assert opened.page.evaluate("getComputedStyle(document.documentElement).backgroundColor") in (
        "rgb(255, 255, 255)",
        "rgba(0, 0, 0, 0)",
    )
    assert opened.page.is_visible("#picture svg")
    seen, whole = (opened.page.locator(f"#picture{s}").bounding_box() for s in ("", " svg"))
    assert whole["width"] <= seen["width"] + 1
    assert whole["x"] == pytest.approx(seen["x"])


def test_zoom_by_buttons_wheel_and_dragging(show):
    opened = show(page_of("two_layers"), width=800)
    page = opened.page
    box = page.locator("#picture").bounding_box()
    picture = lambda: page.locator("#picture svg").bounding_box()  # noqa: E731
    start = picture()
    page.click("#zoom-in")
    assert picture()["width"] > start["width"]
    page.click("#zoom-fit")
    whole = picture()
    assert whole["width"] <= box["width"] + 1
    assert whole["height"] <= box["height"] + 1
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -400)
    page.keyboard.up("Control")
    page.wait_for_function(
        "w => document.querySelector('#picture svg').getBoundingClientRect().width > w",
        arg=whole["width"] + 1,
    )
    near = picture()
    page.mouse.move(box["x"] + 300, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 90, steps=4)
    page.mouse.up()
    assert picture()["x"] == pytest.approx(near["x"] - 100, abs=1)
    assert not page.is_visible("#detail")  # dragging is no click
    opened.check()


def test_motion_can_be_turned_off(show):
    opened = show(page_of("affine"), motion="reduce")
    opened.go(1)
    durations = opened.page.eval_on_selector_all(
        "#picture .box, .line", "all => all.map(e => getComputedStyle(e).transitionDuration)"
    )
    assert set(durations) == {"0s"}


def test_numbers_that_grow_when_changed_stay_in_their_room(show):
    f, args = EXAMPLES["apples"]
    opened = show(cp.trace(f, *args).backward().to_html())
    opened.change("apple", {(): -123456.7891})
    opened.change("tax", {(): 0.00012345678})
    opened.page.click("#last")
    overlaps = opened.page.evaluate(
        """() => {
            const texts = [...document.querySelectorAll('#picture text')].filter(
                t => getComputedStyle(t).visibility !== 'hidden');
            const found = [];
            texts.forEach((a, i) => texts.slice(i + 1).forEach(b => {
                const p = a.getBoundingClientRect(), q = b.getBoundingClientRect();
                const w = Math.min(p.right, q.right) - Math.max(p.left, q.left);
                const h = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
                if (w > 1 && h > 4) found.push([a.textContent, b.textContent]);
            }));
            return found;
        }"""
    )
    assert overlaps == []


def test_a_value_that_was_never_used_can_be_looked_at(show):
    f, args = EXAMPLES["dead_ends"]
    opened = show(cp.trace(f, *args).backward().to_html())
    for item in opened.page.locator("#picture [role=button]").all():
        item.dispatch_event("click")
    opened.check()


def test_numbers_that_are_not_finite_have_a_page(show):
    def f(x):
        with np.errstate(all="ignore"):
            y = np.log(x)
        return np.sum(y)

    with np.errstate(all="ignore"):
        html = cp.trace(f, np.array([0.0, -1.0, 1.0])).backward().to_html()
    opened = show(html)
    opened.page.click("#last")
    assert any("nan" in (text or "") for text in opened.labels("above"))
    opened.page.locator('#picture [aria-label^="y,"] .hit').click()
    opened.check()
