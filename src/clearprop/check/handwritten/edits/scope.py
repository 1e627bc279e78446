"""What an edited statement may mention: names, attributes, the batch size, factors."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from clearprop.check.handwritten.edits.trees import dotted

PARAMETER, GRADIENT, CACHED, SETTING, OTHER = (
    "parameter",
    "gradient",
    "cached",
    "setting",
    "other",
)
#: How people call the slope of a leaky ReLU, and the number of samples.
_SLOPE = re.compile(r"(alpha|slope|leak|negative)\w*$", re.I)
_WINDOW = re.compile(r"(^|[._])(k|kh|kw|ph|pw|pool\w*|kernel\w*|size|h|w)$", re.I)
_DERIVATIVE = re.compile(r"deriv|prime|slope|_d$|^d_?(sigm|relu|tanh|act)|grad$", re.I)
_BATCH = re.compile(
    r"^_*(n|m|bs|batch|batch_?size|n_?samples?|num_?samples|samples|size|t_n)$", re.I
)


@dataclass(frozen=True)
class Value:
    """What is known of a name: its kind, its shape (None if it is no array), whether it is a mask.

    ``binary`` says that an array of numbers holds zeros and ones alone.

    ``kind`` is ``parameter``, ``gradient``, ``cached``, ``setting`` or ``other``.
    """

    kind: str = OTHER
    shape: tuple[int, ...] | None = None
    mask: bool = False
    binary: bool = False


@dataclass(frozen=True)
class Scope:
    """What an edited statement may mention.

    Attributes
    ----------
    locals : dict
        Arguments (line 0) and assigned names, each with the line of its first assignment.
    attributes : dict
        The names of ``self.…`` that exist after forward → Value.
    batch : tuple of str
        Source of what gives N, the best first: ``N``, ``self.batch_size``, ``dout.shape[0]``.
    upstream : tuple of str
        The names of the incoming gradient.
    factors : tuple of str
        Source of forward values that may be local factors: ``self.out``, ``(1 - self.out)``.
    functions : tuple of str
        Other functions that may be called.
    forward : ast.FunctionDef or None
        The forward pass.
    values : dict
        What is known of locals → Value.
    owner : str
        How the instance is called: ``self``; "" where there is none.
    numpy : str
        How NumPy is called in the file, or the library that stands in its place: ``torch``.
    source : str
        The file, for ``before`` and ``after`` in the user's own writing; "" if unknown.
    unpacked : tuple of tuple of str
        Of a forward pass: the names that backward gives to the parts of what is kept.
    """

    locals: dict[str, int] = field(default_factory=dict)
    attributes: dict[str, Value] = field(default_factory=dict)
    batch: tuple[str, ...] = ()
    upstream: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    forward: ast.FunctionDef | None = None
    values: dict[str, Value] = field(default_factory=dict)
    owner: str = "self"
    numpy: str = "np"
    source: str = ""
    unpacked: tuple[tuple[str, ...], ...] = ()

    def spelled(self, source: str) -> str:
        """Write ``np.sum`` as the user would."""
        if self.numpy == "torch":
            source = re.sub(r"\bnp\.dot\b", "np.matmul", source)  # torch.dot is of vectors only
        return source if self.numpy == "np" else re.sub(r"\bnp\.", f"{self.numpy}.", source)

    def value(self, name: str) -> Value:
        """Return what is known of ``x`` or ``self.x``."""
        if self.owner and name.startswith(self.owner + "."):
            return self.attributes.get(name[len(self.owner) + 1 :], Value())
        known = self.values.get(name)
        if known is not None:
            return known
        return Value(GRADIENT if name in self.upstream or is_gradient(name) else OTHER)

    def reads(self, line: int) -> list[str]:
        """Return every name that can be read at a line: ``x``, ``self.W``."""
        own = [name for name, first in self.locals.items() if first < line and name != self.owner]
        return own + [f"{self.owner}.{name}" for name in self.attributes]


def is_gradient(name: str) -> bool:
    """Whether a name says that it is a gradient: ``dW``, ``self.dinputs``, ``grad_x``."""
    name = name.rpartition(".")[2].lstrip("_")
    return bool(re.match(r"d[A-Za-z_]|grad|delta|\w+_(delta|grad)s?$", name)) and not re.match(
        r"(data|dim|depth|dilat|dropout_?(ratio|rate|prob)?$|dtype|deriv\w*$|dot$|div$|drop$|decay)",
        name,
    )


def scope_of(
    function: ast.FunctionDef,
    instance_attributes: Mapping[str, Any],
    forward: ast.FunctionDef | None = None,
    upstream: Sequence[str] = (),
    *,
    values: Mapping[str, Any] | None = None,
    functions: Sequence[str] = (),
    source: str = "",
    learned: Collection[str] | None = None,
    numpy: str = "",
) -> Scope:
    """Say what an edited statement of ``function`` may mention.

    Parameters
    ----------
    function : ast.FunctionDef
        The backward pass.
    instance_attributes : mapping
        The instance's ``vars()`` after forward: ``{"W": array, "stride": 1, …}``; {} if none.
    forward : ast.FunctionDef, optional
        The forward pass: what it computes is what backward should mention.
    upstream : sequence of str
        The incoming gradient's names: ``["dout"]``.
    values : mapping, optional
        Values of arguments and of locals where they are known (what a cache holds), by name.
    functions : sequence of str
        The names of other functions in the file.
    source : str
        The whole file.
    learned : collection of str, optional
        The names of the parameters, where they are known; else they have gradients of their names.
    numpy : str
        How NumPy is called, or what stands in its place, where that is known.
    """
    arguments = [a.arg for a in _arguments(function)]
    own = _locals(function)
    method = bool(instance_attributes) and bool(arguments)
    owner = arguments[0] if method or arguments[:1] == ["self"] else ""
    named = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
    gradients = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Store)
    }
    attributes = {
        _unmangled(name): _value(name, value, gradients | set(instance_attributes))
        for name, value in instance_attributes.items()
        if not name.startswith("__")
    }
    known = {
        name: _value(name, value, gradients, upstream) for name, value in (values or {}).items()
    }
    if learned is not None:
        known = {name: _by_use(name, value, learned) for name, value in known.items()}
    numpy = numpy or ("numpy" if "numpy" in named and "np" not in named else "np")
    known_so_far = (own, attributes, (), tuple(upstream), (), tuple(functions), forward, known)
    scope = Scope(*known_so_far, owner, numpy)
    batch = tuple(_batch(function, scope, instance_attributes))
    renamed = _kept(forward, function, owner) if forward else {}
    loops = [node.target for node in ast.walk(function) if isinstance(node, ast.For)]
    running = {n.id for target in loops for n in ast.walk(target) if isinstance(n, ast.Name)}
    return Scope(
        own,
        attributes,
        batch,
        tuple(upstream),
        tuple(_factors(scope, forward, renamed, batch, running, function)),
        tuple(functions),
        forward,
        known,
        owner,
        numpy,
        source,
    )


def _arguments(function: ast.FunctionDef) -> list[ast.arg]:
    a = function.args
    every = [*a.posonlyargs, *a.args, *a.kwonlyargs]
    return every + [one for one in (a.vararg, a.kwarg) if one is not None]


def _locals(function: ast.FunctionDef) -> dict[str, int]:
    found = {a.arg: 0 for a in _arguments(function)}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found[node.id] = min(found.get(node.id, node.lineno), node.lineno)
    return found


def _unmangled(name: str) -> str:
    private = re.match(r"^_[A-Za-z0-9][A-Za-z0-9_]*?(__\w+)$", name)
    return private[1] if private and not name.endswith("__") else name


def _value(name: str, value: Any, others: Container[str], upstream: Sequence[str] = ()) -> Value:
    if isinstance(value, bool | str) or value is None or callable(value):
        return Value(GRADIENT if value is None and is_gradient(name) else OTHER)
    if isinstance(value, int | float | np.number):
        return Value(SETTING, ())
    if isinstance(value, np.ndarray):
        if name in upstream:
            return Value(GRADIENT, value.shape)
        mask = value.dtype == bool
        gradients = (f"d{name}", f"grad_{name}", f"{name}_grad", f"d{name.lower()}")
        if is_gradient(name):
            return Value(GRADIENT, value.shape)
        if any(other in others for other in gradients) and not name.startswith(("x", "X", "input")):
            return Value(PARAMETER, value.shape)
        return Value(CACHED, value.shape, mask, set(np.unique(value)) == {0, 1})
    return Value(OTHER)


def _by_use(name: str, value: Value, learned: Collection[str]) -> Value:
    if value.kind in (PARAMETER, CACHED) and value.shape:
        return replace(value, kind=PARAMETER if name in learned else CACHED)
    return value


def _batch(function: ast.FunctionDef, scope: Scope, instance: Mapping[str, Any]) -> list[str]:
    """Find the ways to write N, those that have a name first."""
    named, other = [], []
    for node in ast.walk(function):
        if not isinstance(node, ast.Assign):
            continue
        target, value = node.targets[0], node.value
        from_shape = isinstance(value, ast.Attribute) and value.attr == "shape"
        if isinstance(target, ast.Tuple | ast.List) and from_shape:
            names = [one.id for one in target.elts if isinstance(one, ast.Name)]
            named += names[:1]
            other += names[1:]
        elif isinstance(target, ast.Name):
            length = dotted(value.func) == "len" if isinstance(value, ast.Call) else False
            first = isinstance(value, ast.Subscript) and dotted(value.value).endswith(".shape")
            if length or (first and _BATCH.match(target.id)):
                named.append(target.id)
            elif first or (isinstance(value, ast.Attribute) and value.attr == "size"):
                other.append(target.id)
    named += [name for name in scope.locals if _BATCH.match(name) and name not in scope.upstream]
    named += [
        f"{scope.owner}.{_unmangled(name)}"
        for name, value in instance.items()
        if isinstance(value, int) and not isinstance(value, bool) and _BATCH.match(name)
    ]
    arrays = list(scope.upstream[:1]) if _is_array(scope, scope.upstream) else []
    arrays += [
        name
        for name in [*scope.values, *(f"{scope.owner}.{name}" for name in scope.attributes)]
        if scope.value(name).kind == CACHED and scope.value(name).shape
    ]
    named += [f"{name}.shape[0]" for name in arrays[:2]]
    size = "numel()" if scope.numpy == "torch" else "size"
    other += [f"{name}.{size}" for name in arrays[:1]] + [f"{name}.shape[1]" for name in arrays[:1]]
    return list(dict.fromkeys(named + other))


def _is_array(scope: Scope, upstream: Sequence[str]) -> bool:
    return bool(upstream) and scope.value(upstream[0]).shape != ()


def _kept(forward: ast.FunctionDef, backward: ast.FunctionDef, owner: str) -> dict[str, str]:
    """Find where backward has the locals of forward: ``{"x": "self.x"}``, or by a cache's order."""
    found: dict[str, str] = {}
    given: list[str] = []
    for node in ast.walk(forward):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and isinstance(node.value, ast.Name):
                    found[node.value.id] = dotted(target)
                if isinstance(target, ast.Name) and isinstance(node.value, ast.Tuple):
                    given = [dotted(one) for one in node.value.elts] or given
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            for one in node.value.elts:
                if isinstance(one, ast.Tuple):
                    given = [dotted(part) for part in one.elts]
    for node in ast.walk(backward):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            taken = [dotted(one) for one in node.targets[0].elts]
            if isinstance(node.value, ast.Name) and len(taken) == len(given):
                found.update({a: b for a, b in zip(given, taken, strict=True) if a and b})
    for name in _locals(backward):
        if name != owner and name in _locals(forward):
            found.setdefault(name, name)
    return found


