"""Expressions and statements as lines of text, no wider than 88 columns, as Black lays them out."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Sequence

WIDTH = 88
_INDENT = "    "
_SIMPLE = ast.Name | ast.Constant


def one_line(tree: ast.AST) -> str:
    """Write a syntax tree as Black does where the line is long enough.

    Examples
    --------
    >>> one_line(ast.parse("x ** 2 + y[a + 1:]['k']", mode="eval").body)
    'x**2 + y[a + 1 :]["k"]'
    """
    text = _double_quoted(ast.unparse(tree))
    if "**" not in text and ":" not in text:
        return text
    is_expression = isinstance(tree, ast.expr)
    parsed = ast.parse(text, mode="eval" if is_expression else "exec")
    data = text.encode()
    cuts: list[tuple[int, int, bytes]] = []
    for node in ast.walk(parsed):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            is_in_brackets = isinstance(node.left, ast.UnaryOp)  # (-2) ** x
            if not is_in_brackets and _is_simple(node.left) and _is_simple(node.right):
                start = _end(node.left)
                cuts.append((start, start + data[start:].index(b"**") + 3, b"**"))
        elif isinstance(node, ast.Slice):
            cuts += _colons(node, data)
    for start, end, new in sorted(cuts, reverse=True):
        data = data[:start] + new + data[end:]
    return data.decode()


def lines_of(statement: ast.stmt, indent: int = 0) -> list[str]:
    """Write a simple statement, broken at brackets where it is too long for a line."""
    start = _INDENT * indent
    text = start + _without_parentheses(statement)
    if len(text) <= WIDTH:
        return [text]
    if isinstance(statement, ast.Return) and statement.value is not None:
        return _broken("return ", statement.value, "", indent)
    if isinstance(statement, ast.Expr):
        return _broken("", statement.value, "", indent)
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        if isinstance(target, ast.Tuple):
            names = ", ".join(one_line(part) for part in target.elts)
            if isinstance(statement.value, ast.Call):
                return _broken(f"{names} = ", statement.value, "", indent)
            return _broken("", target, f" = {one_line(statement.value)}", indent)
        return _broken(f"{one_line(target)} = ", statement.value, "", indent)
    if isinstance(statement, ast.AugAssign):
        sign = one_line(statement).removeprefix(one_line(statement.target)).split("=")[0]
        return _broken(f"{one_line(statement.target)}{sign}= ", statement.value, "", indent)
    return [text]


def function_lines(text: str) -> list[str]:
    """Lay out a whole function that `ast.unparse` wrote."""
    lines: list[str] = []
    open_quotes = False
    for line in text.split("\n"):
        bare = line.lstrip()
        indent = (len(line) - len(bare)) // 4
        is_text = open_quotes or bare.startswith('"""')
        if bare.count('"""') == 1:
            open_quotes = not open_quotes
        if is_text or not bare or bare.startswith("@"):
            lines.append(line)
        elif bare.endswith(":"):
            lines += _header(bare, indent)
        else:
            lines += lines_of(ast.parse(bare).body[0], indent)
    return lines


def signature(name: str, parameters: list[str]) -> list[str]:
    """Write ``def name(…):``; parameters stand below each other where they are too many."""
    text = f"def {name}({', '.join(parameters)}):"
    if len(text) <= WIDTH:
        return [text]
    inside = _INDENT + ", ".join(parameters)
    if len(inside) <= WIDTH:
        return [f"def {name}(", inside, "):"]
    return [f"def {name}(", *(f"{_INDENT}{p}," for p in parameters), "):"]


# ---- one line --------------------------------------------------------------------------------


def _end(node: ast.expr) -> int:
    assert node.end_col_offset is not None
    return node.end_col_offset


def _is_simple(node: ast.expr) -> bool:
    """Whether Black writes a power of it without spaces."""
    if isinstance(node, ast.UnaryOp):
        return not isinstance(node.op, ast.Not) and _is_simple(node.operand)
    if isinstance(node, ast.Attribute):
        return _is_simple(node.value) and not isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int | float | complex)
    return isinstance(node, ast.Name)


def _colons(node: ast.Slice, data: bytes) -> list[tuple[int, int, bytes]]:
    """Put spaces around the colons of a slice that has more in it than names and numbers."""
    parts = [part for part in (node.lower, node.upper, node.step) if part is not None]
    if all(_is_plain(part) for part in parts):
        return []
    colons: list[tuple[int, int, bytes]] = []
    place = _end(node.lower) if node.lower else node.col_offset
    for part in (node.upper, node.step):
        if part is None and colons:
            break
        at = place + data[place:].index(b":")
        left = b" " if data[at - 1 : at] not in (b"[", b" ", b":") else b""
        right = b" " if part is not None else b""
        colons.append((at, at + 1, left + b":" + right))
        place = _end(part) if part is not None else at + 1
    return colons


