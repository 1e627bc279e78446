"""What a function says without being run: whether it is a stub, what it takes and returns."""

from __future__ import annotations

import ast
import inspect
import re
from typing import Any

from clearprop.check.handwritten.sources import function_of, node_of


def is_stub(found: Any) -> bool:
    """Whether a function only passes, raises NotImplementedError, or returns what is still None."""
    node = node_of(found)
    if node is None or isinstance(node, ast.Lambda):
        return False
    body = [item for item in node.body if not _idle(item)]
    if not body:
        return True
    return len(body) == 1 and isinstance(body[0], ast.Return) and _is_none(body[0].value)


def is_unwritten(found: Any) -> bool:
    """Whether a function is a stub, or the first of what it returns was only ever set to None."""
    if is_stub(found):
        return True
    node = node_of(found)
    returned = returned_names(found)
    if node is None or not returned or not all(names and names[0] for names in returned):
        return False
    return all(_only_none(node, names[0]) for names in returned)


def returned_names(found: Any) -> list[list[str]]:
    """Give, for each ``return``, the names in it; "" for what is no name."""
    node = node_of(found)
    if node is None or isinstance(node, ast.Lambda):
        return []
    result = []
    for item in _own_nodes(node):
        if isinstance(item, ast.Return) and item.value is not None:
            parts = item.value.elts if isinstance(item.value, ast.Tuple) else [item.value]
            result.append([_leading_name(part) for part in parts])
    return result


def assigned_names(found: Any) -> set[str]:
    """Give the local names that a function assigns, its arguments included."""
    node = node_of(found)
    if node is None:
        return set()
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return names | {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}


def required(found: Any) -> list[str]:
    """Give the parameters without a default; none where they are not known."""
    return [p.name for p in _parameters(found) if p.default is p.empty]


def parameters(found: Any) -> dict[str, Any]:
    """Give all parameters and their defaults (``inspect.Parameter.empty`` for none)."""
    return {p.name: p.default for p in _parameters(found)}


def gives_loss_and_gradient(found: Any) -> bool:
    """Whether a function returns a value and gradients: ``return loss, dx``.

    The last ``return`` counts; one of its names is a gradient's, and another is not.
    """
    returned = [names for names in returned_names(found) if len(names) > 1]
    if not returned:
        return False
    known = assigned_names(found)
    derived = [is_gradient(name, known) for name in returned[-1]]
    first = returned[-1][0]
    lost = unread_gradients(found) and _LOSS.search(first)  # return loss, None, db
    if not derived[0] and (all(derived[1:]) or (lost and any(derived[1:]))):
        return "cache" not in first and not re.match(r"d_?[A-Za-z]\d?$", first)
    if not derived[0] and len(derived) > 3 and all(derived[1:-1]):
        return bool(_LOSS.search(first))  # loss, dWxh, dWhh, …, and the last state
    return all(derived[:-1]) and not derived[-1] and bool(_LOSS.search(returned[-1][-1]))


def unread_gradients(found: Any) -> list[str]:
    """Name the gradients that a function computes and neither reads nor returns."""
    known = assigned_names(found)
    return [n for n in unread_names(found) if is_gradient(n, known)]


def unread_names(found: Any) -> list[str]:
    """Name what a function computes and neither reads nor returns."""
    node = node_of(found)
    if node is None or isinstance(node, ast.Lambda):
        return []
    known = assigned_names(found)
    nodes = list(ast.walk(node))
    written = {id(n.value) for n in nodes if isinstance(n, ast.Subscript) and _is_set(n)}
    names = [each for each in nodes if isinstance(each, ast.Name) and id(each) not in written]
    read = {each.id for each in names if isinstance(each.ctx, ast.Load)}
    arguments = {p.name for p in _parameters(found)}
    return sorted(known - read - arguments)


def _is_set(node: ast.Subscript) -> bool:
    return isinstance(node.ctx, ast.Store)


def keeps_its_gradient(found: Any) -> bool:
    """Whether a function computes a loss and gradients, and gives no gradient to its caller."""
    returned = [names for names in returned_names(found) if names]
    lost = unread_gradients(found)
    arguments = {p.name for p in _parameters(found)}
    known = assigned_names(found)
    if len(arguments) < 2 or not lost or not any(_LOSS.search(n) for n in known - arguments):
        return False
    given = returned[-1] if returned else []
    if any(name and is_gradient(name, known) for name in given):
        return False
    return not given or (bool(_LOSS.search(given[0])) and not any(given[1:]))


