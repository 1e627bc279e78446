"""Formulas as MathML: all that the registry has, and what a formula of the user's may try."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from clearprop.mathml import mathml
from clearprop.primitive import PRIMITIVES, Primitive


@pytest.mark.parametrize("primitive", PRIMITIVES.values(), ids=lambda p: p.name)
def test_every_formula_of_the_registry_is_mathml(primitive: Primitive) -> None:
    rules = (primitive.rule(position) for position in range(len(primitive.operands)))
    for latex in [primitive.latex, *(rule.latex for rule in rules if rule is not None)]:
        if latex:
            assert ET.fromstring(mathml(latex)).tag == "math"


@pytest.mark.parametrize(
    "latex", [r"\text{<script>alert(1)</script>}", "<img src=x onerror=alert(1)>", r"\frac{", ""]
)
def test_a_formula_is_mathml_or_text(latex: str) -> None:
    made = mathml(latex)
    assert set(re.findall(r"</?([a-zA-Z]+)", made)) <= {"math", "mrow", "mi", "mo", "mn", "code"}
    assert ET.fromstring(made).tag in ("math", "code")


def test_what_would_be_more_than_a_formula_stays_text(monkeypatch: pytest.MonkeyPatch) -> None:
    from latex2mathml import converter

    made = "<math><mtext><script>alert(1)</script></mtext></math>"
    monkeypatch.setattr(converter, "convert", lambda latex, **options: made)
    assert mathml("seen by nobody before") == "<code>seen by nobody before</code>"
    monkeypatch.setattr(converter, "convert", lambda latex, **options: '<mi onclick="x()">x</mi>')
    assert mathml("nor this") == "<code>nor this</code>"
