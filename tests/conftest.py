"""What all tests stand on, and the browser in which pages are looked at."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

# One thread a worker where pytest has several: those of two would wait for each other, and those of
# OpenBLAS wait on a core, for products of nine numbers too. It reads this when NumPy is imported.
# What is tested on several threads asks for them.
if "PYTEST_XDIST_WORKER" in os.environ:
    for _variable in ("CLEARPROP_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(_variable, "1")

from cut_finely import on_all_threads

import clearprop.rules.special  # noqa: F401 (tests of all primitives are of SciPy's too)

# A shell that starts us in the background may have Ctrl-C ignored, and children inherit that:
# the tests of Ctrl-C need it to arrive.
signal.signal(signal.SIGINT, signal.default_int_handler)

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the machine code of tests in a folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("code") / "cache"
        patch.setenv("CLEARPROP_CACHE", str(folder))
        yield folder


@pytest.fixture
def all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile for as many threads as are asked for, however small a program is."""
    on_all_threads(monkeypatch)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start the Chromium that is installed, or that CLEARPROP_CHROMIUM names.

    For one module and not for all: while it is there, no other event loop can run in this thread.
    Without one a test skips, but for CLEARPROP_BROWSER_REQUIRED=1: then it fails.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _no_browser("Playwright is not installed: pip install clearprop[test]")
    path = os.environ.get("CLEARPROP_CHROMIUM")
    path = path or next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if path is None or not Path(path).exists():
        _no_browser("there is no Chromium: install one, or name it in CLEARPROP_CHROMIUM")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


def _no_browser(why: str) -> NoReturn:
    if os.environ.get("CLEARPROP_BROWSER_REQUIRED") == "1":
        pytest.fail(f"CLEARPROP_BROWSER_REQUIRED is set, and {why}")
    pytest.skip(why)
