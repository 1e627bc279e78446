"""The estimators are scikit-learn's by its own checks, and clearprop's by their numbers."""

import pickle

import numpy as np
import pytest

import clearprop as cp
from clearprop import nn, optim, train

pytest.importorskip("sklearn", reason="scikit-learn is not installed: the extra 'sklearn' has it")

from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from clearprop.interop import estimators
from clearprop.interop.sklearn import ClearpropClassifier, ClearpropRegressor

BOTH = pytest.mark.parametrize("kind", [ClearpropClassifier, ClearpropRegressor])

# Checks that are expected to fail, each with its reason: there is none.
EXPECTED_FAILURES: dict[str, str] = {}

QUICK = {"batch_size": 32, "max_iter": 40, "learning_rate_init": 0.01, "random_state": 0}

# what some of scikit-learn's checks have: a warning is right there, and none of their business
COLUMNS_OF_100 = "ignore:.*make_pipeline:sklearn.exceptions.ConvergenceWarning"


def checks_of(*found):
    return parametrize_with_checks(list(found), expected_failed_checks=lambda _: EXPECTED_FAILURES)


@checks_of(ClearpropClassifier(**QUICK), ClearpropRegressor(**QUICK))
@pytest.mark.filterwarnings(COLUMNS_OF_100)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@checks_of(
    ClearpropClassifier(),
    ClearpropRegressor(),
    ClearpropClassifier("batchnorm, affine 30, tanh", optimizer="adamw"),
    ClearpropRegressor(optimizer=optim.Nesterov(0.01), loss="huber", weight_decay=None),
)
@pytest.mark.filterwarnings(COLUMNS_OF_100)
def test_scikit_learns_checks_with_the_defaults_and_others(estimator, check):
    check(estimator)


@pytest.mark.slow
@checks_of(ClearpropClassifier(**QUICK, interpret=False))
@pytest.mark.filterwarnings(COLUMNS_OF_100)
def test_scikit_learns_checks_in_machine_code(estimator, check):
    pytest.importorskip("llvmlite", reason="llvmlite is not installed: the extra 'train' has it")
    check(estimator)


def problem(kind, samples=60, *, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(samples, 4))
    score = X[:, 0] - 2 * X[:, 1]
    return X, np.where(score > 0, "up", "down") if kind is ClearpropClassifier else score


def outputs(estimator, X):
    return getattr(estimator, "predict_proba", estimator.predict)(X)


# ---- the network is the one that clearprop would train --------------------------------------


@BOTH
def test_the_network_is_what_train_fit_makes_of_it(kind):
    X, y = problem(kind)
    model = kind("affine 8, tanh", batch_size=60, max_iter=5, random_state=3).fit(X, y)
    untrained = kind("affine 8, tanh", batch_size=60, max_iter=1, random_state=3).fit(X, y)
    # the first loss is measured before the first update, on all samples
    classes = kind is ClearpropClassifier
    t = np.unique(y, return_inverse=True)[1] if classes else (y - y.mean()) / y.std()
    loss = nn.SoftmaxWithLoss() if kind is ClearpropClassifier else nn.MSE()
    layers = [v for v in untrained.network_.layers.values() if not isinstance(v, nn.Rescaling)]
    net = nn.Sequential(*layers, loss=loss)
    metrics = train.fit(net, ((X, t), None), batch=60, iterations=1, replace=False)
    assert isinstance(net.last_layer, type(loss))
    np.testing.assert_allclose(metrics.loss, model.loss_curve_[1], rtol=1e-12)
    assert model.n_iter_ == len(model.loss_curve_) == 5
    assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_probabilities_are_the_softmax_of_the_scores():
    X, y = problem(ClearpropClassifier)
    model = ClearpropClassifier(**QUICK).fit(X, y)
    scores = model.network_.predict(X)
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-12)
    np.testing.assert_array_equal(model.predict(X), model.classes_[scores.argmax(axis=1)])
    far = model.predict_log_proba(1e4 * X)
    assert np.isfinite(far).all()
    assert far.min() < -1000


