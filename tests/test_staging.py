"""What `source` and `compile` would build in silently is refused with its line; no more is."""

import itertools
import random
import re
import sys
import time

import numpy as np
import pytest

import clearprop as cp
from clearprop import nn
from clearprop.errors import LostGradientError, StagingError
from clearprop.staged import two_runs as staging
from clearprop.staged.two_runs import staged

X = np.array([1.0, 2.0, -3.0])


def source_of(f, *args):
    return cp.source(f, *args)


def compiled(f, *args):
    return cp.compile(f)(*args)


STAGES = pytest.mark.parametrize("stage", [source_of, compiled])


def told(f, *args, stage=source_of):
    with pytest.raises(StagingError) as caught:
        stage(f, *args)
    return str(caught.value)


# ---- reading a value --------------------------------------------------------------------------


@STAGES
def test_a_branch_on_a_value(stage):
    def f(x):
        if np.sum(x) > 0:
            return np.sum(x * x)
        return np.sum(x)

    text = told(f, X, stage=stage)
    assert "(the result of greater) is read as a plain bool while a program is made" in text
    assert re.search(r"Where: test_staging\.py:\d+: if np\.sum\(x\) > 0:", text)
    assert "Write instead: np.where(condition, a, b)" in text
    assert cp.grad(f)(X).shape == (3,)  # while interpreting it runs


def test_what_to_write_for_a_loop_an_assert_and_a_number():
    def loop(x):
        while np.sum(x) > 1.0:
            x = x / 2
        return np.sum(x)

    def check(x):
        assert np.all(x > -5)
        return np.sum(x)

    def chosen(x):
        return x[int(np.argmax(x))] * 2

    def head(x):
        return np.sum(x[: np.argmax(x)])

    assert "a for loop with a fixed number of steps" in told(loop, X)
    assert "the check before the call" in told(check, X)
    assert "is read as a plain int" in told(chosen, X)
    assert "(the result of argmax) is read as a plain int" in told(head, X)


def test_a_list_and_an_array_of_a_value_without_a_derivative():
    assert "plain list" in told(lambda x: np.sum(x) * len((x > 0).tolist()), X)
    assert "plain array" in told(lambda x: np.sum(x * sys.modules["numpy"].asarray(x > 0)), X)
    assert "plain number" in told(lambda x: np.sum(x) * np.argmax(x).item(), X)


@STAGES
def test_what_depends_on_shapes_and_whole_numbers_alone_may_be_read(stage):
    def f(x, n):
        y = x
        for _ in range(n):
            y = y * x
        if n > 1:
            y = y + 1
        if x.shape[0] > 2 and np.sum(np.ones_like(x)) > 2:
            y = y * 2
        return np.sum(y)

    stage(f, X, 2)


def test_whole_numbers_of_an_array_may_not_be_read():
    assert "read as a plain int" in told(lambda x, n: np.sum(x[: int(n)]), X, np.int64(2))


# ---- what a second run shows ------------------------------------------------------------------


@STAGES
def test_a_branch_on_the_plain_number(stage):
    def f(x):
        if np.sum(x).value > 0:
            return np.sum(x * x)
        return np.sum(x)

    text = told(f, X, stage=stage)
    assert "Two runs of f leave different records" in text
    assert re.search(r"Where: test_staging\.py:\d+: return ", text)
    assert "computed from the value of an argument" in text
    assert "np.where(condition, a, b)" in text


@STAGES
def test_a_mask_from_the_plain_number(stage):
    def f(x):
        mask = x.value > 0
        return np.sum(x * mask)

    text = told(f, X, stage=stage)
    assert "mask in multiply is [ True,  True, False] in one and" in text
    assert "return np.sum(x * mask)" in text
    assert "x > 0 without .value" in text


@STAGES
def test_a_number_computed_from_the_plain_number(stage):
    text = told(lambda x: np.sum(x / np.max(x.value)), X, stage=stage)
    assert "np.max(x.value) in divide is 2.0 in one and" in text
    assert "the expression on the value itself, without .value" in text


@STAGES
@pytest.mark.parametrize(
    "draw",
    [
        lambda: np.random.normal(size=3),  # noqa: NPY002
        lambda: np.random.default_rng().normal(size=3),
        lambda: random.random(),
    ],
    ids=["numpy", "default_rng", "python"],
)
def test_a_random_draw(stage, draw):
    def f(x):
        noise = draw()
        return np.sum(x + noise)

    text = told(f, X, stage=stage)
    assert "noise in add is" in text
    assert "It is a random draw" in text
    assert "def f(x, noise)" in text


