"""cp.source: the sweep to the bit, in every float type, and text that a person can read."""

import ast
import importlib.util
import inspect
import itertools
import re
import sys

import numpy as np
import pytest
from agreement import DIFFERENTIABLE, summed
from agreement_cases import function_of

import clearprop as cp
from clearprop import bodies
from clearprop.check.primitives import examples
from clearprop.rules.exponential import sigmoid
from clearprop.rules.reduction import softmax
from clearprop.source.expressions import literal

X = np.arange(6.0).reshape(2, 3)


def run(text):
    module = {}
    exec(text, module)
    return module


def functions_of(primitive, dtype):
    """Give each example call as a function of its arrays, with the arrays."""
    for operands, attributes in examples(primitive, np.random.default_rng(0)):
        yield function_of(primitive, operands, attributes, dtype)


def merged(arrays, real):
    """Put the real arrays back among the others."""
    rest = iter(real)
    return [next(rest) if a.dtype.kind in "fc" else a for a in arrays]


def agree(f, *args):
    """Compare `gradients` with the sweep: dtype, shape and bits. Give the text."""
    text = cp.source(f, *args)
    y, found = run(text)["gradients"](*args)
    expected, pullback = cp.vjp(
        lambda *real: f(*merged(args, real)), *(a for a in args if a.dtype.kind in "fc")
    )
    found = found if isinstance(found, tuple) else (found,)
    one = np.ones(expected.shape, expected.dtype)[()]
    for a, b in zip((y, *found), (expected, *pullback(one)), strict=True):
        assert (np.shape(a), np.asarray(a).dtype) == (b.shape, b.dtype)
        np.testing.assert_array_equal(a, b)
    return text


@pytest.mark.parametrize("primitive", DIFFERENTIABLE, ids=lambda p: p.name)
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value", "ignore:divide by zero")
def test_gradients_are_the_sweep_in_small_floats_too(primitive, monkeypatch):
    if isinstance(primitive.numpy, str):  # SciPy's own function, where SciPy has been imported
        monkeypatch.setattr(primitive, "implementation", primitive.function)
    takes_halves = "np.linalg" not in inspect.getsource(primitive.function)  # NumPy's does not
    halves = itertools.islice(functions_of(primitive, "float16"), int(takes_halves))
    for call, arrays in [*functions_of(primitive, "float32"), *halves]:
        agree(summed(call) if primitive.outputs > 1 else call, *arrays)


@pytest.mark.parametrize("n", [-1, 0, 0.5, 1, 2, 3, 2.5])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_powers_are_the_sweep_to_the_bit(n, dtype):
    agree(lambda x: np.sum(x**n), np.random.default_rng(0).uniform(0.5, 9, 500).astype(dtype))


def test_the_seed_has_the_dtype_of_the_result():
    x = np.ones(3, "f4")
    assert "def backward(saved, dy=np.float32(1.0)):" in agree(lambda x: np.sum(x), x)
    assert "def backward(saved, dy=1.0):" in agree(lambda x: np.sum(x), x.astype(float))
    assert "backward(saved, np.ones_like(y))" in agree(lambda x: x * x, x)
    # of a program of both, where a plain 1.0 would take the dtype of what it meets
    assert "dy=np.float64(1.0)" in agree(lambda x: np.sum(x.astype(float)), x)


def test_constants_keep_their_dtype():
    x = np.ones(3, "f4")
    text = agree(lambda x: x * np.float64(0.1) + np.float32(0.1) * x, x)
    assert "np.float64(0.1)" in text
    assert "np.float64" not in agree(lambda x: x * np.sqrt(2.0), X)


def test_constants_that_have_no_elements_keep_their_shape():
    agree(lambda x: np.concatenate([x, np.zeros((0, 3))]), X)


SCALARS = [np.float16(0.1), np.bool(1), np.float64(0.1), 0.1, True, None, np.int64, float]
COMPLEX = [1 + 2j, -1e-300j, complex(-0.0, 1), complex(1, np.nan), np.complex64(0.1 + 2j)]
ARRAYS = [np.zeros((0, 3), "f4"), np.array(2.0), np.array([np.nan, -0.0]), np.arange(2, dtype="u1")]
NESTED = [slice(1, None, np.int64(2)), (1,), [np.inf, (None, ...)]]


