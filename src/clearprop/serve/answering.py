"""What the playground answers to a formula: values, derivatives, the page, or what is wrong."""

from __future__ import annotations

from typing import Any

from clearprop.errors import ClearpropError, FormulaError
from clearprop.explain.steps import steps
from clearprop.explain.telling import NOT_FINITE, of_sum
from clearprop.formula import Formula, pointed, read_value, run, written


def answer(request: Any) -> dict[str, Any]:
    """Compute a formula that was typed.

    Parameters
    ----------
    request : dict
        ``text``, and ``values``: what stands in the fields, by name. Fields of names that are
        not in the formula, or have a value there, are passed over.

    Returns
    -------
    dict
        ``leaves``, ``result``, ``notes`` and ``page``; or ``error``, and ``leaves`` where the
        formula itself could be read.

    Examples
    --------
    >>> found = answer({"text": "price * count", "values": {"price": "100"}})
    >>> found["result"], [leaf["derivative"] for leaf in found["leaves"]]
    ('200', ['2', '100'])
    >>> answer({"text": "1 +", "values": {}})["error"]["column"]
    4
    """
    if not isinstance(request, dict) or not isinstance(request.get("text"), str):
        return {"error": {"message": "This is no request of the page."}}
    text, fields = request["text"], request.get("values")
    formula = None
    try:
        formula = Formula(text)
        values, wrong = _values(formula, fields if isinstance(fields, dict) else {})
        if wrong is not None:
            return wrong
        done = run(formula, values)
    except FormulaError as error:
        described = _described(text, error)
        return described if formula is None else {**described, "names": list(formula.leaves)}
    told = steps(done.gradients)
    leaves = []
    for name, value in done.values.items():
        source = (
            "formula"
            if formula.leaves[name] is not None
            else ("proposed" if name in done.proposed else "given")
        )
        back = told.arguments[name][1]
        leaves.append({"name": name, "value": written(value), "source": source, "derivative": back})
    return {
        "leaves": leaves,
        "result": told.result,
        "steps": len(told.steps),
        "notes": of_sum(done.gradients) + ([] if told.finite else [NOT_FINITE]),
        "page": done.gradients.to_html(),
    }


def _values(
    formula: Formula, fields: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    values: dict[str, Any] = {}
    for name, given in formula.leaves.items():
        if given is None and name in fields:
            try:
                values[name] = read_value(str(fields[name])[:100_000], name)
            except FormulaError as error:
                found = _described("", error)
                found["error"]["field"] = name
                return {}, {**found, "names": list(formula.leaves)}
    return values, None


def _described(text: str, error: ClearpropError) -> dict[str, Any]:
    line, column = getattr(error, "line", 0), getattr(error, "column", 0)
    shown = pointed(text, error) if isinstance(error, FormulaError) else ""
    return {
        "error": {
            "message": error.what,
            "why": error.why or "",
            "write": error.write or "",
            "line": line,
            "column": column,
            "pointed": shown,
        }
    }