@STAGES
def test_the_clock(stage):
    text = told(lambda x: np.sum(x * time.time()), X, stage=stage)
    assert "time.time() in multiply is" in text
    assert "It comes from the clock" in text


@STAGES
def test_a_random_branch(stage):
    def f(x):
        for _ in range(20):
            x = x * 2.0 if random.random() > 0.5 else x + 2.0
        return np.sum(x)

    text = told(f, X, stage=stage)
    assert "one goes on with" in text
    assert "It is a random draw" in text


def test_a_result_that_is_not_recorded():
    counter = itertools.count()
    text = told(lambda x: (np.sum(x), next(counter)), X, stage=compiled)
    assert "the result is 0 in one and 1 in the other, and is not recorded" in text


def test_a_generator_that_is_seeded_inside_draws_the_same_and_passes():
    def f(x):
        np.random.seed(3)  # noqa: NPY002
        rng = np.random.default_rng(0)
        return np.sum(x * rng.normal(size=3) * np.random.normal(size=3))  # noqa: NPY002

    np.testing.assert_allclose(compiled(f, X), f(X))


def test_an_argument_of_drawn_numbers_is_what_the_error_recommends():
    f = cp.compile(lambda x, noise: np.sum(x + noise))
    assert f(X, np.ones(3)) == 3.0
    assert f(X, np.zeros(3)) == 0.0


# ---- the second run leaves no trace --------------------------------------------------------------


def test_the_function_runs_twice_and_only_to_make_the_program():
    calls = []

    def f(x):
        calls.append(1)
        return np.sum(x * x)

    g = cp.compile(f)
    g(X), g(X)
    assert len(calls) == 2


def test_the_generators_stand_where_one_run_leaves_them():
    def f(x):
        np.random.normal(size=5)  # noqa: NPY002
        random.random()
        return np.sum(x)

    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    f(X)
    expected = np.random.normal(), random.random()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    cp.source(f, X)
    assert (np.random.normal(), random.random()) == expected  # noqa: NPY002


def test_the_generators_are_put_back_after_a_refusal():
    def f(x):
        return np.sum(x * np.random.normal())  # noqa: NPY002

    np.random.seed(1)  # noqa: NPY002
    f(X)
    expected = np.random.normal()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    told(f, X)
    assert np.random.normal() == expected  # noqa: NPY002


def test_the_arguments_stay_as_they_were():
    x = X.copy()
    cp.source(lambda x: np.sum(np.exp(x)), x)
    np.testing.assert_array_equal(x, X)


def test_warnings_and_nans_of_the_second_run_are_not_the_users():
    x = np.array([1.0, 2.0, 3.0])
    with cp.debug_nans():
        assert compiled(lambda x: np.sum(np.log(x) + np.sqrt(x)), x) > 0


# ---- where other numbers are not for the function ----------------------------------------------


@STAGES
def test_a_function_that_raises_for_other_numbers_passes(stage):
    def f(x):
        if not np.all(x.value == X):
            raise ValueError("only for these")
        return np.sum(x * x)

    stage(f, X)


@STAGES
def test_numbers_that_are_less_different_are_tried(stage):
    def f(x):
        if np.any(x.value < 0):
            raise ValueError("a weight is negative")
        return np.sum(x * float(x.value[0]))

    text = told(f, np.array([1.0, 2.0, 3.0]), stage=stage)
    assert "float(x.value[0]) in multiply" in text


@STAGES
def test_matrices_that_must_be_positive_definite(stage):
    stage(lambda a: np.sum(np.linalg.cholesky(a)), np.array([[2.0, 0.5], [0.5, 1.0]]))


@STAGES
def test_a_mask_may_select_another_number_of_elements(stage):
    stage(lambda x: np.sum(x[x > 0] * 2), X)
    stage(lambda x: np.sum(x[np.nonzero(x > 1.5)[0]]), X)


def test_a_loop_that_would_not_end_is_left():
    def newton(a):
        x = a
        while not abs(float(x.value * x.value - a.value)) < 1e-9:  # NaN for a negative a
            x = (x + a / x) / 2
        return x

    assert "Two runs of newton" in told(newton, 2.0)


def test_except_exception_does_not_hide_the_difference():
    def f(x):
        try:
            return np.sum(x * np.random.default_rng().normal())
        except Exception:
            return np.sum(x)

    assert "random draw" in told(f, X)


