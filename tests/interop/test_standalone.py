"""A network as a file that needs only NumPy: it gives what the network gives, where we are not."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_examples import examples
from scipy import special

import clearprop as cp
from clearprop import interop, nn
from clearprop.errors import OptionError, OrderError, ShapeError, StagingError
from clearprop.interop import programs
from clearprop.interop.free_batch import for_any

RUNNER = """
import pathlib, runpy, sys
import numpy as np

class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "clearprop":
            raise ImportError("clearprop is not here")

sys.meta_path.insert(0, Refusing())
for path in pathlib.Path(sys.argv[1]).glob("*.py"):
    module = runpy.run_path(str(path))
    assert not any(name.startswith("clearprop") for name in sys.modules)
    module["main"]([])
    np.save(path.with_suffix(".y.npy"), module["predict"](np.load(path.with_suffix(".x.npy"))))
"""


def networks(dtype):
    """Give a network of each layer that takes one input, with some samples."""
    found = {}
    for name, example in examples(dtype).items():
        if isinstance(example.layer, nn.Loss) or len(example.inputs) > 1:
            continue
        layer = example.layer
        found[name] = nn.Sequential(layer), example.inputs[0]
    rng = np.random.default_rng(3)
    scaled = nn.Sequential(nn.Dropout(0.4, inverted=False), nn.Tanh())
    found["Dropout, scaled at inference"] = scaled, rng.normal(size=(3, 4)).astype(dtype)
    return found


NAMES = list(networks("float64"))


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Predict with the files of all networks in a process that cannot import clearprop."""
    folder = tmp_path_factory.mktemp("standalone")
    paths = {}
    for dtype in "float32", "float64":
        for number, (name, (network, x)) in enumerate(networks(dtype).items()):
            path = folder / f"model_{number}_{dtype}.py"
            weights = "beside" if network.params and number % 2 else "inside"
            text = interop.to_numpy(network, x, path, weights=weights)
            is_free = "single" not in name  # one row of numbers has no axis of samples
            assert ("for N samples" in text) == is_free
            np.save(path.with_suffix(".x.npy"), x)
            paths[name, dtype] = path
    subprocess.run([sys.executable, "-c", RUNNER, str(folder)], check=True, cwd=folder)
    return paths


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_every_layer_computes_the_same_where_clearprop_is_not(name, dtype, elsewhere):
    network, x = networks(dtype)[name]
    expected = network.predict(x)
    found = np.load(elsewhere[name, dtype].with_suffix(".y.npy"))
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(found, expected, rtol=10 * np.finfo(dtype).eps)


def test_the_first_line_says_what_it_needs():
    text = interop.to_numpy(nn.TwoLayerNet(4, 5, 3), np.ones((2, 4)))
    assert text.startswith('"""Needs only NumPy: a TwoLayerNet')
    assert {line for line in text.split("\n") if "import " in line} == {
        "import numpy as np",
        "    import sys",
    }


class Probit(nn.Layer):
    """A layer with a function of SciPy's that has no text in NumPy."""

    def compute(self, x):
        return special.ndtr(x)


def test_a_function_of_scipys_is_imported_and_said():
    network, x = nn.Sequential(Probit()), np.array([[0.3, -1.0]])
    text = interop.to_numpy(network, x)
    assert text.startswith('"""Needs only NumPy and scipy: a Sequential')
    assert "\nimport numpy as np\nimport scipy.special\n" in text
    np.testing.assert_array_equal(run(text)["predict"](x), network.predict(x))


def run(text):
    module = {"__name__": "standalone"}
    exec(text, module)
    return module


def conv_net(dtype="float64"):
    rng = np.random.default_rng(0)
    return nn.Sequential(
        nn.Conv2d.initial(2, 4, 3, padding=1, seed=rng, dtype=dtype),
        nn.BatchNorm.initial(4, dtype=dtype),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.3, seed=5),
        nn.AvgPool2d(2, stride=1, padding=1),
        nn.Affine.initial(64, 6, seed=rng, dtype=dtype),
        nn.Tanh(),
        nn.Affine.initial(6, 3, seed=rng, dtype=dtype),
        loss=nn.SoftmaxWithLoss(),
    )


def widest(text):
    return max(len(line) for line in text.split("\n") if '"""' not in line)


