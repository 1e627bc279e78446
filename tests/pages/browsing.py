"""What the tests of pages share: an opened page, and the script's functions without a page."""

import json
import re

from clearprop.draw.page.writing import SCRIPTS, _module

_PURE = SCRIPTS[: SCRIPTS.index("program") + 1]
_ALL = ", ".join(f"...from_{name}" for name in _PURE)
LIBRARY = "() => {" + "\n".join(map(_module, _PURE)) + f"\nwindow.lib = {{ {_ALL} }}; }}"


def data_of(html):
    """Give the data that a page holds."""
    return json.loads(re.search(r'id="data">(.*?)</script>', html, re.DOTALL)[1])


class Opened:
    """A page in the browser; whatever it logs, raises or asks for is a failure at `check`."""

    def __init__(self, page, path):
        self.page = page
        self.faults = []
        self.requests = []
        page.on("console", lambda message: self.faults.append(message.text))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.set_default_timeout(5000)
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]", state="attached", timeout=10_000)

    def check(self):
        assert not self.faults
        assert len(self.requests) == 1, self.requests

    def go(self, moment):
        self.page.evaluate(
            "m => { const e = document.getElementById('moment'); e.value = m;"
            " e.dispatchEvent(new Event('input')); }",
            moment,
        )

    def text(self, selector):
        return self.page.inner_text(selector)

    def labels(self, side):
        """Give for each arrow the text above or below it; None where it is not there yet."""
        return self.page.evaluate(
            """side => [...document.querySelectorAll('#picture [data-arrow]')].map(g => {
                const part = g.querySelector(`:scope > .${side}`);
                if (!part || part.classList.contains('waiting')) return null;
                return [...part.querySelectorAll('text')].map(t => t.textContent).join(' ');
            })""",
            side,
        )

    def change(self, label, values):
        """Type numbers into the fields of an argument."""
        for field, value in values.items():
            name = label + ("" if field == () else f"[{', '.join(map(str, field))}]")
            box = self.page.get_by_label(name, exact=True).and_(self.page.locator("input"))
            box.evaluate("e => { for (let d = e.closest('details'); d; d = null) d.open = true; }")
            box.fill(repr(value))