def test_a_bare_except_does_not_hide_it_either():
    def f(x):
        try:
            return np.sum(x * np.random.default_rng().normal())
        except:  # noqa: E722
            return np.sum(x)

    assert "random draw" in told(f, X)


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((0, 3)),
        np.array(np.nan),
        np.float32(3e38),
        np.array([np.inf, -1.0]),
        np.float16(7.0),
        np.full((200, 50), 2.0, np.float32),
    ],
    ids=repr,
)
def test_other_numbers_have_the_same_shape_and_dtype(x):
    for other in staging._others((x, {"n": 3, "flag": True, "scale": 2.0})):
        assert other[0].shape == x.shape
        assert other[0].dtype == x.dtype
        assert other[1]["n"] == 3
        assert other[1]["flag"] is True
        assert type(other[1]["scale"]) is float


def test_other_numbers_are_other_and_always_the_same_ones():
    first, second = (list(staging._others((X, 2.0))) for _ in range(2))
    for (a, s), (b, t) in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
        assert s == t
    assert all(np.any(x != X) for x, _ in first[:-1])
    assert any(np.any(np.sign(x) != np.sign(X)) for x, _ in first)


def test_constants_that_are_nan_are_equal():
    data = np.array([np.nan, 1.0, -0.0])
    compiled(lambda x: np.sum(np.where(np.isnan(data), x, x * data)), X)


# ---- no false alarm ----------------------------------------------------------------------------


def network(*, train):
    norm, last = nn.BatchNorm(np.ones(5), np.zeros(5)), nn.Affine.initial(5, 3, seed=1)
    layers = [nn.Affine.initial(4, 5, seed=0), norm, nn.ReLU(), nn.Dropout(0.5), last]
    net = nn.Sequential(*layers, loss=nn.SoftmaxWithLoss())
    x, t = np.random.default_rng(1).normal(size=(6, 4)), np.array([0, 2, 1, 1, 0, 2])
    return lambda params, x, t: net.loss(x, t, params=params, train=train), net.params, x, t


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("labels", ["numbers", "one-hot", "one-hot floats"])
def test_a_network_with_its_loss(train, labels):
    loss, params, x, t = network(train=train)
    params = dict(params)
    if labels != "numbers":
        t = np.eye(3, dtype=float if labels == "one-hot floats" else int)[t]
    graph = staged(loss, (params, x, t), {})
    assert graph.output == loss(params, x, t)
    staged(cp.grad(loss), (params, x, t), {})


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d.initial(2, 3, 3, seed=0),
        nn.MaxPool2d(2),
        nn.AvgPool2d(2),
        nn.GlobalAvgPool(),
        nn.LayerNorm.initial((6, 6)),
        nn.Affine.initial(6, 2, seed=0, last_axis=True),
        nn.Residual(nn.Conv2d.initial(2, 2, 3, seed=0, padding=1), nn.GELU()),
        nn.GELU(approximate="tanh"),
        nn.LeakyReLU(),
        nn.SiLU(),
        nn.Softplus(),
        nn.Softmax(),
        nn.LogSoftmax(),
        nn.Rescaling(2.0, np.arange(6.0)),
        nn.Sigmoid(),
        nn.Flatten(),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers(layer):
    x = np.random.default_rng(0).normal(size=(2, 2, 6, 6))
    parameters = layer.arrays(layer.parameters)
    staged(lambda x, *p: np.sum(layer.compute(x, *p) ** 2), (x, *parameters), {})


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv1d.initial(5, 2, 3, seed=0),
        nn.LSTM.initial(4, 3, seed=0),
        nn.MultiHeadAttention.initial(4, heads=2, seed=0, causal=True),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_of_sequences(layer):
    x = np.random.default_rng(0).normal(size=(2, 5, 4))
    parameters = layer.arrays(layer.parameters)
    staged(lambda x, *p: np.sum(layer.compute(x, *p) ** 2), (x, *parameters), {})


def test_whole_numbers_are_data():
    net = nn.Sequential(nn.Embedding.initial(5, 3, seed=0), nn.LSTM.initial(3, 2, seed=1))
    f = cp.compile(net.predict)
    for x in ([[0, 4]], [[3, 3]]):
        np.testing.assert_allclose(f(np.array(x)), net.predict(x), rtol=1e-12)
    with pytest.raises(IndexError, match="index 5 is out of bounds for axis 0 with size 5"):
        f(np.array([[5, 0]]))


