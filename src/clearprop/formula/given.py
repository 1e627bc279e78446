"""The values of the names of a formula: read as somebody writes them, or proposed."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from clearprop.errors import FormulaError
from clearprop.formula import limits
from clearprop.formula.checking import called_name, is_literal, literal
from clearprop.formula.formula import Formula
from clearprop.formula.words import cut

#: What names stand for in the documents, and what others do.
_KNOWN: dict[str, Any] = {
    "price": 100.0, "count": 2.0, "tax": 1.1, "apple": 100.0, "apple_num": 2.0,
    "orange": 150.0, "orange_num": 3.0, "number": 2.0,
}  # fmt: skip
_NUMBERS = (1.0, 2.0, 3.0, -1.0, 0.5)
_VECTORS = {"vector": [1.0, 2.0, 3.0], "labels": [0.0, 1.0, 0.0]}
_BESIDE_MATRICES = {"vector": [1.0, 2.0], "labels": [[0.0, 1.0], [1.0, 0.0]]}
# not too large: a tanh or an exp of their products still moves
_MATRICES = ([[1.0, 0.5], [-0.5, 2.0]], [[0.5, -1.0], [1.0, 0.2]])
_LABELLED = ("softmax_cross_entropy", "sigmoid_cross_entropy")
_OVER_AXES = ("sum", "mean", "prod", "max", "min", "var", "std", "norm", "softmax", "cumsum")


def read_value(text: str, name: str = "x") -> Any:
    """Read the value of a name: a number, or a list of numbers or of such lists.

    Parameters
    ----------
    text : str
        ``100``, ``-1.5e-3``, ``[1, 2]``, ``[[1, 2], [3, 4]]``.
    name : str
        Whose value it is, for an error.

    Returns
    -------
    float or ndarray of float64

    Raises
    ------
    FormulaError
        It is none of these. ``4,3`` is refused: elsewhere it is a shape.

    Examples
    --------
    >>> read_value("1e-3"), read_value("[[1, 2], [3, 4]]").shape
    (0.001, (2, 2))
    """
    try:
        cut(text)
        tree = ast.parse(text.strip(), mode="eval").body
    except (FormulaError, SyntaxError, ValueError, RecursionError, MemoryError):
        raise _no_value(text, name) from None
    if isinstance(tree, ast.Tuple) and all(map(is_literal, tree.elts)) and tree.elts:
        inside = text.strip().strip("()").strip().rstrip(",")
        raise FormulaError(
            f"{name}={text}: values or a shape?",
            why="Behind --shape such numbers are sizes.",
            write=f"{name}=[{inside}] for values, or --shape {name}={inside.replace(' ', '')} "
            "for an array of that shape",
        )
    if not is_literal(tree):
        raise _no_value(text, name)
    return as_value(literal(tree), name)


def as_value(value: Any, name: str) -> Any:
    """Make a number or nested list of numbers what a leaf has: a float or an array of them."""
    try:
        array = np.array(value, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        raise FormulaError(
            f"{name}: this is no array of numbers.",
            why="The rows of an array are equally long.",
            write=f"{name}=[[1, 2], [3, 4]]",
        ) from None
    if array.size > limits.ELEMENTS or array.ndim > limits.DIMENSIONS:
        raise FormulaError(
            f"{name} has shape {array.shape}.",
            why=f"An array of a formula has at most {limits.ELEMENTS:,} elements and "
            f"{limits.DIMENSIONS} axes.",
            write="a smaller array",
        )
    return float(array) if array.ndim == 0 else array


def written(value: Any) -> str:
    """Write a value as `read_value` reads it: ``[[0.5, -1], [1.5, 2]]``.

    Examples
    --------
    >>> written(100.0), written(read_value("[1, 2.5]"))
    ('100', '[1, 2.5]')
    """
    array = np.asarray(value)
    if array.ndim:
        return f"[{', '.join(map(written, array))}]"
    number = float(array)
    return str(int(number)) if number == int(number) and abs(number) < 1e15 else repr(number)


def drawn(shape: tuple[int, ...], name: str, rng: np.random.Generator) -> Any:
    """Draw a value of a shape: two digits each, which can be read in a picture."""
    if np.prod(shape, dtype=float) > limits.ELEMENTS or len(shape) > limits.DIMENSIONS:
        raise FormulaError(
            f"{name} has shape {shape}.",
            why=f"An array of a formula has at most {limits.ELEMENTS:,} elements.",
            write="a smaller shape",
        )
    return as_value(rng.standard_normal(shape).round(1).tolist(), name)


def _no_value(text: str, name: str) -> FormulaError:
    shown = text if len(text) <= 40 else f"{text[:40]}…"
    return FormulaError(
        f"{name}={shown}: this is no value.",
        why="A value is a number, or a list of numbers or of such lists.",
        write=f"{name}=1.5, {name}=[1, 2] or {name}=[[1, 2], [3, 4]]",
    )


def propose(formula: Formula) -> dict[str, Any]:
    """Propose values for the names that the formula gives none: what fits where they stand.

    Parameters
    ----------
    formula : Formula

    Returns
    -------
    dict of str to (float or ndarray)
        By name: a small matrix beside ``@``, a vector under ``sum``, else a number.

    Examples
    --------
    >>> propose(Formula("sum(x @ W)"))["W"]
    array([[ 0.5, -1. ],
           [ 1. ,  0.2]])
    >>> propose(Formula("price * x"))
    {'price': 100.0, 'x': 2.0}
    """
    found: dict[str, Any] = {}
    matrices = 0
    forms = _forms(formula)
    vectors = _BESIDE_MATRICES if "matrix" in forms.values() else _VECTORS
    for position, (name, given) in enumerate(formula.leaves.items()):
        if given is not None:
            continue
        form = forms.get(name, "number")
        if form == "matrix":
            value: Any = _MATRICES[matrices % 2]
            matrices += 1
        elif form in vectors:
            value = vectors[form]
        else:
            number = 0.5 if vectors is _BESIDE_MATRICES else _NUMBERS[position % len(_NUMBERS)]
            value = _KNOWN.get(name, number)
        found[name] = as_value(value, name)
    return found


def _forms(formula: Formula) -> dict[str, str]:
    """Say for names what they must be for what is done with them; matrices go before vectors."""
    rank = {"vector": 0, "labels": 1, "matrix": 2}
    found: dict[str, str] = {}

    def note(node: Any, form: str) -> None:
        while isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        if isinstance(node, ast.UnaryOp):
            note(node.operand, form)
        elif isinstance(node, ast.BinOp) and not isinstance(node.op, ast.MatMult):
            note(node.left, form)
        if isinstance(node, ast.Name) and rank[form] >= rank.get(found.get(node.id, ""), -1):
            found[node.id] = form

    for statement in formula.tree.statements:
        for node in ast.walk(statement.expression):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
                note(node.left, "matrix")
                note(node.right, "matrix")
            elif isinstance(node, ast.Subscript):
                note(node, "matrix" if isinstance(node.slice, ast.Tuple) else "vector")
            elif isinstance(node, ast.Attribute) and node.attr == "T":
                note(node, "matrix")
            elif isinstance(node, ast.Call):
                _note_call(node, note)
    return found


def _note_call(node: ast.Call, note: Any) -> None:
    name, behind = called_name(node)
    operands = [*([] if behind is None else [behind]), *node.args]
    if name in ("matmul", "dot"):
        for operand in operands:
            note(operand, "matrix")
    elif name in _LABELLED and len(operands) == 2:
        note(operands[0], "vector")
        note(operands[1], "labels")
    elif name in (*_OVER_AXES, "len") and operands:
        wide = any(k.arg == "axis" and not _is_first(k.value) for k in node.keywords)
        for inner in ast.walk(operands[0]):
            if isinstance(inner, ast.Name):
                note(inner, "matrix" if wide else "vector")


def _is_first(node: ast.expr) -> bool:
    return is_literal(node) and literal(node) in (0, -1)
