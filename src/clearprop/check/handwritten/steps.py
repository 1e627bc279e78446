"""A step of training, cut in two: the statements that compute a loss, and those that learn from it.

Whoever writes a network as a script has no forward and no backward: a loop computes the output, a
few gradients, and subtracts them from the weights. What the loss depends on is the pass forward;
all that is left is the pass backward, and what it takes from the weights says what it believes
that their gradients are.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

#: What people call the size of a step.
RATE = re.compile(
    r"^_*(lr|l_?rate|learning_?rate|learn_?rate|eta|alpha|step_?size|rate|speed)$", re.I
)
_LOSS = re.compile(r"(^|_)(loss|cost|error|err|mse|sse|objective|energy|nll|e|j|l)(_?\d+)?$", re.I)
_REDUCES = re.compile(
    r"\b(sum|mean|norm|average)\(|(loss|cost|mse|entropy|error|squared?)\w*\(", re.I
)
_SLOPE = re.compile(r"(cost|loss|mse|error|err)\w*(deriv|prime|grad|delta)|^delta$", re.I)
#: Stands for a call of a method of the object's own.
_METHOD = "self.()"
#: Methods that compute of what they are given alone.
_PLAIN = re.compile(r"sigm|relu|tanh|activ|soft|deriv|prime|slope", re.I)
_CHANGES = ("append", "insert", "extend", "update")
_SHOWS = re.compile(r"^(print|plt|tqdm|display|logging|log|history|writer|sys|time|pbar)\b")


@dataclass(frozen=True)
class Step:
    """A step of training.

    Attributes
    ----------
    line : int
        Where it begins.
    parameters : tuple of str
        What is learned: ``W1``, ``self.weights``.
    before : tuple of ast.stmt
        What runs once, before it.
    forward, backward : tuple of ast.stmt
        What computes the output, or the loss; and what learns from it.
    loss : str
        The loss that it computes, as source; "" where it computes none.
    output, target : str
        What is compared, as source, where that is known.
    rate : str
        The size of the step, as source; "" where there is none, or it is a number.
    scale : float
        The size of the step where it is a number.
    """

    line: int
    parameters: tuple[str, ...]
    before: tuple[ast.stmt, ...]
    forward: tuple[ast.stmt, ...]
    backward: tuple[ast.stmt, ...]
    loss: str = ""
    output: str = ""
    target: str = ""
    rate: str = ""
    scale: float = 1.0
    gradients: dict[str, str] = field(default_factory=dict)


def step_of(body: list[ast.stmt]) -> Step | None:
    """Cut the first step of training out of some statements; None where there is none.

    Examples
    --------
    >>> text = '''
    ... for _ in range(9):
    ...     y = x @ w
    ...     loss = ((y - t) ** 2).sum()
    ...     dw = 2 * x.T @ (y - t)
    ...     w -= 0.1 * dw
    ... '''
    >>> step = step_of(ast.parse(text).body)
    >>> step.parameters, step.loss, step.scale, len(step.forward), len(step.backward)
    (('w',), 'loss', 0.1, 2, 2)
    """
    return _step([], body, 0)


def _step(before: list[ast.stmt], body: list[ast.stmt], line: int) -> Step | None:
    """Cut a step out of a body, or else out of the first loop in it that holds one."""
    if not any(map(_updates, body)):
        return None
    found = _step_here(before, body, line)
    if found is not None:
        return found
    for at, statement in enumerate(body):
        if isinstance(statement, ast.For | ast.While | ast.With) and _updates(statement):
            earlier = [*before, *(s for s in body[:at] if not _idle(s))]
            if isinstance(statement, ast.For):
                earlier.append(_first_of(statement))
            found = _step(earlier, statement.body, statement.lineno)
            if found is not None:
                return found
    return None


def _step_here(before: list[ast.stmt], body: list[ast.stmt], line: int) -> Step | None:
    kept = [s for s in body if not _idle(s)]
    updates = [u for s in kept for u in _updates(s)]
    read = _read_first(kept)
    updates = [u for u in updates if u.name in read]
    names = {u.name for u in updates}
    if not names:
        return None
    if any(name.startswith("self.") for name in names):
        names = names | {_METHOD}
    pure = [s for s in kept if not _only_updates(s)]
    learned = _depend_on(pure, names)
    cut = _cut(pure, learned, names)
    if cut is None:
        return None
    forward, loss, output, target = cut
    used = {n for s in forward for n in uses(s)} - {n for s in forward for n in sets(s)}
    within = _METHOD in used  # a method of the object's may use whatever the object keeps
    parameters = tuple(
        dict.fromkeys(
            u.name for u in updates if u.name in used or (within and u.name.startswith("self."))
        )
    )
    if not parameters:
        return None
    backward = [s for s in kept if not any(s is f for f in forward)]
    rate, scale = next(((u.rate, u.scale) for u in updates if u.name in parameters), ("", 1.0))
    gradients = {u.name: u.gradient for u in updates if u.gradient}
    return Step(
        line or kept[0].lineno,
        parameters,
        tuple(before),
        tuple(forward),
        tuple(backward),
        loss,
        output,
        target,
        rate,
        scale,
        gradients,
    )


def learned_in(body: list[ast.stmt]) -> set[str]:
    """Give what some statements take something away from: ``W``, ``self.weights``."""
    return {u.name for s in body for u in _updates(s)}


# ---- which statements ---------------------------------------------------------------------------


def _first_of(loop: ast.For) -> ast.stmt:
    """Bind the target of a loop to the first of what it runs through."""
    call = ast.parse(f"x = next(iter({ast.unparse(loop.iter)}))").body[0]
    assert isinstance(call, ast.Assign)
    made = ast.Assign([loop.target], call.value)
    for node in ast.walk(made):
        if "lineno" in getattr(node, "_attributes", ()):
            ast.copy_location(node, loop)
    return made


def _idle(node: ast.stmt) -> bool:
    """Whether a statement shows, saves or ends something, and computes nothing."""
    if isinstance(node, ast.Expr):
        text = ast.unparse(node.value)
        said = isinstance(node.value, ast.Constant)
        return (
            said
            or bool(_SHOWS.match(text))
            or (
                ".append(" in text
                and bool(re.match(r"^(self\.)?\w*(loss|cost|err|hist|acc)\w*\.append", text, re.I))
            )
        )
    if isinstance(node, ast.If):
        return all(map(_idle, [*node.body, *node.orelse]))
    return isinstance(node, ast.Break | ast.Continue | ast.Pass | ast.Return | ast.Global)


@dataclass(frozen=True)
class _Update:
    name: str
    rate: str
    scale: float
    gradient: str


def _updates(node: ast.stmt) -> list[_Update]:
    """Give what a statement learns: ``W -= lr * dW``, ``W = W - lr * dW``, in a loop or not."""
    if isinstance(node, ast.For) and "zip(" in ast.unparse(node.iter):
        found = _zipped(node)
        if found:
            return found
    if isinstance(node, ast.For | ast.While | ast.If | ast.With):
        return [u for s in node.body for u in _updates(s)]
    target: ast.expr
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add | ast.Sub):
        target, value = node.target, node.value
    elif isinstance(node, ast.Assign) and len(node.targets) == 1 and _steps(node):
        target, value = node.targets[0], node.value.right  # type: ignore[attr-defined]
    else:
        return []
    if isinstance(value, ast.Constant):
        return []
    rate, scale, gradient = _rated(value)
    return [_Update(_base(target), rate, scale, gradient)]


def _steps(node: ast.Assign) -> bool:
    """Whether it is ``W = W - …``."""
    value = node.value
    return (
        isinstance(value, ast.BinOp)
        and isinstance(value.op, ast.Add | ast.Sub)
        and ast.unparse(value.left) == ast.unparse(node.targets[0])
    )


def _zipped(loop: ast.For) -> list[_Update]:
    """Read ``for p, g in zip([W1, b1], [dW1, db1]): p -= lr * g``."""
    call = loop.iter
    lists = [a for a in getattr(call, "args", []) if isinstance(a, ast.List | ast.Tuple)]
    targets = loop.target.elts if isinstance(loop.target, ast.Tuple) else []
    if not lists or len(lists) != len(targets):
        return []
    inner = [u for s in loop.body for u in _updates(s)]
    for u in inner:
        for target, held in zip(targets, lists, strict=True):
            if ast.unparse(target) == u.name:
                return [_Update(_base(e), u.rate, u.scale, "") for e in held.elts]
    return []


def _rated(value: ast.expr) -> tuple[str, float, str]:
    """Give the rate, or the number in its place, and the gradient if it has a name."""
    factors: list[ast.expr] = []
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, ast.BinOp) and isinstance(each.op, ast.Mult | ast.MatMult):
            waiting += [each.right, each.left]
        elif isinstance(each, ast.BinOp) and isinstance(each.op, ast.Div):
            waiting.append(each.left)
        elif isinstance(each, ast.UnaryOp):
            waiting.append(each.operand)
        else:
            factors.append(each)
    named = [f for f in factors if isinstance(f, ast.Name | ast.Attribute)]
    rate = next((ast.unparse(f) for f in named if RATE.match(_last(f))), "")
    numbers = [
        f.value for f in factors if isinstance(f, ast.Constant) and isinstance(f.value, float)
    ]
    scale = next((n for n in numbers if 0 < n < 0.9), 1.0) if not rate else 1.0
    rest = [f for f in named if ast.unparse(f) != rate]
    alone = len(rest) == 1 and len(factors) == 1 + bool(rate) + (scale != 1.0)
    return rate, scale, ast.unparse(rest[0]) if alone else ""


def _only_updates(node: ast.stmt) -> bool:
    """Whether a statement does nothing but learn."""
    if isinstance(node, ast.For):
        return bool(_zipped(node))
    return (
        isinstance(node, ast.AugAssign | ast.Assign)
        and bool(_updates(node))
        and (bool(_updates(node)[0].rate) or _updates(node)[0].scale != 1.0)
    )


# ---- what depends on what -----------------------------------------------------------------------


def uses(node: ast.AST) -> set[str]:
    """Give the names that a statement reads: ``x``, and ``self.W`` for an attribute of ``self``."""
    found = set()
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute) and _own(each):
            if isinstance(each.ctx, ast.Load) or isinstance(node, ast.AugAssign):
                found.add(f"self.{each.attr}")
        elif isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load) and each.id != "self":
            found.add(each.id)
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and _own(each.func):
            found |= set() if _PLAIN.search(each.func.attr) else {_METHOD}
    if isinstance(node, ast.AugAssign):
        found.add(_base(node.target))
    return found


def sets(node: ast.AST) -> set[str]:
    """Give the names that a statement sets, or changes."""
    found = set()
    for each in ast.walk(node):
        targets: list[ast.expr] = []
        if isinstance(each, ast.Assign):
            targets = each.targets
        elif isinstance(each, ast.AugAssign | ast.AnnAssign | ast.For):
            targets = [each.target]
        elif isinstance(each, ast.Call) and getattr(each.func, "attr", "") in _CHANGES:
            targets = [each.func.value]  # type: ignore[attr-defined]
        targets = list(targets)
        while targets:
            target = targets.pop()
            if isinstance(target, ast.Tuple | ast.List):
                targets += target.elts
            else:
                found.add(_base(target))
    return found


def _read_first(body: list[ast.stmt]) -> set[str]:
    """Give the names that are read before they are set: what comes from before the step."""
    known: set[str] = set()
    found: set[str] = set()
    for statement in body:
        found |= uses(statement) - known
        if not _updates(statement):
            known |= sets(statement)
    return found


def _depend_on(body: list[ast.stmt], names: set[str]) -> set[str]:
    """Give the names whose values depend on some others."""
    found = set(names)
    for statement in body:
        if uses(statement) & found:
            found |= sets(statement)
    return found


def _cut(
    body: list[ast.stmt], learned: set[str], names: set[str]
) -> tuple[list[ast.stmt], str, str, str] | None:
    """Give the statements before the loss or the output, the loss, the output and its target."""
    compared = next(
        ((at, *pair) for at, s in enumerate(body) if (pair := _compared(s, learned, names))), None
    )
    for at, statement in enumerate(body):
        made = isinstance(statement, ast.Assign | ast.AugAssign)
        name = next(iter(sets(statement)), "") if made else ""
        if name and _LOSS.search(name.rpartition(".")[2]) and uses(statement) & learned:
            text = ast.unparse(statement.value)  # type: ignore[attr-defined]
            if _REDUCES.search(text) and not re.search(r"\.T\b|@|dot\(", text):
                output, target = compared[1:] if compared else ("", "")
                return _needed(body[: at + 1], {name}), name, output, target
    if compared is None:
        return None
    at, output, target = compared
    needed = {n for e in (output, target) for n in uses(ast.parse(e))}
    return _needed(body[:at], needed), "", output, target


def _compared(node: ast.stmt, learned: set[str], names: set[str]) -> tuple[str, str] | None:
    """Give (output, target) of ``output - target``, one of which depends on what is learned."""
    if isinstance(node, ast.For | ast.While | ast.If):
        return None
    for each in ast.walk(node):
        pair: list[ast.expr] = []
        if isinstance(each, ast.BinOp) and isinstance(each.op, ast.Sub):
            pair = [each.left, each.right]
        elif isinstance(each, ast.Call) and len(each.args) == 2:
            func = each.func
            name = getattr(func, "attr", getattr(func, "id", ""))
            pair = list(each.args) if _SLOPE.search(name) else []
        plain = [isinstance(e, ast.Name | ast.Attribute | ast.Subscript) for e in pair]
        if len(pair) != 2 or not all(plain):
            continue
        bases = [_base(e) for e in pair]
        if bases[0] in learned - names and bases[1] not in learned:
            return ast.unparse(pair[0]), ast.unparse(pair[1])
        if bases[1] in learned - names and bases[0] not in learned:
            return ast.unparse(pair[1]), ast.unparse(pair[0])
    return None


def _needed(body: list[ast.stmt], names: set[str]) -> list[ast.stmt]:
    """Give the statements that names need, in order."""
    found: list[ast.stmt] = []
    for statement in reversed(body):
        if sets(statement) & names:
            found.insert(0, statement)
            names = names | uses(statement)
    return found


def _base(node: ast.expr) -> str:
    while isinstance(node, ast.Subscript | ast.Attribute | ast.Starred):
        if isinstance(node, ast.Attribute) and _own(node):
            return f"self.{node.attr}"
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _own(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "self"


def _last(node: ast.expr) -> str:
    return getattr(node, "attr", getattr(node, "id", ""))