@STAGES
@pytest.mark.parametrize(
    "layer", [nn.BatchNorm(np.ones(3), np.zeros(3)), nn.Dropout(0.5)], ids=repr
)
def test_a_layer_that_would_change_its_state_is_refused(stage, layer):
    before = [np.array(getattr(layer, name)) for name in layer.buffers]
    text = told(lambda x: np.sum(layer.forward(x, train=True)), np.ones((4, 3)), stage=stage)
    assert "changes the state of the layer" in text
    assert "layer.compute(" in text
    for name, old in zip(layer.buffers, before, strict=True):
        np.testing.assert_array_equal(getattr(layer, name), old)


def test_the_key_of_dropout_is_data():
    layer = nn.Dropout(0.5)
    f = cp.compile(lambda x, key: layer.compute(x, key, train=True)[0])
    x, other = np.ones(50), layer.key + np.array([0, 1], np.uint64)
    np.testing.assert_array_equal(f(x, layer.key), layer.compute(x, layer.key, train=True)[0])
    assert np.any(f(x, layer.key) != f(x, other))


def test_gradients_of_gradients():
    def f(x):
        return np.sum(cp.grad(lambda y: np.sum(np.tanh(y) ** 3))(x) ** 2)

    np.testing.assert_allclose(compiled(cp.grad(f), X), cp.grad(f)(X))


def test_the_first_record_is_the_one_that_is_used():
    graph = staged(lambda x: np.sum(np.exp(x)), (X,), {})
    assert graph.output == np.sum(np.exp(X))


# ---- what a trace for machine code holds ----------------------------------------------------


def second_derivative(x):
    slope = cp.grad(lambda x: np.sum(np.sin(x) * x))
    return cp.grad(lambda x: np.sum(slope(x) ** 2))(x)


def pulled_twice(x):
    y, pullback = cp.vjp(lambda x: np.sin(x) * x, x)
    slope = cp.grad(lambda x: np.sum(np.exp(x) * y))(x)
    return pullback(np.ones(3))[0] + pullback(2 * y)[0] + slope


def differentiated_beside(x):
    def loss(z):
        return np.sum(np.sin(z) * z * x), np.cos(x) * x

    (_, beside), slope = cp.value_and_grad(loss, has_aux=True)(2 * x)
    return cp.grad(lambda x: np.sum(beside * x * np.sin(x)))(x) + slope


def pushed(x):
    return cp.jvp(lambda x: np.cumsum(np.sin(x)) * np.linalg.norm(x), (x,), (x * x,))[1]


def run_again(x):
    once = cp.grad(lambda x: np.sum(cp.checkpoint(lambda z: np.sin(z) * z)(x) * x))
    return cp.grad(lambda x: np.sum(once(x) ** 2))(x)


@pytest.mark.parametrize(
    "f",
    [
        *(second_derivative, pulled_twice, differentiated_beside, pushed, run_again),
        lambda x: cp.jacobian(lambda x: np.sin(x) * x[::-1])(x),
        lambda x: cp.hessian(lambda x: np.sum(np.sin(x) * x[::-1] * x))(x),
    ],
)
def test_a_trace_for_machine_code_holds_constants_alone_and_all_that_a_derivative_needs(f):
    graph = staged(f, (X,), {}, is_compiled=True)
    computed = [n for n in graph.nodes if n.primitive is not None and not n.primitive.is_composite]
    assert computed
    for node in computed:
        assert node.value is None
        for source, operand in zip(node.inputs, node.operands, strict=True):
            is_constant = source is None or source.tape is not graph._tape
            assert (operand is None) != is_constant
    np.testing.assert_allclose(cp.compile(f)(X), f(X), rtol=1e-12)


def test_backward_inside_a_compiled_function_is_refused_by_name():
    def f(x):
        y = np.sum(x * x)
        y.backward()
        return y

    with pytest.raises(LostGradientError, match=r"backward\(\) inside a function"):
        cp.compile(f)(X)


def test_a_refusal_that_numpy_hides_is_told():
    polynomial = np.polynomial.Polynomial  # its operators give NotImplemented after any error

    def product(c):
        return np.sum((polynomial(c) * polynomial(c)).coef)

    with pytest.raises(StagingError, match="read as a plain bool"):
        cp.source(product, np.array([1.0, 2.0]))
