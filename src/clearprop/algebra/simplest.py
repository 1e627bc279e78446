"""Of several ways to write a derivative, the one that is easiest to read."""

from __future__ import annotations

from typing import Any

from clearprop.algebra.symbols import sympy


def local_form(expression: Any, a: Any, y: Any) -> Any:
    """Differentiate y = expression by a; written with y where that is shorter.

    ``e^x`` is y, and ``-1/x²`` is ``-y²``.
    """
    s = sympy()
    derivative = s.diff(expression, a)
    found = [derivative, s.simplify(derivative), derivative.subs(expression, y)]
    inverse = _inverse(expression, a, y)
    if inverse is not None and s.count_ops(expression) < 6:
        found.append(s.simplify(derivative.subs(a, inverse)))
    found = [form for form in found if not form.has(s.Derivative)]
    return min(found, key=lambda form: (s.count_ops(form), len(form.free_symbols)))


def simplest(product: Any, whole: Any, truth: Any, a: Any, y: Any) -> tuple[Any, bool]:
    """Write a product of local derivatives as short as it goes, in the arguments or in the result.

    Parameters
    ----------
    product : formula
        Of the local derivatives, with intermediate values in it.
    whole, truth : formula
        The result in the arguments, and its derivative.
    a, y : symbol
        What is derived by, and the result.

    Returns
    -------
    tuple
        The form, and whether it was proved to be that derivative.
    """
    s = sympy()
    forms = [product] if product.free_symbols <= whole.free_symbols | {y} else []
    forms += [s.factor(truth), s.simplify(truth), s.factor(s.simplify(truth))]
    if whole.is_Function:
        forms.append(truth.subs(whole, y))
    inverse = _inverse(whole, a, y)
    if inverse is not None:
        in_result = s.simplify(truth.subs(a, inverse))
        forms += [in_result, s.factor(in_result), _minus_outside(s.factor(in_result))]
    last = min(forms, key=lambda form: (s.count_ops(form), str(form)))
    proved = s.simplify(last.subs(y, whole) - truth) == 0
    return last, bool(proved)


def _minus_outside(form: Any) -> Any:
    """Write ``y(1 - y)`` for ``-y(y - 1)``."""
    s = sympy()
    if not form.is_Mul or form.args[0] != -1:
        return form
    sums = [f for f in form.args if f.is_Add]
    if not sums:
        return form
    rest = [f for f in form.args[1:] if f is not sums[0]]
    return s.Mul(*rest, s.Add(*(-t for t in sums[0].args)), evaluate=False)


def _inverse(expression: Any, a: Any, y: Any) -> Any:
    """Solve y = expression for a; None unless there is one solution, in y and numbers alone."""
    s = sympy()
    if expression.free_symbols != {a} or s.count_ops(expression) > 12:
        return None
    try:
        found = s.solve(s.Eq(y, expression), a)
    except NotImplementedError:
        return None
    return found[0] if len(found) == 1 and found[0].free_symbols <= {y} else None