def of_globals(found: Any, namespace: dict[str, Any]) -> list[str]:
    """Name the arrays of the module that a function returns the gradients of.

    None where an argument of its own has one of the names.
    """
    returned = [names for names in returned_names(found) if len(names) > 1]
    taken = parameters(found)
    last = returned[-1] if returned else []
    names = [re.sub(r"^(d|grad)_?", "", n) for n in last if re.match(r"^(d|grad_?)\w", n)]
    held = [n for n in names if hasattr(namespace.get(n), "shape") and n not in taken]
    return held if len(held) > 1 and len(held) == len(names) else []


def is_gradient(name: str, known: set[str]) -> bool:
    """Whether a name is a gradient's: ``grads``, ``grad_W``, ``dW`` where there is a ``W``."""
    if re.match(r"grad", name, re.IGNORECASE) or re.search(r"_grads?$|_gradients?$", name):
        return True
    rest = re.match(r"d_?(\w+)$", name)
    if not rest:
        return False
    lowered = {each.lower() for each in known}
    of_loss = re.match(r"d[jlJL]_?d", name) is not None
    capital = rest[1][0].isupper()
    return of_loss or capital or rest[1].lower() in lowered


_LOSS = re.compile(r"loss|cost|err|^[JjLlE]$|objective|energy|nll", re.IGNORECASE)


def _parameters(found: Any) -> list[inspect.Parameter]:
    try:
        every = inspect.signature(function_of(found)).parameters.values()
    except (TypeError, ValueError):
        return []
    spread = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p for p in every if p.kind not in spread and p.name not in {"self", "cls", "ctx"}]


def _idle(item: ast.stmt) -> bool:
    if isinstance(item, ast.Pass):
        return True
    if isinstance(item, ast.Expr):
        return isinstance(item.value, ast.Constant)
    if isinstance(item, ast.Raise) and item.exc is not None:
        return ast.unparse(item.exc).startswith("NotImplemented")
    return False


def _is_none(value: ast.expr | None) -> bool:
    if value is None or (isinstance(value, ast.Constant) and value.value is None):
        return True
    return isinstance(value, ast.Name) and value.id == "NotImplemented"


def _only_none(node: Any, name: str) -> bool:
    """Whether all that a function assigns to a name is None."""
    found = False
    for item in _own_nodes(node):
        stored = isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store) and item.id == name
        if isinstance(item, ast.arg) and item.arg == name:
            return False
        if not stored or not isinstance(item, ast.Name):
            continue
        found = True
        parent = next(each for each in _own_nodes(node) if _assigns(each, item))
        values = [parent.value] if isinstance(parent, ast.Assign) else []
        if values and isinstance(values[0], ast.Tuple):
            values = values[0].elts
        if not values or not all(_is_none(value) for value in values):
            return False
    return found


def _assigns(statement: ast.AST, name: ast.Name) -> bool:
    if not isinstance(statement, ast.stmt) or isinstance(statement, ast.FunctionDef):
        return False
    inside = any(each is name for each in ast.walk(statement))
    blocks = isinstance(statement, ast.If | ast.With | ast.Try | ast.While | ast.ClassDef)
    return inside and not blocks


def _leading_name(node: ast.expr) -> str:
    """Give the name in ``loss``, ``float(loss)``, ``loss / N``, ``{"W": dW}``; "" for none."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.BinOp):
        return _leading_name(node.left)
    if isinstance(node, ast.Subscript):
        return _leading_name(node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _leading_name(node.func.value) if not node.args else _leading_name(node.args[0])
    if isinstance(node, ast.Call) and node.args:
        return _leading_name(node.args[0])
    if isinstance(node, ast.Dict):
        keys = [getattr(key, "value", "") for key in node.keys]
        derived = [str(key).startswith(("d", "grad")) for key in keys]
        values = [bool(re.match(r"d_?[A-Za-z]|grad", _leading_name(v))) for v in node.values]
        return "grads" if keys and (all(derived) or all(values)) else ""
    return ""


def _own_nodes(node: Any) -> list[ast.AST]:
    """Walk a function, and no function inside it."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = [node.args, *node.body]
    while waiting:
        each = waiting.pop(0)
        found.append(each)
        if not isinstance(each, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            waiting = [*ast.iter_child_nodes(each), *waiting]
    return found
