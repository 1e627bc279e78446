"""Syntax trees that share all but what is changed, and numbers for what expressions compute."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, TypeVar

Node = TypeVar("Node", bound=ast.AST)
#: The way from a node to one below it: fields, with the position in those that are lists.
Path = tuple[tuple[str, int | None], ...]
#: The fields of a statement that are statements themselves.
BLOCKS = ("body", "orelse", "finalbody", "handlers")


def twin(node: Node, /, **changed: Any) -> Node:
    """Copy one node; its children are shared."""
    new = type(node).__new__(type(node))  # __init__ would ask for fields that are set below
    new.__dict__.update(node.__dict__)
    new.__dict__.update(changed)
    return new


def put(root: Any, path: Path, new: Any) -> Any:
    """Return ``root`` with ``new`` at the end of ``path``; what is not on the path is shared."""
    if not path:
        return new
    field, position = path[0]
    child = getattr(root, field)
    if position is None:
        return twin(root, **{field: put(child, path[1:], new)})
    several = list(child)
    several[position] = put(child[position], path[1:], new)
    return twin(root, **{field: several})


def make(kind: type[Node], like: ast.AST, /, **fields: Any) -> Node:
    """Make a node that stands where ``like`` stands."""
    node = kind.__new__(kind)
    at = like.__dict__
    node.__dict__.update(
        lineno=at["lineno"],
        col_offset=at["col_offset"],
        end_lineno=at.get("end_lineno"),
        end_col_offset=at.get("end_col_offset"),
        **fields,
    )
    return node


def number(value: complex, like: ast.AST) -> ast.Constant:
    """Make a constant."""
    return make(ast.Constant, like, value=value, kind=None)


def binary(left: ast.expr, operator: ast.operator, right: ast.expr) -> ast.BinOp:
    """Make ``left operator right``."""
    return make(ast.BinOp, left, left=left, op=operator, right=right)


def negative(node: ast.expr) -> ast.expr:
    """Make ``-node``, without two minus signs."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return node.operand
    return make(ast.UnaryOp, node, op=ast.USub(), operand=node)


def attribute(value: ast.expr, name: str) -> ast.Attribute:
    """Make ``value.name``."""
    return make(ast.Attribute, value, value=value, attr=name, ctx=ast.Load())


def call(
    function: ast.expr, *arguments: ast.expr, like: ast.AST | None = None, **options: ast.expr
) -> ast.Call:
    """Make ``function(*arguments, **options)``."""
    like = like or function
    keywords = [make(ast.keyword, like, arg=key, value=value) for key, value in options.items()]
    return make(ast.Call, like, func=function, args=list(arguments), keywords=keywords)


def loads(node: ast.AST) -> ast.AST:
    """Return ``node`` for reading where it was a target."""
    return twin(node, ctx=ast.Load()) if "ctx" in node.__dict__ else node


def stores(node: ast.AST) -> ast.AST:
    """Return ``node`` for writing where it was read."""
    return twin(node, ctx=ast.Store()) if "ctx" in node.__dict__ else node


def dotted(node: ast.AST) -> str:
    """Return ``np.linalg.norm`` for what is written so, and "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def names_in(target: ast.AST) -> Iterator[str]:
    """Find the names that a target sets: ``dx``, ``self.dW``, and ``dx`` for ``dx[i]``."""
    if isinstance(target, ast.Tuple | ast.List):
        for one in target.elts:
            yield from names_in(one)
    elif isinstance(target, ast.Subscript | ast.Starred):
        yield from names_in(target.value)
    else:
        name = dotted(target)
        if name:
            yield name


def blocks(
    function: ast.FunctionDef | ast.AsyncFunctionDef,
) -> Iterator[tuple[Path, list[ast.stmt]]]:
    """Find every list of statements of a function and the way to it, the outermost first."""
    waiting: list[tuple[Path, ast.AST]] = [((), function)]
    for path, node in waiting:
        for field in BLOCKS:
            inner = getattr(node, field, None)
            if not inner:
                continue
            if field != "handlers":
                yield (*path, (field, None)), inner
            waiting.extend(((*path, (field, i)), below) for i, below in enumerate(inner))
        if isinstance(node, ast.Match):
            waiting.extend(((*path, ("cases", i)), case) for i, case in enumerate(node.cases))


def text(statement: ast.stmt) -> str:
    """Return the source of a statement; of one that holds others, its first line."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return ast.unparse(twin(statement, body=[ast.Pass()], decorator_list=[])).split("\n")[0]
    if isinstance(statement, ast.Try):
        return "try:"
    if getattr(statement, "body", None):
        emptied: dict[str, Any] = {"body": [ast.Pass()]}
        emptied |= {field: [] for field in BLOCKS[1:] if hasattr(statement, field)}
        return ast.unparse(twin(statement, **emptied)).split("\n")[0]
    value = getattr(statement, "value", None)
    if isinstance(value, ast.Tuple) and len(value.elts) > 1:  # nobody writes its parentheses
        before = ast.unparse(twin(statement, value=ast.Name("_")))[:-1]
        return before + ast.unparse(value)[1:-1]
    return ast.unparse(statement)