class _Renamed(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names
        self.lost = False

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in ("np", "numpy", "torch", "self"):
            return node
        if node.id not in self.names:
            self.lost = True
            return node
        return ast.parse(self.names[node.id], mode="eval").body


def _factors(
    scope: Scope,
    forward: ast.FunctionDef | None,
    renamed: Mapping[str, str],
    counts: Sequence[str],
    running: Container[str],
    function: ast.FunctionDef,
) -> Iterator[str]:
    """Find what a gradient may have to be multiplied by, each once."""
    slopes = [n for n in scope.functions if _DERIVATIVE.search(n)]
    called = list(_slopes_called(function))
    settled = {a: b for a, b in renamed.items() if b not in running}
    seen = dict.fromkeys([*called[:6], *_slopes_of_calls(forward, settled)])
    seen.update(dict.fromkeys(_forward_parts(forward, settled) if forward else ()))
    names = [
        name
        for name in [*scope.locals, *(f"{scope.owner}.{name}" for name in scope.attributes)]
        if name != scope.owner and name not in scope.upstream and not is_gradient(name)
        if name not in running
    ]
    shaped = [name for name in names if _may_be_factor(scope, name) and name not in counts]
    heads = list(dict.fromkeys([*(c.partition("(")[0] for c in called), *slopes]))
    kept = [n for n in shaped if scope.value(n).kind != PARAMETER and scope.value(n).shape != ()]
    for head in heads[:3]:
        seen.update(dict.fromkeys(f"{head}({name})" for name in kept[:12]))
    for name in shaped:
        value = scope.value(name)
        if value.shape == ():
            seen.update(dict.fromkeys((name, f"(1 - {name})")))
            continue
        seen[name] = None
        seen[f"~{name}" if value.mask else f"(1 - {name})"] = None
    windows = [n for n in shaped if scope.value(n).shape == () and _WINDOW.search(n)]
    for i, one in enumerate(windows):
        seen.update(dict.fromkeys(f"({one} * {other})" for other in windows[i:]))
    for slope in (name for name in shaped if _SLOPE.search(name)):
        for name in shaped:
            if name != slope and not scope.value(name).mask and scope.value(name).shape != ():
                seen[f"np.where({name} > 0, 1, {slope})"] = None
    for name in shaped:
        value = scope.value(name)
        if value.mask or value.shape == () or value.kind == PARAMETER:
            continue
        forms: tuple[str, ...] = (
            "(1 - {0} ** 2)",
            "{0} * (1 - {0})",
            "({0} > 0)",
            "np.exp({0})",
            "{0} ** 2",
            "np.sign({0})",
        )
        forms += ("np.cos({0})", "np.sqrt({0})")
        forms += ("{0} ** 3",) if 1 in (value.shape or ()) else ()
        seen.update(dict.fromkeys(form.format(name) for form in forms))
    yield from seen


def _slopes_of_calls(forward: ast.FunctionDef | None, renamed: Mapping[str, str]) -> Iterator[str]:
    """Give the usual derivatives of what forward has others compute: ``h = relu(z)``."""
    owner = forward.args.args[0].arg if forward is not None and forward.args.args else ""

    def here(node: ast.AST) -> str:
        name = dotted(node)
        return name if name.startswith(f"{owner}.") else renamed.get(name, "")

    for target, value in _assigned(forward):
        name = _activation(value)
        if name and here(target):
            yield _SLOPES[name].format(here(target))
            if name == "sigmoid":  # of which a half is written
                yield from (here(target), f"(1 - {here(target)})")
            continue
        if not isinstance(value, ast.Call):
            continue
        call = value
        if len(call.args) != 1 or dotted(call.func).startswith(
            ("np.", "torch.", "len", "int", "float")
        ):
            continue
        z, y = here(call.args[0]), here(target)
        if z and y:
            yield from (f"({z} > 0)", f"{y} * (1 - {y})", f"(1 - {y} ** 2)")


#: The derivative of an activation, by its own value.
_SLOPES = {"tanh": "(1 - {0} ** 2)", "sigmoid": "{0} * (1 - {0})", "maximum": "({0} > 0)"}


def _activation(value: ast.expr) -> str:
    """Name the activation that an expression is: ``np.tanh(…)``, ``1 / (1 + np.exp(-z))``."""
    if isinstance(value, ast.Call):
        name = dotted(value.func).rpartition(".")[2].lower().strip("_")
        name = {"sigma": "sigmoid", "sigm": "sigmoid", "logistic": "sigmoid"}.get(name, name)
        return {"relu": "maximum"}.get(name, name if name in _SLOPES else "")
    written = ast.unparse(value) if isinstance(value, ast.BinOp) else ""
    return "sigmoid" if re.match(r"1(\.0?)? / \(1(\.0?)? \+ np\.exp\(-", written) else ""


def _assigned(forward: ast.FunctionDef | None) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Give what forward assigns, and to what; of ``a, b = f(x), g(x)`` each by itself."""
    for node in ast.walk(forward) if forward is not None else ():
        if not isinstance(node, ast.Assign):
            continue
        target, value = node.targets[0], node.value
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            if len(target.elts) == len(value.elts):
                yield from zip(target.elts, value.elts, strict=True)
        else:
            yield target, value


def _slopes_called(function: ast.FunctionDef) -> Iterator[str]:
    """Give the calls of derivatives: ``sigmoid_prime(z)``."""
    for node in ast.walk(function):
        short = isinstance(node, ast.Call) and len(node.args) == 1 and len(ast.unparse(node)) < 60
        if short and _DERIVATIVE.search(dotted(node.func).rpartition(".")[2]):  # type: ignore[attr-defined]
            yield ast.unparse(node)


def _may_be_factor(scope: Scope, name: str) -> bool:
    value = scope.value(name)
    if value.kind in (CACHED, PARAMETER, SETTING):
        return True
    return value.kind == OTHER and name in scope.locals and name not in ("cache", "i", "j", "k")


def _forward_parts(forward: ast.FunctionDef, renamed: Mapping[str, str]) -> Iterator[str]:
    """Find the expressions of forward that backward can write too, the smaller first."""
    parts: dict[str, None] = {}
    for node in ast.walk(forward):
        part = isinstance(node, ast.BinOp | ast.Compare | ast.Call)
        if isinstance(node, ast.Call):
            function = dotted(node.func)
            part = function.startswith(("np.", "torch.")) and "rand" not in function
        if not part:
            continue
        source = ast.unparse(node)
        if len(source) > 60:
            continue
        rename = _Renamed(renamed)
        tree = rename.visit(ast.parse(source, mode="eval").body)
        if not rename.lost:
            written = ast.unparse(tree)
            parts[written if isinstance(node, ast.Call) else f"({written})"] = None
    return iter(sorted(parts, key=len)[:16])