@BOTH
def test_two_fits_with_one_seed_are_equal_to_the_bit(kind):
    X, y = problem(kind)
    settings = {**QUICK, "layers": "affine 8, relu, dropout 0.3"}
    first, second = kind(**settings).fit(X, y), kind(**settings).fit(X, y)
    np.testing.assert_array_equal(outputs(first, X), outputs(second, X))
    other = kind(**{**settings, "random_state": 1}).fit(X, y)
    assert not np.array_equal(outputs(first, X), outputs(other, X))


@BOTH
def test_machine_code_gives_the_same_to_rounding(kind):
    pytest.importorskip("llvmlite", reason="llvmlite is not installed: the extra 'train' has it")
    X, y = problem(kind)
    found = [outputs(kind(**QUICK, interpret=i).fit(X, y), X) for i in (False, True)]
    np.testing.assert_allclose(*found, rtol=1e-8)


@pytest.mark.parametrize(("samples", "interpret"), [(60, True), (300_000, False)])
def test_a_short_run_is_not_compiled(monkeypatch, samples, interpret):
    said = {}
    monkeypatch.setattr(estimators.train, "fit", lambda *args, **options: said.update(options))
    X = np.zeros((samples, 2))
    ClearpropRegressor().fit(X, X[:, 0])
    assert said["interpret"] is interpret


# ---- going on --------------------------------------------------------------------------------


@BOTH
def test_partial_fits_are_epochs_of_one_run(kind):
    X, y = problem(kind)
    settings = {"batch_size": 60, "random_state": 0}
    known = {"classes": np.unique(y)} if kind is ClearpropClassifier else {}
    whole = kind(**settings, max_iter=6).fit(X, y)
    parts = kind(**settings)
    for _ in range(6):
        parts.partial_fit(X, y, **known)
        known = {}
    np.testing.assert_allclose(outputs(parts, X), outputs(whole, X), rtol=1e-9)
    np.testing.assert_allclose(parts.loss_curve_, whole.loss_curve_, rtol=1e-9)
    assert parts.n_iter_ == 6


def test_a_partial_fit_has_each_sample_once():
    X, y = problem(ClearpropRegressor, 250)
    model = ClearpropRegressor(random_state=0).partial_fit(X, y)
    assert model._state["step"] == 2  # 125 and 125, and not 200 and 200


@BOTH
def test_a_pickled_estimator_goes_on_as_the_original(kind):
    X, y = problem(kind)
    model = kind(**QUICK).fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(outputs(copy, X), outputs(model, X))
    for each in (model, copy):
        each.partial_fit(X, y)
    np.testing.assert_array_equal(outputs(copy, X), outputs(model, X))
    np.testing.assert_array_equal(copy._state["step"], model._state["step"])


def test_warm_start_goes_on_with_the_network():
    X, y = problem(ClearpropRegressor)
    model = ClearpropRegressor(**{**QUICK, "max_iter": 5}, warm_start=True).fit(X, y)
    before = model.loss_curve_[-1]
    network = model.network_
    model.fit(X, y)
    assert model.network_ is network
    assert model.n_iter_ == 10
    assert model.loss_curve_[5] < before
    assert model.set_params(warm_start=False).fit(X, y).n_iter_ == 5
    with pytest.raises(ValueError, match=r"layers is ''\. .* other layers, inputs or outputs"):
        model.set_params(warm_start=True, layers="").fit(X, y)


def test_warm_start_keeps_its_classes():
    X, y = problem(ClearpropClassifier)
    model = ClearpropClassifier(**QUICK, warm_start=True).fit(X, y)
    with pytest.raises(
        ValueError, match=r"the classes are \['a', 'b'\], and were \['down', 'up'\]"
    ):
        model.fit(X, np.where(y == "up", "a", "b"))


