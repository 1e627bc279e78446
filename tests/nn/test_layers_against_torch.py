"""The layers beside PyTorch's, in float64: what they compute, and every gradient."""

import numpy as np
import pytest

from clearprop import nn

torch = pytest.importorskip("torch", reason="torch is not installed")

rng = np.random.default_rng(5)
same = {"rtol": 1e-10, "atol": 1e-10}


def a(*shape):
    return rng.normal(size=shape)


def theirs(f, *arrays):
    """Give the value of a function of tensors, and the gradients of its weighted sum."""
    leaves = [torch.tensor(array, requires_grad=array.dtype.kind == "f") for array in arrays]
    y = f(*leaves)
    weights = np.cos(np.arange(y.numel())).reshape(y.shape)
    (y * torch.tensor(weights)).sum().backward()
    return y.detach().numpy(), [None if v.grad is None else v.grad.numpy() for v in leaves]


def compare(layer, x, f):
    """Compare a layer with a function of torch, of x and then of the layer's parameters."""
    arrays = layer.arrays(layer.parameters)
    wanted, (dx, *gradients) = theirs(f, x, *arrays)
    y = layer.forward(x)
    np.testing.assert_allclose(y, wanted, **same)
    found = layer.backward(np.cos(np.arange(y.size)).reshape(y.shape))
    if dx is None:
        assert found is None
    else:
        np.testing.assert_allclose(found, dx, **same)
    for (owner, key), d in zip(layer.places(layer.parameters), gradients, strict=True):
        np.testing.assert_allclose(getattr(owner, f"d{key}"), d, **same, err_msg=key)


@pytest.mark.parametrize(
    ("layer", "f"),
    [
        (nn.GELU(), lambda x: torch.nn.functional.gelu(x)),
        (nn.GELU("tanh"), lambda x: torch.nn.functional.gelu(x, approximate="tanh")),
        (nn.SiLU(), lambda x: torch.nn.functional.silu(x)),
        (nn.LeakyReLU(), lambda x: torch.nn.functional.leaky_relu(x)),
        (nn.LeakyReLU(0.3), lambda x: torch.nn.functional.leaky_relu(x, 0.3)),
        # the threshold at which PyTorch's becomes a line
        (nn.Softplus(), lambda x: torch.nn.functional.softplus(x, threshold=1000)),
        (nn.LogSoftmax(), lambda x: torch.nn.functional.log_softmax(x, dim=-1)),
    ],
    ids=repr,
)
def test_activations(layer, f):
    compare(layer, np.concatenate([np.linspace(-8, 8, 33), [-40.0, 0.0, 40.0]]), f)


@pytest.mark.parametrize("shape", [(4,), (3, 4)])
@pytest.mark.parametrize("eps", [1e-5, 0.1])
def test_layer_norm(shape, eps):
    def f(x, gamma, beta):
        return torch.nn.functional.layer_norm(x, shape, gamma, beta, eps)

    compare(nn.LayerNorm(a(*shape), a(*shape), eps=eps), a(2, 3, 4), f)


@pytest.mark.parametrize("shape", [(6,), (3, 4), ()])
def test_embedding(shape):
    x = rng.integers(0, 5, shape)
    compare(nn.Embedding(a(5, 3)), x, lambda x, W: torch.nn.functional.embedding(x, W))


