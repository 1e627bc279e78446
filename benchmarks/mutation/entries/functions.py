"""Functions beside their derivatives, functions that return loss and gradient, a network."""

from __future__ import annotations

from benchmarks.mutation.entries.lazily import F, torch
from benchmarks.mutation.entry import Draw, Entry

FILE = "functions"


def _derivative(forward, name, truth, alpha=None):
    more = {} if alpha is None else {"alpha": alpha}
    return Entry(
        name,
        FILE,
        "derivative",
        lambda d, r: {"x": r(d.N, d.D), **more},
        ("x", *more),
        {"r": "x"},
        truth,
        forward=forward,
    )


def _loss(name, values, inputs, gives, truth, start):
    return Entry(
        name, FILE, "loss and gradient", values, inputs, gives, truth, upstream=False, start=start
    )


def labelled(d, r: Draw):
    return {"x": r(d.N, d.C), "y": r.labels(d.N, d.C)}


def network(d, r: Draw):
    return {
        "x": r(d.N, d.D),
        "t": r.labels(d.N, d.C),
        "W1": r(d.D, d.H),
        "b1": r(d.H),
        "W2": r(d.H, d.C),
        "b2": r(d.C),
    }


def built(cls, v):
    net = cls(*v.W1.shape, v.b2.size)
    net.params = {name: getattr(v, name) for name in ("W1", "b1", "W2", "b2")}
    return net


def trained(v):
    hidden = F.relu(F.linear(v.x, v.W1.T, v.b1))
    decay = v.W1.square().sum() + v.W2.square().sum()
    return F.cross_entropy(F.linear(hidden, v.W2.T, v.b2), v.t) + 0.025 * decay


ENTRIES = (
    _derivative("sigmoid", "sigmoid_prime", lambda v: torch.sigmoid(v.x)),
    _derivative("tanh", "tanh_derivative", lambda v: torch.tanh(v.x)),
    _derivative("elu", "elu_derivative", lambda v: F.elu(v.x, 1.4), alpha=1.4),
    _derivative("softsign", "softsign_derivative", lambda v: F.softsign(v.x)),
    _derivative("mish", "mish_grad", lambda v: F.mish(v.x)),
    _loss(
        "softmax_loss",
        labelled,
        ("x", "y"),
        {"r[1]": "x"},
        lambda v: F.cross_entropy(v.x, v.y),
        "dx = np.exp",
    ),
    _loss(
        "svm_loss",
        lambda d, r: {
            "W": r(d.D, d.C),
            "X": r(d.N, d.D),
            "y": r.labels(d.N, d.C),
            "reg": 0.1,
        },
        ("W", "X", "y", "reg"),
        {"r[1]": "W"},
        lambda v: F.multi_margin_loss(v.X @ v.W, v.y) * v.W.shape[1] + v.reg * v.W.square().sum(),
        "binary =",
    ),
    _loss(
        "logistic_loss",
        lambda d, r: {"w": r(d.D), "b": r(), "X": r(d.N, d.D), "y": r.bits(d.N)},
        ("w", "b", "X", "y"),
        {"r[1]": "w", "r[2]": "b"},
        lambda v: F.binary_cross_entropy_with_logits(v.X @ v.w + v.b, v.y),
        "err =",
    ),
    _loss(
        "ridge_loss",
        lambda d, r: {"w": r(d.D), "X": r(d.N, d.D), "y": r(d.N), "lam": 0.3},
        ("w", "X", "y", "lam"),
        {"r[1]": "w"},
        lambda v: 0.5 * F.mse_loss(v.X @ v.w, v.y) + 0.5 * v.lam * v.w.square().sum(),
        "grad =",
    ),
    Entry(
        "TwoLayerNet",
        FILE,
        "network",
        network,
        ("x", "t"),
        {f"r['{p}']": p for p in ("W1", "b1", "W2", "b2")},
        trained,
        built,
        upstream=False,
    ),
)
