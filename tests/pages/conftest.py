"""Pages that are opened and watched, and the script's own functions."""

import pytest
from pages.browsing import LIBRARY, Opened


@pytest.fixture
def show(browser, tmp_path):
    """Give a function that opens a page and watches it: what it logs, raises and asks for."""
    contexts = []

    def open_page(html, width=1280, height=800, **options):
        path = tmp_path / f"page{len(contexts)}.html"
        path.write_text(html, encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        return Opened(context.new_page(), path)

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def library(browser):
    """A page with the script's own functions in ``window.lib``."""
    page = browser.new_page()
    page.evaluate(LIBRARY)
    yield page
    page.close()
