"""LaTeX as MathML, which browsers show without help."""

from __future__ import annotations

from clearprop.errors import MissingExtraError


def mathml(latex: str, block: bool = True) -> str:
    r"""Give a formula in LaTeX as a ``<math>`` element.

    Parameters
    ----------
    latex : str
        Without dollar signs: ``\frac{1}{n} \sum x``.
    block : bool
        Whether it stands on a line of its own.

    Returns
    -------
    str
        Of ASCII, so that a page's encoding does not matter.

    Raises
    ------
    MissingExtraError
        If latex2mathml is not installed.

    Examples
    --------
    >>> mathml("x^2", block=False)[-53:]
    '<mrow><msup><mi>x</mi><mn>2</mn></msup></mrow></math>'
    """
    try:
        from latex2mathml.converter import convert
    except ImportError:
        raise MissingExtraError(
            "MathML needs latex2mathml, which is not installed.",
            why="It reads the formulas of the rules.",
            write="pip install 'clearprop[algebra]'",
        ) from None
    made: str = convert(latex, display="block" if block else "inline")
    return made
