"""Tables, sequences and attention against plain loops, and the refusals of what does not fit."""

import math

import numpy as np
import pytest

import clearprop as cp
from clearprop import nn
from clearprop.errors import BoundsError, DTypeError, OptionError, OrderError, ShapeError

rng = np.random.default_rng(8)
W = rng.normal(size=(6, 3))
X = rng.normal(size=(2, 5, 4))


def sigma(v):
    return 1 / (1 + np.exp(-v))


# ---- Embedding ----------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [[1, 5, 1], [[0, 2], [3, 3]], np.uint8(4), [], np.zeros((0, 3), int)])
def test_a_table_is_read_by_number(x):
    layer = nn.Embedding(W)
    y = layer.forward(x)
    assert y.shape == (*np.shape(x), 3)
    np.testing.assert_array_equal(y, W[np.array(x, int)])
    dy = rng.normal(size=y.shape)
    assert layer.backward(dy) is None
    wanted = np.zeros_like(W)
    for place, row in np.ndenumerate(np.array(x, int)):
        wanted[row] += dy[place]
    np.testing.assert_allclose(layer.dW, wanted, rtol=1e-14)


def test_numbers_that_change_between_forward_and_backward_change_nothing():
    layer, x = nn.Embedding(W), np.array([1, 1, 2])
    layer.forward(x)
    x[:] = 0
    layer.backward(np.ones((3, 3)))
    np.testing.assert_array_equal(layer.dW[:, 0], [0, 2, 1, 0, 0, 0])


def words(**options):
    seed = np.random.default_rng(3)
    return nn.Sequential(
        nn.Embedding.initial(6, 4, seed=seed),
        nn.LSTM.initial(4, 5, seed=seed, last=True),
        nn.Affine.initial(5, 3, seed=seed),
        loss=nn.SoftmaxWithLoss(),
        **options,
    )


def test_a_network_of_words_takes_whole_numbers_as_they_are():
    net, x, t = words(), rng.integers(0, 6, (4, 7)), [0, 2, 1, 1]
    assert list(net.params) == ["W1", "Wx2", "Wh2", "b2", "W3", "b3"]
    numerical, gradient = net.numerical_gradient(x, t), net.gradient(x, t)
    for name, array in gradient.items():
        np.testing.assert_allclose(array, numerical[name], rtol=1e-6, atol=1e-9, err_msg=name)
    y = net.forward(x)
    np.testing.assert_array_equal(y, net.predict(x.astype(np.uint8)))
    assert net.backward(np.ones_like(y)) is None
    assert net.layers["Embedding1"].dW.shape == (6, 4)
    assert [v.shape for v in net.outputs(x).values()] == [(4, 7, 4), (4, 5), (4, 3)]
    report = cp.check(lambda p: net.loss(x, t, params=p), dict(net.params))
    assert report.ok, str(report)


def test_a_traced_table_checks_its_rows_too():
    net = words()
    graph = cp.trace(net.predict, np.array([[0, 5]]))
    assert graph.output.shape == (1, 3)
    assert [node.operation for node in graph][:2] == ["argument", "getitem"]
    with pytest.raises(BoundsError):
        cp.trace(net.predict, np.array([[0, -1]]))


def test_a_program_says_which_number_is_no_row():
    pytest.importorskip("llvmlite")
    step = cp.compile(lambda W, x: nn.Embedding(W).compute(x, W))
    np.testing.assert_array_equal(step(W, np.array([2, 5])), W[[2, 5]])
    with pytest.raises(IndexError, match="index 6 is out of bounds for axis 0 with size 6"):
        step(W, np.array([6]))


# ---- LSTM ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("steps", [0, 1, 5])
def test_an_lstm_is_the_loop(steps, last):
    Wx, Wh, b = rng.normal(size=(4, 12)), rng.normal(size=(3, 12)), rng.normal(size=12)
    layer, x = nn.LSTM(Wx, Wh, b, last=last), X[:, :steps]
    wanted = np.zeros((2, steps, 3))
    ends = np.zeros((2, 3))
    for n in range(2):
        h = c = np.zeros(3)
        for t in range(steps):
            i, f, g, o = np.split(x[n, t] @ Wx + h @ Wh + b, 4)
            c = sigma(f) * c + sigma(i) * np.tanh(g)
            wanted[n, t] = h = sigma(o) * np.tanh(c)
        ends[n] = h
    y = layer.forward(x)
    np.testing.assert_allclose(y, ends if last else wanted, rtol=1e-12, atol=1e-14)
    assert layer.backward(np.ones_like(y)).shape == x.shape
    assert [d.shape for d in (layer.dWx, layer.dWh, layer.db)] == [(4, 12), (3, 12), (12,)]


