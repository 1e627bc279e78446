"""The formulas of the registry as MathML."""

from __future__ import annotations

import re
from functools import cache

from clearprop.draw.ink import escape

_TAGS = {
    "math", "mrow", "mi", "mo", "mn", "mtext", "msup", "msub", "msubsup", "mfrac", "mover",
    "munder", "munderover", "msqrt", "mroot", "mspace", "mstyle", "mtable", "mtr", "mtd",
}  # fmt: skip
_TAG = re.compile(r"</?([a-z]+)((?: [a-z]+=\"[a-z0-9 .%#-]*\")*) ?/?>", re.IGNORECASE)
_SPACE_OF_NAMES = ' xmlns="http://www.w3.org/1998/Math/MathML"'


@cache
def mathml(latex: str) -> str:
    """Write a formula as MathML; as it stands, where it cannot be read."""
    from latex2mathml.converter import convert  # half of the time of a page, at the first one

    try:
        made: str = convert(latex)
    except Exception:  # a formula of the user's that is no LaTeX costs only its looks
        return f"<code>{escape(latex)}</code>"
    made = made.replace(_SPACE_OF_NAMES, "")
    return made if _is_harmless(made) else f"<code>{escape(latex)}</code>"


def _is_harmless(markup: str) -> bool:
    """Whether a formula is MathML and nothing else: a formula of the user's may hold anything."""
    if any(tag not in _TAGS for tag, _ in _TAG.findall(markup)):
        return False
    return not set("<>") & set(_TAG.sub("", markup))
