"""The playground and the training room in a real browser, as a learner uses them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clearprop.serve.gate import leading_to

APPLES = {"price": "2.2", "count": "110", "tax": "200"}


def picture(page: Any) -> Any:
    """Give the frame of the picture that is shown now."""
    page.wait_for_selector("#frames iframe:not(.coming)")
    page.wait_for_function("() => document.querySelectorAll('#frames iframe').length === 1")
    return page.frame_locator("#frames iframe")


def derivatives(page: Any) -> dict[str, str]:
    rows = page.locator("#leaves tr").all()
    return {row.locator("th").inner_text(): row.locator("td.back").inner_text() for row in rows}


def wait_for_result(page: Any, text: str) -> None:
    page.wait_for_function(
        "text => document.querySelector('#result').textContent === text", arg=f"Result: {text}"
    )


def test_the_first_page_shows_the_apples(open_page: Any) -> None:
    page = open_page()
    wait_for_result(page, "220")
    assert derivatives(page) == APPLES
    assert "token" not in page.url
    shown = picture(page).locator("svg").first
    shown.wait_for()
    for number in ("200", "220", "2.2", "110"):
        assert number in shown.text_content()


def test_the_picture_follows_what_is_typed(open_page: Any) -> None:
    page = open_page()
    wait_for_result(page, "220")
    page.fill("#formula", "")
    page.type("#formula", "t = x + y\nt ** 2", delay=5)
    wait_for_result(page, "9")
    assert derivatives(page) == {"x": "6", "y": "6"}
    assert page.locator("#example option:checked").inner_text() == "Your own formula"
    assert "Two apples" not in page.locator("#sentence").inner_text()
    picture(page).get_by_text("t", exact=True).first.wait_for()
    page.fill("[data-name=x] input", "4")
    wait_for_result(page, "36")
    assert derivatives(page) == {"x": "12", "y": "12"}


def test_the_step_stays_while_somebody_types(open_page: Any) -> None:
    page = open_page()
    wait_for_result(page, "220")
    picture(page).locator(
        "#sentence", has_text="price gets 2.2"
    ).wait_for()  # all is there at first
    for there_already in ("h1", "#arguments"):
        assert not picture(page).locator(there_already).is_visible()
    picture(page).locator("#back").click()
    page.fill("[data-name=price] input", "50")
    wait_for_result(page, "110")
    picture(page).locator("#sentence", has_text="Backward, step (2)").wait_for()
    page.fill("#formula", "price * count * tax + 1")  # other steps: all is there
    wait_for_result(page, "111")
    picture(page).locator("#sentence", has_text="Backward, step (1)").wait_for()


def test_an_argument_in_the_picture_leads_to_its_field(open_page: Any) -> None:
    page = open_page()
    wait_for_result(page, "220")
    picture(page).locator('[aria-label^="argument count"]').click()
    page.wait_for_function("() => document.activeElement.dataset.name === 'count'")


def test_a_mistake_is_said_and_the_last_picture_stays(open_page: Any) -> None:
    page = open_page()
    wait_for_result(page, "220")
    page.fill("#formula", "price * sin count")
    page.get_by_text("sin is written sin(count).").wait_for()
    assert "\n            ^" in page.locator("#problem pre").inner_text()
    assert page.locator("#formula").get_attribute("aria-invalid") == "true"
    assert "old" in str(page.locator("#frames").get_attribute("class"))
    assert picture(page).locator("svg").count() >= 1
    assert page.locator("#share").get_attribute("href") is None
    page.fill("#formula", "price * count")
    wait_for_result(page, "200")
    assert page.locator("#problem").inner_text() == ""
    picture(page).locator("svg").first.wait_for()
    page.wait_for_function("() => !document.querySelector('#frames').classList.contains('old')")


def test_a_wrong_field_is_marked_and_the_formula_is_not(open_page: Any) -> None:
    page = open_page()
    wait_for_result(page, "220")
    page.fill("[data-name=tax] input", "[1, ")
    page.get_by_text("this is no value").wait_for()
    assert page.locator("[data-name=tax] input").get_attribute("aria-invalid") == "true"
    assert page.locator("#formula").get_attribute("aria-invalid") == "false"


def test_every_example_can_be_chosen(open_page: Any) -> None:
    page = open_page()
    wait_for_result(page, "220")
    titles = page.locator("#example option").all_inner_texts()[1:]
    assert len(titles) >= 10
    for title in titles:
        before = page.locator("#share").get_attribute("href")
        page.select_option("#example", label=title)
        page.wait_for_function(
            "before => { const href = document.querySelector('#share').getAttribute('href');"
            " return href && href !== before }",
            arg=before,
        )
        assert page.locator("#problem").inner_text() == ""
        assert page.locator("#sentence").inner_text()


def test_it_can_be_used_by_keyboard_alone(open_page: Any) -> None:
    page = open_page()
    wait_for_result(page, "220")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    for _ in range(12):
        if page.evaluate("document.activeElement.dataset.name") == "price":
            break
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.name") == "price"
    page.keyboard.press("ArrowUp")
    wait_for_result(page, "222.2")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    wait_for_result(page, "217.8")


def test_the_page_is_shared_as_a_file_that_stands_alone(open_page: Any, tmp_path: Path) -> None:
    page = open_page()
    wait_for_result(page, "220")
    with page.expect_download() as waiting:
        page.click("#share")
    path = tmp_path / "formula.html"
    waiting.value.save_as(path)
    alone = page.context.new_page()
    requests: list[str] = []
    alone.on("request", lambda request: requests.append(request.url))
    alone.goto(path.as_uri())
    assert alone.locator("svg").first.is_visible()
    assert requests == [path.as_uri()]


def test_it_opens_from_a_file_and_from_a_link_elsewhere(
    browser: Any, address: str, tmp_path: Path
) -> None:
    """A strict cookie is not sent on a step from elsewhere: the first step is not the last."""
    origin = address.partition("/?")[0]
    file = tmp_path / "playground.html"
    file.write_text(leading_to(address), encoding="utf-8")
    link = tmp_path / "link.html"
    link.write_text(f'<a href="{address}">here</a>', encoding="utf-8")
    for start in (file, link):
        context = browser.new_context()
        page = context.new_page()
        page.goto(start.as_uri())
        if start is link:
            page.click("a")
        page.wait_for_url(f"{origin}/")
        wait_for_result(page, "220")
        context.close()


def test_another_page_gets_nothing(browser: Any, address: str, tmp_path: Path) -> None:
    """A page elsewhere, in the same browser, whose user has the playground open."""
    origin = address.partition("/?")[0]
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    page.wait_for_url(f"{origin}/")
    other = context.new_page()
    (tmp_path / "evil.html").write_text("<p>elsewhere</p>", encoding="utf-8")
    other.goto((tmp_path / "evil.html").as_uri())
    tried = other.evaluate(
        """async origin => {
          const tries = {
            read: () => fetch(origin + '/examples', { credentials: 'include' }).then(r => r.text()),
            send: () => fetch(origin + '/room', { method: 'POST', credentials: 'include',
              mode: 'no-cors', body: '{"do": "start"}' }).then(r => r.type),
            script: () => new Promise((yes, no) => { const s = document.createElement('script');
              s.src = origin + '/playground.js'; s.onload = yes; s.onerror = no;
              document.body.append(s) }),
            listen: () => new Promise((yes, no) => { const s = new EventSource(origin + '/room',
              { withCredentials: true }); s.onmessage = yes; s.onerror = no }),
          };
          const found = {};
          for (const [name, f] of Object.entries(tries))
            found[name] = await f().then(r => r || 'yes', () => 'nothing');
          return found }""",
        origin,
    )
    sent = tried.pop("send")  # newer browsers let no page elsewhere send to this machine at all
    assert sent in ("opaque", "nothing")
    assert tried == {"read": "nothing", "script": "nothing", "listen": "nothing"}
    page.goto(f"{origin}/training")
    page.wait_for_selector("#wrong li")
    assert page.locator("#start").inner_text() == "Start", "what was sent blindly did nothing"
    context.close()


def test_a_picture_cannot_reach_the_server(open_page: Any) -> None:
    page = open_page()
    wait_for_result(page, "220")
    picture(page).locator("svg").first.wait_for()
    frame = page.frames[-1]
    assert frame.evaluate("self.origin") == "null"


@pytest.mark.parametrize("path", ["/", "/training"])
@pytest.mark.parametrize(
    "width", [360, 1280, *(pytest.param(w, marks=pytest.mark.slow) for w in (320, 768, 1920))]
)
def test_nothing_is_wider_than_the_screen(open_page: Any, path: str, width: int) -> None:
    page = open_page(path, width=width)
    ready = "#share[href]" if path == "/" else "#wrong li"
    page.wait_for_selector(ready, state="attached")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    clipped = page.evaluate(
        "[...document.querySelectorAll('h1,h2,p,button,label,.where,.result')]"
        ".filter(e => e.getClientRects().length && !e.closest('.skip') &&"
        " (e.getBoundingClientRect().right > innerWidth + 1 || e.scrollWidth > e.clientWidth + 1"
        " && getComputedStyle(e).display !== 'inline')).map(e => e.textContent)"
    )
    assert clipped == []


def contrasts(page: Any) -> list[str]:
    """List texts whose contrast with what is behind them is below 4.5 (WCAG AA)."""
    found: list[str] = page.evaluate(
        """() => {
        const numbers = c => (c.match(/[\\d.]+/g) || []).map(Number);
        const light = c => { const [r, g, b] = c.map(v => { v /= 255;
          return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4 });
          return 0.2126 * r + 0.7152 * g + 0.0722 * b };
        const behind = e => { for (; e; e = e.parentElement) {
          const c = numbers(getComputedStyle(e).backgroundColor);
          if (c.length === 3 || c[3] > 0) return c.slice(0, 3) } return [255, 255, 255] };
        return [...document.querySelectorAll('body *')].filter(e => e.getClientRects().length
          && !e.disabled && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
          .filter(e => !(e instanceof SVGElement)).map(e => {
          const a = light(numbers(getComputedStyle(e).color).slice(0, 3)), b = light(behind(e));
          return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), e.textContent.slice(0, 40)] })
          .filter(([c]) => c < 4.5).map(([c, t]) => `${c.toFixed(2)} ${t}`) }"""
    )
    return found


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("path", ["/", "/training"])
def test_text_can_be_read_in_light_and_dark(open_page: Any, path: str, dark: bool) -> None:
    page = open_page(path, dark=dark)
    page.wait_for_selector("#share[href]" if path == "/" else "#wrong li", state="attached")
    assert contrasts(page) == []


@pytest.mark.parametrize("path", ["/", "/training"])
def test_everything_has_a_name_for_a_screen_reader(open_page: Any, path: str) -> None:
    page = open_page(path)
    page.wait_for_selector("#share[href]" if path == "/" else "#wrong li", state="attached")
    nameless = page.evaluate(
        "[...document.querySelectorAll('input,select,textarea,button,a,iframe,canvas,svg')]"
        ".filter(e => !(e.labels && e.labels.length) && !e.getAttribute('aria-label')"
        " && !e.title && !e.textContent.trim()).map(e => e.outerHTML.slice(0, 80))"
    )
    assert nameless == []
    assert page.locator("h1").count() == 1
    assert page.evaluate("document.documentElement.lang") == "en"


def step_shown(page: Any) -> int:
    words = page.locator("#where").inner_text().split()
    return int(words[1].strip(",").replace(",", "")) if words[0] == "Step" else -1


def test_a_network_learns_before_your_eyes(open_page: Any) -> None:
    page = open_page("/training")
    page.wait_for_selector("#wrong li")
    assert step_shown(page) == 0
    page.click("#step")
    page.wait_for_function(
        "() => document.querySelector('#where').textContent.startsWith('Step 1,')"
    )
    page.select_option("#initial", "he")  # a new network
    page.wait_for_function(
        "() => document.querySelector('#where').textContent.startsWith('Step 0,')"
    )
    page.select_option("#speed", "fast")
    page.click("#start")
    page.wait_for_function(
        "() => parseInt(document.querySelector('#where').textContent.slice(5)) >= 100"
    )
    page.wait_for_function(  # it is counted now and then, on a slow machine later
        """() => {
            const label = document.querySelector('#accuracy svg').getAttribute('aria-label');
            return parseFloat(label.split('test ')[1]) > 60;
        }""",
        timeout=120_000,
    )
    page.fill("#lr", "0.05")
    page.keyboard.press("Enter")
    assert page.locator("#start").inner_text() == "Pause"
    page.click("#start")
    page.get_by_role("button", name="Start").wait_for()
    assert page.locator("#weights canvas").count() == 30
    assert page.locator("#wrong li").count() > 0
    assert page.locator("#strength path.curve").count() == 2
    ink = page.evaluate(
        "() => { const c = document.querySelector('#wrong canvas');"
        " const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        " return new Set(d).size }"
    )
    assert ink > 10, "the image has shades"
    page.click("#reset")
    page.wait_for_function(
        "() => document.querySelector('#where').textContent.startsWith('Step 0,')"
    )


def test_a_setting_without_sense_is_told(open_page: Any) -> None:
    page = open_page("/training")
    page.wait_for_selector("#wrong li")
    page.fill("#lr", "fast")
    page.keyboard.press("Enter")
    page.get_by_text("The learning rate is a number").wait_for()
    page.fill("#lr", "0.2")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('#problem').textContent === ''")


def test_the_training_pauses_when_the_page_is_gone(open_page: Any) -> None:
    page = open_page("/training")
    page.wait_for_selector("#wrong li")
    page.click("#start")
    page.get_by_role("button", name="Pause").wait_for()
    page.goto(page.url.replace("/training", "/"))
    again = open_page("/training")
    again.wait_for_selector("#wrong li")
    again.get_by_role("button", name="Start").wait_for()
    first = step_shown(again)
    again.wait_for_timeout(500)
    assert step_shown(again) == first