def test_the_forget_gate_starts_open_and_may_start_otherwise():
    b = nn.LSTM.initial(2, 3, seed=0).b
    np.testing.assert_array_equal(b, np.repeat([0, 1, 0, 0], 3))
    assert not nn.LSTM.initial(2, 3, seed=0, forget_bias=0.0).b.any()
    wide, narrow = nn.LSTM.initial(2, 3, seed=4), nn.LSTM.initial(2, 3, seed=4, dtype="f4")
    np.testing.assert_array_equal(wide.Wh.astype("f4"), narrow.Wh)


# ---- attention ----------------------------------------------------------------------------------


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_the_loop(causal):
    layer = nn.MultiHeadAttention.initial(4, heads=2, seed=1, causal=causal)
    layer.bq, layer.bv = rng.normal(size=4), rng.normal(size=4)
    wanted = np.zeros_like(X)
    for n in range(2):
        q, k, v = X[n] @ layer.Wq + layer.bq, X[n] @ layer.Wk, X[n] @ layer.Wv + layer.bv
        for t in range(5):
            until, heads = (t + 1 if causal else 5), []
            for of in (slice(0, 2), slice(2, 4)):
                e = np.exp(k[:until, of] @ q[t, of] / np.sqrt(2))
                heads.append(e / e.sum() @ v[:until, of])
            wanted[n, t] = np.concatenate(heads) @ layer.Wo
    np.testing.assert_allclose(layer.forward(X), wanted, rtol=1e-12, atol=1e-14)


def test_a_causal_step_has_no_gradient_from_earlier_ones():
    layer = nn.MultiHeadAttention.initial(4, heads=2, seed=1, causal=True)
    dy = np.zeros_like(X)
    layer.forward(X)
    dy[:, 2] = 1.0
    dx = layer.backward(dy)
    assert dx[:, :3].any(axis=(0, 2)).all()
    assert not dx[:, 3:].any()


