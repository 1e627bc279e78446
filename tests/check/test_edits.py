"""A fault is put into a layer: what stood there is among the edits; running them finds it."""

import ast
import re
import time

import numpy as np
import pytest
from check.writing import parsed
from handwritten import LAYERS
from handwritten.faults import CASES
from handwritten.faulty import Faulty, close
from handwritten.more_faults import MORE

from clearprop.check.handwritten.catalogue import FAULTS
from clearprop.check.handwritten.edits import compile_function, edits, scope_of
from clearprop.check.handwritten.edits.trees import Forms


def found(case, right=""):
    """Find the first edit that gives back what stood there, and its place."""
    forms = Forms()
    forms.keep(case.tree)
    wanted = forms.of(case.good.body)
    for place, edit in enumerate(case.edits()):
        if right and edit.after == right:
            return place, edit
        if not right and forms.of(edit.build().body) == wanted:
            return place, edit
    raise AssertionError("not among the edits")


@pytest.mark.parametrize(("name", "right", "wrong", "cause", "within", "after"), CASES)
def test_what_stood_there_is_among_the_edits(name, right, wrong, cause, within, after):
    case = Faulty(name, right, wrong)
    place, edit = found(case, after)
    assert edit.cause == cause
    assert place < within
    assert edit.line in [node.lineno for node in ast.walk(case.tree) if isinstance(node, ast.stmt)]
    if wrong and "\n" not in wrong and not after:
        lines = case.source.split("\n")
        assert edit.line in [number for number, line in enumerate(lines, 1) if wrong in line]


#: Cases whose gradients another edit makes right first, by another cause that is as good.
OTHERWISE = {"jacobian": ("softmax",), "wrong-value": ("batch norm",)}


@pytest.mark.parametrize(
    ("name", "right", "wrong", "cause"),
    [
        pytest.param(*case[:4], marks=pytest.mark.slow if number % 8 else ())
        for number, case in enumerate([*CASES, *MORE])
    ],
)
def test_the_first_edit_that_makes_the_gradients_right_names_the_cause(name, right, wrong, cause):
    case = Faulty(name, right, wrong)
    good = compile_function(case.good, "layers.py", case.namespace, case.function)
    expected = case.gradients(good)
    assert not close(run(case, case.function), expected)
    for edit in case.edits():
        new = compile_function(edit.build(), "layers.py", case.namespace, case.function)
        if close(run(case, new), expected):
            assert edit.cause == cause or name in OTHERWISE.get(edit.cause, ())
            return
    raise AssertionError("no edit makes it right")


def run(case, function):
    try:
        return case.gradients(function)
    except Exception as error:
        return [type(error)]


@pytest.mark.parametrize("name", LAYERS)
def test_every_edit_changes_something_and_compiles(name):
    case = Faulty(name)
    begin = time.process_time()
    every = list(case.edits())
    built = [edit.build() for edit in every]
    for tree in built:
        compile_function(tree, "layers.py", case.namespace, case.function)
    each = 1e6 * (time.process_time() - begin) / len(every)
    lines = case.tree.end_lineno - case.tree.lineno
    print(f"{name}: {lines} lines, {len(every)} edits, {each:.0f} µs each")
    assert all(edit.after != edit.before for edit in every)
    code = [tuple(map(ast.unparse, edit.new)) for edit in every]  # `after` has a loop's head alone
    whole = [(e.block, e.start, len(e.old), new) for e, new in zip(every, code, strict=True)]
    assert len(set(whole)) == len(whole)
    assert [edit.rank for edit in every] == sorted(edit.rank for edit in every)
    assert {edit.cause for edit in every} <= set(FAULTS)
    assert len(every) <= 2500
    assert all(edit.what for edit in every)


# --- what an edit says


def edited(source, attributes, upstream=("dout",), forward=None, **options):
    tree = parsed(source)
    scope = scope_of(tree, attributes, forward, upstream, source=source, **options)
    return list(edits(tree, scope))


X, W = np.ones((3, 2)), np.ones((2, 4))


def test_a_line_keeps_the_writing_of_its_user():
    source = "def backward( self,dout ):\n    self.dW=np.dot( self.x, dout )   # mine\n"
    every = edited(source, {"x": X, "W": W})
    edit = next(e for e in every if e.after == "self.dW=np.dot( self.x.T, dout )")
    assert edit.before == "self.dW=np.dot( self.x, dout )"
    assert edit.line == 2


def test_parentheses_are_put_where_they_are_needed():
    source = "def backward(self, dout):\n    return dout * 2 - self.x\n"
    every = [e.after for e in edited(source, {"x": X})]
    assert "return (dout * 2 - self.x) / dout.shape[0]" in every
    assert "return -(dout * 2) - self.x" in every


def test_numpy_is_spelled_as_in_the_file():
    source = "def backward(self, dout):\n    self.db = dout\n    return numpy.dot(dout, self.W.T)\n"
    every = [e.after for e in edited(source, {"x": X, "W": W})]
    assert "self.db = numpy.sum(dout, axis=0)" in every
    assert not any("np." in after for after in every)


def test_a_name_is_not_read_before_it_exists():
    source = "def backward(self, dout):\n    dx = dout * self.x\n    N = len(dout)\n    return dx\n"
    every = edited(source, {"x": X})
    assert "return dx / N" in [e.after for e in every]
    assert not any(
        re.search(r"\bN\b", e.after) for e in every if e.line == 2 and "\n" not in e.after
    )


def test_private_names_are_written_as_in_the_class():
    source = "def backward(self, dout):\n    return dout\n"
    every = [e.after for e in edited(source, {"_Layer__x": X, "W": W})]
    assert "return dout * self.__x" in every


