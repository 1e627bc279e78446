"""The formulas of the registry as MathML.

Those of clearprop's own primitives are kept in ``formulas.json``, for reading LaTeX takes longer
than writing a page. After a change this writes the file anew::

    python -c "from clearprop.draw.page import formulas; formulas.keep()"
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearprop.mathml import mathml as converted

if TYPE_CHECKING:
    from clearprop.primitive import Primitive

_FILE = files(__package__).joinpath("formulas.json")


def formulas_of(primitive: Primitive) -> dict[str, Any]:
    """Give what a primitive computes, its rules by operand, and the letters for its operands."""
    letters = _letters(primitive)
    return {
        "formula": mathml(_whole(primitive)) if primitive.latex else "",
        "rules": {i: mathml(latex) for i, latex in _rules(primitive).items()},
        "operands": [mathml(letter) for letter in letters],
    }


def mathml(latex: str) -> str:
    """Write a formula as MathML, from the file where it is kept."""
    return _kept().get(latex) or converted(latex)


def keep() -> None:
    """Write the file."""
    found = {latex: converted(latex) for latex in texts()}
    text = json.dumps(found, indent=0, sort_keys=True) + "\n"
    Path(str(_FILE)).write_text(text, encoding="utf-8")


def texts() -> set[str]:
    """Give all formulas of clearprop's own primitives, as LaTeX."""
    import clearprop.rules.special  # noqa: F401 (registers SciPy's)
    from clearprop.primitive import PRIMITIVES

    found: set[str] = set()
    for primitive in PRIMITIVES.values():
        if primitive.built_in:
            found.update(_letters(primitive), _rules(primitive).values())
            if primitive.latex:
                found.add(_whole(primitive))
    return found


@cache
def _kept() -> dict[str, str]:
    found: dict[str, str] = json.loads(_FILE.read_text(encoding="utf-8"))
    return found


def _whole(primitive: Primitive) -> str:
    return f"y = {primitive.latex}"


def _rules(primitive: Primitive) -> dict[int, str]:
    return {
        i: rf"\bar{{{letter}}} = {rule.latex}"
        for i, letter in enumerate(_letters(primitive))
        if (rule := primitive.rules.get(i)) is not None and rule.latex
    }


def _letters(primitive: Primitive) -> list[str]:
    """Give the letters that the formulas of a primitive have for its operands."""
    names, latex = primitive.operands, primitive.latex
    if latex == "A B":
        return ["A", "B"]
    if len(names) == 1 and not primitive.variadic:
        return ["x"]
    return [_letter(name) for name in names]


def _letter(name: str) -> str:
    if len(name) == 2 and name[1].isdigit():
        return f"{name[0]}_{name[1]}"
    return name if len(name) == 1 else rf"\text{{{name.replace('_', ' ')}}}"