@pytest.mark.parametrize("value", [*SCALARS, *COMPLEX, *ARRAYS, *NESTED], ids=repr)
def test_a_literal_reads_back_as_itself(value):
    again = eval(literal(value), {"np": np})
    assert repr(again) == repr(value)
    assert type(again) is type(value)
    assert literal(np.dtype("f4")) == "np.float32"


def test_variables_do_not_hide_the_functions_that_are_called():
    def f(np, sigmoid_, windows):
        softmax_, slice = np.T, sigmoid_ * 2
        sigmoid = softmax(slice @ softmax_)
        forward, saved = sigmoid * 3, windows[[0, 0], 1:]
        return globals()["sigmoid"](forward).sum() + saved.sum()

    text = agree(f, X, X / 5, X)
    for line in (
        "def forward(np_2, sigmoid_, windows):",
        "    slice_2 = sigmoid_ * 2  # (2, 3)",
        "    softmax_ = np_2.T  # (3, 2)",
        "    sigmoid_2 = softmax(slice_2 @ softmax_)  # (2, 2)",
        "    forward_2 = sigmoid_2 * 3  # (2, 2)",
        "    saved_2 = windows[np.array([0, 0]), 1:]  # (2, 2)",
        "    sigmoid_forward_2 = sigmoid(forward_2)  # (2, 2)",
        "    sum_ = np.sum(dsigmoid_2 * sigmoid_2, axis=-1, keepdims=True)",
    ):
        assert line in text


def test_two_primitives_of_one_name_are_two_functions():
    @cp.primitive
    def softmax(x):
        shifted = x - SHIFT
        return shifted * shifted

    @softmax.vjp("x")
    def _(dy, x):
        return dy * 2 * (x - SHIFT)

    def f(x):
        return softmax(x) + globals()["softmax"](x)

    text = agree(f, X)
    assert "def softmax(x):" in text
    assert "def softmax_2(x, *, axis=-1):" in text
    assert "SHIFT" not in text


SHIFT = 0.5


def test_gradients_gives_no_second_meaning_to_an_argument():
    def f(y, out, saved):
        return np.sum(np.sin(y) * out + saved)

    text = str(cp.source(f, np.ones(2), np.ones(2), np.ones(2)))
    function = ast.parse(text[text.index("def gradients") :]).body[0]
    written = {
        n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    assert len(written) == 2
    assert written.isdisjoint(argument.arg for argument in function.args.args)
    agree(f, np.ones(2), np.arange(2.0), np.ones(2))


def test_keys_become_names():
    def f(params, rows, rows2):
        return params["x²"] * params["a b"] + params["class"] * params[1] + rows[0] + rows2[0]

    params = {"x²": X, "a b": X, "class": X, 1: X}
    text = cp.source(f, params, [X], [X + 1])
    module = run(text)
    y, (found, _, _) = module["gradients"](params, [X], [X + 1])
    np.testing.assert_array_equal(y, f(params, [X], [X + 1]))
    np.testing.assert_array_equal(found["x²"], X)
    for line in 'x2 = params["x²"]', 'a_b = params["a b"]', "rows2_0 = rows2[0]":
        assert f"    {line}\n" in text


def test_what_has_no_name_is_called_after_what_it_is():
    def net(x, W, b):
        h = np.maximum(x @ W + b, 0)
        return np.log(np.sum(np.exp(h)))

    text = agree(net, X, np.ones((3, 2)), np.zeros(2))
    for line in (
        "total = x @ W + b  # (2, 2)",
        "exp_h = np.exp(h)  # (2, 2)",
        "sum_exp_h = np.sum(exp_h)",
        "y = np.log(sum_exp_h)",
        "# of total = x @ W + b",
        "dW = x.T @ dtotal  # (3, 2)",
    ):
        assert f"    {line}\n" in text
    assert not re.search(r"\bt(_\d)?\b|\bd(_\d)?\b", text)


def test_every_line_of_the_backward_pass_names_its_line():
    def loss(x, t):
        p = softmax(x)
        return -np.mean(np.sum(t * np.log(p), axis=1)) + np.sum(sigmoid(x)[1:])

    text = agree(loss, X, X + 1)
    body = text[text.index("def backward") : text.index("def gradients")].split("saved\n")[1]
    lines = [line.strip() for line in body.splitlines() if line.strip()]
    forward = text[: text.index("def backward")]
    above = None
    for line in lines[:-1]:
        if line.startswith("# of "):
            above = line.removeprefix("# of ")
            assert f"    {above}" in forward
        assert above or "the paths meet" in line
    assert sum(line.startswith("# of ") for line in lines) == 3


def everything_under(*trees):
    """Collect what hangs on nodes of syntax trees, whether it is a field or not."""
    found, waiting = {}, list(trees)
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, ast.AST) and id(part) not in found:
            found[id(part)] = part
            waiting += vars(part).values()
    return found


