"""The formulas of the registry as MathML."""

from __future__ import annotations

from functools import cache

from clearprop.draw.ink import escape


@cache
def mathml(latex: str) -> str:
    """Write a formula as MathML; as it stands, where it cannot be read."""
    from latex2mathml.converter import convert  # half of the time of a page, at the first one

    try:
        made: str = convert(latex)
    except Exception:  # a formula of the user's that is no LaTeX costs only its looks
        return f"<code>{escape(latex)}</code>"
    return made
