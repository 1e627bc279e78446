r"""The local derivative at each operation, as text: ``∂/∂apple = number = 2``.

It comes from the formula of the rule, ``\bar y\,x_2``, with the names that the operands have here.
"""

from __future__ import annotations

import re

import numpy as np

from clearprop.draw.caption import shorten
from clearprop.draw.facts import Facts
from clearprop.draw.numbers import constant, number
from clearprop.draw.passing import is_passed, local_derivative
from clearprop.graph import Node
from clearprop.kinds import ELEMENTWISE

_LONGEST = 44
_MARKS = {
    r"\bar y": "ȳ", r"\mathsf T": "T", r"\ln": "ln", r"\log": "log", r"\sinh": "sinh",
    r"\cosh": "cosh", r"\sin": "sin", r"\cos": "cos", r"\max": "max", r"\pi": "π",
    r"\sigma": "σ", r"\epsilon": "ε", r"\le": "≤", r"\ge": "≥", r"\lfloor": "⌊",
    r"\rfloor": "⌋", r"\sum": "Σ", r"\prod": "Π", r"\star": "⋆", r"\det": "det",
    r"\ne": "≠", r"\dots": "…", r"\lambda": "λ", r"\,": " ", r"\ ": " ",
}  # fmt: skip
_RAISED = str.maketrans("0123456789-−+nT", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻⁺ⁿᵀ")
_LOWERED = str.maketrans("0123456789ijkn", "₀₁₂₃₄₅₆₇₈₉ᵢⱼₖₙ")


def local_derivatives(facts: Facts, node: Node) -> tuple[str, ...]:
    """Say for each operand that has a derivative what the operation multiplies by.

    Of an operation that does not go element by element the whole rule is given, with ȳ for the
    derivative that arrives.
    """
    primitive = node.primitive
    assert primitive is not None
    names = [_name(facts, node, i) for i in range(len(node.inputs))]
    found = []
    for position, source in enumerate(node.inputs):
        rule = primitive.rule(position)
        if source is None or rule is None or not is_passed(node, position):
            continue
        given = {f"x_{i + 1}": name for i, name in enumerate(names)}
        given |= {"x": names[0]} if len(names) == 1 else {}
        given |= dict(zip("AB", names, strict=False)) if primitive.name == "matmul" else {}
        is_factor = primitive.kind is ELEMENTWISE and r"\bar y" in rule.latex
        latex = rule.latex
        if is_factor:
            latex = _without(latex)
        text = readable(latex, given)
        of = names[position] or _symbol(primitive.operand_name(position), len(names))
        parts = [f"∂/∂{of}" if is_factor or not text else f"to {of}"]
        if text and len(text) <= _LONGEST:
            parts.append(text)
        if is_factor and node.shape == () and source.shape == () and primitive.outputs == 1:
            factor = number(local_derivative(node, position))
            if factor != text.replace("−", "-"):
                parts.append(factor)
        if len(parts) > 1:
            found.append(
                shorten(" = ".join(parts) if is_factor else ": ".join(parts), 2 * _LONGEST)
            )
    return tuple(dict.fromkeys(found))


def _name(facts: Facts, node: Node, position: int) -> str:
    source = node.inputs[position]
    if source is None:
        value = node.operands[position]
        return constant(value) if np.ndim(value) == 0 else ""
    value = facts.origin_of(source)
    return facts.name(value) or shorten(value.label, 20)


def _symbol(operand: str, count: int) -> str:
    return "x" if count == 1 else re.sub(r"\d+$", lambda m: m.group().translate(_LOWERED), operand)


def _without(latex: str) -> str:
    """Take the derivative that arrives out of a product."""
    rest = re.sub(r"\\bar y(\\,|\\ )?", "", latex, count=1).strip()
    if rest in ("", "-"):
        return f"{rest}1"
    return (
        f"1 {rest}" if rest.startswith("/") else rest.replace("-/", "-1 /").replace("- /", "-1 /")
    )


def readable(latex: str, names: dict[str, str]) -> str:
    r"""Write a formula as plain text, with names for its operands; empty where that fails.

    Examples
    --------
    >>> readable(r"\bar y\,(1 - y^2)", {}), readable(r"x_2", {"x_2": "number"})
    ('ȳ (1 − y²)', 'number')
    """
    text = re.sub(r"\\(operatorname|text|mathsf)\s*\{([^{}]*)\}", r"\2", latex)
    text = re.sub(r"\\t?frac\{([^{}]*)\}\{([^{}]*)\}", r"(\1)/(\2)", text)
    text = re.sub(r"\\sqrt\s*\{([^{}]*)\}", r"√(\1)", text)
    text = re.sub(r"\\sqrt\\pi", "√π", text)
    for mark in sorted(_MARKS, key=len, reverse=True):
        text = text.replace(mark, _MARKS[mark])

    def put(match: re.Match[str]) -> str:
        token = match.group()
        if not names.get(token):
            return token
        given.append(names[token])
        return chr(0xE000 + len(given) - 1)

    given: list[str] = []  # names, which may hold anything: they are put in at the end
    text = re.sub(r"(?<![A-Za-z])(x(_\d)?|[AB])(?![A-Za-z_])", put, text)
    text = re.sub(r"\^\{([^{}]*)\}", lambda m: _raise(m[1]), text)
    text = re.sub(r"\^([0-9T])", lambda m: _raise(m[1]), text)
    text = re.sub(r"(?<=[xy])_(\d)", lambda m: m[1].translate(_LOWERED), text)
    text = re.sub(r"_\{?([ijkn])\}?", lambda m: m[1].translate(_LOWERED), text)
    text = re.sub(r"\s+", " ", text.replace("-", "−")).strip()
    if re.search(r"[\\{}_^]", text):
        return ""
    return "".join(given[ord(c) - 0xE000] if 0 <= ord(c) - 0xE000 < len(given) else c for c in text)


def _raise(power: str) -> str:
    plain = power.replace(" ", "")
    if re.fullmatch(r"[0-9−+nT-]+", plain):
        return plain.translate(_RAISED)
    return f"**({power})"