def test_a_long_file_of_the_user_is_not_copied(tmp_path, monkeypatch):
    lines = ["import numpy as np", "", "def f(x):", "    y = np.tanh(x)", "    return np.sum(y)"]
    path = tmp_path / "long_module.py"
    path.write_text("\n".join([*lines, *(f"x{k} = {k} + 1" for k in range(3000))]))
    spec = importlib.util.spec_from_file_location("long_module", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "long_module", module)
    spec.loader.exec_module(module)
    cp.source(module.f, X)  # names are looked up: the file is parsed

    definition = bodies.definition_of(softmax.function)
    ast.parse("x").body[0].value.ctx.parent = ast.parse(path.read_text())  # as `executing` does
    try:
        assert len(everything_under(definition)) > 10_000
        copy = bodies.copied(definition)
        assert len(everything_under(copy)) < 200
        assert ast.dump(copy) == ast.dump(definition)
        assert "y = np.tanh(x)" in cp.source(module.f, X)
    finally:
        del ast.parse("x").body[0].value.ctx.parent


@pytest.mark.parametrize(
    "name",
    [
        '"""\nraise SystemExit\n"""',
        "\\",
        '\\"""',
        '"',
        "\x1b[2J",
        "\ud800",
        "\u2028x",
        "a\nb",
        "<lambda>",
    ],
)
def test_the_name_of_a_function_cannot_leave_the_docstring(name):
    def f(x):
        return x * x

    f.__name__ = name
    text = cp.source(f, 3.0)
    assert ast.get_docstring(ast.parse(text)).count("\n") == 0
    assert text.replace("\n", "").isprintable()
    module = {}
    exec(text, module)
    assert module["gradients"](3.0) == (9.0, 6.0)
    graph = cp.trace(f, 3.0)
    assert "\n" not in graph.name
    assert graph.name.isprintable()


def test_functions_whose_text_was_read_are_not_kept():
    @cp.primitive
    def twice(x):
        return x + x

    before = len(bodies._read)
    bodies.definition_of(twice.function)
    bodies.definition_of(once := make_function())
    assert len(bodies._read) == before + 2
    del once
    assert len(bodies._read) == before + 1


def make_function():
    def once(x):
        return x

    return once


def test_a_power_of_a_negative_number_and_numbers_that_are_cast():
    for f, *args in (
        (lambda x: np.sum((-2.0) ** np.round(x) * x), np.array([1.0, 2.0])),
        (lambda c, x: np.sum(np.float_power(c, x)), 2.0, np.array([1.5, 2.0])),
    ):
        module = {}
        exec(cp.source(f, *args), module)
        value, gradients = module["gradients"](*args)
        assert value == f(*args)
        expected = cp.grad(f, tuple(range(len(args))))(*args)
        gradients = gradients if len(args) > 1 else (gradients,)
        for found, gradient in zip(gradients, expected, strict=True):
            np.testing.assert_array_equal(found, gradient)
