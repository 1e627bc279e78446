"""Is a derivative right? Numerical derivatives, and reports that name what is wrong."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clearprop.check.handwritten.model import Judgement as Judgement
    from clearprop.check.numerical import numerical_gradient as numerical_gradient
    from clearprop.check.primitives import check_primitive as check_primitive
    from clearprop.check.report import Finding as Finding
    from clearprop.check.report import Report as Report

#: Imported when they are first used: those who only differentiate need not wait for them.
_LAZY = {
    "Finding": "report",
    "Judgement": "handwritten.model",
    "Report": "report",
    "check_primitive": "primitives",
    "numerical_gradient": "numerical",
}


def check(
    f: Callable[..., Any], *args: Any, samples: int = 500, seed: int = 0, name: str | None = None
) -> Report:
    """Compare the derivative of ``f`` with a numerical one, argument by argument.

    Parameters
    ----------
    f : callable
        Ordinary NumPy code. Where its result is not a scalar, a random cotangent is pulled back.
    *args
        Arrays, numbers, or trees of them (as in `cp.grad`). Those of real numbers are
        checked; others are passed on.
    samples : int, default 500
        At most so many elements of an argument are moved, drawn at random.
    seed : int, default 0
        For the cotangent and the drawn elements.
    name : str, optional
        What the report is about; the name of ``f`` by default.

    Returns
    -------
    Report
        For each argument the largest error, where it is, both values, a verdict. NaN is wrong;
        an element beside a kink is not judged, and that is said.

    Notes
    -----
    The numerical derivative is taken in float64 whatever the dtype, by central differences
    extrapolated to step 0, with an estimate of its error. An element counts as wrong beyond
    1e-7 relative in float64, 3e-4 in float32, 3e-2 in float16.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> @cp.primitive
    ... def half_square(x):
    ...     return x * x / 2
    >>> @half_square.vjp("x")
    ... def _(dy, x):
    ...     return 2 * dy * x
    >>> print(cp.check(half_square, 3.0))
    half_square: 1 of 1 gradients wrong, 0 not judged.
      ✗ x: wrong, relative error 5.0e-01 at x: found 6, expected 3
    """
    from clearprop.check.functions import check_function

    return check_function(f, args, samples, seed, name)


def check_layer(layer: Any, *inputs: Any, **options: Any) -> Judgement:
    """Judge a hand-written backward pass, and name the cause of what is wrong.

    Parameters
    ----------
    layer : class, object, function, tuple of functions, or module
        A class with forward and backward, or an object of one, which is checked as it is;
        ``(affine_forward, affine_backward)``, or one of the two; a function beside its
        derivative; a function that returns its value and the gradients; a class with ``loss``
        and ``gradient``. The styles of courses and books need no adapter.
    *inputs
        Arguments of forward, in order; what is not given is proposed from the code.
    **options
        ``values``, ``shapes``: dicts by the name of an argument of forward or of the
        constructor; ``reference``: the name of a forward to judge by where there is none, such as
        ``"softmax"``; ``seed``.

    Returns
    -------
    Judgement
        ``ok``, ``verdict`` (``fault``, ``convention``, ``correct``, ``not judged``), ``findings``
        with cause, line, sentence and remedy; ``unjudged``, the lines of backward that ran in no
        probe; printed, the report.

    Raises
    ------
    OptionError
        If ``layer`` has no backward, or does not take what ``values`` or ``shapes`` name.

    Notes
    -----
    The truth has two sides, which must agree: the exact derivative of the hand-written forward,
    and a numerical one. A class, not an object, can be made anew for each probe, with several
    shapes.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> class Sigmoid:
    ...     def forward(self, x):
    ...         self.y = 1 / (1 + np.exp(-x))
    ...         return self.y
    ...     def backward(self, dy):
    ...         return dy * (1 - self.y)
    >>> judgement = cp.check_layer(Sigmoid)
    >>> judgement.verdict, judgement.findings[0].cause
    ('fault', 'local-factor')
    """
    from clearprop.check.handwritten.api import check_object

    return check_object(layer, inputs, options)


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"clearprop.check.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'clearprop.check' has no attribute {name!r}")