@pytest.mark.parametrize(
    ("kept", "right"),
    [
        ("self.x = out", "self.x = x"),
        ("self.x = x", "self.x = x.copy()"),
        ("self.x = 1 - out", "self.x = out"),
    ],
)
def test_what_forward_keeps_is_edited_too(kept, right):
    source = f"def forward(self, x):\n    out = np.exp(x)\n    {kept}\n    return out\n"
    tree = parsed(source)
    every = list(edits(tree, scope_of(tree, {"x": X}, None), caching=True))
    assert right in [edit.after for edit in every]
    assert {edit.cause for edit in every} == {"stale-cache"}
    assert all(edit.line <= 3 for edit in every)


def test_what_forward_keeps_is_kept_before_it_is_changed():
    source = "def forward(self, x):\n    x += 1\n    self.x = x\n    return x\n"
    tree = parsed(source)
    every = edits(tree, scope_of(tree, {"x": X}, None), caching=True)
    assert "self.x = x\nx += 1" in [edit.after for edit in every]


# --- a function again


def again(source, name, namespace=None):
    namespace = {} if namespace is None else namespace
    exec(source, namespace)
    tree = next(
        n for n in ast.walk(ast.parse(source)) if getattr(n, "name", "") == name.rpartition(".")[2]
    )
    return namespace, tree


def test_a_method_keeps_its_class_and_its_defaults():
    source = """
class Base:
    def backward(self, dout):
        return dout

class _Layer(Base):
    def __init__(self):
        self.__x = 3

    def backward(self, dout=2, *, twice: missing_name = 2):
        return super().backward(dout) * self.__x * twice
""".replace(": missing_name", "")
    namespace, _ = again(source, "backward")
    old = namespace["_Layer"].backward
    tree = ast.parse(source).body[1].body[1]
    new = compile_function(tree, "f.py", namespace, old)
    assert new is not old
    assert new(namespace["_Layer"]()) == 12
    assert new(namespace["_Layer"](), 1, twice=5) == 15
    assert new.__qualname__ == "_Layer.backward"
    assert new.__code__.co_firstlineno == old.__code__.co_firstlineno


def test_a_closure_is_kept():
    source = """
def outer(scale, unused):
    def backward(dout):
        return dout * scale + unused
    return backward
"""
    namespace, tree = again(source, "backward")
    old = namespace["outer"](3, 1)
    assert compile_function(tree, "f.py", namespace, old)(2) == 7
    tree.body[0].value = tree.body[0].value.left
    assert compile_function(tree, "f.py", namespace, old)(2) == 6


def test_a_static_method_stays_one():
    source = """
class Layer:
    @staticmethod
    def backward(dout):
        return [dout for _ in range(2)]

    @classmethod
    def name(cls):
        return cls.__name__
"""
    namespace, tree = again(source, "backward")
    layer = namespace["Layer"]
    new = compile_function(tree, "f.py", namespace, vars(layer)["backward"])
    assert isinstance(new, staticmethod)
    layer.backward = new
    assert layer().backward(1) == [1, 1]
    _, tree = again(source, "name", namespace)
    layer.name = compile_function(tree, "f.py", namespace, vars(layer)["name"])
    assert layer().name() == "Layer"


def test_a_decorator_does_not_run_again():
    ran = []

    def counted(function):
        ran.append(function)
        return function

    source = "@counted\ndef backward(dout):\n    return dout\n"
    namespace, tree = again(source, "backward", {"counted": counted})
    assert compile_function(tree, "f.py", namespace, namespace["backward"])(1) == 1
    assert len(ran) == 1


# --- forms


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("a * b / c", "b / c * a", True),
        ("a - b", "-(b - a)", True),
        ("a * (b + c)", "(c + b) * a", True),
        ("a ** 2 * b", "a * b * a", True),
        ("a / b / c", "a / (b * c)", True),
        ("1.0 - y", "1 - y", True),
        ("f(x, axis=-1)", "f(x, axis=-1)", True),
        ("a / b", "b / a", False),
        ("a - b", "b - a", False),
        ("a @ b", "b @ a", False),
        ("a * b", "a + b", False),
        ("a[i, j]", "a[j, i]", False),
        ("a ** 2", "a ** 3", False),
        ("f(-1)", "f(1)", False),
        ("True", "1", False),
        ("-a * b", "a * b", False),
    ],
)
def test_forms_are_the_same_but_for_the_order(a, b, same):
    forms = Forms()
    left, right = (forms.of(ast.parse(source, mode="eval").body) for source in (a, b))
    assert (left == right) is same


def test_every_kind_of_statement_can_be_edited():
    source = '''
def backward(self, dout, *rest, scale: float = 1.0, **options):
    """Go back."""
    import math
    total: float = 0.0
    del rest
    with np.errstate(all="ignore") as state:
        dx = dout if scale else -dout
    try:
        dx *= (lambda a: a + self.x[::2, None])(1.0)
    except ValueError as error:
        raise TypeError(f"{dx!r}") from error
    finally:
        pass
    while (n := len(dout)) > 3:
        dout = dout[1:]
        if n == 4:
            break
    match scale:
        case 1.0:
            dx += sum(w * 2 for w in self.W)
        case _:
            return
    def inner(z):
        z += total
        return [*options, {k: v for k, v in options.items()}]
    self.a = self.b = inner(math.pi)
    return np.array([*dx], dtype=float), not dx, dx[..., 0] @ self.W, f(*dx), "W1"
'''
    namespace, _ = again(source, "backward", {"np": np})
    every = edited(source.strip(), {"x": X, "W": W, "dW": None, "stride": 2, "pad": 1})
    assert len(every) > 300
    for edit in every:
        compile_function(edit.build(), "f.py", namespace, namespace["backward"])
        assert edit.before != edit.after