def test_lines_are_no_wider_than_others():
    rng = np.random.default_rng(1)
    text = interop.to_numpy(conv_net(), rng.normal(size=(3, 2, 6, 6)), t_example=[0, 1, 2])
    assert widest(text) <= 88
    layers = [nn.Conv2d.initial(2, 2, 3, padding=1, seed=rng), nn.MaxPool2d(3, 1, 1)]
    net = nn.Sequential(*layers, nn.Affine.initial(2 * 22 * 222, 3, seed=rng))
    text = interop.to_numpy(net, rng.normal(size=(1, 2, 22, 222)))
    assert widest(text) <= 88


@pytest.mark.parametrize("count", [1, 2, 7, 40])
def test_any_number_of_samples_is_taken(count):
    rng = np.random.default_rng(1)
    net = conv_net()
    module = run(interop.to_numpy(net, rng.normal(size=(3, 2, 6, 6))))
    x = rng.normal(size=(count, 2, 6, 6))
    np.testing.assert_allclose(module["predict"](x), net.predict(x), rtol=1e-12, atol=1e-14)


LOSSES = {
    "SoftmaxWithLoss": (nn.SoftmaxWithLoss(), lambda rng, n: rng.integers(0, 3, n)),
    "SoftmaxWithLoss, rows": (
        nn.SoftmaxWithLoss(),
        lambda rng, n: np.eye(3)[rng.integers(0, 3, n)],
    ),
    "CrossEntropy": (nn.CrossEntropy(), lambda rng, n: rng.integers(0, 3, n)),
    "SigmoidWithLoss": (nn.SigmoidWithLoss(), lambda rng, n: rng.integers(0, 2, (n, 3))),
    "BinaryCrossEntropy": (nn.BinaryCrossEntropy(), lambda rng, n: rng.random((n, 3))),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LOSSES)
def test_ten_steps_are_ten_steps_of_the_network(name, dtype):
    loss, labels = LOSSES[name]
    rng = np.random.default_rng(2)
    last = [nn.Sigmoid()] if name.startswith("Binary") else []
    last = [nn.Softmax()] if name.startswith("Cross") else last
    net = nn.Sequential(*conv_net(dtype).layers.values(), *last, loss=loss)
    example = rng.normal(size=(4, 2, 6, 6)).astype(dtype), labels(rng, 4)
    module = run(interop.to_numpy(net, example[0], t_example=example[1]))
    params, state = module["PARAMS"], module["STATE"]
    for count in (4, 9, 2, 5, 5, 12, 6, 3, 8, 4):
        x, t = rng.normal(size=(count, 2, 6, 6)).astype(dtype), labels(rng, count)
        params, state, value = module["step"](params, state, x, t, np.float64(0.1))
        expected, gradients = net.loss_and_gradient(x, t)
        net.params = cp.optim.sgd(dict(net.params), gradients, 0.1)
        tolerance = 1e-10 if dtype == "float64" else 2e-4
        np.testing.assert_allclose(value, expected, rtol=tolerance)
    for found, arrays in ((params, net.params), (state, net.state)):
        assert found.keys() == arrays.keys()
        for key, array in arrays.items():
            assert found[key].dtype == array.dtype
            np.testing.assert_allclose(found[key], array, rtol=tolerance, atol=tolerance)


def test_a_network_without_state_has_a_step_without_it():
    rng = np.random.default_rng(2)
    net = nn.TwoLayerNet(4, 5, 3)
    x, t = rng.normal(size=(6, 4)), rng.integers(0, 3, 6)
    module = run(interop.to_numpy(net, x[:2], t_example=t[:2]))
    params, loss = module["step"](module["PARAMS"], x, t, 0.5)
    value, gradients = net.loss_and_gradient(x, t)
    assert loss == pytest.approx(value, rel=1e-14)
    for name, array in cp.optim.sgd(dict(net.params), gradients, 0.5).items():
        np.testing.assert_allclose(params[name], array, rtol=1e-14)
    np.testing.assert_array_equal(module["predict"](x, params), run_with(net, params, x))


def run_with(net, params, x):
    return net.predict(x, params=params)