# ---- classes and targets -----------------------------------------------------------------------


def test_partial_fit_asks_for_the_classes():
    X, y = problem(ClearpropClassifier)
    model = ClearpropClassifier(random_state=0)
    with pytest.raises(cp.errors.OptionError, match="classes is None in the first call"):
        model.partial_fit(X, y)
    model.partial_fit(X, y, classes=["down", "level", "up"])
    assert model.predict_proba(X).shape == (60, 3)
    with pytest.raises(cp.errors.LabelError, match=r"y has the labels \['elsewhere'\]"):
        model.partial_fit(X, ["elsewhere"] * 60)
    with pytest.raises(cp.errors.OptionError, match=r"the classes are \['down', 'up'\]"):
        model.partial_fit(X, y, classes=["down", "up"])
    with pytest.raises(cp.errors.OptionError, match="never sees all labels"):
        ClearpropClassifier(class_weight="balanced").partial_fit(X, y, classes=["down", "up"])


def test_class_weights_weight_the_loss():
    rng = np.random.default_rng(0)
    y = np.array([0] * 30 + [1] * 10)
    X = np.zeros((40, 1))  # nothing to go by: the probabilities are those of the labels
    settings = {"layers": "", "learning_rate_init": 0.1, "max_iter": 500}
    for weights, expected in ((None, 0.25), ("balanced", 0.5), ({0: 1, 1: 6}, 2 / 3)):
        order = rng.permutation(40)
        model = ClearpropClassifier(
            **settings, n_iter_no_change=500, class_weight=weights, random_state=0
        )
        found = model.fit(X[order], y[order]).predict_proba([[0.0]])[0, 1]
        np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize(
    ("loss", "expected"), [("squared_error", 11.0), ("absolute_error", 1.0), ("huber", 8.07)]
)
def test_each_loss_has_its_own_best_constant(loss, expected):
    # the mean, the median, and where Huber's gradient is 0, 2 (c - 1) = σ, of δ = σ = 14.14
    y = np.array([1.0, 1.0, 31.0])
    settings = {"layers": "", "learning_rate_init": 0.05, "max_iter": 3000, "tol": 0.0}
    model = ClearpropRegressor(**settings, loss=loss, n_iter_no_change=100, random_state=0)
    found = model.fit(np.zeros((3, 1)), y).predict([[0.0]])
    np.testing.assert_allclose(found, [expected], atol=0.3)


def test_several_targets():
    X, y = problem(ClearpropRegressor)
    Y = np.stack([y, -y, 2 * y], axis=1)
    model = ClearpropRegressor(**QUICK).fit(X, Y)
    assert model.predict(X).shape == (60, 3)
    assert model.score(X, Y) > 0.9
    with pytest.raises(ValueError, match="other layers, inputs or outputs"):
        model.partial_fit(X, y)


# ---- among scikit-learn's tools ----------------------------------------------------------------


def test_pipelines_and_grids():
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), ClearpropClassifier(**QUICK))
    assert cross_val_score(model, X, y, cv=3).mean() > 0.9
    grid = GridSearchCV(
        model,
        {
            "clearpropclassifier__layers": ["", "affine 20, tanh"],
            "clearpropclassifier__optimizer": ["sgd", "adam"],
        },
        cv=2,
    ).fit(X, y)
    assert grid.best_params_["clearpropclassifier__optimizer"] == "adam"
    assert grid.best_score_ > 0.9
    assert len(grid.cv_results_["params"]) == 4


def test_a_clone_has_the_rule_and_no_network():
    rule = optim.SGD(optim.Cosine(0.1, 100), momentum=0.9)
    X, y = problem(ClearpropClassifier)
    model = ClearpropClassifier("affine 5, relu", optimizer=rule, max_iter=3).fit(X, y)
    copy = clone(model)
    assert copy.get_params()["optimizer"] == rule
    assert not hasattr(copy, "network_")
    assert "optimizer=SGD(" in repr(model)


