"""How pictures and pages look: one palette, in light, in dark and on paper, and one set of fonts.

Blue goes forward, orange backward: a pair that colour-blind readers can tell apart. Direction,
dashes and position (above or below the line) say the same without colour.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

#: What is coloured, in light and in dark. Paper is light, whatever the screen is.
LIGHT = {
    "paper": "#ffffff",
    "ink": "#1b1f24",
    "muted": "#59616b",
    "edge": "#cfd5dd",
    "forward": "#0b57b7",
    "backward": "#a84300",
    "node": "#e8f1fc",
    "leaf": "#f3f4f6",
    "frame": "#fafbfc",
    "warm": "#fdf0e4",
    "glow": "#ffcf33",
    "fault": "#a8201a",
    "low": "#0b57b7",
    "zero": "#f7f7f7",
    "high": "#a84300",
}
DARK = {
    "paper": "#14181d",
    "ink": "#e8ebef",
    "muted": "#a3acb8",
    "edge": "#3b4450",
    "forward": "#7db8ff",
    "backward": "#ffab61",
    "node": "#1d2f47",
    "leaf": "#242a32",
    "frame": "#191e24",
    "warm": "#3a2a1b",
    "glow": "#c79a00",
    "fault": "#ff9a8f",
    "low": "#5ca5ff",
    "zero": "#262c34",
    "high": "#ff9640",
}
#: Numbers in colour go from ``low`` over ``zero`` to ``high``, by this power of their size, so that
#: small ones differ visibly from 0. Scripts have the same power.
POWER = 0.8
#: For the curves of a chart, which dashes tell apart, too. At least 4.5:1 on their paper.
_CURVES = {
    "light": ("#0b57b7", "#a84300", "#5b3fa8", "#0a6b52", "#8a1f5c", "#59616b"),
    "dark": ("#7db8ff", "#ffab61", "#bba6ff", "#63d3b1", "#ff9ccb", "#a3acb8"),
}
CURVES = len(_CURVES["light"])  #: after so many the colours begin again

#: The reader's own; the last ones have the letters of East Asia.
FONT = (
    "system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','Liberation Sans',Arial,"
    "'Noto Sans CJK SC',sans-serif"
)
CODE = (
    "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Noto Sans Mono CJK SC',"
    "monospace"
)

_EVERYWHERE = """
*{box-sizing:border-box}
html{font:16px/1.5 var(--font);color:var(--ink);background:var(--paper);
-webkit-text-size-adjust:100%}
code,kbd,pre{font-family:var(--code)}
a{color:var(--forward)}
:focus-visible{outline:3px solid var(--forward);outline-offset:2px}
.skip{position:absolute;left:-999rem}
.skip:focus{position:static}
"""


def rgb(colour: str) -> tuple[int, int, int]:
    """Give red, green and blue of a colour, from 0 to 255.

    Examples
    --------
    >>> rgb(LIGHT["zero"])
    (247, 247, 247)
    """
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


def shades(parts: npt.ArrayLike, palette: Mapping[str, str] = LIGHT) -> npt.NDArray[np.uint8]:
    """Give the colours of numbers from -1, ``low``, to 1, ``high``; what is larger is cut.

    Parameters
    ----------
    parts : array_like of any shape
    palette : mapping of str to str
        `LIGHT` or `DARK`.

    Returns
    -------
    ndarray, the shape of ``parts`` and a last axis of red, green, blue

    Examples
    --------
    >>> shades([0.0, -7.0]).tolist()
    [[247, 247, 247], [11, 87, 183]]
    """
    part = np.asarray(parts, float)[..., np.newaxis]
    low, zero, high = (np.array(rgb(palette[name]), float) for name in ("low", "zero", "high"))
    strength = np.clip(np.abs(part), 0, 1) ** POWER
    mixed = zero + strength * (np.where(part > 0, high, low) - zero)
    return np.asarray(np.round(mixed), np.uint8)


def sheet(light: Mapping[str, str] | None = None, dark: Mapping[str, str] | None = None) -> str:
    """Write what the style sheet of every page begins with.

    Parameters
    ----------
    light, dark : mapping of str to str, optional
        Colours that only this page has, by name.

    Returns
    -------
    str
        The palette as variables (``var(--forward)``, ``var(--curve-0)``), the fonts as
        ``var(--font)`` and ``var(--code)``, and the rules that all pages share.

    Examples
    --------
    >>> "--forward:#0b57b7" in sheet(), "--here:#fdeec9" in sheet({"here": "#fdeec9"})
    (True, True)
    """
    return (
        f"{_variables({**LIGHT, **_curves('light'), **(light or {})})}"
        f":root{{color-scheme:light dark;--font:{FONT};--code:{CODE}}}"
        "@media (prefers-contrast:more){:root{--muted:#30363d;--edge:currentColor}}"
        "@media screen and (prefers-color-scheme:dark){"
        f"{_variables({**DARK, **_curves('dark'), **(dark or {})})}}}"
        "@media screen and (prefers-contrast:more) and (prefers-color-scheme:dark){"
        ":root{--muted:#dde2e8;--edge:currentColor}}"
        f"{_EVERYWHERE}"
    )


def curve_colour(number: int) -> str:
    """Give the colour of a curve on paper; after `CURVES` they begin again.

    Examples
    --------
    >>> curve_colour(0), curve_colour(CURVES) == curve_colour(0)
    ('#0b57b7', True)
    """
    return _CURVES["light"][number % CURVES]


def _curves(kind: str) -> dict[str, str]:
    return {f"curve-{number}": colour for number, colour in enumerate(_CURVES[kind])}


def _variables(colours: Mapping[str, str]) -> str:
    return f":root{{{';'.join(f'--{name}:{colour}' for name, colour in colours.items())}}}"
