"""Updates in machine code: those of NumPy, the same to the bit however many a call makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from cut_finely import cut_finely

import clearprop as cp
from clearprop import nn
from clearprop.errors import LabelError, NonFiniteError, ShapeError
from clearprop.optim import SGD
from clearprop.train import Diary, Metrics, fit
from clearprop.train.prediction import CompiledPrediction
from clearprop.train.sources import Drawn, FromArrays
from clearprop.train.updates import CannotCompileError, Compiled, Interpreted


def blobs(count: int, dtype: Any = np.float32) -> tuple[np.ndarray, np.ndarray]:
    t = np.arange(count) % 3
    x = np.random.default_rng(0).normal(size=(count, 4)) + 3 * np.eye(3, 4)[t]
    return x.astype(dtype), t


DATA = blobs(60), blobs(12)


def affine(rows: int, columns: int, seed: int, dtype: str = "float32") -> nn.Affine:
    return nn.Affine.initial(rows, columns, seed=seed, dtype=dtype)


def two_layers() -> nn.Sequential:
    return nn.TwoLayerNet(4, 5, 3, 0.5, seed=1, dtype="float32")


@pytest.mark.parametrize("outputs", [1, 2, 3])
@pytest.mark.parametrize("columns", [40, 200])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_few_outputs_of_many_columns_are_compiled(dtype: str, columns: int, outputs: int) -> None:
    """The products are narrow and the batches large: what is fetched ahead is then not listed."""
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(1000, columns)), rng.normal(size=(1000, outputs))
    both = []
    for interpret in (False, True):
        net = nn.Sequential(affine(columns, outputs, 0, dtype), loss=nn.MSE())
        both.append(fit(net, ((x, t), None), lr=0.01, batch=500, iterations=5, interpret=interpret))
    tolerance = 1e-5 if dtype == "float32" else 1e-10
    np.testing.assert_allclose(both[0].loss, both[1].loss, rtol=tolerance)


def with_state(dtype: str = "float32") -> nn.Sequential:
    return nn.Sequential(
        affine(4, 16, 0, dtype),
        nn.BatchNorm.initial(16, dtype=dtype),
        nn.ReLU(),
        nn.Dropout(0.3, seed=5),
        affine(16, 8, 1, dtype),
        nn.Tanh(),
        nn.Dropout(0.2, seed=5),
        affine(8, 3, 2, dtype),
        loss=nn.SoftmaxWithLoss(),
    )


def images() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d.initial(1, 2, 3, seed=0, dtype="float32"),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        affine(8, 3, 1),
        loss=nn.SoftmaxWithLoss(),
    )


def normalized_images() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d.initial(1, 4, 3, seed=0, dtype="float64"),
        nn.BatchNorm(np.ones(4), np.zeros(4)),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        affine(36, 3, 1, "float64"),
        loss=nn.SoftmaxWithLoss(),
    )


def augmented() -> nn.Sequential:
    return nn.Sequential(
        nn.RandomShift(2, seed=5),
        nn.RandomFlip(seed=5),
        nn.RandomCrop(6, 1, seed=5),
        nn.Noise(0.1, seed=5),
        *images().layers.values(),
        loss=nn.SoftmaxWithLoss(),
    )


def batches(data: Any = DATA[0], seed: int = 3) -> FromArrays:
    return FromArrays(*data, Drawn(len(data[0]), 10, np.random.default_rng(seed)))


def left_by(net: nn.Sequential) -> dict[str, bytes]:
    """All that training changes, to the bit."""
    gradients = {
        f"{name}.d{key}": getattr(layer, f"d{key}")
        for name, layer in net.layers.items()
        for key in layer.parameters
    }
    return {name: array.tobytes() for name, array in (net.params | net.state | gradients).items()}


def made(updates: Any, counts: list[int]) -> list[float]:
    """Make updates, so many in a call."""
    losses: list[float] = []
    for count in counts:
        end = len(losses) + count
        while len(losses) < end:
            updates.most = end
            losses += updates.make(end - len(losses))
    return losses


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    yield
    cp.set_threads(None)


# ---- the same as in NumPy -----------------------------------------------------------------------


def test_a_network_on_images_with_normalization_is_that_of_numpy() -> None:
    rng = np.random.default_rng(0)
    data = rng.normal(size=(60, 1, 8, 8)), rng.integers(3, size=60)
    ours, theirs = normalized_images(), normalized_images()
    compiled = made(Compiled(ours, batches(data), SGD(0.1)), [1, 7, 12])
    interpreted = made(Interpreted(theirs, batches(data), SGD(0.1)), [20])
    np.testing.assert_allclose(compiled, interpreted, rtol=1e-10)
    for name, array in (theirs.params | theirs.state).items():
        np.testing.assert_allclose((ours.params | ours.state)[name], array, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("make", [two_layers, with_state])
def test_the_curve_is_that_of_numpy(make: Any) -> None:
    ours, theirs = make(), make()
    compiled = made(Compiled(ours, batches(), SGD(0.1)), [1, 7, 32])
    interpreted = made(Interpreted(theirs, batches(), SGD(0.1)), [40])
    np.testing.assert_allclose(compiled, interpreted, rtol=2e-4)
    for name, array in (theirs.params | theirs.state).items():
        mine = (ours.params | ours.state)[name]
        assert mine.dtype == array.dtype
        np.testing.assert_allclose(mine, array, rtol=1e-3, atol=1e-5)
    for name, layer in theirs.layers.items():
        for key in layer.parameters:
            mine = getattr(ours.layers[name], f"d{key}")
            np.testing.assert_allclose(mine, getattr(layer, f"d{key}"), rtol=1e-2, atol=1e-5)
    # the keys of the masks count the updates, as they do in NumPy
    if make is with_state:
        assert ours.state["Dropout1.key"][1] % 2**40 == 40


def test_whole_numbers_as_samples_rows_as_labels_and_float64() -> None:
    x, t = np.random.default_rng(1).integers(0, 9, (60, 4), np.uint8), np.eye(3)[DATA[0][1]]
    ours, theirs = with_state("float64"), with_state("float64")
    compiled = made(Compiled(ours, batches((x, t)), SGD(0.1)), [20])
    interpreted = made(Interpreted(theirs, batches((x, t)), SGD(0.1)), [20])
    np.testing.assert_allclose(compiled, interpreted, rtol=1e-9)
    assert ours.params["W1"].dtype == np.float64


def test_outputs_that_each_are_0_or_1() -> None:
    def make() -> nn.Sequential:
        return nn.Sequential(
            affine(4, 5, 0), nn.Sigmoid(), affine(5, 2, 1), loss=nn.SigmoidWithLoss()
        )

    t = np.random.default_rng(1).integers(0, 2, (60, 2))
    ours, theirs = make(), make()
    compiled = made(Compiled(ours, batches((DATA[0][0], t)), SGD(0.1)), [12])
    interpreted = made(Interpreted(theirs, batches((DATA[0][0], t)), SGD(0.1)), [12])
    np.testing.assert_allclose(compiled, interpreted, rtol=1e-4)


def test_images() -> None:
    x = np.random.default_rng(1).normal(size=(60, 1, 6, 6)).astype(np.float32)
    ours, theirs = images(), images()
    compiled = made(Compiled(ours, batches((x, DATA[0][1])), SGD(0.1)), [12])
    interpreted = made(Interpreted(theirs, batches((x, DATA[0][1])), SGD(0.1)), [12])
    np.testing.assert_allclose(compiled, interpreted, rtol=1e-4)


def stored_images() -> tuple[np.ndarray, np.ndarray]:
    """Images of bytes."""
    x = np.random.default_rng(1).integers(0, 256, (60, 1, 6, 6)).astype(np.uint8)
    return x, DATA[0][1]


def test_augmented_images_are_those_of_numpy() -> None:
    ours, theirs, plain = augmented(), augmented(), images()
    data = batches(stored_images())
    compiled = made(Compiled(ours, data, SGD(0.1), cp.data.scaled), [1, 7, 12])
    data = batches(stored_images())
    interpreted = made(Interpreted(theirs, data, SGD(0.1), cp.data.scaled), [20])
    np.testing.assert_allclose(compiled, interpreted, rtol=1e-4)
    assert {name: key[1] % 2**40 for name, key in ours.state.items()} == {
        "RandomShift1.key": 20, "RandomFlip1.key": 20, "RandomCrop1.key": 20, "Noise1.key": 20,
    }  # fmt: skip
    data = batches(stored_images())
    assert not np.allclose(
        made(Compiled(plain, data, SGD(0.1), cp.data.scaled), [20]), compiled, rtol=1e-4
    )


def test_a_run_on_augmented_images_is_machine_code() -> None:
    """A network that is interpreted warns; a loss on the test set is that of images left alone."""
    net, data = augmented(), (stored_images(), stored_images())
    metrics = fit(net, data, batch=10, iterations=12, seed=3, prepare=cp.data.scaled)
    again = augmented()
    theirs = fit(
        again, data, batch=10, iterations=12, seed=3, prepare=cp.data.scaled, interpret=True
    )
    np.testing.assert_allclose(metrics.loss, theirs.loss, rtol=1e-4)
    assert metrics.rows[-1].test_accuracy == theirs.rows[-1].test_accuracy


# ---- the same however it is cut -----------------------------------------------------------------


@pytest.mark.usefixtures("all_threads")
@pytest.mark.parametrize("make", [two_layers, with_state])
def test_nothing_depends_on_the_calls_or_on_the_threads(make: Any) -> None:
    found = []
    for threads, counts in ((1, [24]), (1, [1] * 24), (1, [5, 16, 3]), (2, [24]), (2, [7, 17])):
        cp.set_threads(threads)
        net = make()
        losses = made(Compiled(net, batches(), SGD(0.1)), counts)
        found.append((np.array(losses).tobytes(), left_by(net)))
    assert all(other == found[0] for other in found[1:])


def test_what_is_drawn_for_a_sample_depends_neither_on_the_calls_nor_on_the_threads() -> None:
    found = []
    for threads, counts in ((1, [24]), (1, [5, 16, 3]), (3, [7, 17])):
        cp.set_threads(threads)
        with cut_finely():
            net = augmented()
            data = batches(stored_images())
            losses = made(Compiled(net, data, SGD(0.1), cp.data.scaled), counts)
        found.append((np.array(losses).tobytes(), left_by(net)))
    assert found[1:] == found[:1] * 2


@pytest.mark.parametrize("generator", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
@pytest.mark.parametrize("samples", [7, 1000, 60_000, 2**20 + 1])
def test_batches_are_the_same_drawn_singly_or_together(generator: str, samples: int) -> None:
    def drawn(counts: list[int]) -> list[int]:
        rng = np.random.Generator(getattr(np.random, generator)(3))
        ours = Drawn(samples, 3, rng)
        return [*np.concatenate([ours.draw(n).ravel() for n in counts]), rng.integers(2**40)]

    singly = np.random.Generator(getattr(np.random, generator)(3))
    parts = [singly.integers(samples, size=3) for _ in range(11)]
    assert drawn([11]) == drawn([4, 0, 1, 6]) == [*np.concatenate(parts), singly.integers(2**40)]


class Sparse:
    """A watcher that is called when it has to be, and notes when it is."""

    def __init__(self, looks: list[int], end: int = 10**9) -> None:
        self.looks, self.end, self.seen = looks, end, []

    def next_look(self, done: int) -> int:
        return min((look for look in self.looks if look > done), default=10**9)

    def __call__(self, metrics: Metrics) -> bool:
        self.seen.append(metrics.iterations)
        return metrics.iterations >= self.end


def test_a_watcher_is_called_where_it_looks_and_at_the_ends_of_epochs() -> None:
    watch, every = Sparse([8, 20]), network_of_every_update()
    net = two_layers()
    metrics = fit(net, DATA, batch=10, iterations=27, seed=3, watch=watch)
    assert {0, 6, 8, 12, 18, 20, 24, 27} <= {*watch.seen}  # 60 / 10 updates are an epoch
    assert [row.iteration for row in metrics.rows] == [0, 6, 12, 18, 24, 27]
    assert (metrics.loss, left_by(net)) == every


def network_of_every_update() -> tuple[Any, dict[str, bytes]]:
    net = two_layers()
    metrics = fit(net, DATA, batch=10, iterations=27, seed=3, watch=lambda _: False)
    return metrics.loss, left_by(net)


def test_a_watcher_ends_the_run_and_what_was_trained_is_kept() -> None:
    net, ours = two_layers(), two_layers()
    metrics = fit(net, DATA, batch=10, iterations=10**9, seed=3, watch=Sparse([17], 17))
    again = fit(ours, DATA, batch=10, iterations=metrics.iterations, seed=3)
    assert metrics.iterations == 17 == metrics.rows[-1].iteration
    assert (metrics.loss, left_by(net)) == (again.loss, left_by(ours))


def test_an_interruption_in_a_call_keeps_the_calls_before(monkeypatch: pytest.MonkeyPatch) -> None:
    run, calls = Compiled._run, []

    def interrupted(self: Compiled, carry: Any, drawn: Any) -> Any:
        result = run(self, carry, drawn)
        calls.append(len(drawn))
        if sum(calls) > 12:
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(Compiled, "_run", interrupted)
    net, ours, metrics = with_state(), with_state(), Metrics()
    with pytest.raises(KeyboardInterrupt):
        fit(net, DATA, batch=10, seed=3, metrics=metrics)
    monkeypatch.setattr(Compiled, "_run", run)
    assert metrics.iterations == len(metrics.loss) == sum(calls[:-1]) > 0
    again = fit(ours, DATA, batch=10, seed=3, iterations=metrics.iterations)
    assert (metrics.loss, left_by(net)) == (again.loss, left_by(ours))


def test_the_diary_is_that_of_numpy() -> None:
    def diary(interpret: bool) -> Diary:
        net = two_layers()
        watch = Diary(net, DATA[0][0], 450)  # it looks at every second update
        fit(net, DATA, batch=10, iterations=450, seed=3, watch=watch, interpret=interpret)
        return watch

    ours, theirs = diary(False), diary(True)
    assert ours.moments == theirs.moments == [1, *range(2, 451, 2)]
    for name, norms in theirs.norms.items():
        np.testing.assert_allclose(ours.norms[name], norms, rtol=1e-2, atol=1e-5)
    assert ours.dead == theirs.dead


# ---- losses that are not finite -----------------------------------------------------------------


@pytest.mark.parametrize("make", [two_layers, with_state])
@pytest.mark.parametrize("counts", [[1] * 30, [30], [13, 17]])
def test_a_loss_that_is_not_finite_ends_the_updates(make: Any, counts: list[int]) -> None:
    x, t = blobs(60)
    x[np.random.default_rng(3).integers(60, size=(30, 10))[16, 4]] = np.nan
    numbers = np.random.default_rng(3).integers(60, size=(30, 10))
    first = int(np.argmax(np.isnan(x[numbers]).any(axis=(1, 2))))
    theirs, drawn = make(), batches((x, t))
    good = made(Compiled(theirs, batches((x, t)), SGD(0.1)), [first])
    ours = make()
    losses: list[float] = []
    updates = Compiled(ours, drawn, SGD(0.1))
    for count in counts:
        updates.most = count
        losses += updates.make(count)
        if not np.isfinite(losses[-1]):
            break
    assert len(losses) == first + 1
    assert losses[:-1] == good
    assert np.isnan(losses[-1])
    # the parameters before the update, and the generator behind the batch that made it NaN
    assert all(ours.params[k].tobytes() == theirs.params[k].tobytes() for k in ours.params)
    behind = np.random.default_rng(3)
    behind.integers(60, size=(first + 1, 10))
    assert drawn.drawn.rng.bit_generator.state == behind.bit_generator.state
    if make is with_state:
        assert ours.state["Dropout1.key"][1] == theirs.state["Dropout1.key"][1] + 1


def test_the_error_names_the_iteration_of_numpy() -> None:
    x, t = blobs(600)
    x[77] = np.inf
    texts, lengths = [], []
    for interpret in (False, True):
        metrics = Metrics()
        with pytest.raises(NonFiniteError) as caught:
            fit(two_layers(), ((x, t), DATA[1]), batch=10, metrics=metrics, interpret=interpret)
        texts.append(str(caught.value))
        lengths.append((len(metrics.loss), metrics.iterations))
    assert texts[0] == texts[1]
    assert lengths[0] == lengths[1] == (lengths[0][1] + 1, lengths[0][1])


# ---- what is not compiled -----------------------------------------------------------------------


class Halved(nn.TwoLayerNet):
    """It computes its gradient otherwise."""

    def loss_and_gradient(self, x: Any, t: Any) -> Any:
        loss, gradient = super().loss_and_gradient(x, t)
        return loss, {name: array / 2 for name, array in gradient.items()}


class Noise(nn.Layer):
    """It draws numbers that no key says."""

    def compute(self, x: Any) -> Any:
        return x + np.random.default_rng().normal(size=x.shape).astype(np.float32)


class Counting(nn.ReLU):
    """It remembers in a way of its own."""

    def remember(self, seen: Any) -> None:
        super().remember(seen)


class Plain:
    """A model that is no Sequential."""

    def __init__(self) -> None:
        self.net = two_layers()
        self.loss_and_gradient, self.accuracy = self.net.loss_and_gradient, self.net.accuracy

    @property
    def params(self) -> Any:
        return self.net.params

    @params.setter
    def params(self, new: Any) -> None:
        self.net.params = new


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Halved(4, 5, 3, seed=1), "Halved.loss_and_gradient is written anew"),
        (Plain, "Plain is no nn.Sequential. Write instead: interpret=True"),
        (
            lambda: nn.Sequential(affine(4, 3, 0), Noise(), loss=nn.SoftmaxWithLoss()),
            "random",
        ),
        (
            lambda: nn.Sequential(affine(4, 3, 0), Counting(), loss=nn.SoftmaxWithLoss()),
            "Counting.remember is written anew",
        ),
    ],
)
def test_what_is_no_program_is_interpreted_with_one_warning(make: Any, text: str) -> None:
    net, ours = make(), make()
    with pytest.warns(RuntimeWarning, match="in NumPy, not in machine code") as caught:
        metrics = fit(net, DATA, batch=10, iterations=5)
    assert len(caught) == 1
    assert text in str(caught[0].message)
    assert caught[0].filename == __file__
    again = fit(ours, DATA, batch=10, iterations=5, interpret=True)  # an error if it warned
    if text != "random":
        assert metrics.loss == again.loss
        assert all(np.array_equal(net.params[k], ours.params[k]) for k in ours.params)


def test_without_llvmlite_the_run_is_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(name: str) -> Any:
        assert name.partition(".")[0] == "llvmlite"
        raise ModuleNotFoundError(f"No module named {name!r}", name="llvmlite")

    monkeypatch.setattr("clearprop.extras.importlib.import_module", refused)
    net, ours = two_layers(), two_layers()
    with pytest.warns(RuntimeWarning) as caught:
        metrics = fit(net, DATA, batch=10, iterations=5)
    assert [str(warning.message) for warning in caught] == [
        "train: this run is computed in NumPy, not in machine code. fit: llvmlite is not "
        "installed. Why: it writes machine code, and comes with the extra 'train'. Write "
        "instead: pip install 'clearprop[train]'"
    ]
    assert metrics.loss == fit(ours, DATA, batch=10, iterations=5, interpret=True).loss


def test_a_wrong_label_is_the_error_of_numpy() -> None:
    x, t = blobs(600)
    t[77] = 3  # a program looks at no label, and would take it for no class
    with pytest.raises(CannotCompileError) as caught:
        Compiled(two_layers(), batches((x, t)), SGD(0.1))
    assert isinstance(caught.value.__cause__, LabelError)
    with pytest.raises(LabelError):
        fit(two_layers(), ((x, t), DATA[1]), batch=10)


def test_samples_that_do_not_fit_are_an_error_and_no_warning() -> None:
    narrow = DATA[0][0][:, :3], DATA[0][1]
    with pytest.raises(ShapeError):
        Interpreted(two_layers(), batches(narrow), SGD(0.1)).make(1)
    with pytest.raises(CannotCompileError):
        Compiled(two_layers(), batches(narrow), SGD(0.1))


def test_what_is_given_is_not_written_to() -> None:
    x, t = DATA[0]
    before = x.tobytes(), t.tobytes()
    net = two_layers()
    first = dict(net.params)
    copies = {name: array.copy() for name, array in first.items()}
    updates = Compiled(net, batches(), SGD(0.1))
    made(updates, [3])
    after = dict(net.params)
    kept = {name: array.copy() for name, array in after.items()}
    made(updates, [3])
    assert (x.tobytes(), t.tobytes()) == before
    assert x.flags.writeable
    assert all(np.array_equal(array, copies[name]) for name, array in first.items())
    assert all(np.array_equal(array, kept[name]) for name, array in after.items())
    assert all(array.flags.writeable for array in net.params.values())


def test_weights_that_a_watcher_changes_are_those_that_go_on() -> None:
    def halve(net: nn.Sequential) -> Any:
        def watch(metrics: Metrics) -> None:
            if metrics.iterations == 3:
                net.params["W1"] *= 0.5

        return watch

    ours, theirs = two_layers(), two_layers()
    a = fit(ours, DATA, batch=10, iterations=9, watch=halve(ours))
    b = fit(theirs, DATA, batch=10, iterations=9, watch=halve(theirs), interpret=True)
    np.testing.assert_allclose(a.loss, b.loss, rtol=1e-4)


# ---- accuracies ---------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [two_layers, with_state])
@pytest.mark.parametrize("samples", [1, 499, 1000, 1207])
def test_predictions_are_those_of_numpy(make: Any, samples: int) -> None:
    net = make()
    x, t = blobs(samples)
    predict = CompiledPrediction(net)
    before = predict(x)
    np.testing.assert_allclose(before, net.predict(x), rtol=1e-5, atol=1e-6)
    made(Compiled(net, batches(), SGD(0.1)), [40])
    after = predict(x)  # with the parameters and running means of now
    assert not np.array_equal(before, after)
    np.testing.assert_allclose(after, net.predict(x), rtol=1e-4, atol=1e-5)
    assert predict.accuracy(x, t) == net.accuracy(x, t)


class Contrary(nn.TwoLayerNet):
    """It predicts in a way of its own."""

    def predict(self, x: Any, **options: Any) -> Any:
        return -super().predict(x, **options)


def test_a_prediction_of_its_own_is_asked() -> None:
    net, data = Contrary(4, 5, 3, 0.5, seed=1, dtype="float32"), (blobs(600), DATA[1])
    metrics = fit(net, data, batch=10, iterations=60)
    assert metrics.rows[-1].train_accuracy == net.accuracy(*data[0]) < 0.2
