"""One palette for all that is seen: it can be read, and every page finds its colours in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import clearprop
from clearprop.check.reports import page
from clearprop.look import CURVES, DARK, LIGHT, sheet
from clearprop.train.report import style

PACKAGE = Path(clearprop.__file__).parent
SHEETS = {
    "walk": sheet() + (PACKAGE / "draw/page/static/style.css").read_text(encoding="utf-8"),
    "playground": sheet() + (PACKAGE / "serve/static/style.css").read_text(encoding="utf-8"),
    "run": style.STYLE,
    "check": page.STYLE,
}


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK])
@pytest.mark.parametrize("text", ["ink", "muted", "forward", "backward", "fault"])
@pytest.mark.parametrize("ground", ["paper", "node", "leaf", "frame"])
def test_what_is_written_can_be_read(palette: dict[str, str], text: str, ground: str) -> None:
    assert contrast(palette[text], palette[ground]) >= 4.5  # WCAG 2, AA


def test_curves_can_be_seen_on_their_paper() -> None:
    palettes = re.findall(r":root\{(--paper[^}]*)\}", sheet())
    assert len(palettes) == 2  # light and dark
    for palette in palettes:
        colours = dict(re.findall(r"--([\w-]+):(#\w+)", palette))
        curves = [colours[f"curve-{number}"] for number in range(CURVES)]
        assert len(set(curves)) == CURVES
        assert min(contrast(curve, colours["paper"]) for curve in curves) >= 4.5


@pytest.mark.parametrize("name", SHEETS)
def test_every_colour_of_a_page_is_known_in_light_and_in_dark(name: str) -> None:
    text = SHEETS[name]
    light, dark = re.findall(r":root\{(--paper[^}]*)\}", text)
    assert re.findall(r"--([\w-]+):", light) == re.findall(r"--([\w-]+):", dark)
    set_here = set(re.findall(r"[{;]--([\w-]+):", text))
    of_scripts = {"columns", "height"}  # sizes, set on the elements themselves
    assert set(re.findall(r"var\(--([\w-]+)", text)) <= set_here | of_scripts


@pytest.mark.parametrize("name", SHEETS)
def test_no_page_has_a_colour_of_the_palette_of_its_own(name: str) -> None:
    own = SHEETS[name].partition(sheet())[2] if name != "check" else ""
    assert not set(re.findall(r"#[0-9a-f]{6}\b", own)) & {*LIGHT.values(), *DARK.values()}


def test_the_playground_asks_for_colours_that_there_are() -> None:
    text = (PACKAGE / "serve/static/drawing.js").read_text(encoding="utf-8")
    asked = set(re.findall(r'read\("--([\w-]+)"\)', text))
    assert {"low", "zero", "high"} <= asked <= set(LIGHT)