def sequence_nets(rng):
    """Give networks of the other layers, each with what draws its samples."""

    def block(*layers):
        return nn.Residual(*layers, nn.Affine.initial(4, 4, seed=rng, last_axis=True))

    attention = nn.MultiHeadAttention.initial(4, heads=2, seed=rng, causal=True)
    words = [
        nn.Embedding.initial(9, 4, seed=rng),
        block(nn.LayerNorm.initial(4), attention, nn.Dropout(0.2)),
        nn.LSTM.initial(4, 5, seed=rng, last=True),
        nn.SiLU(),
        nn.Affine.initial(5, 3, seed=rng),
    ]
    signals = [
        nn.Conv1d.initial(2, 4, 3, padding=1, seed=rng),
        nn.LeakyReLU(0.1),
        nn.GlobalAvgPool(),
        nn.Residual(nn.BatchNorm.initial(4), nn.GELU()),
        nn.Affine.initial(4, 3, seed=rng),
        nn.Softplus(),
        nn.LogSoftmax(),
        nn.Rescaling(2.0, [1.0, 0.5, 0.0]),
    ]
    return {
        "words": (words, lambda n: rng.integers(0, 9, (n, 6))),
        "signals": (signals, lambda n: rng.normal(size=(n, 2, 7))),
    }


@pytest.mark.parametrize("name", ["words", "signals"])
def test_steps_of_sequences_are_those_of_the_network(name):
    rng = np.random.default_rng(3)
    layers, samples = sequence_nets(rng)[name]
    net = nn.Sequential(*layers, loss=nn.SoftmaxWithLoss())
    text = interop.to_numpy(net, samples(2), t_example=rng.integers(0, 3, 2))
    module = run(text)
    params, state = module["PARAMS"], module["STATE"]
    for count in (4, 9, 2, 5):
        x, t = samples(count), rng.integers(0, 3, count)
        params, state, value = module["step"](params, state, x, t, 0.1)
        expected, gradients = net.loss_and_gradient(x, t)
        net.params = cp.optim.sgd(dict(net.params), gradients, 0.1)
        assert value == pytest.approx(expected, rel=1e-10)
    for found, arrays in ((params, net.params), (state, net.state)):
        for key, array in arrays.items():
            np.testing.assert_allclose(found[key], array, rtol=1e-9, atol=1e-12)
    x = samples(20)
    found = module["predict"](x, params, *([state] if "state" in PREDICT[name] else []))
    np.testing.assert_allclose(found, net.predict(x), rtol=1e-10)


PREDICT = {"words": ("params",), "signals": ("params", "state")}


class Running(nn.Layer):
    """A layer whose program is as long as the batch."""

    def compute(self, x):
        rows = [x[0]]
        for i in range(1, len(x)):
            rows.append(rows[-1] * 0.5 + x[i])
        return np.stack(rows)


def test_a_program_for_some_samples_alone_says_so():
    net = nn.Sequential(Running(), nn.Tanh())
    x = np.random.default_rng(0).normal(size=(5, 3))
    text = interop.to_numpy(net, x)
    assert "predict takes x of shape (5, 3) alone: for other numbers" in " ".join(text.split())
    predict = run(text)["predict"]
    np.testing.assert_allclose(predict(x), net.predict(x), rtol=1e-14)
    with pytest.raises(ValueError, match=r"x has shape \(4, 3\), and not \(5, 3\)"):
        predict(x[:4])


def test_a_single_sample_is_a_program_for_one():
    net = nn.Sequential(nn.Affine(np.ones((3, 2)), np.zeros(2)))
    text = " ".join(interop.to_numpy(net, np.ones(3)).split())
    assert "x of shape (3,) alone: a row of numbers is one sample." in text


class Weighed(nn.Layer):
    """A layer for three samples."""

    def compute(self, x):
        return x * np.array([[1.0], [2.0], [3.0]])


def test_a_network_that_refuses_other_numbers_of_samples_is_a_program_for_its_own():
    net, x = nn.Sequential(Weighed()), np.ones((3, 2))
    text = interop.to_numpy(net, x)
    assert "another number of samples is refused (" in " ".join(text.split())
    np.testing.assert_array_equal(run(text)["predict"](x), net.predict(x))