def test_names_of_columns():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    X, y = problem(ClearpropClassifier)
    frame = pandas.DataFrame(X, columns=list("abcd"))
    model = ClearpropClassifier(**QUICK).fit(frame, y)
    assert model.feature_names_in_.tolist() == list("abcd")
    assert model.n_features_in_ == 4
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[["b", "a", "c", "d"]])


@BOTH
def test_sparse_samples_are_refused(kind):
    sparse = pytest.importorskip("scipy.sparse", reason="scipy is not installed")
    X, y = problem(kind)
    with pytest.raises(TypeError, match="Sparse data was passed for X, but dense data is required"):
        kind().fit(sparse.csr_array(X), y)


# ---- parameters --------------------------------------------------------------------------------


def test_early_stopping_keeps_the_best_weights():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 4))
    y = rng.integers(0, 2, 80)  # noise: there is nothing to learn
    model = ClearpropClassifier(
        "affine 50, relu", early_stopping=True, validation_fraction=0.25, learning_rate_init=0.05,
        n_iter_no_change=3, random_state=0,
    ).fit(X, y)  # fmt: skip
    curve = model.validation_loss_curve_
    best = int(np.argmin(curve))
    assert len(curve) == model.n_iter_ == len(model.loss_curve_) < 50
    assert model.n_iter_ - best >= 3
    assert not ClearpropClassifier(max_iter=2).fit(X, y).validation_loss_curve_


def test_a_run_ends_when_the_loss_falls_no_more():
    X, y = problem(ClearpropRegressor)
    few = ClearpropRegressor(tol=1e9, n_iter_no_change=4, random_state=0).fit(X, y)
    assert few.n_iter_ == 5  # the first is lower than nothing
    assert ClearpropRegressor(tol=0.0, max_iter=12, random_state=0).fit(X, y).n_iter_ == 12


def test_images_and_whole_numbers():
    X, y = load_digits(return_X_y=True)
    model = ClearpropClassifier(
        "conv 6 3x3, relu, pool 2", input_shape=(1, 8, 8), learning_rate_init=0.01, max_iter=8,
        batch_size=50, dtype="float32", random_state=0,
    ).fit(X[:600] / 16, y[:600])  # fmt: skip
    assert model.score(X[600:900] / 16, y[600:900]) > 0.85
    words = np.array([[0, 1], [1, 2], [2, 0], [2, 1]])
    reader = ClearpropClassifier("embedding 3 4", learning_rate_init=0.1, random_state=0)
    reader.fit(words, words[:, 0])
    assert reader.score(words, words[:, 0]) == 1.0
    with pytest.raises(ValueError, match="takes whole numbers, and X has others"):
        reader.predict(words + 0.5)


def test_dtypes():
    X, y = problem(ClearpropClassifier)
    given = {np.float32: np.float32, np.float64: np.float64, np.int64: np.float64}
    for dtype, expected in given.items():
        model = ClearpropClassifier(max_iter=2).fit(X.astype(dtype), y)
        assert model.predict_proba(X).dtype == expected
    model = ClearpropClassifier(max_iter=2, dtype="float32").fit(X, y)
    assert model.network_.params["W1"].dtype == model.predict_proba(X).dtype == np.float32