@pytest.mark.parametrize(
    "layer",
    [
        nn.LSTM.initial(4, 3, seed=0),
        nn.MultiHeadAttention.initial(4, heads=2, seed=0),
        nn.LayerNorm.initial(4),
        nn.Affine.initial(4, 2, seed=0, last_axis=True),
        nn.Residual(nn.LayerNorm.initial(4), nn.GELU()),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_batch_of_no_sequences_and_a_batch_of_one(layer):
    y = layer.forward(np.zeros((0, 5, 4)))
    assert y.shape[:2] == (0, 5)
    assert layer.backward(y).shape == (0, 5, 4)
    assert not any(getattr(at, f"d{key}").any() for at, key in layer.places(layer.parameters))
    np.testing.assert_allclose(layer.forward(X[:1]), layer.forward(X)[:1], rtol=1e-12)


# ---- convolution, pooling, normalisation --------------------------------------------------------


def test_convolution_of_a_sequence_is_that_of_an_image_of_one_row():
    b = rng.normal(size=4)
    kernels, x = rng.normal(size=(4, 1, 3)), rng.normal(size=(2, 2, 9))
    options = {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}
    one = nn.Conv1d(kernels, b, **options)
    two = nn.Conv2d(kernels[:, :, None], b, (1, 2), (0, 1), (1, 2), 2)
    y, wide = one.forward(x), two.forward(x[:, :, None])
    np.testing.assert_array_equal(y, wide[:, :, 0])
    np.testing.assert_array_equal(one.backward(y), two.backward(wide)[:, :, 0])
    np.testing.assert_array_equal(one.dW, two.dW[:, :, 0])
    plain = nn.Conv1d(kernels[:1], b[:1]).forward(x[:1, :1])
    np.testing.assert_allclose(plain[0, 0], np.correlate(x[0, 0], kernels[0, 0]) + b[0])


def test_a_kernel_of_a_seed_counts_its_inputs():
    assert nn.Conv1d.initial(4, 6, 3, seed=0, groups=2).W.shape == (6, 2, 3)
    assert abs(nn.Conv1d.initial(8, 400, 25, seed=0).W.std() - 0.1) < 0.002
    assert abs(nn.Conv1d.initial(8, 400, 25, seed=0, std=0.5).W.std() - 0.5) < 0.01
    assert nn.Conv1d.initial(2, 3, 3, seed=0).forward(np.zeros((0, 2, 7))).shape == (0, 3, 5)


@pytest.mark.parametrize("shape", [(4,), (5, 4)])
def test_a_sample_is_normalised_by_its_own_mean_and_variance(shape):
    gamma, beta = rng.normal(size=shape), rng.normal(size=shape)
    axes = tuple(range(-len(shape), 0))
    centred = X - X.mean(axes, keepdims=True)
    wanted = centred / np.sqrt(X.var(axes, keepdims=True) + 0.01) * gamma + beta
    np.testing.assert_allclose(nn.LayerNorm(gamma, beta, eps=0.01).forward(X), wanted, rtol=1e-12)


def test_gelu_is_x_times_the_normal_distribution():
    x = np.linspace(-6, 6, 49)
    wanted = [v * 0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x]
    np.testing.assert_allclose(nn.GELU().forward(x), wanted, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(nn.GELU("tanh").forward(x), wanted, atol=5e-4)
    assert nn.GELU(True).approximate == "tanh"
    assert repr(nn.GELU("tanh")) == "GELU(approximate='tanh')"


def test_softplus_is_exact_for_large_numbers_and_smooth_at_0():
    layer = nn.Softplus()
    x = np.array([-800.0, -40.0, 0.0, 25.0, 800.0])
    np.testing.assert_allclose(layer.forward(x), [0, np.exp(-40), np.log(2), 25 + np.exp(-25), 800])
    np.testing.assert_allclose(layer.backward(np.ones(5)), [0, np.exp(-40), 0.5, sigma(25), 1])


def test_log_softmax_is_finite_where_the_logarithm_of_a_softmax_is_not():
    layer = nn.LogSoftmax()
    x = np.array([[0.0, 1e4], [2.0, 2.0], [np.log(1.0), np.log(3.0)]])
    wanted = [[-1e4, 0.0], [-np.log(2)] * 2, [np.log(0.25), np.log(0.75)]]
    np.testing.assert_allclose(layer.forward(x), wanted, rtol=1e-14)
    dx = layer.backward([[1.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    np.testing.assert_allclose(dx, [[1, -1], [0.5, -0.5], [-0.5, 0.5]], rtol=1e-14)


def test_log_softmax_and_nll_are_softmax_with_loss():
    rng = np.random.default_rng(3)
    x, t = rng.normal(size=(5, 4)) * 30, rng.integers(0, 4, 5)
    layer, last, both = nn.LogSoftmax(), nn.NLL(), nn.SoftmaxWithLoss()
    assert last.forward(layer.forward(x), t) == pytest.approx(both.forward(x, t), rel=1e-14)
    np.testing.assert_allclose(layer.backward(last.backward()), both.backward(), atol=1e-15)


@pytest.mark.parametrize(
    "layer", [nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.LeakyReLU(), nn.Softplus()], ids=repr
)
def test_activations_are_finite_at_ten_thousand(layer):
    y = layer.forward(np.array([1e4, -1e4, 0.0]))
    assert np.isfinite(y).all()
    assert np.isfinite(layer.backward(np.ones(3))).all()
    assert y[0] == 1e4


# ---- refusals -----------------------------------------------------------------------------------


def attention(**options):
    arrays = [np.eye(4)] * 4 + [np.zeros(4)] * 4
    for at, value in options.pop("instead", {}).items():
        arrays[at] = value
    return nn.MultiHeadAttention(*arrays, **{"heads": 2, **options})


def lstm():
    return nn.LSTM.initial(4, 3, seed=0)


def conv(**options):
    return nn.Conv1d(np.ones((4, 2, 3)), np.zeros(4), **options)


@pytest.mark.parametrize(
    ("act", "error", "what", "write"),
    [
        (
            lambda: nn.Embedding(W).forward([[0, 7]]),
            BoundsError,
            "Embedding: x[0, 1] is 7, W has 6 rows.",
            "nn.Embedding.initial(8, …), a table with a row for each number.",
        ),
        (
            lambda: words().predict([[0, -2]]),
            BoundsError,
            "Embedding: x[0, 1] is -2, W has 6 rows.",
            "x % 6, if numbers below 0 count from the end.",
        ),
        (
            lambda: nn.Embedding(W).forward(6),
            BoundsError,
            "Embedding: x is 6, W has 6 rows.",
            "nn.Embedding.initial(7, …), a table with a row for each number.",
        ),
        (
            lambda: nn.Embedding(W).forward([0.5, 1.0]),
            DTypeError,
            "Embedding: the input is an array of float64; it takes whole numbers.",
            "x.astype(int)",
        ),
        (
            lambda: nn.Embedding(W).forward([True, False]),
            DTypeError,
            "Embedding: the input is an array of bool; it takes whole numbers.",
            "x.astype(int)",
        ),
        (
            lambda: nn.Embedding(W).forward(np.ma.masked_array([1, 2], [True, False])),
            DTypeError,
            "Embedding: the input is a masked array.",
            "np.where(x.mask, 0.0, x.data)",
        ),
        (
            lambda: nn.Embedding(W[0]),
            ShapeError,
            "Embedding: W has shape (3,).",
            "W.reshape(V, D)",
        ),
        (
            lambda: nn.Embedding(W).backward(1.0),
            OrderError,
            "Embedding.backward was called before Embedding.forward.",
            "y = layer.forward(x); dx = layer.backward(dy)",
        ),
        (
            lambda: nn.Sequential(nn.Affine.initial(2, 6, seed=0), nn.Embedding(W)),
            OptionError,
            "Sequential: Embedding(6 rows of 3, float64) takes whole numbers, and the layer before "
            "it gives others.",
            "nn.Sequential(nn.Affine(W1, b1), nn.ReLU(), …, loss=nn.SoftmaxWithLoss())",
        ),
        (
            lambda: nn.Residual(nn.Embedding(W)),
            OptionError,
            "Residual: Embedding(6 rows of 3, float64) takes whole numbers, to which nothing can "
            "be added.",
            "nn.Residual(nn.Affine(W1, b1), nn.ReLU(), nn.Affine(W2, b2))",
        ),
        (
            lambda: nn.Residual(nn.Affine.initial(4, 3, seed=0)).forward(X[0]),
            ShapeError,
            "Residual: x has shape (5, 4), f(x) has shape (5, 3).",
            "layers that give the shape that they are given, such as a last "
            "nn.Affine.initial(n, D, seed=0) with the D features of x.",
        ),
        (
            lambda: nn.Residual(),
            OptionError,
            "Residual: there is no layer.",
            "nn.Residual(nn.Affine(W1, b1), nn.ReLU(), nn.Affine(W2, b2))",
        ),
        (
            lambda: lstm().forward(X[0]),
            ShapeError,
            "LSTM: x has shape (5, 4), Wx has shape (4, 12).",
            "x[np.newaxis], a batch of one sequence.",
        ),
        (
            lambda: lstm().forward(X[:, :, :2]),
            ShapeError,
            "LSTM: x has shape (2, 5, 2), Wx has shape (4, 12).",
            "Wx of shape (2, 12)",
        ),
        (
            lambda: nn.LSTM(np.ones((12, 4)), np.ones((12, 3)), np.ones(12)),
            ShapeError,
            "LSTM: Wx has shape (12, 4), Wh has shape (12, 3), b has shape (12,).",
            "nn.LSTM(Wx.T, Wh.T, b)",
        ),
        (
            lambda: nn.LSTM(4, 3, 1),
            DTypeError,
            "LSTM: Wx is an int.",
            "nn.LSTM.initial(8, 16, seed=0), which draws the parameters.",
        ),
        (
            lambda: attention(heads=3),
            ShapeError,
            "MultiHeadAttention: Wq has shape (4, 4), heads is 3.",
            "heads=1, or a number of features that is a multiple of heads.",
        ),
        (
            lambda: attention(heads=0),
            ShapeError,
            "MultiHeadAttention: heads is 0.",
            "heads=1",
        ),
        (
            lambda: attention(heads=1.5),
            DTypeError,
            "MultiHeadAttention: heads is 1.5.",
            "heads=1",
        ),
        (
            lambda: attention(instead={1: np.ones((12, 4))}),
            ShapeError,
            "MultiHeadAttention: Wk has shape (12, 4), Wq has shape (4, 4).",
            "Wq, Wk, Wv = np.split(in_proj_weight.T, 3, axis=1)",
        ),
        (
            lambda: attention(instead={6: np.zeros(3)}),
            ShapeError,
            "MultiHeadAttention: bv has shape (3,); it needs (4,) or (1, 4).",
            "np.zeros(4)",
        ),
        (
            lambda: attention().forward(X[0]),
            ShapeError,
            "MultiHeadAttention: x has shape (5, 4), Wq has shape (4, 4).",
            "x[np.newaxis], a batch of one sequence.",
        ),
        (
            lambda: attention().forward(X[:, :0]),
            ShapeError,
            "MultiHeadAttention: x has shape (2, 0, 4), Wq has shape (4, 4).",
            "at least one step.",
        ),
        (
            lambda: conv().forward(X[0]),
            ShapeError,
            "Conv1d: x has shape (5, 4).",
            "x[np.newaxis], a batch of one sequence (C, L).",
        ),
        (
            lambda: conv().forward(np.ones((1, 7, 2))),
            ShapeError,
            "Conv1d: x has shape (1, 7, 2), W has shape (4, 2, 3), groups is 1.",
            "x.transpose(0, 2, 1), if the channels are the last axis of x.",
        ),
        (
            lambda: conv(dilation=3).forward(np.ones((1, 2, 5))),
            ShapeError,
            "Conv1d: the kernel spans 7 steps, the sequence with its padding has 5; x has shape "
            "(1, 2, 5).",
            "padding=1, or a smaller one.",
        ),
        (lambda: conv(stride=0), ShapeError, "Conv1d: stride is 0.", "stride=1"),
        (lambda: conv(padding=0.5), DTypeError, "Conv1d: padding is 0.5.", "padding=0"),
        (
            lambda: nn.Conv1d(np.ones((4, 9)), np.zeros(4)),
            ShapeError,
            "Conv1d: W has shape (4, 9).",
            "W[np.newaxis], for the kernel of one filter.",
        ),
        (
            lambda: nn.GlobalAvgPool().forward(np.ones((2, 3))),
            ShapeError,
            "GlobalAvgPool: x has shape (2, 3).",
            "x.reshape(N, C, H, W)",
        ),
        (
            lambda: nn.GlobalAvgPool().forward(np.ones((2, 3, 0))),
            ShapeError,
            "GlobalAvgPool: x has shape (2, 3, 0).",
            "at least one step or pixel.",
        ),
        (
            lambda: nn.LayerNorm.initial(3).forward(X),
            ShapeError,
            "LayerNorm: x has shape (2, 5, 4), gamma has shape (3,).",
            "nn.LayerNorm.initial(4)",
        ),
        (
            lambda: nn.LayerNorm(np.ones(3), np.ones(2)),
            ShapeError,
            "LayerNorm: beta has shape (2,), gamma has shape (3,).",
            "np.zeros((3,))",
        ),
        (
            lambda: nn.LayerNorm(np.ones(()), np.ones(())),
            ShapeError,
            "LayerNorm: gamma has shape ().",
            "nn.LayerNorm.initial(D)",
        ),
        (
            lambda: nn.LayerNorm.initial(3, eps=-1),
            OptionError,
            "LayerNorm: eps is -1.",
            "eps=0.5",
        ),
        (lambda: nn.LeakyReLU(2), OptionError, "LeakyReLU: slope is 2.", "slope=0.5"),
        (
            lambda: nn.GELU("erf"),
            OptionError,
            "GELU: approximate is 'erf'.",
            'nn.GELU(approximate="tanh")',
        ),
        (
            lambda: nn.Affine.initial(4, 2, seed=0).forward(X),
            ShapeError,
            "Affine: x has shape (2, 5, 4), W has shape (4, 2).",
            "last_axis=True, for each place of x on its own.",
        ),
        (
            lambda: nn.Affine.initial(3, 2, seed=0, last_axis=True).forward(X),
            ShapeError,
            "Affine: x has shape (2, 5, 4), W has shape (3, 2).",
            "W of shape (4, 2)",
        ),
    ],
)
def test_what_does_not_fit_is_named_and_corrected(act, error, what, write):
    with pytest.raises(error) as caught:
        act()
    text = str(caught.value)
    assert text.startswith(what)
    assert "Where: test_sequences.py:" in text
    assert "Why: " in text
    assert text.endswith(f"Write instead: {write}")


@pytest.mark.parametrize(
    ("name", "here"),
    [
        ("LayerNormalization", "LayerNorm"),
        ("Conv1D", "Conv1d"),
        ("GlobalAveragePooling2D", "GlobalAvgPool"),
        ("Swish", "SiLU"),
        ("LeakyRelu", "LeakyReLU"),
        ("MultiheadAttention", "MultiHeadAttention"),
        ("SkipConnection", "Residual"),
    ],
)
def test_names_from_elsewhere(name, here):
    with pytest.raises(AttributeError, match=rf"no attribute '{name}'\. Here it is nn\.{here}\."):
        getattr(nn, name)
    assert hasattr(nn, here)