class Table(nn.Layer):
    """A layer with a large array that is no parameter."""

    def __init__(self):
        self.table = np.random.default_rng(0).normal(size=(40, 50))
        self.small = np.arange(30.0).reshape(5, 6) % 7

    def compute(self, x):
        return x @ self.table @ np.tile(self.small, (10, 1))


def test_large_constants_are_arrays_of_the_file(tmp_path):
    net = nn.Sequential(nn.Affine.initial(3, 40, seed=0), Table(), loss=nn.SoftmaxWithLoss())
    x, t = np.random.default_rng(1).normal(size=(5, 3)), np.arange(5)
    module = run(interop.to_numpy(net, x, t_example=t))
    assert {*module["CONSTANTS"]} == {"data"}  # once, though both functions read it
    np.testing.assert_allclose(module["predict"](x), net.predict(x), rtol=1e-12)
    assert module["step"](module["PARAMS"], x, t, 0.0)[1] == pytest.approx(net.loss(x, t))
    interop.to_numpy(net, x, tmp_path / "model.py", weights="beside")
    assert {"W1", "b1"} < set(np.load(tmp_path / "model.npz"))


class Scales(nn.Layer):
    """A layer whose constants in training are others than in inference."""

    buffers = ("count",)

    def __init__(self, scales):
        self.scales, self.count = scales, np.zeros(1)

    def compute(self, x, count, *, train):
        return x * self.scales[train], ()


def test_constants_of_one_name_that_differ_are_both_there():
    scales = [np.arange(12.0) % 5, np.arange(12.0) % 7]
    net = nn.Sequential(nn.Affine.initial(3, 12, seed=0), Scales(scales), loss=nn.SoftmaxWithLoss())
    x, t = np.random.default_rng(1).normal(size=(5, 3)), np.arange(5)
    text = interop.to_numpy(net, x, t_example=t)
    assert "constant_2" in text
    module = run(text)
    np.testing.assert_allclose(module["predict"](x), net.predict(x), rtol=1e-12)
    *_, loss = module["step"](module["PARAMS"], module["STATE"], x, t, 0.0)
    assert loss == pytest.approx(net.loss(x, t, train=True), rel=1e-12)


class Marked(nn.Layer):
    """A layer that sets its state, whatever it was."""

    buffers = ("before", "mark")

    def __init__(self):
        self.before, self.mark = np.zeros(2), np.zeros(2)

    def compute(self, x, before, mark, *, train):
        return x + before[0], ()

    def advance(self, buffers, seen):
        return buffers[1], np.array([5.0, 6.0])


def test_a_state_that_is_set_is_set_in_the_file_too():
    net = nn.Sequential(nn.Affine.initial(3, 4, seed=0), Marked(), loss=nn.SoftmaxWithLoss())
    x, t = np.random.default_rng(1).normal(size=(5, 3)), np.array([0, 1, 2, 3, 0])
    module = run(interop.to_numpy(net, x, t_example=t))
    params, state = module["PARAMS"], module["STATE"]
    for _ in range(3):
        params, state, loss = module["step"](params, state, x, t, 0.1)
        expected, gradients = net.loss_and_gradient(x, t)
        net.params = cp.optim.sgd(dict(net.params), gradients, 0.1)
        assert loss == pytest.approx(expected, rel=1e-12)
        for name, array in net.state.items():
            np.testing.assert_array_equal(state[name], array)


def test_large_weights_stand_beside_and_the_file_runs(tmp_path):
    net = nn.Sequential(nn.Affine.initial(700, 300, seed=0))
    path = tmp_path / "model.py"
    interop.to_numpy(net, np.ones((1, 700)), path)
    assert path.stat().st_size < 4000
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.npz", "model.py"]
    x = np.random.default_rng(0).normal(size=(4, 700))
    np.save(tmp_path / "x.npy", x)
    for arguments in ([], ["x.npy", "y.npy"], ["x.npy"]):
        made = subprocess.run(
            [sys.executable, "-I", "model.py", *arguments],
            check=False,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert (made.returncode, made.stderr) == (0, "")
        if not arguments:
            assert made.stdout == "The results are those it had when it was written.\n"
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), net.predict(x), rtol=1e-12)