class Forms:
    """Numbers for trees: the same for two that compute the same but for the order of operands.

    ``a * b / c``, ``b / c * a`` and ``1 / c * (b * a)`` are one; so are ``a - b`` and ``-(b - a)``.
    """

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._known: dict[int, tuple[int, int]] = {}
        self._alive: list[ast.AST] = []  # a number found by identity is right while the tree lives

    def keep(self, tree: ast.AST) -> None:
        """Remember the numbers of a tree that will be part of many others."""
        self._alive.append(tree)
        nodes = list(ast.walk(tree))
        for node in reversed(nodes):  # children before parents
            if isinstance(node, ast.expr):
                self._known[id(node)] = self._signed(node)

    def of(self, node: Any) -> int:
        """Return the number of a tree, a list of trees or a constant."""
        if isinstance(node, ast.expr):
            sign, unsigned = self.signed(node)
            return unsigned if sign > 0 else self._number(("-", unsigned))
        if isinstance(node, ast.AST):
            parts = node.__dict__
            return self._number(
                (type(node), *(self.of(parts.get(field)) for field in type(node)._fields))
            )
        if isinstance(node, list | tuple):
            return self._number(("[]", *map(self.of, node)))
        return self._number((type(node), repr(node)))

    def signed(self, node: ast.expr) -> tuple[int, int]:
        """Return a sign, and the number of the rest."""
        return self._known.get(id(node)) or self._signed(node)

    def _number(self, form: Any) -> int:
        return self._numbers.setdefault(form, len(self._numbers))

    def _signed(self, node: ast.expr) -> tuple[int, int]:
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            sign, unsigned = self.signed(node.operand)
            return -sign, unsigned
        if isinstance(node, ast.BinOp):
            if isinstance(node.op, ast.Mult | ast.Div) or _repeated(node):
                return self._product(node)
            if isinstance(node.op, ast.Add | ast.Sub):
                return self._sum(node)
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            value: Any = node.value
            value = int(value) if value == value // 1 else value  # 1.0 is 1
            return (-1 if value < 0 else 1), self._number((ast.Constant, repr(abs(value))))
        parts = node.__dict__
        fields = [self.of(parts.get(field)) for field in type(node)._fields if field != "ctx"]
        return 1, self._number((type(node), *fields))

    def _product(self, node: ast.BinOp) -> tuple[int, int]:
        over: list[int] = []
        under: list[int] = []
        sign = 1
        waiting: list[tuple[ast.expr, bool]] = [(node, True)]
        while waiting:
            factor, up = waiting.pop()
            if isinstance(factor, ast.BinOp) and isinstance(factor.op, ast.Mult | ast.Div):
                waiting.append((factor.left, up))
                waiting.append((factor.right, up == isinstance(factor.op, ast.Mult)))
            elif times := _repeated(factor):
                waiting.extend([(factor.left, up)] * times)  # type: ignore[attr-defined]
            elif isinstance(factor, ast.UnaryOp) and isinstance(factor.op, ast.USub):
                sign = -sign
                waiting.append((factor.operand, up))
            elif not (isinstance(factor, ast.Constant) and factor.value == 1):
                its_sign, unsigned = self.signed(factor)
                sign *= its_sign
                (over if up else under).append(unsigned)
        return sign, self._number(("*", *sorted(over), "/", *sorted(under)))

    def _sum(self, node: ast.BinOp) -> tuple[int, int]:
        terms: list[tuple[int, int]] = []
        waiting: list[tuple[ast.expr, int]] = [(node, 1)]
        while waiting:
            term, sign = waiting.pop()
            if isinstance(term, ast.BinOp) and isinstance(term.op, ast.Add | ast.Sub):
                waiting.append((term.left, sign))
                waiting.append((term.right, sign if isinstance(term.op, ast.Add) else -sign))
            else:
                its_sign, unsigned = self.signed(term)
                terms.append((unsigned, sign * its_sign))
        terms.sort()
        first = terms[0][1]
        return first, self._number(("+", *((term, sign * first) for term, sign in terms)))


def _repeated(node: ast.expr) -> int:
    """Return the 2 of ``a ** 2``, which is ``a * a``; 0 for anything else."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        power = node.right.value if isinstance(node.right, ast.Constant) else 0
        return power if isinstance(power, int) and 2 <= power <= 4 else 0
    return 0
