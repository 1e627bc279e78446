"""Every node of a formula, looked at before anything is computed: what is on no list is refused."""

from __future__ import annotations

import ast
import difflib
from typing import Any

from clearprop.errors import FormulaError
from clearprop.formula.table import ATTRIBUTES, CONSTANTS, FUNCTIONS, METHODS, MODULES

#: What is no expression of a formula: how it is called, why it is not, and what to write.
_REFUSED: dict[type[ast.AST], tuple[str, str, str]] = {
    ast.AugAssign: ("an assignment with a sign", "Each name is given a value once.", "t = t + x"),
    ast.AnnAssign: ("an annotation", "There is one type, the real numbers.", "t = x"),
    ast.NamedExpr: ("an assignment inside an expression", "A name has its line.", "t = x"),
    ast.Starred: ("a star in front", "Operands are written one by one.", "f(x, y)"),
    ast.Delete: ("a deletion", "Values stay.", "x"),
}


def place(node: Any) -> tuple[int, int]:
    """Give line and column of a node, as an error takes them."""
    return node.lineno, node.col_offset + 1


def refusal(node: Any) -> FormulaError:
    """Make the error about a kind of node that is on no list."""
    known = _REFUSED.get(type(node))
    if isinstance(node, ast.Constant):  # `...`; texts and the like were no words
        known = ("three dots", "An index says which elements.", "x[0], x[:, 1]")
    name, why, write = known or (
        f"of the kind {type(node).__name__}",
        "A formula has names, numbers, + - * / ** @, comparisons, functions and =.",
        "t = x + y",
    )
    what = f"This is {name}, which a formula does not have."
    return FormulaError(
        what, at=place(node) if hasattr(node, "lineno") else (0, 0), why=why, write=write
    )


def check(node: Any, role: str = "value") -> None:
    """Look at an expression and all in it; ``role`` says what stands there.

    Raises
    ------
    FormulaError
        At the first thing that is on no list.
    """
    match node:
        case ast.Constant(value=bool() | None):
            if role not in ("flag", "index"):
                raise FormulaError(
                    f"{node.value!s} stands in the formula.",
                    at=place(node),
                    why="True and False are for keepdims alone, None for an index.",
                    write="x > 0 for a condition",
                )
        case ast.Constant(value=int() | float()):
            pass
        case ast.Name():
            _check_name(node)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
            check(node.operand)
        case ast.BinOp(
            op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div() | ast.Pow() | ast.MatMult()
        ):
            check(node.left)
            check(node.right)
        case ast.Compare():
            _check_comparison(node)
        case ast.List():
            for element in node.elts:
                check(element)
        case ast.Tuple() if role in ("whole", "index", "sequence"):
            for element in node.elts:
                check(element, role if role == "index" else "value")
        case ast.Tuple():
            raise FormulaError(
                "Round brackets make no array, and a line has one result.",
                at=place(node),
                why="An array is written with square brackets.",
                write="[1, 2]",
            )
        case ast.Slice() if role == "index":
            for part in (node.lower, node.upper, node.step):
                if part is not None:
                    check(part)
        case ast.Subscript():
            check(node.value)
            check(node.slice, "index")
        case ast.Attribute():
            _check_attribute(node)
        case ast.Call():
            _check_call(node)
        case _:
            raise refusal(node)


def _check_name(node: ast.Name) -> None:
    if node.id in FUNCTIONS:
        usage = FUNCTIONS[node.id].usage
        raise FormulaError(
            f"{node.id} is a function.",
            at=place(node),
            why="A function has its operands in brackets behind it.",
            write=usage,
        )
    if node.id in MODULES:
        raise FormulaError(
            f"{node.id} is no value.",
            at=place(node),
            why="It only stands in front of a function.",
            write="np.exp(x), or exp(x)",
        )


def _check_comparison(node: ast.Compare) -> None:
    signs = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
    if not all(isinstance(sign, signs) for sign in node.ops):
        raise refusal(node)
    if len(node.ops) > 1:
        raise FormulaError(
            "Two comparisons stand in one.",
            at=place(node),
            why="Arrays are compared two at a time.",
            write="(0 < x) * (x < 1)",
        )
    check(node.left)
    check(node.comparators[0])


def _check_attribute(node: ast.Attribute) -> None:
    if isinstance(node.value, ast.Name) and node.value.id in MODULES:
        if node.attr in CONSTANTS:
            return
        if node.attr in FUNCTIONS:
            usage = FUNCTIONS[node.attr].usage
            what = f"{node.value.id}.{node.attr} is a function."
            why = "A function has its operands in brackets behind it."
            raise FormulaError(what, at=place(node), why=why, write=usage)
        raise unknown(node.attr, node, f"{node.value.id}.")
    check(node.value)
    if node.attr in METHODS:
        what, why = f".{node.attr} is a function.", "It has brackets behind it."
        raise FormulaError(what, at=place(node), why=why, write=f".{node.attr}()")
    if node.attr not in ATTRIBUTES:
        raise unknown(node.attr, node, ".")