def test_the_file_notices_weights_that_are_others(tmp_path):
    net = nn.TwoLayerNet(4, 5, 3, 1.0)
    path = tmp_path / "model.py"
    interop.to_numpy(net, np.ones((1, 4)), path, weights="beside")
    arrays = dict(np.load(tmp_path / "model.npz"))
    arrays["b2"][0] += 1e-3
    np.savez(tmp_path / "model.npz", **arrays)
    made = subprocess.run([sys.executable, path], check=False, capture_output=True, text=True)
    assert made.returncode == 1
    assert "Not equal to tolerance" in made.stderr


def test_a_text_that_computes_something_else_is_not_given(monkeypatch):
    def wrong(texts, sizes):
        return for_any(texts, sizes).replace("0.5", "0.25")

    monkeypatch.setattr(programs, "for_any", wrong)
    net = nn.Sequential(nn.Dropout(0.5, inverted=False))
    with pytest.raises(StagingError, match="does not compute what the network does"):
        interop.to_numpy(net, np.ones((2, 4)))


def test_what_cannot_be_written_is_an_error_that_says_why(tmp_path):
    net = nn.TwoLayerNet(4, 5, 3)
    x = np.ones((2, 4))
    with pytest.raises(OptionError, match=r"Affine is no network.*Write instead: .*nn.Sequential"):
        interop.to_numpy(nn.Affine(np.ones((2, 2)), np.ones(2)), x)
    with pytest.raises(OptionError, match="weights is 'beside', path is None"):
        interop.to_numpy(net, x, weights="beside")
    with pytest.raises(OptionError, match="weights is 'outside'"):
        interop.to_numpy(net, x, tmp_path / "model.py", weights="outside")
    with pytest.raises(ShapeError, match=r"x_example has shape \(0, 4\)"):
        interop.to_numpy(net, x[:0])
    with pytest.raises(ShapeError, match="Affine: x has shape"):
        interop.to_numpy(net, np.ones((2, 7)))
    with pytest.raises(OrderError, match="no loss layer"):
        interop.to_numpy(nn.Sequential(nn.ReLU()), x, t_example=[0, 1])
    with pytest.raises(OptionError, match="no parameters"):
        interop.to_numpy(nn.Sequential(nn.ReLU(), loss=nn.SoftmaxWithLoss()), x, t_example=[0, 1])
    with pytest.raises(OptionError, match=r"cannot be written: .*No such file"):
        interop.to_numpy(net, x, tmp_path / "nowhere" / "model.py")
    (tmp_path / "model.py").mkdir()
    with pytest.raises(OptionError, match="cannot be written"):
        interop.to_numpy(net, x, tmp_path / "model.py")
    assert [p.name for p in tmp_path.iterdir()] == ["model.py"]


# ---- numbers of samples ----------------------------------------------------------------------

SIZES = (11, 13, 17)


@given(st.integers(1, 50), st.integers(-11, 50), st.integers(1, 40))
def test_numbers_in_a_program_are_found_as_functions_of_n(a, b, c):
    texts = [f"np.zeros(({a * n + b}, 7)) * {1 / (c * n)!r}" for n in SIZES]
    made = for_any(texts, SIZES)
    for n in (1, 2, 100):
        zeros, factor = made.split(" * ", 1) if made.count(" * ") == 1 else made.rsplit(") * ", 1)
        assert eval(factor, {"N": n}) == pytest.approx(1 / (c * n), rel=1e-15)
        assert (
            eval(made.partition("zeros(")[2].partition(", 7")[0].strip("("), {"N": n}) == a * n + b
        )
        assert zeros


@pytest.mark.parametrize(
    "texts",
    [
        ["f(11)", "f(13)", "g(17)"],
        ["f(11)", "f(13)", "f(18)"],
        ["f(121)", "f(169)", "f(289)"],
        ["f(11)", "f(13)", "f(17, 1)"],
        ["f(0.1)", "f(0.2)", "f(0.3)"],
        ["x11", "x13", "x17"],
        ["f(11)", "f(13)", "f(17.0)"],
    ],
)
def test_other_differences_are_no_functions_of_n(texts):
    assert for_any(texts, SIZES) is None


def test_a_number_of_a_float32_program_is_its_own():
    texts = [f"np.float32({float(np.float32(1 / n))!r})" for n in SIZES]
    assert for_any(texts, SIZES) == "np.float32(1 / N)"
