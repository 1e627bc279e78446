"""LaTeX as MathML, which browsers show without help."""

from __future__ import annotations

import re
from functools import cache
from html import escape

_TAGS = {
    "math", "mrow", "mi", "mo", "mn", "mtext", "msup", "msub", "msubsup", "mfrac", "mover",
    "munder", "munderover", "msqrt", "mroot", "mspace", "mstyle", "mtable", "mtr", "mtd",
}  # fmt: skip
_TAG = re.compile(r"</?([a-z]+)((?: [a-z]+=\"[a-z0-9 .%#-]*\")*) ?/?>", re.IGNORECASE)
_SPACE_OF_NAMES = ' xmlns="http://www.w3.org/1998/Math/MathML"'


@cache
def mathml(latex: str, block: bool = False) -> str:
    r"""Give a formula in LaTeX as a ``<math>`` element.

    Parameters
    ----------
    latex : str
        Without dollar signs: ``\frac{1}{n} \sum x``. A primitive of the user's may bring any.
    block : bool
        Whether it stands on a line of its own.

    Returns
    -------
    str
        For an HTML page: it holds elements of MathML and nothing else. A formula that cannot be
        read, or would hold more, comes back as it stands, as ``<code>``.

    Examples
    --------
    >>> mathml("x^2")
    '<math display="inline"><mrow><msup><mi>x</mi><mn>2</mn></msup></mrow></math>'
    >>> mathml("\\sqrt{")
    '<code>\\sqrt{</code>'
    """
    from latex2mathml.converter import convert  # slow to load

    try:
        made: str = convert(latex, display="block" if block else "inline")
    except Exception:  # a formula of the user's that is no LaTeX costs only its looks
        return f"<code>{escape(latex)}</code>"
    made = made.replace(_SPACE_OF_NAMES, "")
    return made if is_harmless(made) else f"<code>{escape(latex)}</code>"


def is_harmless(markup: str) -> bool:
    """Whether a formula is MathML and nothing else."""
    if any(tag not in _TAGS for tag, _ in _TAG.findall(markup)):
        return False
    return not set("<>") & set(_TAG.sub("", markup))
