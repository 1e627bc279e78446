"""One browser for all tests of pages: the Chromium that is installed, or CLEARPROP_CHROMIUM."""

import os
import shutil
from pathlib import Path

import pytest
from pages.browsing import LIBRARY, Opened

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def _missing(why):
    if os.environ.get("CLEARPROP_BROWSER_REQUIRED") == "1":
        pytest.fail(f"CLEARPROP_BROWSER_REQUIRED is set, and {why}")
    pytest.skip(why)


@pytest.fixture(scope="session")
def browser():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("playwright is not installed: pip install clearprop[test]")
    path = os.environ.get("CLEARPROP_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), "")
    if not path or not Path(path).exists():
        _missing("there is no Chromium: install one, or name it in CLEARPROP_CHROMIUM")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


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


@pytest.fixture(scope="session")
def library(browser):
    """A page with the script's own functions in ``window.lib``."""
    page = browser.new_page()
    page.evaluate(LIBRARY)
    yield page
    page.close()
