"""Superscripts and subscripts, for formulas in plain text."""

from __future__ import annotations

_RAISED = str.maketrans("0123456789-−+()nTtxyz", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻⁺⁽⁾ⁿᵀᵗˣʸᶻ")
_LOWERED = str.maketrans("0123456789ijkn", "₀₁₂₃₄₅₆₇₈₉ᵢⱼₖₙ")


def raised(text: str) -> str:
    """Write a text as a superscript; letters that have none stay as they are.

    Examples
    --------
    >>> raised("-2x"), raised("T")
    ('⁻²ˣ', 'ᵀ')
    """
    return text.translate(_RAISED)


def lowered(text: str) -> str:
    """Write a text as a subscript; letters that have none stay as they are.

    Examples
    --------
    >>> lowered("12"), lowered("i")
    ('₁₂', 'ᵢ')
    """
    return text.translate(_LOWERED)
