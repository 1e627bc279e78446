"""A formula as a tree in which every node is of a kind that is listed here."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from clearprop.errors import FormulaError
from clearprop.formula import limits
from clearprop.formula.table import ATTRIBUTES, CONSTANTS, FUNCTIONS, METHODS, MODULES
from clearprop.formula.words import Word, cut

#: What is no expression of a formula: how it is called, why it is not, and what to write.
_REFUSED: dict[type[ast.AST], tuple[str, str, str]] = {
    ast.AugAssign: ("an assignment with a sign", "Each name is given a value once.", "t = t + x"),
    ast.AnnAssign: ("an annotation", "There is one type, the real numbers.", "t = x"),
    ast.NamedExpr: ("an assignment inside an expression", "A name has its line.", "t = x"),
    ast.Starred: ("a star in front", "Operands are written one by one.", "f(x, y)"),
    ast.Delete: ("a deletion", "Values stay.", "x"),
}


@dataclass(frozen=True)
class Statement:
    """``name = expression``, or an expression alone, whose name is empty."""

    name: str
    expression: ast.expr


@dataclass(frozen=True)
class Tree:
    """A formula that was read.

    Attributes
    ----------
    text : str
    statements : tuple of Statement
        What is computed, in order.
    leaves : dict of str to (list or number or None)
        The names without a formula, in order: the value that the text gives them, or None.
    """

    text: str
    statements: tuple[Statement, ...]
    leaves: dict[str, Any]


def read(text: str) -> Tree:
    """Read a formula; nothing of it is computed.

    Raises
    ------
    FormulaError
        It cannot be read, or has something in it that is on no list.

    Examples
    --------
    >>> tree = read("t = x + y\\nt**2")
    >>> list(tree.leaves), [statement.name for statement in tree.statements]
    (['x', 'y'], ['t', ''])
    """
    words = cut(text)
    module = _parse(text, words)
    for node in _checked_depth(module):
        for child in ast.iter_child_nodes(node):
            child.parent = node  # type: ignore[attr-defined]
    statements: list[Statement] = []
    leaves: dict[str, Any] = {}
    assigned: set[str] = set()
    for statement in module.body:
        name, expression = _split(statement)
        if name and name not in leaves and name not in assigned and is_literal(expression):
            leaves[name] = literal(expression)
            continue
        for used in _names(expression):
            if used.id in MODULES or (used.id in CONSTANTS and used.id not in leaves):
                continue
            if used.id not in assigned and used.id not in leaves:
                leaves[used.id] = None
        if name:
            assigned.add(name)
        statements.append(Statement(name, expression))
    if len(leaves) > limits.NAMES:
        raise FormulaError(
            f"The formula has {len(leaves)} names without a formula of their own.",
            why=f"At most {limits.NAMES} can be drawn and read.",
            write="one name for an array, such as W = [[1, 2], [3, 4]]",
        )
    if not statements:
        raise FormulaError(
            "Nothing is computed." if leaves else "There is no formula.",
            why="A formula says what to compute from its names.",
            write=f"{next(iter(leaves), 'x')} ** 2",
        )
    return Tree(text, tuple(statements), leaves)


def _parse(text: str, words: list[Word]) -> ast.Module:
    """Parse the words: one line a line, blanks in front and comments left out."""
    lines = [""] * (text.count("\n") + 1)
    for word in words:
        if word.kind != "newline":
            line = lines[word.line - 1]
            lines[word.line - 1] = line + " " * (word.column - 1 - len(line)) + word.text
    open_brackets, shift = 0, {}
    for number, line in enumerate(lines, 1):
        bare = line.lstrip(" ") if open_brackets == 0 else line
        shift[number] = len(line) - len(bare)
        lines[number - 1] = bare
        open_brackets += sum(line.count(c) for c in "([") - sum(line.count(c) for c in ")]")
    try:
        module = ast.parse("\n".join(lines))
    except SyntaxError as error:
        line = min(error.lineno or 1, len(lines))
        column = min(error.offset or 1, len(lines[line - 1]) + 1) + shift.get(line, 0)
        raise FormulaError(
            "The formula cannot be read here.",
            line=line,
            column=max(column, 1),
            why="Something is missing or too much: a sign, a name or a bracket.",
            write="t = x + y on one line, or several such lines",
        ) from None
    except (ValueError, RecursionError, MemoryError):
        raise _too_deep() from None
    for node in ast.walk(module):
        if hasattr(node, "col_offset"):
            node.col_offset += shift.get(node.lineno, 0)  # type: ignore[attr-defined]
            node.end_col_offset += shift.get(node.end_lineno, 0)  # type: ignore[attr-defined]
    return module


def _too_deep(node: Any = None) -> FormulaError:
    at = {} if node is None else place(node)
    return FormulaError(
        "The formula is too deep here." if at else "The formula is too deep.",
        **at,
        why=f"At most {limits.DEPTH} operations may stand inside one another.",
        write="t = …, on a line above",
    )


def _checked_depth(module: ast.Module) -> list[ast.AST]:
    """List all nodes, level by level; no recursion, for this is what guards it."""
    found: list[ast.AST] = []
    level: list[ast.AST] = [module]
    depth = 0
    while level:
        found += level
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        depth += 1
        if depth > limits.DEPTH:
            raise _too_deep(next((node for node in level if hasattr(node, "lineno")), None))
    return found


def place(node: Any) -> dict[str, int]:
    """Give line and column of a node, as an error takes them."""
    return {"line": node.lineno, "column": node.col_offset + 1}


def _refusal(node: Any) -> FormulaError:
    known = _REFUSED.get(type(node))
    if isinstance(node, ast.Constant):  # `...`; texts and the like were no words
        known = ("three dots", "An index says which elements.", "x[0], x[:, 1]")
    name, why, write = known or (
        f"of the kind {type(node).__name__}",
        "A formula has names, numbers, + - * / ** @, comparisons, functions and =.",
        "t = x + y",
    )
    what = f"This is {name}, which a formula does not have."
    return FormulaError(what, **(place(node) if hasattr(node, "lineno") else {}), why=why, write=write)


def _split(statement: ast.stmt) -> tuple[str, ast.expr]:
    if isinstance(statement, ast.Expr):
        check(statement.value)
        return "", statement.value
    if not isinstance(statement, ast.Assign):
        raise _refusal(statement)
    target = statement.targets[0]
    if len(statement.targets) > 1 or not isinstance(target, ast.Name):
        raise FormulaError(
            "This is no name that a value can be given to.",
            **place(target if len(statement.targets) == 1 else statement.targets[1]),
            why="A line gives one value one name.",
            write="t = x + y",
        )
    if target.id in FUNCTIONS or target.id in MODULES:
        raise FormulaError(
            f"{target.id} is the name of a function here.",
            **place(target),
            why="One name has one meaning.",
            write=f"my_{target.id} = …",
        )
    check(statement.value)
    return target.id, statement.value


def _names(expression: ast.expr) -> Iterator[ast.Name]:
    """List the names of values, in the order in which they are read."""
    found = [
        node
        for node in ast.walk(expression)
        if isinstance(node, ast.Name) and not _is_called(node)
    ]
    return iter(sorted(found, key=lambda node: (node.lineno, node.col_offset)))


def _is_called(node: ast.Name) -> bool:
    parent: Any = getattr(node, "parent", None)
    return isinstance(parent, ast.Call) and parent.func is node


# ---- every node ----------------------------------------------------------------------------


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
                    f"{node.value} stands in the formula.",
                    **place(node),
                    why="True and False are for keepdims alone, None for an index.",
                    write="x > 0 for a condition",
                )
        case ast.Constant(value=int() | float()):
            pass
        case ast.Name():
            _check_name(node)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
            check(node.operand)
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div() | ast.Pow() | ast.MatMult()):
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
                **place(node),
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
            raise _refusal(node)


def _check_name(node: ast.Name) -> None:
    if node.id in FUNCTIONS:
        usage = FUNCTIONS[node.id].usage
        raise FormulaError(
            f"{node.id} is a function.",
            **place(node),
            why="A function has its operands in brackets behind it.",
            write=usage,
        )
    if node.id in MODULES:
        raise FormulaError(
            f"{node.id} is no value.",
            **place(node),
            why="It only stands in front of a function.",
            write="np.exp(x), or exp(x)",
        )


def _check_comparison(node: ast.Compare) -> None:
    signs = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
    if not all(isinstance(sign, signs) for sign in node.ops):
        raise _refusal(node)
    if len(node.ops) > 1:
        raise FormulaError(
            "Two comparisons stand in one.",
            **place(node),
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
            raise FormulaError(what, **place(node), why=why, write=usage)
        raise unknown(node.attr, node, f"{node.value.id}.")
    check(node.value)
    if node.attr in METHODS:
        what, why = f".{node.attr} is a function.", "It has brackets behind it."
        raise FormulaError(what, **place(node), why=why, write=f".{node.attr}()")
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
            **place(node),
            why="Two things in brackets beside one another have a sign between them.",
            write="(x + y) * (z + 1)",
        )
    name, value = called_name(node)
    if value is not None:
        check(value)
    if name == "len" and value is None:
        if len(node.args) != 1 or node.keywords:
            raise FormulaError("len takes one array.", **place(node), write="len(x)")
        check(node.args[0])
        return
    if name not in (FUNCTIONS if value is None else METHODS):
        raise unknown(name, node, "." if value is not None else "")
    function = FUNCTIONS[name]
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            raise _refusal(argument)
    _check_operands(node, name, value is not None)
    for given in node.keywords:
        if given.arg is None:
            raise FormulaError(
                "Two stars stand before an operand.",
                **place(node),
                why="Operands are written one by one.",
                write=function.usage,
            )
        if given.arg not in function.keywords:
            allowed = " and ".join(f"{word}=" for word in function.keywords)
            raise FormulaError(
                f"{name} has no {given.arg}= here.",
                **place(given),
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
        fits = len(values) + behind == function.least and sizes
    else:
        values, sizes = node.args, []
        fits = function.least <= count <= function.most
    if not fits:
        many = "operand" if function.most == 1 else "operands"
        raise FormulaError(
            f"{name} is given {count} {'operand' if count == 1 else 'operands'}.",
            **place(node),
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
        **place(node),
        why=f"A formula has its own list: {listed}.",
        write=f"{'.' if before == '.' else ''}{shown}" if shown else None,
    )


# ---- numbers and lists of them -----------------------------------------------------------------


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
