"""The page as one file: template, style, script and data put together."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

from clearprop.draw.ink import escape
from clearprop.draw.page.arrays import Table
from clearprop.draw.page.lines import Listings
from clearprop.draw.page.pictures import Pictures
from clearprop.draw.page.programs import programs
from clearprop.draw.page.quantities import Quantities
from clearprop.draw.page.steps import Steps
from clearprop.draw.page.zeros import explain_zeros
from clearprop.draw.theme import style
from clearprop.draw.views import make_views
from clearprop.look import sheet

if TYPE_CHECKING:
    from clearprop.tracing import Gradients, Graph

#: In this order: each file uses only those before it.
SCRIPTS = (
    "numbers",
    "arrays",
    "elementwise",
    "windows",
    "operations",
    "program",
    "state",
    "text",
    "zoom",
    "picture",
    "walk",
    "panel",
    "heat",
    "sources",
    "editing",
    "page",
)
_LONGEST = 100  # characters of a title
_IMPORT = re.compile(r'^import (\{.*?\}) from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (const|class|function) (\w+)", re.MULTILINE)


def write_page(graph: Graph, gradients: Gradients | None = None) -> str:
    """Write the page of a graph.

    Parameters
    ----------
    graph : Graph
    gradients : Gradients, optional
        Of the same graph; without them the page walks forward only.

    Returns
    -------
    str
        An HTML document that needs nothing beside it and may load nothing.
    """
    data, svgs = page_data(graph, gradients)
    pictures = "".join(
        f'<template data-view="{i}">{svg}</template>\n' for i, svg in enumerate(svgs)
    )
    return _template().substitute(
        title=escape(data["name"]),
        policy=_policy(),
        style=_style(),
        pictures=pictures,
        data=embedded(data),
        script=_script(),
    )


def page_data(graph: Graph, gradients: Gradients | None) -> tuple[dict[str, Any], list[str]]:
    """Collect what a page is made of: its data, and its pictures as SVG."""
    table = Table()
    quantities = Quantities(gradients, table)
    listings = Listings()
    views = make_views(graph, gradients)
    facts = views[0].facts
    steps = Steps(graph, gradients, facts, quantities, listings)
    pictures = Pictures(facts, quantities, views)
    name = _short(listings.formula) or graph.name
    pictures.entries[0]["name"] = name
    data = {
        "name": name,
        "steps": steps.entries,
        "operations": steps.operations,
        "meetings": steps.meetings,
        "views": pictures.entries,
        "listings": listings.entries,
        "differentiated": gradients is not None,
        "constant": facts.is_constant,
        "zeros": explain_zeros(gradients, facts, quantities),
        "quantities": quantities.entries,
        "arrays": table.entries,
        **programs(graph, gradients, facts, quantities),
    }
    return data, pictures.svgs


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def embedded(data: Any) -> str:
    """Write data so that no text in it can end the element that holds it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for c in "<>&\u2028\u2029":
        text = text.replace(c, f"\\u{ord(c):04x}")
    return text.encode("utf-8", "backslashreplace").decode()


@cache
def _static(name: str) -> str:
    return files(__package__).joinpath("static", name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    return Template(_static("page.html"))


@cache
def _style() -> str:
    return sheet() + style() + _static("style.css")


@cache
def _script() -> str:
    """Join the modules into one script; each keeps its names to itself."""
    return "\n".join(_module(name) for name in SCRIPTS)


def _module(name: str) -> str:
    text = _static(f"{name}.js")
    exported = ", ".join(match[2] for match in _EXPORT.finditer(text))
    text = _IMPORT.sub(r"const \1 = from_\2;", text)
    text = _EXPORT.sub(r"\1 \2", text)
    return f"const from_{name} = (() => {{\n{text}return {{ {exported} }};\n}})();"


@cache
def _policy() -> str:
    """Allow this style and this script, and nothing else."""
    return (
        f"default-src 'none'; style-src '{_digest(_style())}'; script-src '{_digest(_script())}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
