"""A label for each step of a sequence: losses, accuracies and training, with steps left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import clearprop as cp
from clearprop import interop, nn, optim
from clearprop.errors import LabelError, OptionError, ShapeError
from clearprop.train import fit

RNG = np.random.default_rng(8)
N, STEPS, C = 4, 5, 3
X = RNG.normal(size=(N, STEPS, C)) * 2
T = RNG.integers(0, C, (N, STEPS))
LEFT_OUT = np.where(RNG.random((N, STEPS)) < 0.4, -1, T)
W = [0.5, 2.0, 1.0]


def logs(x: Any) -> Any:
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


LOSSES: dict[str, tuple[nn.Layer, Any]] = {
    "scores": (nn.SoftmaxWithLoss(), X),
    "scores, weighted": (nn.SoftmaxWithLoss(class_weights=W), X),
    "scores, smoothed": (nn.SoftmaxWithLoss(label_smoothing=0.2), X),
    "probabilities": (nn.CrossEntropy(), np.exp(logs(X))),
    "log-probabilities": (nn.NLL(), logs(X)),
    "log-probabilities, weighted": (nn.NLL(class_weights=W), logs(X)),
    "a distribution": (nn.KL(), logs(X)),
}


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_is_that_of_all_steps_as_samples(name: str, rows: bool) -> None:
    loss, x = LOSSES[name]
    t = np.eye(C)[T] if rows else T
    flat = loss.forward(x.reshape(-1, C), t.reshape(-1, C) if rows else t.ravel())
    wanted = loss.backward().reshape(x.shape)
    assert loss.forward(x, t) == pytest.approx(flat, rel=1e-14)
    np.testing.assert_allclose(loss.backward(), wanted, rtol=1e-14)


BOTH: list[dict[str, Any]] = [{}, {"class_weights": W}]
SMOOTHED: list[dict[str, Any]] = [{"label_smoothing": 0.2, **options} for options in BOTH]
IGNORING = [(nn.SoftmaxWithLoss, X, options) for options in BOTH + SMOOTHED]
IGNORING += [(nn.NLL, logs(X), options) for options in BOTH]


@pytest.mark.parametrize(("make", "x", "options"), IGNORING)
def test_what_is_ignored_does_not_count(make: Any, x: Any, options: dict[str, Any]) -> None:
    kept = LEFT_OUT >= 0
    plain = make(**options)
    wanted = plain.forward(x[kept], LEFT_OUT[kept])
    dx = np.zeros_like(x)
    dx[kept] = plain.backward()
    loss = make(ignore=-1, **options)
    assert loss.forward(x, LEFT_OUT) == pytest.approx(wanted, rel=1e-13)
    np.testing.assert_allclose(loss.backward(), dx, rtol=1e-12, atol=1e-16)
    found = loss.forward(x.reshape(-1, C), LEFT_OUT.ravel().tolist())  # samples, in a list
    assert found == pytest.approx(wanted, rel=1e-13)
    hits = loss.hits(x, LEFT_OUT)
    np.testing.assert_array_equal(hits, np.argmax(x[kept], axis=-1) == LEFT_OUT[kept])


def test_a_class_may_be_ignored() -> None:
    """As the words that fill a batch up, which often are number 0."""
    loss, kept = nn.SoftmaxWithLoss(ignore=0), T != 0
    wanted = nn.SoftmaxWithLoss().forward(X[kept], T[kept])
    assert loss.forward(X, T) == pytest.approx(wanted, rel=1e-13)
    assert loss.forward(X, np.eye(C)[T]) == pytest.approx(nn.SoftmaxWithLoss().forward(X, T))


def test_recorded_labels_are_ignored_too() -> None:
    loss = nn.SoftmaxWithLoss(ignore=-1)

    def f(x: Any, t: Any) -> Any:
        return loss.compute(x, t=loss.targets(t, x))

    value, dx = cp.value_and_grad(f)(X, LEFT_OUT)
    assert value == loss.forward(X, LEFT_OUT)
    np.testing.assert_array_equal(dx, loss.backward())
    assert cp.compile(f)(X, LEFT_OUT) == pytest.approx(value, rel=1e-14)


def test_a_number_for_each_step() -> None:
    x, t = RNG.normal(size=(N, STEPS, 1)), RNG.normal(size=(N, STEPS))
    for loss in (nn.MSE(), nn.MAE(), nn.Huber()):
        assert loss.forward(x, t) == loss.forward(x[..., 0], t)
    with pytest.raises(LabelError, match="Each output has one target"):
        nn.MSE().forward(RNG.normal(size=(N, STEPS, 2)), t)


@pytest.mark.parametrize("loss", [nn.SoftmaxWithLoss(), nn.NLL()], ids=repr)
def test_classes_are_the_last_axis(loss: nn.Layer) -> None:
    with pytest.raises(LabelError, match=r"t is either class numbers of shape \(4, 3\)"):
        loss.forward(X.swapaxes(1, 2), T)
    with pytest.raises(ShapeError, match="there is no mean over none"):
        loss.forward(np.zeros((4, 0, 3)), np.zeros((4, 0), int))
    with pytest.raises(LabelError, match=r"t\[0, 1\] is -1"):
        loss.forward(X, np.where(np.arange(STEPS) == 1, -1, T))


@pytest.mark.parametrize("ignore", [1.5, "pad", True, [0]])
def test_ignore_is_a_whole_number(ignore: Any) -> None:
    for make in (nn.SoftmaxWithLoss, nn.NLL):
        with pytest.raises(OptionError, match="ignore is"):
            make(ignore=ignore)


def test_reprs() -> None:
    both = nn.SoftmaxWithLoss(label_smoothing=0.1, ignore=-1)
    assert repr(both) == "SoftmaxWithLoss(label_smoothing=0.1, ignore=-1)"
    assert repr(nn.NLL(class_weights=[1, 2], ignore=0)) == "NLL(class_weights=[1.0, 2.0], ignore=0)"


# ---- training ----------------------------------------------------------------------------------


def tagged(count: int) -> tuple[Any, Any]:
    """Words, of which each is to get the class of the one before it; sentences of unlike length."""
    rng = np.random.default_rng(3)
    words = rng.integers(0, 6, (count, 7))
    t = np.concatenate([np.zeros((count, 1), int), words[:, :-1] % C], axis=1)
    return words, np.where(np.arange(7) < rng.integers(3, 8, (count, 1)), t, -1)


def reader(last: nn.Layer, *, attention: bool = False) -> nn.Sequential:
    rng = np.random.default_rng(0)
    if attention:
        heads = nn.MultiHeadAttention.initial(12, heads=2, seed=rng, causal=True)
        middle: list[nn.Layer] = [nn.Residual(heads)]
    else:
        middle = [nn.LSTM.initial(12, 12, seed=rng)]
    out = nn.Affine.initial(12, C, seed=rng, last_axis=True)
    return nn.Sequential(nn.Embedding.initial(6, 12, seed=rng), *middle, out, loss=last)


@pytest.mark.parametrize("attention", [False, True])
def test_a_run_is_the_same_in_machine_code_and_measures_all_steps(attention: bool) -> None:
    pytest.importorskip("llvmlite", reason="the extra `train` brings it")
    data = tagged(60), tagged(20)
    runs = []
    for interpret in (False, True):
        net = reader(nn.SoftmaxWithLoss(ignore=-1), attention=attention)
        options: dict[str, Any] = {"batch": 10, "validation": 0.2, "interpret": interpret}
        runs.append(fit(net, data, optimizer=optim.Adam(0.01), iterations=30, **options))
    np.testing.assert_allclose(runs[0].loss, runs[1].loss, rtol=1e-9)
    np.testing.assert_allclose(runs[0].rows[-1], runs[1].rows[-1], rtol=1e-9)
    x, t = data[1]
    y = net.predict(x)
    right = (y.argmax(axis=-1) == t)[t >= 0]
    assert runs[1].rows[-1].test_accuracy == np.mean(right) == net.accuracy(x, t)
    assert runs[1].rows[-1].test_loss == pytest.approx(net.loss(x, t), rel=1e-12)


def test_an_lstm_learns_to_remember_one_word() -> None:
    pytest.importorskip("llvmlite", reason="the extra `train` brings it")
    net = reader(nn.SoftmaxWithLoss(ignore=-1))
    metrics = fit(net, (tagged(200), tagged(50)), optimizer=optim.Adam(0.02), iterations=300)
    assert metrics.rows[-1].test_accuracy > 0.95


def test_numbers_of_each_step_are_trained() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(80, 6, 2))
    t = np.cumsum(x[..., 0], axis=1)
    net = nn.Sequential(
        nn.LSTM.initial(2, 8, seed=0),
        nn.Affine.initial(8, 1, seed=1, last_axis=True),
        loss=nn.MSE(),
    )
    metrics = fit(net, ((x, t), (x, t)), optimizer=optim.Adam(0.02), batch=20, iterations=300)
    assert metrics.rows[-1].test_loss < metrics.rows[0].test_loss / 5


def test_a_step_as_source_ignores_too() -> None:
    net = reader(nn.SoftmaxWithLoss(ignore=-1))
    x, t = tagged(6)
    text = interop.to_numpy(net, x, t_example=t)
    module: dict[str, Any] = {}
    exec(compile(text, "step.py", "exec"), module)
    value, _ = net.loss_and_gradient(x, t)
    *_, loss = module["step"](module["PARAMS"], x, t, 0.1)
    assert loss == pytest.approx(value, rel=1e-12)


# ---- what an error proposes does what it says ---------------------------------------------------


def proposed(loss: nn.Layer, x: Any, t: Any) -> str:
    with pytest.raises(LabelError) as caught:
        loss.forward(x, t)
    return str(caught.value.write)


@pytest.mark.parametrize("shape", [(7, 5, 3), (5, 5, 3), (3, 5, 5)])
def test_labels_whose_axes_changed_places_are_transposed(shape: tuple[int, ...]) -> None:
    x = RNG.normal(size=shape)
    t = np.eye(shape[-1])[RNG.integers(0, shape[-1], shape[:-1])]
    numbers = RNG.normal(size=shape)
    for loss, right in ((nn.SoftmaxWithLoss(), t), (nn.MSE(), numbers)):
        turned = right.swapaxes(1, 2)
        if turned.shape != shape:
            write = proposed(loss, x, turned)
            assert write == "t.transpose(0, 2, 1)"
            np.testing.assert_array_equal(eval(write, {"t": turned}), right)
    if shape[0] != shape[1]:
        classes = np.argmax(t, axis=-1)
        assert proposed(nn.SoftmaxWithLoss(), x, classes.T) == "t.T"
        assert proposed(nn.MSE(), x[..., 0], classes.T) == "t.T"


def test_only_what_keeps_the_order_is_reshaped() -> None:
    t = RNG.integers(0, C, (N, STEPS))
    assert proposed(nn.SoftmaxWithLoss(), X, t[..., np.newaxis]) == "np.reshape(t, (4, 5))"
    assert proposed(nn.SoftmaxWithLoss(), X, t.ravel()) == "np.reshape(t, (4, 5))"
    assert "reshape" not in proposed(nn.SoftmaxWithLoss(), X, t.reshape(10, 2))
    assert "reshape" not in proposed(nn.MSE(), X, np.zeros((6, 10)))
    assert proposed(nn.SoftmaxWithLoss(), np.zeros((4, 9, 5)), T).startswith(
        "np.moveaxis(x, 1, -1)"
    )


def test_steps_without_a_label_are_ignored_and_not_cut_out() -> None:
    gaps = np.where(np.arange(STEPS) == 1, -1, T)
    for loss, x in ((nn.SoftmaxWithLoss(), X), (nn.NLL(), logs(X))):
        write = proposed(loss, x, gaps)
        assert write == f"nn.{type(loss).__name__}(ignore=-1), which leaves these places out"
        better = eval(write.partition(",")[0], {"nn": nn})
        assert np.isfinite(better.forward(x, gaps))
    write = proposed(nn.SoftmaxWithLoss(), X, np.where(gaps < 0, np.nan, gaps))
    assert write.startswith(
        "t = np.where(np.isfinite(t), t, -1), and nn.SoftmaxWithLoss(ignore=-1)"
    )
    assert proposed(nn.SoftmaxWithLoss(), X[:, 0], gaps[:, 1]).startswith("keep = t >= 0;")


def test_samples_with_a_gap_are_left_out_in_whole() -> None:
    gaps = X.copy()
    gaps[1, 2, 0] = np.nan
    write = proposed(nn.MSE(), X, gaps)
    assert write == "keep = np.isfinite(t).all(axis=(1, 2)); x, t = x[keep], t[keep]"
    names = {"np": np, "x": X, "t": gaps}
    exec(write, names)
    assert names["t"].shape == names["x"].shape == (3, 5, 3)


def test_labels_of_steps_for_the_last_step_alone() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, STEPS, 2))
    for last, outputs in ((nn.SoftmaxWithLoss(), C), (nn.MSE(), 1)):
        layers = nn.LSTM.initial(2, 4, seed=rng, last=True), nn.Affine.initial(4, outputs, seed=rng)
        with pytest.raises(LabelError, match="LSTM without last=True"):
            nn.Sequential(*layers, loss=last).loss(x, T)
    rows = np.eye(5)[[0, 1, 2, 3]]
    assert proposed(nn.SoftmaxWithLoss(), X[:, 0], rows).startswith("a last layer of 5 outputs")
