"""Pages that are opened and watched, and the script's own functions."""

import pytest
from pages.browsing import LIBRARY, Opened


@pytest.fixture(scope="module")
def window(browser):
    """The page of the browser that the tests of a module use, one after the other."""
    page = browser.new_page()
    yield page
    page.close()


@pytest.fixture
def show(browser, window, tmp_path):
    """Give a function that opens a page and watches it: what it logs, raises and asks for."""
    shown, contexts = [], []

    def open_page(
        html, width=1280, height=800, scheme="light", motion=None, clock=False, **options
    ):
        path = tmp_path / f"page{len(shown)}.html"
        path.write_text(html, encoding="utf-8")
        page = window
        if options or clock:  # those of a context, which costs three times as much as a page
            contexts.append(browser.new_context(**options))
            page = contexts[-1].new_page()
        if clock:  # it goes on only when the test says so
            page.clock.install()
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(media="screen", color_scheme=scheme, reduced_motion=motion)
        shown.append(Opened(page, path))
        return shown[-1]

    yield open_page
    for opened in shown:
        opened.leave()
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def library(browser):
    """A page with the script's own functions in ``window.lib``."""
    page = browser.new_page()
    page.evaluate(LIBRARY)
    yield page
    page.close()
