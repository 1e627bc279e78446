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
        self._watched = {
            "console": lambda message: self.faults.append(message.text),
            "pageerror": lambda error: self.faults.append(str(error)),
            "request": lambda request: self.requests.append(request.url),
        }
        for event, watch in self._watched.items():
            page.on(event, watch)
        page.set_default_timeout(10_000)
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]", state="attached")

    def leave(self):
        """Watch no longer: the next test has the same page of the browser."""
        for event, watch in self._watched.items():
            self.page.remove_listener(event, watch)

    def resize(self, width, height=800):
        """Give the window another size, and wait until the picture has followed."""
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.evaluate(
            "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

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
        """Write numbers into the fields of an argument."""
        names = {
            label + (f"[{', '.join(map(str, field))}]" if field != () else ""): repr(value)
            for field, value in values.items()
        }
        self.page.evaluate(
            """names => {
                const fields = new Map([...document.querySelectorAll('#arguments input')].map(
                    e => [e.getAttribute('aria-label'), e]));
                for (const [name, text] of Object.entries(names)) {
                    const field = fields.get(name);
                    field.value = text;
                    field.dispatchEvent(new Event('input', {bubbles: true}));
                }
            }""",
            names,
        )
