"""What Python and the scripts both know is the same number in both."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import clearprop
from clearprop import look
from clearprop.draw import metrics, numbers
from clearprop.draw.page import arrays

PACKAGE = Path(clearprop.__file__).parent
PAGE, SERVE = "draw/page/static", "serve/static"


@pytest.mark.parametrize(
    ("script", "name", "value"),
    [
        (f"{PAGE}/numbers.js", "LARGEST", numbers._LARGEST),
        (f"{PAGE}/numbers.js", "LONGEST", numbers._LONGEST),
        (f"{PAGE}/arrays.js", "BINS", arrays._BINS),
        (f"{PAGE}/panel.js", "CORNER", arrays._CORNER),
        (f"{PAGE}/picture.js", "ABOVE", metrics.ABOVE),
        (f"{PAGE}/picture.js", "BELOW", metrics.BELOW),
        (f"{PAGE}/picture.js", "LINE", metrics.LINE),
        (f"{PAGE}/text.js", "LINE", metrics.LINE),
        (f"{PAGE}/text.js", "CELL", metrics.CELL),
        (f"{PAGE}/text.js", "BRACKET", metrics.BRACKET),
        (f"{PAGE}/heat.js", "POWER", look.POWER),
        (f"{SERVE}/drawing.js", "POWER", look.POWER),
    ],
)
def test_a_constant_is_the_same_in_both_languages(script, name, value):
    text = (PACKAGE / script).read_text(encoding="utf-8")
    found = re.findall(rf"(?:const |, ){name} = ([\d.]+)", text)
    assert [float(number) for number in found] == [value]


def test_colours_are_those_of_the_palette():
    """The ends of the scale of colours stand in one place: no script has its own."""
    for script in (PACKAGE / PAGE).glob("*.js"), (PACKAGE / SERVE).glob("*.js"):
        for path in script:
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"11, 87, 183|#0b57b7|#a84300", text), path


def test_the_page_colours_numbers_as_pictures_of_weights_are(show):
    import numpy as np

    import clearprop as cp

    x = np.linspace(-1, 1, 9)
    for scheme, palette in ("light", look.LIGHT), ("dark", look.DARK):
        opened = show(cp.trace(np.sum, x).backward().to_html(), scheme=scheme)
        opened.page.locator("#picture [data-arrow='0']").dispatch_event("click")
        pixels = opened.page.evaluate(
            "() => { const c = document.querySelector('#detail canvas:not(.bar)');"
            " return Array.from(c.getContext('2d').getImageData(0, 0, 9, 1).data); }"
        )
        shown = np.array(pixels).reshape(9, 4)[:, :3]
        assert np.abs(shown - look.shades(x, palette).astype(int)).max() <= 1