@pytest.mark.parametrize(
    "options",
    [{}, {"stride": 3}, {"padding": 2}, {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}],
)
def test_conv1d(options):
    layer = nn.Conv1d(a(6, 4 // options.get("groups", 1), 3), a(6), **options)
    compare(layer, a(2, 4, 11), lambda *v: torch.nn.functional.conv1d(*v, **options))


@pytest.mark.parametrize("shape", [(2, 3, 5), (2, 3, 4, 2)])
def test_global_average(shape):
    compare(nn.GlobalAvgPool(), a(*shape), lambda x: x.flatten(2).mean(2))


def test_affine_of_the_last_axis():
    layer = nn.Affine(a(4, 3), a(3), last_axis=True)
    compare(layer, a(2, 5, 4), lambda x, W, b: torch.nn.functional.linear(x, W.T, b))


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("steps", [1, 6])
def test_lstm(last, steps):
    def f(x, Wx, Wh, b):
        module = torch.nn.LSTM(3, 4, batch_first=True, dtype=torch.float64)
        given = {"weight_ih_l0": Wx.T, "weight_hh_l0": Wh.T, "bias_ih_l0": b}
        given["bias_hh_l0"] = torch.zeros(16, dtype=torch.float64)
        y, _ = torch.func.functional_call(module, given, (x,))
        return y[:, -1] if last else y

    compare(nn.LSTM(a(3, 16), a(4, 16), a(16), last=last), a(2, steps, 3), f)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("heads", [1, 3])
def test_attention(causal, heads):
    def f(x, Wq, Wk, Wv, Wo, bq, bk, bv, bo):
        module = torch.nn.MultiheadAttention(6, heads, batch_first=True, dtype=torch.float64)
        given = {
            "in_proj_weight": torch.cat([Wq, Wk, Wv], 1).T,
            "in_proj_bias": torch.cat([bq, bk, bv]),
            "out_proj.weight": Wo.T,
            "out_proj.bias": bo,
        }
        mask = torch.ones(5, 5).triu(1).bool() if causal else None
        options = {"need_weights": False, "attn_mask": mask}
        return torch.func.functional_call(module, given, (x, x, x), options)[0]

    arrays = [a(6, 6) for _ in range(4)] + [a(6) for _ in range(4)]
    compare(nn.MultiHeadAttention(*arrays, heads=heads, causal=causal), a(2, 5, 6), f)


def test_weights_of_pytorch_are_read_as_the_notes_say():
    x = a(2, 5, 6)
    attention = torch.nn.MultiheadAttention(6, 2, batch_first=True, dtype=torch.float64)
    state = {name: value.numpy() for name, value in attention.state_dict().items()}
    state["in_proj_bias"] += a(18)
    Wq, Wk, Wv = np.split(state["in_proj_weight"].T, 3, axis=1)
    bq, bk, bv = np.split(state["in_proj_bias"], 3)
    Wo, bo = state["out_proj.weight"].T, state["out_proj.bias"]
    ours = nn.MultiHeadAttention(Wq, Wk, Wv, Wo, bq, bk, bv, bo, heads=2)
    given = torch.tensor(x)
    np.testing.assert_allclose(
        ours.forward(x), attention(given, given, given)[0].detach().numpy(), **same
    )

    lstm = torch.nn.LSTM(6, 3, batch_first=True, dtype=torch.float64)
    state = {name: value.numpy() for name, value in lstm.state_dict().items()}
    ours = nn.LSTM(
        state["weight_ih_l0"].T,
        state["weight_hh_l0"].T,
        state["bias_ih_l0"] + state["bias_hh_l0"],
    )
    np.testing.assert_allclose(ours.forward(x), lstm(given)[0].detach().numpy(), **same)


def test_a_transformer_block():
    def f(x, g, beta, W1, b1, W2, b2):
        h = torch.nn.functional.layer_norm(x, (4,), g, beta)
        h = torch.nn.functional.gelu(torch.nn.functional.linear(h, W1.T, b1))
        return x + torch.nn.functional.linear(h, W2.T, b2)

    block = nn.Residual(
        nn.LayerNorm(a(4), a(4)),
        nn.Affine(a(4, 8), a(8), last_axis=True),
        nn.GELU(),
        nn.Affine(a(8, 4), a(4), last_axis=True),
    )
    compare(block, a(2, 3, 4), f)


def test_a_residual_block_with_batch_norm():
    W, b, gamma, beta = a(4, 4), a(4), a(4), a(4)
    block = nn.Residual(nn.Affine(W, b), nn.BatchNorm(gamma, beta, eps=1e-5), nn.ReLU())

    def f(x, W, b, gamma, beta):
        h = torch.nn.functional.batch_norm(x @ W + b, None, None, gamma, beta, training=True)
        return x + torch.relu(h)

    compare(block, a(7, 4), f)
