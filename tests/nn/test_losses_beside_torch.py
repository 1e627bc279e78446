"""Values and gradients of the losses beside PyTorch's, float64, to 1e-10."""

import numpy as np
import pytest

from clearprop import nn

torch = pytest.importorskip("torch", reason="torch is not installed")
F = torch.nn.functional

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 4)) * 2, RNG.normal(size=(6, 4)) * 2
T = np.array([0, 3, 1, 1, 2, 0])
ROWS = RNG.dirichlet(np.ones(4), 6)
W = np.array([0.5, 2.0, 1.0, 0.1])


STEPS = RNG.normal(size=(3, 5, 4)) * 2
LEFT_OUT = np.where(RNG.random((3, 5)) < 0.4, -1, RNG.integers(0, 4, (3, 5)))


def logs(x):
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def _cross_entropy(**options):
    options = {k: torch.tensor(v) if k == "weight" else v for k, v in options.items()}
    return lambda x, t: F.cross_entropy(x, t, **options)


def _of_steps(loss, **options):
    """PyTorch has the classes on the second axis."""
    options = {k: torch.tensor(v) if k == "weight" else v for k, v in options.items()}
    return lambda x, t: loss(x.transpose(1, 2), t, ignore_index=-1, **options)


CASES = {
    "MSE": (nn.MSE(), X, Y, F.mse_loss),
    "MAE": (nn.MAE(), X, Y, F.l1_loss),
    "Huber": (nn.Huber(), X, Y, F.huber_loss),
    "Huber, 0.3": (nn.Huber(0.3), X, Y, lambda x, t: F.huber_loss(x, t, delta=0.3)),
    "SmoothL1Loss": (
        nn.Huber(0.3),
        X,
        Y,
        lambda x, t: 0.3 * F.smooth_l1_loss(x, t, beta=0.3),
    ),
    "NLL": (nn.NLL(), logs(X), T, F.nll_loss),
    "NLL, weighted": (
        nn.NLL(class_weights=W),
        logs(X),
        T,
        lambda x, t: F.nll_loss(x, t, weight=torch.tensor(W)),
    ),
    "KL": (nn.KL(), logs(X), ROWS, lambda x, t: F.kl_div(x, t, reduction="batchmean")),
    "scores": (nn.SoftmaxWithLoss(), X, T, _cross_entropy()),
    "scores, rows": (nn.SoftmaxWithLoss(), X, ROWS, _cross_entropy()),
    "scores, smoothed": (
        nn.SoftmaxWithLoss(label_smoothing=0.2),
        X,
        T,
        _cross_entropy(label_smoothing=0.2),
    ),
    "scores, rows, smoothed": (
        nn.SoftmaxWithLoss(label_smoothing=0.2),
        X,
        ROWS,
        _cross_entropy(label_smoothing=0.2),
    ),
    "scores, weighted": (nn.SoftmaxWithLoss(class_weights=W), X, T, _cross_entropy(weight=W)),
    "scores, weighted, smoothed": (
        nn.SoftmaxWithLoss(class_weights=W, label_smoothing=0.2),
        X,
        T,
        _cross_entropy(weight=W, label_smoothing=0.2),
    ),
    "scores, steps": (nn.SoftmaxWithLoss(ignore=-1), STEPS, LEFT_OUT, _of_steps(F.cross_entropy)),
    "scores, steps, weighted": (
        nn.SoftmaxWithLoss(ignore=-1, class_weights=W),
        STEPS,
        LEFT_OUT,
        _of_steps(F.cross_entropy, weight=W),
    ),
    "scores, steps, smoothed": (
        nn.SoftmaxWithLoss(ignore=-1, label_smoothing=0.2),
        STEPS,
        LEFT_OUT,
        _of_steps(F.cross_entropy, label_smoothing=0.2),
    ),
    "scores, steps, weighted, smoothed": (
        nn.SoftmaxWithLoss(ignore=-1, class_weights=W, label_smoothing=0.2),
        STEPS,
        LEFT_OUT,
        _of_steps(F.cross_entropy, weight=W, label_smoothing=0.2),
    ),
    "scores, all steps": (nn.SoftmaxWithLoss(), STEPS, LEFT_OUT % 4, _of_steps(F.cross_entropy)),
    "NLL, steps": (nn.NLL(ignore=-1), logs(STEPS), LEFT_OUT, _of_steps(F.nll_loss)),
    "NLL, steps, weighted": (
        nn.NLL(ignore=-1, class_weights=W),
        logs(STEPS),
        LEFT_OUT,
        _of_steps(F.nll_loss, weight=W),
    ),
    "MSE, steps": (nn.MSE(), STEPS[..., :1], STEPS[..., 1], lambda x, t: F.mse_loss(x[..., 0], t)),
    # of rows PyTorch divides by N, we by the weights of the labels, as it does of class numbers
    "scores, rows, weighted": (
        nn.SoftmaxWithLoss(class_weights=W),
        X,
        ROWS,
        lambda x, t: _cross_entropy(weight=W)(x, t) * 6 / float((W * ROWS).sum()),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_pytorch(name):
    loss, x, t, theirs = CASES[name]
    value = loss.forward(x, t)
    leaf = torch.tensor(x, requires_grad=True)
    wanted = theirs(leaf, torch.tensor(t))
    wanted.backward()
    np.testing.assert_allclose(value, wanted.item(), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(loss.backward(), leaf.grad.numpy(), rtol=1e-10, atol=1e-10)
