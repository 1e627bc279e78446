"""A server of its own, and pages that are watched."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import clearprop

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(clearprop.__file__).parents[1])}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Start the playground; give the address that it prints."""
    command = [sys.executable, "-m", "clearprop", "serve", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        assert process.stdout is not None
        try:
            found = re.search(r"http\S+", process.stdout.readline())
            assert found is not None
            yield found[0]
        finally:
            process.terminate()
            process.wait()


class Seen:
    """What a page did that nobody should see."""

    def __init__(self, page: Any, origin: str) -> None:
        self.bad: list[str] = []
        self.origin = origin
        page.on("console", self.console)
        page.on("pageerror", lambda error: self.bad.append(f"error: {error}"))
        page.on("request", self.request)
        page.on("response", self.response)

    def console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.bad.append(f"{message.type}: {message.text} {message.location}")

    def request(self, request: Any) -> None:
        if not request.url.startswith((f"{self.origin}/", "data:", "blob:")):
            self.bad.append(f"request: {request.url}")

    def response(self, response: Any) -> None:
        if response.status >= 400:
            self.bad.append(f"{response.status}: {response.url}")


@pytest.fixture
def open_page(browser: Any, address: str) -> Iterator[Any]:
    """Open a page of the playground; at the end nothing bad must have happened in it."""
    contexts = []
    watched = []

    def opening(path: str = "/", width: int = 1280, height: int = 800, dark: bool = False) -> Any:
        scheme = "dark" if dark else "light"
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme
        )
        contexts.append(context)
        page = context.new_page()
        origin = address.partition("/?")[0]
        watched.append(Seen(page, origin))
        page.goto(address)
        page.wait_for_url(f"{origin}/")
        if path != "/":
            page.goto(origin + path)
        return page

    yield opening
    for context in contexts:
        context.close()
    assert [bad for seen in watched for bad in seen.bad] == []
