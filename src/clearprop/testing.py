"""Gradients in tests: an assertion that fails with the report of what is wrong, and why."""

from __future__ import annotations

from operator import methodcaller
from typing import Any

from clearprop.check.handwritten.model import FileReport, Judgement


def assert_gradients(subject: Any, *inputs: Any, **options: Any) -> None:
    """Assert that a backward pass is right.

    Parameters
    ----------
    subject : layer, class, pair of functions, or function
        A layer with ``forward`` and ``backward``, its class, or the pair ``(forward, backward)``:
        what `clearprop.check.check_layer` takes. Any other function is ordinary NumPy code; its
        derivative by clearprop is compared with a numerical one, as `clearprop.check` does.
    *inputs
        What forward is called with. A layer can do without: inputs are proposed from its code.
    **options
        As of `clearprop.check.check_layer`, or of `clearprop.check` for a function.

    Raises
    ------
    AssertionError
        Something is wrong, or could not be judged. The message is the report.

    Examples
    --------
    >>> import numpy as np
    >>> assert_gradients(lambda x: np.sum(np.tanh(x)), np.array([0.1, 0.2]))
    """
    __tracebackhide__ = methodcaller("errisinstance", AssertionError)  # of pytest
    result = result_of(subject, *inputs, **options)
    if not result.ok:
        raise AssertionError(report_of(result))


def result_of(subject: Any, *inputs: Any, **options: Any) -> Any:
    """Give the judgement or the report of what `assert_gradients` takes."""
    if _is_handwritten(subject):
        from clearprop.check import check_layer

        return check_layer(subject, *inputs, **options)
    if callable(subject):
        from clearprop.check import check

        return check(subject, *inputs, **options)
    raise TypeError(
        f"assert_gradients: {type(subject).__name__} has no backward and is no function. "
        "Write instead: a layer, its class, a pair (forward, backward), or a function"
    )


def _is_handwritten(subject: Any) -> bool:
    if isinstance(subject, tuple):
        return len(subject) == 2 and all(map(callable, subject))
    return callable(getattr(subject, "backward", None))


def report_of(result: Any) -> str:
    """Write a result as the terminal shows it."""
    if isinstance(result, Judgement):
        result = FileReport(result.place.file, (result,))
    if isinstance(result, FileReport):
        from clearprop.check.reports.terminal import as_text

        return as_text(result)
    return str(result)
