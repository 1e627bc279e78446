"""Every optimiser: pure, in the nestings and dtypes of its parameters, and the same compiled."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clearprop as cp
from clearprop import optim
from clearprop.errors import DTypeError, ShapeError
from clearprop.trees import structure, tree_leaves, tree_map, tree_values

RULES = [
    optim.SGD(0.1),
    optim.SGD(0.1, weight_decay=0.1, clip_norm=0.5),
    optim.SGD(0.1, momentum=0.9),
    optim.Momentum(0.1, weight_decay=0.1),
    optim.Nesterov(0.1, clip_value=0.1, clip_norm=0.2),
    optim.AdaGrad(0.1),
    optim.AdaGrad(0.1, weight_decay=0.1, clip_value=0.1),
    optim.RMSprop(0.1),
    optim.RMSprop(0.1, weight_decay=0.1, clip_norm=1.0),
    optim.Adam(0.1),
    optim.Adam(0.1, betas=(0.5, 0.9), weight_decay=0.1, clip_norm=1.0),
    optim.AdamW(0.1, weight_decay=0.1),
    optim.AdamW(optim.WarmUp(optim.Cosine(0.1, 20), 5), clip_norm=1.0),
    optim.Momentum(optim.StepDecay(0.1, 3)),
    optim.SGD(optim.OneCycle(0.1, 10)),
    optim.Adam(optim.Exponential(0.1, 0.9)),
    optim.SGD(lambda step: 0.1 / (1 + step)),
]
EVERY = pytest.mark.parametrize("rule", RULES, ids=lambda rule: repr(rule).partition(" at 0x")[0])


def nested(dtype="float64"):
    rng = np.random.default_rng(0)
    W, b = rng.normal(size=(4, 3)).astype(dtype), rng.normal(size=3).astype(dtype)
    return {"W": W, "more": [np.array(0.5, dtype), (b,)]}


def loss(params, x):
    scale, (b,) = params["more"]
    return np.mean((np.tanh(x @ params["W"] + b) * scale - 1) ** 2)


def step_of(rule):
    def step(carry, x):
        params, state = carry
        value, grads = cp.value_and_grad(loss)(params, x)
        return rule.update(params, grads, state), value

    return step


def described(tree):
    return [(name, type(a), a.shape, a.dtype) for name, a in tree_leaves(tree)]


# ---- what every rule promises ---------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nestings_shapes_and_dtypes_stay(rule, dtype):
    params = nested(dtype)
    state = rule.init(params)
    grads = tree_map(lambda p: p + 1, params)
    new, after = rule.update(params, grads, state)
    assert described(new) == described(params)
    assert described(after) == described(state)
    assert state["step"].shape == ()
    assert state["step"].dtype == np.int64
    assert after["step"] == 1


@EVERY
def test_nothing_is_written(rule):
    params = nested()
    grads = tree_map(lambda p: np.asarray(p + 1), params)
    _, state = rule.update(params, grads, rule.init(params))
    given = (params, grads, state)
    for array in tree_values(given):
        array.flags.writeable = False
    before = tree_map(np.copy, given)
    rule.update(*given)
    np.testing.assert_equal(given, before)


@EVERY
@pytest.mark.parametrize(("dtype", "within"), [("float32", 2e-5), ("float64", 1e-13)])
def test_ten_compiled_steps_are_ten_interpreted_ones(rule, dtype, within):
    step, params = step_of(rule), nested(dtype)
    xs = np.random.default_rng(1).normal(size=(10, 6, 4)).astype(dtype)
    compiled = cp.compile(step)
    carry, losses = compiled.scan((params, rule.init(params)), xs)
    single = wanted = (params, rule.init(params))
    for x, value in zip(xs, losses, strict=True):
        wanted, found = step(wanted, x)
        single, also = compiled(single, x)
        np.testing.assert_allclose([value, also], found, rtol=within)
    assert wanted[1]["step"] == 10
    for made in (carry, single):
        assert structure(made) == structure(wanted)
        for (name, a), (_, b) in zip(tree_leaves(made), tree_leaves(wanted), strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype), name
            np.testing.assert_allclose(a, b, rtol=within, atol=within, err_msg=name)


@EVERY
def test_the_source_of_two_updates_needs_only_numpy(rule):
    theta, g = np.array([0.5, -2.0, 1.5]), np.array([1.0, 0.3, -0.2])

    def after(theta, g):
        state = rule.init(theta)
        for _ in range(2):
            theta, state = rule.update(theta, g, state)
        return theta

    namespace = {}
    exec(cp.source(after, theta, g), namespace)
    np.testing.assert_allclose(namespace["forward"](theta, g)[0], after(theta, g), rtol=1e-14)


@EVERY
def test_an_update_has_a_derivative(rule):
    """Through two updates, with respect to where they start; away from the kinks of clipping."""
    rule = replace(rule, clip_value=None)
    start = nested()
    grads = [tree_map(lambda p, s=s: np.sin(p + s), start) for s in (0, 1)]

    def after(b):
        params = {"W": start["W"], "more": [start["more"][0], (b,)]}
        state = rule.init(params)
        for g in grads:
            params, state = rule.update(params, tree_map(lambda p, g: g * p, params, g), state)
        return np.sum(params["more"][1][0] ** 2)

    assert cp.check(after, start["more"][1][0]).ok


@pytest.mark.parametrize("rule", RULES[:-1], ids=repr)  # a function has no text
def test_a_repr_makes_the_rule_again(rule):
    assert eval(repr(rule), vars(optim)) == rule
    assert hash(eval(repr(rule), vars(optim))) == hash(rule)


@EVERY
def test_names_and_shapes_that_differ_are_refused(rule):
    name, W = type(rule).__name__, np.ones((2, 3))
    params = {"W1": W, "b1": W}
    with pytest.raises(ShapeError) as caught:
        rule.update(params, {"W1": W, "b2": W}, rule.init(params))
    assert str(caught.value).startswith(
        f"{name}: there is no gradient for params['b1']; a gradient for params['b2'], which is "
        "not there. Where: test_optimizers.py:"
    )
    assert str(caught.value).endswith(
        "rule.update(params, {name: grads[name] for name in params}, state)"
    )
    with pytest.raises(ShapeError, match=r"params\['b1'\] has shape \(2, 3\), its gradient \(3,\)"):
        rule.update(params, {"W1": W, "b1": np.ones(3)}, rule.init(params))
    with pytest.raises(ShapeError, match=r"the state is not that of these parameters: .* Where: "):
        rule.update(params, params, {"of": "another"})


def test_a_state_of_other_parameters_is_refused():
    rule = optim.Adam()
    old, new = {"W": np.ones((2, 3))}, {"W": np.ones((3, 2))}
    with pytest.raises(ShapeError) as caught:
        rule.update(new, new, rule.init(old))
    assert "m['W'] is of shape (2, 3), and should be of shape (3, 2)." in str(caught.value)
    with pytest.raises(ShapeError, match=r"v\['W'\] is not there, and should be of shape \(2, 3\)"):
        optim.Momentum().update(old, old, optim.SGD(0.1).init(old))
    with pytest.raises(ShapeError, match=r"m\['W'\] is of shape \(2, 3\), and should be not there"):
        optim.SGD(0.1).update(old, old, rule.init(old))


def test_gradients_by_name_may_stand_in_another_order():
    params = {"a": np.array([1.0]), "b": np.array([2.0, 3.0])}
    grads = {"b": np.array([1.0, 1.0]), "a": np.array([2.0])}
    rule = optim.Momentum(1.0)
    new, state = rule.update(params, grads, rule.init(params))
    np.testing.assert_equal(new, {"a": np.array([-1.0]), "b": np.array([1.0, 2.0])})
    np.testing.assert_equal(state["v"], grads)


def test_gradients_of_another_precision_take_that_of_the_parameters():
    params = nested("float32")
    grads = nested("float64")
    for rule in RULES:
        new, state = rule.update(params, grads, rule.init(params))
        assert described(new) == described(params)
        assert described(state) == described(rule.init(params))


@EVERY
def test_a_state_of_another_precision_takes_that_of_the_parameters(rule):
    params = nested("float32")
    new, state = rule.update(params, params, rule.init(nested("float64")))
    assert described(new) == described(params)
    assert described(state) == described(rule.init(params))


def test_whole_numbers_are_no_parameters():
    with pytest.raises(DTypeError) as caught:
        optim.Adam().init({"W": np.ones(2, int)})
    assert str(caught.value).startswith("Adam: params['W'] is an array of int64. Where: ")
    assert str(caught.value).endswith("Write instead: params['W'].astype(float)")


def test_an_array_alone_python_numbers_and_nothing_at_all_are_parameters_too():
    rule = optim.Adam(0.1, clip_norm=1.0)
    new, _ = rule.update(1.0, 2.0, rule.init(1.0))
    np.testing.assert_allclose(new, 0.9)
    none, state = rule.update({}, {}, rule.init({}))
    assert none == {}
    assert state["step"] == 1
    empty = {"W": np.zeros((0, 3)), "b": np.array([3.0])}
    new, _ = rule.update(empty, empty, rule.init(empty))
    assert new["W"].shape == (0, 3)
    np.testing.assert_allclose(new["b"], 2.9)


def test_the_parameters_of_a_network_are_parameters():
    net = cp.nn.TwoLayerNet(6, 5, 3, seed=0)
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(20, 6)), rng.integers(0, 3, 20)
    rule, first = optim.Adam(0.05), net.loss(x, t)
    state = rule.init(net.params)
    for _ in range(30):
        net.params, state = rule.update(net.params, net.gradient(x, t), state)
    assert net.loss(x, t) < 0.5 * first


# ---- what each does, in closed form ------------------------------------------------------------


def run(rule, theta, grads):
    """Give a single parameter after gradients that do not depend on it."""
    theta = np.array(theta, np.float64)
    state = rule.init(theta)
    for g in grads:
        theta, state = rule.update(theta, np.asarray(g), state)
    return theta


finite = st.floats(-10, 10, allow_subnormal=False).filter(lambda g: abs(g) > 1e-3)
several = st.lists(finite, min_size=1, max_size=6)


@given(several, st.floats(0.01, 0.95))
def test_momentum_is_that_of_the_documents(grads, mu):
    p = v = q = w = 0.5
    v = w = 0.0
    for g in grads:
        v = mu * v - 0.1 * g
        p += v
        q += mu * mu * w - (1 + mu) * 0.1 * g
        w = mu * w - 0.1 * g
    found = [run(rule, 0.5, grads) for rule in (optim.Momentum(0.1, mu), optim.Nesterov(0.1, mu))]
    np.testing.assert_allclose(found, [p, q], rtol=1e-10, atol=1e-12)


@given(several)
def test_adagrad_and_rmsprop_are_those_of_the_documents(grads):
    p = q = 0.5
    h = k = 0.0
    for g in grads:
        h += g * g
        p -= 0.1 * g / (np.sqrt(h) + 1e-7)
        k = 0.9 * k + 0.1 * g * g
        q -= 0.1 * g / (np.sqrt(k) + 1e-7)
    rules = optim.AdaGrad(0.1, eps=1e-7), optim.RMSprop(0.1, alpha=0.9, eps=1e-7)
    found = [run(rule, 0.5, grads) for rule in rules]
    np.testing.assert_allclose(found, [p, q], rtol=1e-12, atol=1e-12)


@given(several)
def test_adam_of_the_documents_is_the_same_up_to_eps(grads):
    p, m, v = 0.5, 0.0, 0.0
    for t, g in enumerate(grads, 1):
        m += 0.1 * (g - m)
        v += 0.001 * (g * g - v)
        p -= 0.1 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / np.sqrt(v)
    np.testing.assert_allclose(run(optim.Adam(0.1, eps=0.0), 0.5, grads), p, rtol=1e-10, atol=1e-12)


def test_the_first_step_of_adam_has_the_size_of_the_rate_whatever_the_gradient():
    for g in (1e-3, 1.0, -1e30):
        np.testing.assert_allclose(run(optim.Adam(0.1), 2.0, [g]), 2 - 0.1 * np.sign(g), rtol=1e-5)


def test_coupled_decay_is_a_gradient_and_decoupled_decay_is_not():
    assert run(optim.SGD(0.1, weight_decay=0.5), 2.0, [0.0]) == pytest.approx(2 - 0.1 * 0.5 * 2)
    assert run(optim.Adam(0.1, weight_decay=0.5), 2.0, [0.0]) == pytest.approx(1.9)
    assert run(optim.AdamW(0.1, weight_decay=0.5), 2.0, [0.0]) == pytest.approx(2 * (1 - 0.05))


def test_a_schedule_hears_how_many_updates_were_made():
    heard = []

    def rate(step):
        heard.append(int(step))
        return 0.0

    run(optim.SGD(rate), 1.0, [1.0] * 3)
    assert heard == [0, 1, 2]


# ---- rates and rules that are data --------------------------------------------------------


def test_the_rate_may_be_an_argument_with_a_derivative():
    def after(lr):
        rule = optim.Momentum(lr)
        theta = np.array([3.0])
        state = rule.init(theta)
        for _ in range(2):
            theta, state = rule.update(theta, 2 * theta, state)
        return np.sum(theta**2)

    assert cp.check(after, 0.1).ok


def test_a_rule_is_an_argument_of_a_compiled_step_whose_rate_is_data():
    compiled = cp.compile(lambda rule, p, g, s: rule.update(p, g, s))
    params = {"W": np.ones(3)}
    for lr in (0.1, 0.2):
        rule = optim.Momentum(lr, weight_decay=0.1)
        wanted = rule.update(params, params, rule.init(params))
        found = compiled(rule, params, params, rule.init(params))
        for (name, a), b in zip(tree_leaves(found), tree_values(wanted), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-14, err_msg=name)


def test_names_from_elsewhere_lead_here():
    with pytest.raises(AttributeError, match=r"no attribute 'Adagrad'\. Here it is optim\.AdaGrad"):
        optim.Adagrad  # noqa: B018
    with pytest.raises(AttributeError, match=r"no attribute 'nothing'\.$"):
        optim.nothing  # noqa: B018


def test_a_rule_of_ones_own_needs_one_method():
    @dataclass(frozen=True, repr=False)
    class Signs(optim.Optimizer):
        lr: float = 0.1

        def move(self, params, grads, lr, step, memory):
            return tree_map(lambda p, g: p - lr * np.sign(g), params, grads), memory

    np.testing.assert_allclose(run(Signs(weight_decay=1.0), 2.0, [0.0, -5.0]), 2.0 - 0.1 + 0.1)
