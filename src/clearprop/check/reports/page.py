"""The style sheet and the script of the page."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from clearprop.look import DARK, LIGHT, shades, sheet

_STEPS = 8
_LIGHT = {
    "not-judged": "#7a5200",
    "convention": LIGHT["forward"],
    "correct": "#1c6b35",
    "here": "#fdeec9",
    "wrong": LIGHT["ink"],
}
_DARK = {
    "not-judged": "#f0c05a",
    "convention": DARK["forward"],
    "correct": "#7fd69a",
    "here": "#4a3a10",
    "wrong": "#ffffff",
}
_BASE = """
html{scroll-behavior:smooth}
body{margin:0 auto;max-width:72rem;padding:1.5rem;overflow-wrap:anywhere}
.name,.map{font-family:var(--code)}
h1{font-size:1.6rem;margin:0;line-height:1.25}
h2{font-size:1.2rem;margin:2rem 0 .5rem}
h3{font-size:1.1rem;margin:0 0 .5rem}
h4{font-size:1rem;margin:0 0 .25rem}
p{margin:.25rem 0 .5rem}
.kind,.soft,footer,summary{color:var(--muted)}
.kind{margin:0}
.soft{font-weight:400;font-size:.9rem}
.summary{font-size:1.1rem}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);
white-space:nowrap}
nav{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(11rem,100%),1fr));gap:1rem;
margin-top:1rem}
.group{border:1px solid var(--edge);border-top:4px solid var(--tone);border-radius:6px;
padding:.5rem 1rem 1rem}
.group h2{font-size:1rem;margin:.25rem 0}
.group ul{list-style:none;margin:0;padding:0;max-height:14rem;overflow:auto}
.fault{--tone:var(--fault)}
.not-judged{--tone:var(--not-judged)}
.convention{--tone:var(--convention)}
.correct{--tone:var(--correct)}
.mark{color:var(--tone);font-weight:700}
article{border:1px solid var(--edge);border-left:4px solid var(--tone);border-radius:6px;
padding:1rem;margin:0 0 1.5rem}
.finding{margin-top:1rem;padding-top:1rem;border-top:1px solid var(--edge)}
.quiet{list-style:none;padding:0;margin:0}
.quiet li{padding:.35rem 0;border-bottom:1px solid var(--edge)}
.quiet p{margin:.1rem 0 .1rem 1.4rem;color:var(--muted)}
.quiet .unjudged,.unjudged{color:var(--not-judged)}
pre{margin:.5rem 0;padding:.6rem;background:var(--leaf);border-radius:6px;overflow:auto;
font-size:.85rem;line-height:1.5;white-space:pre;overflow-wrap:normal}
pre i{font-style:normal;color:var(--muted);user-select:none}
.arrow{user-select:none}
mark{background:var(--here);color:inherit}
.remedy{display:flex;flex-wrap:wrap;gap:.25rem .75rem;align-items:center}
.remedy pre{flex:1 1 100%;min-width:0;margin:0 0 .5rem;border-left:4px solid var(--correct)}
button{font:inherit;font-size:.85rem;padding:.1rem .7rem;color:var(--forward);cursor:pointer;
background:var(--paper);border:1px solid var(--edge);border-radius:4px}
[hidden]{display:none}
.maps{display:flex;flex-wrap:wrap;align-items:flex-start;gap:1rem 1.5rem;margin:.5rem 0}
figure{margin:0;max-width:100%}
.scroll{overflow-x:auto;padding:3px}
table{border-collapse:separate;border-spacing:2px}
caption,figcaption{text-align:left;font-size:.85rem;padding-bottom:.25rem;white-space:nowrap;
font-family:var(--font)}
.map td{text-align:right;font-size:.8rem;font-variant-numeric:tabular-nums;padding:.15rem .4rem;
white-space:nowrap;border-radius:2px}
.map.dots{border-spacing:1px}
.map.dots td{width:13px;height:13px;min-width:13px;padding:0;position:relative}
td.wrong,.swatch.wrong{outline:2px solid var(--wrong);outline-offset:-1px}
td.wrong{font-weight:700}
.map.dots td.wrong{outline-width:2px;outline-offset:-2px}
.x{background:repeating-linear-gradient(45deg,var(--edge) 0 3px,var(--leaf) 3px 6px)}
.none{padding:.15rem .4rem;background:var(--leaf)}
.legend{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem;font-size:.8rem;color:var(--muted)}
.scale{display:inline-flex}
.scale span{width:12px;height:12px}
.key{display:inline-flex;align-items:center;gap:.4rem;margin-left:1rem}
.swatch{display:inline-block;width:14px;height:14px}
.points td,.points th{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top}
footer{margin-top:2rem;font-size:.85rem}
@media(max-width:30rem){body{padding:.75rem}article{padding:.75rem}}
@media print{body{max-width:none;padding:0;font-size:11pt}
details::details-content{content-visibility:visible;block-size:auto}
nav .group ul{max-height:none}.copy,.skip{display:none}
article{break-inside:auto}h2,h3,h4{break-after:avoid}
.quiet li,figure,pre{break-inside:avoid}
.scroll,pre,.group ul{overflow:visible}pre{white-space:pre-wrap;overflow-wrap:anywhere}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""


def _scale(palette: Mapping[str, str]) -> str:
    """One rule for each shade, with ink that can be read on it."""
    rules = [_shade("z", shades(0.0, palette))]
    for step in range(1, _STEPS + 1):
        rules.append(_shade(f"n{step}", shades(-step / _STEPS, palette)))
        rules.append(_shade(f"p{step}", shades(step / _STEPS, palette)))
    return "".join(rules)


def _shade(name: str, colour: npt.NDArray[np.uint8]) -> str:
    red, green, blue = ((c / 255) ** 2.2 for c in colour)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    ink = "#000" if luminance > 0.179 else "#fff"  # where both have the same contrast
    return f".{name}{{background:#{''.join(f'{c:02x}' for c in colour)};color:{ink}}}"


STYLE = (
    f"{sheet(_LIGHT, _DARK)}{_scale(LIGHT)}"
    f"@media screen and (prefers-color-scheme:dark){{{_scale(DARK)}}}"
    f"{_BASE}"
)

#: Without it, the page lacks its copy buttons and nothing else. A page from a file may be refused
#: the clipboard; then the line is selected and copied as a reader would do it.
SCRIPT = """
for (const button of document.querySelectorAll('button.copy')) {
  const code = button.parentElement.querySelector('code');
  const say = (word) => {
    button.textContent = word;
    setTimeout(() => { button.textContent = 'Copy'; }, 2000);
  };
  const bySelection = () => {
    const range = document.createRange();
    range.selectNodeContents(code);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    say(document.execCommand('copy') ? 'Copied' : 'Selected');
  };
  button.hidden = false;
  button.addEventListener('click', () => {
    if (navigator.clipboard) {
      navigator.clipboard.writeText(code.textContent).then(() => say('Copied'), bySelection);
    } else {
      bySelection();
    }
  });
}
"""
