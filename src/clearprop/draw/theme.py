"""The style sheet of a picture, which stands alone: its colours are in it."""

from __future__ import annotations

from clearprop.look import DARK, FONT, LIGHT

#: The class on the picture: a style sheet inside a page concerns the whole page.
CLASS = "clearprop-graph"


def style() -> str:
    """Write the style sheet that goes into the picture."""
    fixed = [
        f"text{{font:13px {FONT};font-variant-numeric:tabular-nums;"
        "text-anchor:middle;stroke:none}",
        ".end{text-anchor:end}",
        ".start{text-anchor:start}",
        ".name{font-weight:600}",
        ".small{font-size:11px}",
        ".line,.back,.bracket,.double{fill:none}",
        ".line{stroke-width:1.6}",
        ".back{stroke-width:1.3;stroke-dasharray:4 2.5}",
        ".bracket,.double,.frame{stroke-width:1}",
        ".frame{stroke-dasharray:1 3;stroke-linecap:round}",
        ".title{paint-order:stroke;stroke-width:3px}",
        ".box{stroke-width:1.4}",
        ".tag,.constant{stroke-width:1}",
        ".tag{stroke-dasharray:2 2}",
    ]
    dark = "".join(_rules(_coloured(DARK)))
    rules = [*_rules(fixed), *_rules(_coloured(LIGHT))]
    whole = f"@media print{{.{CLASS}{{max-width:100%;height:auto}}}}"  # instead of cut at the edge
    return f"{''.join(rules)}{whole}@media screen and (prefers-color-scheme:dark){{{dark}}}"


def _coloured(colours: dict[str, str]) -> list[str]:
    c = colours
    return [
        f".paper{{fill:{c['paper']}}}",
        f"text{{fill:{c['ink']}}}",
        f".muted{{fill:{c['muted']}}}",
        f".line{{stroke:{c['forward']}}}",
        f".head,.dot{{fill:{c['forward']}}}",
        f".back{{stroke:{c['backward']}}}",
        f".backhead,.derivative{{fill:{c['backward']}}}",
        f".bracket{{stroke:{c['muted']}}}",
        f".operation{{fill:{c['node']};stroke:{c['forward']}}}",
        f".argument,.output{{fill:{c['leaf']};stroke:{c['ink']}}}",
        f".double{{stroke:{c['ink']}}}",
        f".frame{{fill:{c['frame']};stroke:{c['muted']}}}",
        f".title{{fill:{c['muted']};stroke:{c['paper']}}}",
        f".tag,.constant{{fill:{c['paper']};stroke:{c['muted']}}}",
    ]


def _rules(rules: list[str]) -> list[str]:
    """Keep each rule inside the picture."""
    scoped = []
    for rule in rules:
        selectors, _, body = rule.partition("{")
        within = ",".join(f".{CLASS} {selector}" for selector in selectors.split(","))
        scoped.append(f"{within}{{{body}")
    return scoped