def test_verbose_prints_a_line_for_each_epoch(capsys):
    X, y = problem(ClearpropClassifier)
    ClearpropClassifier(max_iter=3, verbose=True, early_stopping=True).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert "validation accuracy" in lines[0]
    ClearpropClassifier(max_iter=3).fit(X, y)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"layers": None}, r"layers is None\. .* write.*layers=\"affine 100, relu\""),
        ({"layers": "affin 100"}, "'affin' is no layer"),
        ({"input_shape": (3, 3)}, r"input_shape is \(3, 3\)\. .* each row of X, 4 numbers"),
        ({"optimizer": "lbfgs"}, r"optimizer is 'lbfgs'\. .* 'adamw', or a rule"),
        ({"optimizer": optim.Adam}, "optimizer is <class"),
        ({"optimizer": optim.Adam(), "learning_rate_init": 0.1}, "a rule has its own lr"),
        ({"optimizer": optim.Adam(), "weight_decay": 0.1}, "a rule has its own weight_decay"),
        ({"learning_rate_init": -1.0}, r"Adam: lr is -1\.0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"batch_size": "all"}, "batch_size is 'all'. .* or \"auto\""),
        ({"max_iter": 0}, "max_iter is 0"),
        ({"max_iter": True}, "max_iter is True"),
        ({"n_iter_no_change": 1.5}, "n_iter_no_change is 1.5"),
        ({"tol": float("nan")}, "tol is nan"),
        ({"validation_fraction": 1.0}, "validation_fraction is 1.0"),
        ({"dtype": "float16"}, "dtype is 'float16'"),
        ({"dtype": "number"}, "dtype is 'number'"),
    ],
    ids=str,
)
@BOTH
def test_parameters_are_checked_in_fit(kind, params, said):
    X, y = problem(kind)
    model = kind(**params)  # takes everything
    with pytest.raises(ValueError, match=f"(?i){said}"):
        model.fit(X, y)


def test_an_unknown_loss_is_refused():
    X, y = problem(ClearpropRegressor)
    with pytest.raises(cp.errors.OptionError, match=r"loss is 'mse'\. .*'squared_error'"):
        ClearpropRegressor(loss="mse").fit(X, y)


def test_a_run_that_explodes_says_so():
    X, y = problem(ClearpropRegressor)
    with pytest.raises(cp.errors.NonFiniteError, match=r"Write instead: learning_rate_init=0\.1"):
        ClearpropRegressor(optimizer="sgd", learning_rate_init=1e30).fit(X, y)


# ---- units -----------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_the_unit_of_y_changes_nothing_but_the_unit(loss):
    X, y = problem(ClearpropRegressor)
    Y = np.stack([y, X[:, 2]], axis=1)
    settings = {**QUICK, "loss": loss, "max_iter": 20}
    model = ClearpropRegressor(**settings).fit(X, Y)
    for partial in (False, True):
        other = ClearpropRegressor(**settings).fit(X, Y * [5e6, 1e-4] + [1e7, 3.0])
        if partial:
            model.partial_fit(X, Y)
            other.partial_fit(X, Y * [5e6, 1e-4] + [1e7, 3.0])
        expected = model.predict(X) * [5e6, 1e-4] + [1e7, 3.0]
        np.testing.assert_allclose(other.predict(X), expected, rtol=1e-6)
        np.testing.assert_allclose(other.loss_curve_, model.loss_curve_, rtol=1e-6)
    assert isinstance([*other.network_.layers.values()][-1], nn.Rescaling)
    np.testing.assert_array_equal(other.network_.predict(X), other.predict(X))
    copied = pickle.loads(pickle.dumps(other))
    np.testing.assert_array_equal(copied.predict(X), other.predict(X))


def test_prices_are_learned_as_they_are():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = 1e6 + 2e5 * X[:, 0]
    model = ClearpropRegressor(random_state=0, learning_rate_init=0.01, max_iter=50)
    assert model.fit(X, y).score(X, y) > 0.95


@BOTH
def test_a_fit_that_came_to_nothing_warns(kind):
    X, y = problem(kind)
    model = kind(random_state=0, max_iter=3)
    with pytest.warns(ConvergenceWarning, match="make_pipeline.StandardScaler") as caught:
        model.fit(X * 5e4 + 1e5, y)
    assert caught[0].filename == __file__
    assert f"{kind.__name__}: the loss is" in str(caught[0].message)
