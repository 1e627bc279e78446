"""NLL, KL, label smoothing and class weights: closed forms, infinities, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clearprop as cp
from clearprop import nn
from clearprop.errors import LabelError, OptionError, ShapeError

X = np.array([[2.0, 1.0, 0.5], [0.1, 0.2, 3.0], [0.4, -1.0, 0.0]])
T = np.array([0, 2, 2])
LOG_P = X - np.log(np.exp(X).sum(axis=1, keepdims=True))
W = np.array([1.0, 5.0, 0.25])


def test_nll_of_the_logarithm_of_softmax_is_the_loss_of_the_scores():
    for options in ({}, {"class_weights": W}):
        scores, logs = nn.SoftmaxWithLoss(**options), nn.NLL(**options)
        np.testing.assert_allclose(logs.forward(LOG_P, T), scores.forward(X, T), rtol=1e-14)


def test_weights_divide_by_the_weights_of_the_labels():
    loss = nn.NLL(class_weights=W)
    wanted = -(LOG_P[0, 0] + 0.25 * LOG_P[1, 2] + 0.25 * LOG_P[2, 2]) / 1.5
    np.testing.assert_allclose(loss.forward(LOG_P, T), wanted, rtol=1e-14)
    np.testing.assert_allclose(loss.backward().sum(), -1, rtol=1e-14)


@pytest.mark.parametrize("make", [nn.NLL, nn.SoftmaxWithLoss])
def test_equal_weights_are_none(make):
    x = LOG_P
    plain, weighted = make(), make(class_weights=[0.3, 0.3, 0.3])
    np.testing.assert_allclose(weighted.forward(x, T), plain.forward(x, T), rtol=1e-14)
    np.testing.assert_allclose(weighted.backward(), plain.backward(), rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("make", [nn.NLL, nn.SoftmaxWithLoss])
def test_every_form_of_the_same_labels_weighs_the_same(make):
    loss = make(class_weights=W)
    assert loss.forward(X, T) == loss.forward(X, np.eye(3)[T]) == loss.forward(X, np.uint8(T))


def test_a_weight_of_zero_leaves_a_class_out():
    loss, kept = nn.SoftmaxWithLoss(class_weights=[1, 1, 0]), [0, 2]
    labels = np.array([0, 2, 1])
    plain = nn.SoftmaxWithLoss()
    np.testing.assert_allclose(loss.forward(X, labels), plain.forward(X[kept], labels[kept]))
    np.testing.assert_array_equal(loss.backward()[1], 0)
    with np.errstate(invalid="ignore"):
        assert np.isnan(loss.forward(X, [2, 2, 2]))  # a mean over none


@given(st.floats(0, 0.99), st.floats(0.01, 10))
def test_smoothing_shares_a_part_of_each_label(smoothing, weight):
    weights = np.array([1.0, weight, 2.0])
    rows = (1 - smoothing) * np.eye(3)[T] + smoothing / 3
    loss = nn.SoftmaxWithLoss(label_smoothing=smoothing)
    np.testing.assert_allclose(loss.forward(X, T), -np.mean((rows * LOG_P).sum(1)), rtol=1e-12)
    np.testing.assert_allclose(loss.backward(), (np.exp(LOG_P) - rows) / 3, rtol=1e-9, atol=1e-12)
    both = nn.SoftmaxWithLoss(label_smoothing=smoothing, class_weights=weights)
    wanted = -(weights * rows * LOG_P).sum() / weights[T].sum()
    np.testing.assert_allclose(both.forward(X, T), wanted, rtol=1e-12)


def test_smoothed_and_weighted_scores_of_ten_thousand_are_exact():
    big = np.array([[1e4, -1e4, 0.0]])
    loss = nn.SoftmaxWithLoss(label_smoothing=0.3, class_weights=[1, 2, 4])
    wanted = (0.1 * 2 * 2e4 + 0.1 * 4 * 1e4) / 1
    np.testing.assert_allclose(loss.forward(big, [0]), wanted, rtol=1e-14)


def test_probabilities_of_zero_cost_nothing_where_the_target_is_zero():
    logs = np.array([[0.0, -np.inf]])
    for loss in (nn.NLL(), nn.NLL(class_weights=[1, 2]), nn.KL()):
        assert loss.forward(logs, [0]) == 0
        np.testing.assert_array_equal(loss.backward(), [[-1, 0]])
        assert loss.forward(logs, [1]) == np.inf


def test_kl_of_a_distribution_from_itself_is_zero_and_never_negative():
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(5), 20), rng.dirichlet(np.ones(5), 20)
    p[:, 2] = 0
    p /= p.sum(axis=1, keepdims=True)
    loss = nn.KL()
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(loss.forward(np.log(p), p), 0, atol=1e-15)
    value = loss.forward(np.log(q), p)
    with np.errstate(divide="ignore", invalid="ignore"):
        wanted = np.nansum(p * np.log(p / q)) / 20
    np.testing.assert_allclose(value, wanted, rtol=1e-13)
    np.testing.assert_allclose(loss.backward(), -p / 20, rtol=1e-14)
    assert value > 0


def test_kl_of_class_numbers_is_nll():
    assert nn.KL().forward(LOG_P, T) == nn.NLL().forward(LOG_P, T)


def test_the_gradient_with_respect_to_the_target_distribution():
    t = np.array([[0.2, 0.3, 0.5]])
    found = cp.grad(lambda t: nn.KL().forward(LOG_P[:1], t))(t)
    np.testing.assert_allclose(found, np.log(t) + 1 - LOG_P[:1], rtol=1e-13)


@pytest.mark.parametrize("loss", [nn.NLL(), nn.KL(), nn.NLL(class_weights=W)])
def test_wrong_labels_are_named(loss):
    name = type(loss).__name__
    with pytest.raises(LabelError, match=rf"{name}: t\[1\] is 3\..* out of range"):
        loss.forward(LOG_P, [0, 3, 1])
    with pytest.raises(LabelError, match=rf"{name}: the sum of the row t\[0\] is 2"):
        loss.forward(LOG_P[:1], [[1, 1, 0]])
    with pytest.raises(ShapeError, match="there is no mean over none"):
        loss.forward(np.zeros((0, 3)), [])


def test_the_highest_log_probability_is_a_hit():
    net = nn.Sequential(nn.Affine(np.eye(3), np.zeros(3)), loss=nn.NLL(class_weights=W))
    assert net.accuracy(LOG_P, T) == pytest.approx(2 / 3)


@pytest.mark.parametrize("make", [nn.NLL, nn.SoftmaxWithLoss])
@pytest.mark.parametrize(
    "weights",
    [[1, -1, 1], [1, np.nan, 1], [1, np.inf, 1], [0, 0, 0], 2.0, [[1, 2]], [], "equal"],
)
def test_weights_without_a_meaning_are_refused(make, weights):
    with pytest.raises(OptionError) as caught:
        make(class_weights=weights)
    assert str(caught.value).startswith(f"{make.__name__}: class_weights is ")
    assert "Where: test_probability_losses.py:" in str(caught.value)
    assert str(caught.value).endswith("class_weights=len(t) / (C * np.bincount(t, minlength=C))")


@pytest.mark.parametrize("make", [nn.NLL, nn.SoftmaxWithLoss])
def test_weights_of_other_classes_are_refused(make):
    with pytest.raises(ShapeError, match=r"x has shape \(3, 3\), class_weights has 2 numbers"):
        make(class_weights=[1, 2]).forward(X, T)


@pytest.mark.parametrize("smoothing", [-0.1, 1, np.nan, "much"])
def test_a_smoothing_without_a_meaning_is_refused(smoothing):
    with pytest.raises(OptionError, match=r"Loss: label_smoothing is .*: label_smoothing=0\.1$"):
        nn.SoftmaxWithLoss(label_smoothing=smoothing)


def test_weights_are_kept_as_they_were():
    given = np.array([1.0, 2.0, 3.0])
    loss = nn.NLL(class_weights=given)
    before = loss.forward(LOG_P, T)
    given[:] = 0
    assert loss.forward(LOG_P, T) == before


def test_what_is_asked_is_in_the_repr():
    loss = nn.SoftmaxWithLoss(label_smoothing=0.1, class_weights=[1, 2])
    assert repr(loss) == "SoftmaxWithLoss(label_smoothing=0.1, class_weights=[1.0, 2.0])"
    assert repr(nn.SoftmaxWithLoss()) == "SoftmaxWithLoss()"
    assert repr(nn.NLL(class_weights=[1, 2])) == "NLL(class_weights=[1.0, 2.0])"
    assert repr(nn.Huber(0.5)) == "Huber(delta=0.5)"


def test_a_smoothed_and_weighted_network_trains_compiled_as_interpreted():
    from clearprop import train

    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(80, 4)), rng.integers(0, 3, 80)
    t[x[:, 0] > 0.3] = 2
    found = []
    for interpret in (False, True):
        loss = nn.SoftmaxWithLoss(label_smoothing=0.1, class_weights=W)
        net = nn.Sequential(nn.Affine.initial(4, 3, seed=0), loss=loss)
        data = (x, t), (x[:10], t[:10])
        train.fit(net, data, lr=0.1, batch=20, iterations=50, interpret=interpret)
        found.append(net.params["W1"])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)


def test_names_from_elsewhere_lead_here():
    for there, here in (("MSELoss", "MSE"), ("KLDivLoss", "KL"), ("SmoothL1Loss", "Huber")):
        with pytest.raises(AttributeError, match=rf"{there}.* Here it is nn\.{here}\."):
            getattr(nn, there)