def called_name(node: ast.Call) -> tuple[str, ast.expr | None]:
    """Give the name of the function of a call, and the value it stands behind, if any."""
    func = node.func
    if isinstance(func, ast.Name):
        return func.id, None
    assert isinstance(func, ast.Attribute)
    if isinstance(func.value, ast.Name) and func.value.id in MODULES:
        return func.attr, None
    inner = func.value
    if (
        func.attr == "norm"
        and isinstance(inner, ast.Attribute)
        and isinstance(inner.value, ast.Name)
        and (inner.value.id in MODULES and inner.attr == "linalg")
    ):
        return "norm", None
    return func.attr, inner


def _check_call(node: ast.Call) -> None:
    if not isinstance(node.func, ast.Name | ast.Attribute):
        raise FormulaError(
            "What stands before this bracket is no function.",
            at=place(node),
            why="Two things in brackets beside one another have a sign between them.",
            write="(x + y) * (z + 1)",
        )
    name, value = called_name(node)
    if value is not None:
        check(value)
    if name == "len" and value is None:
        if len(node.args) != 1 or node.keywords:
            raise FormulaError("len takes one array.", at=place(node), write="len(x)")
        check(node.args[0])
        return
    if name not in (FUNCTIONS if value is None else METHODS):
        raise unknown(name, node, "." if value is not None else "")
    function = FUNCTIONS[name]
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            raise refusal(argument)
    _check_operands(node, name, value is not None)
    for given in node.keywords:
        if given.arg is None:
            raise FormulaError(
                "Two stars stand before an operand.",
                at=place(node),
                why="Operands are written one by one.",
                write=function.usage,
            )
        if given.arg not in function.keywords:
            allowed = " and ".join(f"{word}=" for word in function.keywords)
            raise FormulaError(
                f"{name} has no {given.arg}= here.",
                at=place(given),
                why=f"It has {allowed}." if allowed else "It has operands only.",
                write=function.usage,
            )
        check(given.value, "flag" if given.arg == "keepdims" else "whole")


def _check_operands(node: ast.Call, name: str, behind: bool) -> None:
    function = FUNCTIONS[name]
    count = len(node.args) + behind
    if function.form in ("shape", "made"):
        values = [] if behind else node.args[: function.least]
        sizes = node.args[len(values) :]
        fits = len(values) + behind == function.least and bool(sizes)
    else:
        values, sizes = node.args, []
        fits = function.least <= count <= function.most
    if not fits:
        many = "operand" if function.most == 1 else "operands"
        raise FormulaError(
            f"{name} is given {count} {'operand' if count == 1 else 'operands'}.",
            at=place(node),
            why=f"It takes {function.most} {many}."
            if not function.form.startswith(("shape", "made"))
            else "Its sizes are missing.",
            write=function.usage,
        )
    for value in values:
        check(value, "sequence" if function.form == "sequence" else "value")
    for size in sizes:
        check(size, "whole")


def unknown(name: str, node: Any, before: str = "") -> FormulaError:
    """Make the error about a function or attribute that is on no list."""
    known = [*METHODS, *ATTRIBUTES] if before == "." else [*FUNCTIONS, "len", *CONSTANTS]
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    meant = {"ln": "log", "tg": "tan", "pow": "power", "abs_": "abs", "lg": "log10"}.get(name)
    guess = meant or (close[0] if close else "")
    shown = FUNCTIONS[guess].usage if guess in FUNCTIONS and before != "." else guess
    listed = ", ".join(sorted(known)) if before == "." else "exp, log, sqrt, sin, sum, where, …"
    return FormulaError(
        f"{before}{name} is unknown here.",
        at=place(node),
        why=f"A formula has its own list: {listed}.",
        write=f"{'.' if before == '.' else ''}{shown}" if shown else None,
    )


def is_literal(node: ast.expr) -> bool:
    """Whether it is a number, or a list of numbers or of such lists."""
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.operand, ast.Constant) and is_literal(node.operand)
    if isinstance(node, ast.List):
        return bool(node.elts) and all(map(is_literal, node.elts))
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def literal(node: Any) -> Any:
    """Give the value of what `is_literal`."""
    if isinstance(node, ast.List):
        return [literal(element) for element in node.elts]
    if isinstance(node, ast.UnaryOp):
        value = literal(node.operand)
        return -value if isinstance(node.op, ast.USub) else value
    return node.value
