"""cp.source of a hundred random programs, and of every form that a function can have."""

import ast
import dataclasses
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_programs import STEPS, program

import clearprop as cp
from clearprop.errors import ShapeError, StagingError
from clearprop.source import lines_of
from clearprop.trees import tree_leaves

ROWS = np.array([2, 0, 2])
MASK = np.array([True, False, True])
FIXED = np.linspace(-1, 1, 12).reshape(3, 4)


def written(target, source, step):
    y = np.zeros((3, 4))
    y[step % 3] = source[0]
    y[1:, ::2] += target[:2, :2]
    return y


#: Each gives an array of shape (3, 4) from two others.
OPERATIONS = {
    "add": lambda a, b, k: a + b,
    "subtract": lambda a, b, k: a - 2 * b,
    "multiply": lambda a, b, k: a * b * 0.5,
    "divide": lambda a, b, k: a / (1 + b * b),
    "tanh": lambda a, b, k: np.tanh(a),
    "exp": lambda a, b, k: np.exp(-np.abs(a)),
    "max": lambda a, b, k: np.maximum(a, b),
    "relu": lambda a, b, k: np.maximum(a, 0),
    "row": lambda a, b, k: a + b[k % 3],
    "column": lambda a, b, k: a * b[:, k % 4, None],
    "centre": lambda a, b, k: a - np.mean(b, axis=k % 2, keepdims=True),
    "softmax": lambda a, b, k: np.exp(a - np.max(a, axis=1, keepdims=True)) + 0.1 * b,
    "total": lambda a, b, k: a + np.sum(b),
    "product": lambda a, b, k: (a @ b.T) @ FIXED,
    "gather": lambda a, b, k: a[ROWS] - b,
    "pick": lambda a, b, k: a + b[np.arange(3), ROWS][:, None],
    "mask": lambda a, b, k: np.where(MASK[:, None], a, b),
    "where": lambda a, b, k: np.where(a > b, a, 0.1 * b),
    "reshape": lambda a, b, k: (a.reshape(4, 3) + b.T).T.reshape(3, 4),
    "stack": lambda a, b, k: np.concatenate([a[:1], b[:2]]),
    "cumsum": lambda a, b, k: np.cumsum(a, axis=k % 2) * 0.3,
    "write": written,
    "same": lambda a, b, k: a * 1.0 + np.reshape(b, (3, 4)),
}
GRAPHS = st.lists(
    st.tuples(st.sampled_from(sorted(OPERATIONS)), *[st.integers(0, 9)] * 3),
    min_size=1,
    max_size=15,
)


def graph_of(steps):
    def f(x, W, b):
        values = [x, W, x + b]
        for name, i, j, k in steps:
            n = len(values)
            values.append(OPERATIONS[name](values[-1 - i % n], values[-1 - j % n], k))
        return np.sum(values[-1] * values[-2]) + np.sum(x) + np.sum(W) + np.sum(b)

    return f


def run(text):
    module = {}
    exec(compile(text, "generated", "exec"), module)
    imported = [n.names[0].name for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Import)]
    assert set(imported) <= {"numpy"}
    return module


def must_be_equal(found, expected):
    """The same nesting, dtypes, shapes and bits; NaN is NaN."""
    pairs = zip(tree_leaves(found), tree_leaves(expected), strict=True)
    for a, b in ((np.asarray(a), np.asarray(b)) for (_, a), (_, b) in pairs):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_array_equal(a, b)
        assert np.array_equal(np.signbit(a), np.signbit(b))


def agree(f, *args, **passed):
    """Compare the generated module with the sweep; give its text."""
    text = cp.source(f, *args)
    active = tuple(range(len(args)))
    y, found = run(text)["gradients"](*args, **passed)
    expected, gradients = cp.value_and_grad(f, argnums=active)(*args)
    must_be_equal(y, expected)
    must_be_equal(found if len(args) > 1 else (found,), gradients)
    return text


def dead_names(text):
    """Name the variables of ``forward`` and ``backward`` that are bound and never read."""
    dead = []
    for function in ast.parse(text).body:
        if getattr(function, "name", "") in ("forward", "backward"):
            names = [n for n in ast.walk(function) if isinstance(n, ast.Name)]
            read = {n.id for n in names if isinstance(n.ctx, ast.Load)}
            dead += [n.id for n in names if n.id not in read]
    return dead


ARRAYS = [np.random.default_rng(k).normal(size=(3, 4)) for k in range(2)]
X, W, B = *ARRAYS, np.random.default_rng(2).normal(size=4)


