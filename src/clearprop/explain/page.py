"""The page about one traced function: one file that needs nothing else."""

from __future__ import annotations

from html import escape
from typing import Any

from clearprop.explain.steps import steps
from clearprop.explain.telling import as_text
from clearprop.tracing import Gradients

_STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;margin:0;padding:12px 16px;background:#fff;color:#1b1f24}
.picture{overflow-x:auto}
.picture svg{display:block;max-width:none}
pre{font:13px/1.5 ui-monospace,monospace;overflow-x:auto;margin:12px 0 0}
summary{cursor:pointer;padding:4px 0}
@media (prefers-color-scheme:dark){body{background:#14181d;color:#e8ebef}}
"""


def page(gradients: Gradients, title: str = "") -> str:
    """Write the page: the picture, and the steps in words.

    Parameters
    ----------
    gradients : Gradients
    title : str

    Returns
    -------
    str
        HTML that loads nothing.
    """
    own: Any = getattr(gradients, "to_html", None)
    if own is not None:
        return str(own())
    heading = escape(title or gradients.graph.name)
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{heading}</title><style>{_STYLE}</style></head><body>"
        f'<div class="picture" tabindex="0" role="region" aria-label="Picture">'
        f"{gradients.to_svg()}</div>"
        f"<details><summary>The same in words</summary><pre>{escape(as_text(steps(gradients)))}"
        "</pre></details></body></html>\n"
    )