def _is_plain(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        return _is_plain(node.operand)
    return isinstance(node, _SIMPLE)


def _double_quoted(text: str) -> str:
    if "'" not in text:
        return text
    parts = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        word = token.string
        if token.type == tokenize.STRING and word.endswith("'") and '"' not in word:
            first = word.index("'")
            inner = word[first + 1 : -1].replace("\\'", "'")
            word = f'{word[:first]}"{inner}"'
        parts.append((token, word))
    data = text.split("\n")
    shift: dict[int, int] = {}
    for token, word in parts:
        if word != token.string:
            row, at = token.start[0] - 1, token.start[1]
            at += shift.get(row, 0)
            line = data[row]
            data[row] = line[:at] + word + line[at + len(token.string) :]
            shift[row] = shift.get(row, 0) + len(word) - len(token.string)
    return "\n".join(data)


def _without_parentheses(statement: ast.stmt) -> str:
    """Write a statement; a tuple that is returned or unpacked needs no parentheses."""
    text = one_line(statement)
    if isinstance(statement, ast.Return) and isinstance(statement.value, ast.Tuple):
        parts = statement.value.elts
        return f"return {', '.join(map(one_line, parts))}" if len(parts) > 1 else text
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Tuple):
        target = statement.targets[0]
        if len(target.elts) > 1:
            names = ", ".join(one_line(e) for e in target.elts)
            return f"{names} = {one_line(statement.value)}"
        return f"({one_line(target.elts[0])},) = {one_line(statement.value)}"
    return text


# ---- several lines ---------------------------------------------------------------------------


def _broken(before: str, tree: ast.expr, after: str, indent: int) -> list[str]:
    """Break an expression between ``before`` and ``after``, at its own brackets."""
    start = _INDENT * indent
    whole = f"{start}{before}{one_line(tree)}{after}"
    if len(whole) <= WIDTH:
        return [whole]
    if isinstance(tree, ast.Call) and (tree.args or tree.keywords):
        head = f"{before}{one_line(tree.func)}("
        arguments: list[ast.expr | ast.keyword] = [*tree.args, *tree.keywords]
        flat = ", ".join(map(one_line, arguments))
        inside = start + _INDENT + flat
        if len(inside) <= WIDTH:
            return [f"{start}{head}", inside, f"{start}){after}"]
        return [f"{start}{head}", *_items(arguments, indent + 1), f"{start}){after}"]
    if isinstance(tree, ast.List | ast.Tuple) and tree.elts:
        opening, closing = "[]" if isinstance(tree, ast.List) else "()"
        return [
            f"{start}{before}{opening}",
            *_items(tree.elts, indent + 1),
            f"{start}{closing}{after}",
        ]
    if isinstance(tree, ast.ListComp):
        inner = _INDENT * (indent + 1)
        lines = [f"{start}{before}[", *_broken("", tree.elt, "", indent + 1)]
        for each in tree.generators:
            ifs = "".join(f"{inner}if {one_line(test)}" for test in each.ifs)
            lines += _broken(f"for {one_line(each.target)} in ", each.iter, "", indent + 1)
            lines += [ifs] if ifs else []
        return [*lines, f"{start}]{after}"]
    if isinstance(tree, ast.Dict) and tree.keys:
        lines = [f"{start}{before}{{"]
        for key, value in zip(tree.keys, tree.values, strict=True):
            assert key is not None
            lines += _broken(f"{one_line(key)}: ", value, ",", indent + 1)
        return [*lines, f"{start}}}{after}"]
    if before.endswith(("= ", "return ")):
        return [f"{start}{before}(", *_chain(tree, indent + 1), f"{start}){after}"]
    return [whole]


def _items(items: Sequence[ast.expr | ast.keyword], indent: int) -> list[str]:
    lines: list[str] = []
    for item in items:
        if isinstance(item, ast.keyword):
            lines += _broken(f"{item.arg}=" if item.arg else "**", item.value, ",", indent)
        else:
            lines += _broken("", item, ",", indent)
    return lines


def _chain(tree: ast.expr, indent: int) -> list[str]:
    """Write an expression in parentheses: in a line, or an operand a line."""
    start = _INDENT * indent
    text = one_line(tree)
    if len(start + text) <= WIDTH or not isinstance(tree, ast.BinOp):
        return [start + text]
    same = (
        (ast.Add, ast.Sub)
        if isinstance(tree.op, ast.Add | ast.Sub)
        else (ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.MatMult)
    )
    lines: list[str] = []
    left: ast.expr = tree
    while isinstance(left, ast.BinOp) and isinstance(left.op, same):
        whole = one_line(left)
        right = whole[len(one_line(left.left)) :].lstrip()
        lines.insert(0, start + right)
        left = left.left
    return [start + one_line(left), *lines]


def _header(text: str, indent: int) -> list[str]:
    """Write the line that opens a block."""
    start = _INDENT * indent
    if text.startswith("def "):
        tree = ast.parse(f"{text} pass").body[0]
        assert isinstance(tree, ast.FunctionDef)
        listed = _parameters(tree.args)
        return [start + line for line in signature(tree.name, listed)]
    if text.startswith(("if ", "for ", "while ", "with ")):
        made = one_line(ast.parse(f"{text} pass").body[0]).split("\n")[0]
        return [start + made]
    return [start + text]


def _parameters(arguments: ast.arguments) -> list[str]:
    """List parameters as they are written, ``*`` included."""
    listed = []
    positional = [*arguments.posonlyargs, *arguments.args]
    gap = len(positional) - len(arguments.defaults)
    for place, argument in enumerate(positional):
        default = f"={one_line(arguments.defaults[place - gap])}" if place >= gap else ""
        listed.append(argument.arg + default)
        if arguments.posonlyargs and place == len(arguments.posonlyargs) - 1:
            listed.append("/")
    if arguments.vararg:
        listed.append(f"*{arguments.vararg.arg}")
    elif arguments.kwonlyargs:
        listed.append("*")
    for argument, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        listed.append(argument.arg + (f"={one_line(value)}" if value is not None else ""))
    if arguments.kwarg:
        listed.append(f"**{arguments.kwarg.arg}")
    return listed