@given(steps=GRAPHS, dtype=st.sampled_from(["f8", "f4"]))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_random_graph_is_the_sweep_to_the_bit(steps, dtype):
    text = agree(graph_of(steps), *(a.astype(dtype) for a in (X, W, B)))
    assert dead_names(text) == []
    assert max(map(len, text.splitlines())) <= 88


@given(steps=GRAPHS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_random_graph_is_the_slope_of_its_forward(steps):
    module = run(cp.source(graph_of(steps), X, W, B))
    y, (dx, _, _) = module["gradients"](X, W, B)
    v, h = np.random.default_rng(5).normal(size=X.shape), 1e-6
    wide, narrow = (
        (module["forward"](X + s * v, W, B)[0] - module["forward"](X - s * v, W, B)[0]) / (2 * s)
        for s in (h, h / 2)
    )
    if abs(wide - narrow) < 1e-6 * (1 + abs(y)):  # no kink within the step
        assert np.sum(dx * v) == pytest.approx(narrow, rel=1e-4, abs=1e-6 * (1 + abs(y)))


@given(steps=STEPS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_program_that_writes_in_place(steps):
    f, x = program(steps), np.array([0.3, -0.7, 1.1])
    if np.isfinite(f(x.copy())):
        y, dx = run(cp.source(f, x))["gradients"](x)
        expected, gradient = cp.value_and_grad(f)(x)
        # a view that was written through lies otherwise in memory, and is added up otherwise
        np.testing.assert_allclose(y, expected, rtol=1e-13)
        np.testing.assert_allclose(dx, gradient, rtol=1e-12, atol=1e-12)


@given(steps=GRAPHS)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_source_of_a_gradient(steps):
    f = graph_of(steps)

    def slope(x, W, b):
        # times x: the gradient of a linear program depends on nothing
        return np.sum(np.sin(cp.grad(f)(x, W, b)) * x)

    agree(slope, X, W, B)


def test_a_checkpoint_is_written_out():
    def f(x, W):
        y = cp.checkpoint(lambda u, v: np.sin(u) * v)(x, W)
        return np.sum(y * W) + np.sum(x)

    text = cp.source(f, X, W)
    _, found = run(text)["gradients"](X, W)
    assert text.count("np.sin(") == 1
    for a, b in zip(found, cp.grad(f, argnums=(0, 1))(X, W), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)  # run again, it adds up in another order


def test_a_sum_by_index_starts_from_what_is_written():
    def f(x):
        rows = x[ROWS] + x[:3] * 1.0
        return np.sum(rows * x[ROWS]) + np.sum(np.reshape(x, (3, 4)) * 1.0)

    agree(f, X)
    steps = [("add", 0, 0, 0), ("pick", 0, 2, 0), ("same", 0, 4, 7), ("gather", 2, 0, 0)]
    for k in range(8):
        agree(graph_of([*steps, ("same", k, 0, 0), ("stack", 1, k, 2)]), X, W, B)


# ---- forms of functions ------------------------------------------------------------------------


@dataclasses.dataclass
class Model:
    W: np.ndarray
    b: np.ndarray
    steps: int = dataclasses.field(default=3, metadata={"static": True})


def test_dicts_and_dataclasses_and_constant_loops():
    def f(params, model):
        h = params["x"]
        for k in range(model.steps):
            h = np.tanh(h @ model.W + model.b) if k % 2 else h * params["scale"]
        return np.sum(h)

    square = np.random.default_rng(3).normal(size=(4, 4))
    params, model = {"x": X, "scale": 1.5}, Model(square, B)
    text = cp.source(f, params, model)
    y, (dparams, dmodel) = run(text)["gradients"](params, model)
    expected, (gparams, gmodel) = cp.value_and_grad(f, argnums=(0, 1))(params, model)
    must_be_equal(y, expected)
    must_be_equal(dparams, gparams)
    must_be_equal(dmodel, {"W": gmodel.W, "b": gmodel.b})


def test_a_primitive_of_the_users():
    @cp.primitive
    def cube(x):
        return x * x * x

    @cube.vjp("x")
    def _(dy, x):
        return dy * (3 * x * x)

    text = agree(lambda x: np.sum(cube(x)), X)
    assert "3 * x * x" in text


def test_several_results_are_refused_with_the_reason():
    with pytest.raises(ShapeError, match="returns tuple"):
        cp.source(lambda x: (x, x * 2), X)
    with pytest.raises(StagingError):
        cp.source(lambda x: x if np.sum(x) > 0 else -x, X)


def test_integers_are_data():
    def f(x, t):
        return -np.mean(np.log(np.exp(x)[np.arange(3), t]))

    t = np.array([1, 3, 1])
    text = cp.source(f, X, t)
    y, dx = run(text)["gradients"](X, t)
    must_be_equal((y, dx), cp.value_and_grad(f)(X, t))
    assert "[np.arange(3), t] += " in text
    assert "np.add.at" not in text
    assert "np.add.at" in cp.source(lambda x, t: np.sum(x[t] ** 2), X, t % 3)


# ---- constants ---------------------------------------------------------------------------------


def test_a_kernel_stands_above_the_functions():
    text = agree(lambda x: np.sum((x * FIXED) @ FIXED.T), X)
    assert text.count("FIXED = np.array([[") == 1
    assert text.index("FIXED = ") < text.index("def forward(x):")


def test_a_large_array_is_passed_by_its_name():
    images = np.random.default_rng(0).normal(size=(300, 4))

    def f(w):
        return np.sum(np.tanh(images @ w))

    text = agree(f, B, images=images)
    assert "def forward(w, *, images):" in text
    assert "    images: (300, 4) float64" in text
    assert len(text) < 1500


# ---- the text ----------------------------------------------------------------------------------


def loss(x, W, b, t):
    scores = x @ W.T + b[:3]
    shifted = scores - np.max(scores, axis=1, keepdims=True)
    p = np.exp(shifted) / np.sum(np.exp(shifted), axis=1, keepdims=True)
    return -np.sum(np.log(p[np.arange(3), t])) / len(t)


def test_nothing_is_said_twice_or_in_vain():
    text = cp.source(loss, X, W, B, np.array([0, 2, 1]))
    assert text.count("np.exp(shifted)") == 1
    for word in "axis=(1,)", "np.broadcast_to", "astype", "np.transpose", "+ -", "* 1.0":
        assert word not in text
    assert text.count("np.reshape") == 0
    assert "keepdims=True" in text[text.index("def backward") :]


def test_every_line_knows_its_node():
    t = np.array([0, 2, 1])
    graph = cp.trace(loss, X, W, B, t)
    lines = lines_of(graph)
    assert "".join(f"{line.text}\n" for line in lines) == cp.source(loss, X, W, B, t)
    assert [line.text for line in lines] == [line.text for line in lines_of(graph)]
    derived = [line for line in lines if line.part == "backward" and line.of is not None]
    assert len(derived) > 12
    assert {line.of for line in derived} <= set(graph.nodes)
    computed = {line.node for line in lines if line.part == "forward"} - {None}
    assert computed <= set(graph.nodes)


def test_ruff_would_write_it_so(tmp_path):
    params = {f"a rather long name of parameter {k}": X for k in range(6)}
    many = {f"weights_of_the_layer_{k}": 1.0 + k for k in range(9)}
    texts = {
        "loss": cp.source(loss, X, W, B, np.array([0, 2, 1])),
        "keys": cp.source(lambda p: sum(np.sum(np.sin(v)) for v in p.values()), params),
        "many": cp.source(eval(f"lambda {', '.join(many)}: {' * '.join(many)}"), *many.values()),
        "stack": cp.source(lambda x: np.concatenate([np.sin(k * x) for k in range(40)]), X),
        "fixed": cp.source(lambda x: np.sum((x * FIXED)[ROWS]), X),
        "gradient": cp.source(cp.grad(lambda x: np.sum(np.tanh(x) ** 3)), X),
        "reductions": cp.source(lambda x: np.std(x, axis=0) @ np.max(x, axis=0), X),
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text)
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    command = [sys.executable, "-m", "ruff", "check", "--isolated", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_process_writes_the_same(tmp_path):
    here = Path(__file__)
    code = (
        f"import sys; sys.path[:0] = [{str(here.parent)!r}]\n"
        "import test_source_of_programs as t, clearprop as cp, numpy as np\n"
        "steps = [(name, k, k + 1, k) for k, name in enumerate(sorted(t.OPERATIONS))]\n"
        "print(cp.source(t.graph_of(steps), t.X, t.W, t.B))\n"
    )
    texts = set()
    for seed in "0", "1", "27":
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        environment["PYTHONPATH"] = str(Path(cp.__file__).parents[1])
        command = [sys.executable, "-c", code]
        texts.add(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
    assert len(texts) == 1


def unrolled(x):
    h = x
    for _ in range(667):
        h = np.tanh(h * 0.9 + x)
    return np.sum(h)


def test_a_long_loop_is_a_long_text():
    before = time.process_time()
    text = agree(unrolled, B)
    assert text.count("\n") > 3000
    assert len(text) < 300_000
    print(f"{time.process_time() - before:.1f} s")
