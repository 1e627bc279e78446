"""The style sheet of a run's report, in the colours of the pictures."""

from __future__ import annotations

from clearprop.draw.theme import DARK, LIGHT

#: For the lines of a chart; dashes tell them apart, too. At least 4.5:1 on their paper.
_SERIES = {
    "light": ("#0b57b7", "#a84300", "#5b3fa8", "#0a6b52", "#8a1f5c", "#59616b"),
    "dark": ("#7db8ff", "#ffab61", "#bba6ff", "#63d3b1", "#ff9ccb", "#a3acb8"),
}
_LINE = {"light": "#d5d9df", "dark": "#3a434e"}

_BASE = """
*{box-sizing:border-box}
body{margin:0 auto;max-width:64rem;padding:1.5rem;background:var(--paper);color:var(--ink);
font:16px/1.5 var(--font);overflow-wrap:anywhere}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 .5rem}
h2{font-size:1.25rem;margin:2.5rem 0 .5rem;padding-top:.75rem;border-top:1px solid var(--line)}
h3{font-size:1rem;margin:1.25rem 0 .25rem}
p{margin:.25rem 0 .6rem;max-width:46rem}
.soft,figcaption,footer{color:var(--muted)}
.lead{font-size:1.15rem}
.stopped{border-left:4px solid var(--backward);padding:.4rem .8rem;background:var(--leaf)}
a{color:var(--forward)}
:focus-visible{outline:3px solid var(--forward);outline-offset:2px}
.chart{display:block;width:100%;max-width:46rem;height:auto;margin:.5rem 0 1rem}
.scroll{overflow-x:auto;padding:2px}
.scroll svg{display:block}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.2rem .6rem;text-align:right;border-bottom:1px solid var(--line)}
th{font-weight:600}
.facts th,.facts td{text-align:left;vertical-align:top}
.confusion td{min-width:3.5rem;border:1px solid var(--paper)}
.confusion td.right{background:var(--node);font-weight:600}
.confusion td.none{color:var(--muted)}
.confusion th[scope=row]{white-space:nowrap}
.confusion td.share{white-space:nowrap;color:var(--muted);padding-left:1rem}
caption{text-align:left;color:var(--muted);padding-bottom:.25rem}
.images{display:grid;grid-template-columns:repeat(auto-fill,minmax(5.2rem,1fr));gap:.75rem;
list-style:none;padding:0;margin:.5rem 0}
.images img{width:84px;height:84px;max-width:100%;image-rendering:pixelated;display:block;
border:1px solid var(--line)}
.images li{font-size:.8rem;line-height:1.3}
pre{background:var(--leaf);padding:.6rem;border-radius:6px;overflow:auto;font-size:.85rem}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}
summary{cursor:pointer;color:var(--forward)}
@media(max-width:30rem){body{padding:.75rem}th,td{padding:.15rem .35rem}}
@media print{body{max-width:none;padding:0;font-size:11pt}.chart,figure,li{break-inside:avoid}
h2,h3{break-after:avoid}.scroll{overflow:visible}.scroll svg{max-width:100%;height:auto}
details::details-content{content-visibility:visible;block-size:auto}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""


def _variables(kind: str, colours: dict[str, str]) -> str:
    series = {f"series-{number}": colour for number, colour in enumerate(_SERIES[kind])}
    values = colours | {"line": _LINE[kind]} | series
    return ":root{" + ";".join(f"--{name}:{value}" for name, value in values.items()) + "}"


#: Paper is light, whatever the screen is.
STYLE = (
    ":root{--font:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','Liberation Sans',Arial,"
    "sans-serif;color-scheme:light dark}"
    + _variables("light", LIGHT)
    + f"@media screen and (prefers-color-scheme:dark){{{_variables('dark', DARK)}}}"
    + _BASE
)
