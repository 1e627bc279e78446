"""A small network with each layer: trained in machine code as in NumPy, and written as source."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import clearprop as cp
from clearprop import nn
from clearprop.errors import BoundsError, DTypeError
from clearprop.optim import SGD
from clearprop.rules.exponential import erf, sigmoid
from clearprop.train import Diary, fit
from clearprop.train.prediction import CompiledPrediction
from clearprop.train.sources import Drawn, FromArrays
from clearprop.train.updates import Interpreted

pytest.importorskip("llvmlite", reason="the extra `train` brings it")

rng = np.random.default_rng(6)
COUNT = 48
T = np.arange(COUNT) % 3
ROWS = rng.normal(size=(COUNT, 6)) + np.eye(3, 6)[T]
STEPS = rng.normal(size=(COUNT, 5, 6)) + np.eye(3, 6)[T][:, None]
WORDS = np.where(rng.random((COUNT, 5)) < 0.5, T[:, None], rng.integers(0, 7, (COUNT, 5)))


def affine(D: int, n: int, dtype: Any, **options: Any) -> nn.Affine:
    return nn.Affine.initial(D, n, seed=D + n, dtype=dtype, **options)


def activation(layer: nn.Layer) -> Any:
    return lambda dtype: [affine(6, 8, dtype), layer, affine(8, 3, dtype)]


def attention(dtype: Any, causal: bool = False) -> nn.Layer:
    return nn.MultiHeadAttention.initial(6, heads=2, seed=1, causal=causal, dtype=dtype)


NETWORKS: dict[str, tuple[Any, Any]] = {
    "GELU": (ROWS, activation(nn.GELU())),
    "GELU, tanh": (ROWS, activation(nn.GELU("tanh"))),
    "SiLU": (ROWS, activation(nn.SiLU())),
    "LeakyReLU": (ROWS, activation(nn.LeakyReLU())),
    "Softplus": (ROWS, activation(nn.Softplus())),
    "Rescaling": (ROWS, activation(nn.Rescaling(2.0, [0.5] * 8))),
    "LogSoftmax": (ROWS, activation(nn.LogSoftmax())),
    "LayerNorm": (
        ROWS,
        lambda dtype: [
            affine(6, 8, dtype),
            nn.LayerNorm.initial(8, dtype=dtype),
            affine(8, 3, dtype),
        ],
    ),
    "Conv1d, GlobalAvgPool": (
        STEPS,
        lambda dtype: [
            nn.Conv1d.initial(5, 8, 3, seed=0, stride=2, padding=1, dtype=dtype),
            nn.GlobalAvgPool(),
            affine(8, 3, dtype),
        ],
    ),
    "LSTM": (
        STEPS,
        lambda dtype: [
            nn.LSTM.initial(6, 4, seed=0, dtype=dtype),
            nn.LSTM.initial(4, 4, seed=1, last=True, dtype=dtype),
            affine(4, 3, dtype),
        ],
    ),
    "Embedding": (
        WORDS,
        lambda dtype: [nn.Embedding.initial(7, 6, seed=0, dtype=dtype), affine(30, 3, dtype)],
    ),
    "a transformer": (
        WORDS,
        lambda dtype: [
            nn.Embedding.initial(7, 6, seed=0, dtype=dtype),
            nn.Residual(nn.LayerNorm.initial(6, dtype=dtype), attention(dtype, causal=True)),
            nn.Residual(
                nn.LayerNorm.initial(6, dtype=dtype),
                affine(6, 12, dtype, last_axis=True),
                nn.GELU(),
                nn.Dropout(0.1),
                affine(12, 6, dtype, last_axis=True),
            ),
            affine(30, 3, dtype),
        ],
    ),
    "Residual": (
        ROWS,
        lambda dtype: [
            affine(6, 8, dtype),
            nn.Residual(
                affine(8, 8, dtype),
                nn.BatchNorm.initial(8, dtype=dtype),
                nn.ReLU(),
                nn.Dropout(0.2),
                nn.Residual(affine(8, 8, dtype), nn.Dropout(0.2)),
            ),
            affine(8, 3, dtype),
        ],
    ),
}


def network(name: str, dtype: Any = np.float64) -> tuple[Any, nn.Sequential]:
    x, layers = NETWORKS[name]
    x = x.astype(dtype) if x.dtype.kind == "f" else x
    return x, nn.Sequential(*layers(dtype), loss=nn.SoftmaxWithLoss())


def trained(name: str, dtype: Any, **options: Any) -> tuple[Any, nn.Sequential]:
    x, net = network(name, dtype)
    options = {"lr": 0.1, "batch": 12, "iterations": 60, "seed": 0, **options}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it would say that a run is interpreted
        return fit(net, ((x, T), (x, T)), **options), net


@pytest.mark.parametrize("name", NETWORKS)
def test_machine_code_trains_as_numpy_does(name: str) -> None:
    metrics, net = trained(name, np.float64)
    plain, twin = trained(name, np.float64, interpret=True)
    np.testing.assert_allclose(metrics.loss, plain.loss, rtol=1e-7)
    assert np.mean(metrics.loss[-10:]) < np.mean(metrics.loss[:10])
    assert list(net.params) == list(twin.params)
    for found, wanted in ((net.params, twin.params), (net.state, twin.state)):
        for key, array in wanted.items():
            assert found[key].dtype == array.dtype
            np.testing.assert_allclose(found[key], array, rtol=1e-5, atol=1e-8, err_msg=key)
    places = zip(net.places(net.parameters), twin.places(twin.parameters), strict=True)
    for (layer, key), (other, _) in places:
        ours, theirs = getattr(layer, f"d{key}"), getattr(other, f"d{key}")
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-8, err_msg=key)
    x, _ = network(name)
    many = np.concatenate([x] * 12)
    np.testing.assert_allclose(CompiledPrediction(net)(many), net.predict(many), rtol=1e-9)


@pytest.mark.parametrize("name", NETWORKS)
def test_single_precision_stays_single(name: str) -> None:
    metrics, net = trained(name, np.float32, iterations=5)
    assert {array.dtype for array in net.params.values()} == {np.dtype(np.float32)}
    plain, _ = trained(name, np.float32, iterations=5, interpret=True)
    np.testing.assert_allclose(metrics.loss, plain.loss, rtol=1e-3)


@pytest.mark.parametrize("name", NETWORKS)
def test_source_is_the_sweep_to_the_bit(name: str, monkeypatch: Any) -> None:
    # SciPy's own run once a program has imported it; source holds the text of ours.
    for primitive in (erf, sigmoid):
        monkeypatch.setattr(primitive, "implementation", primitive.function)
    x, net = network(name)
    x, rows = x[:8], np.eye(3)[T[:8]]
    arrays, buffers = net.arrays(net.parameters), net.arrays(net.buffers)

    def loss(*arrays: Any) -> Any:
        y = net.compute(x, *arrays, *buffers, train=True)
        return net.last_layer.compute(y[0] if buffers else y, t=rows)  # type: ignore[union-attr]

    module: dict[str, Any] = {}
    exec(cp.source(loss, *arrays), module)
    value, found = module["gradients"](*arrays)
    wanted, gradients = cp.value_and_grad(loss, range(len(arrays)))(*arrays)
    assert value == wanted
    for a, b in zip(found, gradients, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["a transformer", "Residual"])
def test_the_diary_has_a_norm_for_each_block(name: str) -> None:
    x, net = network(name)
    diary = Diary(net, x, 4)
    fit(net, ((x, T), (x, T)), batch=12, iterations=4, watch=diary)
    blocks = {key for key, layer in net.layers.items() if layer.parameters}
    assert set(diary.norms) == blocks
    assert all(norm > 0 for norms in diary.norms.values() for norm in norms)


# ---- whole numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint64])
def test_bytes_are_numbers_of_rows_too(dtype: Any) -> None:
    _, net = network("Embedding")
    _, twin = network("Embedding")
    words = WORDS.astype(dtype)
    metrics = fit(net, ((words, T), (words, T)), batch=12, iterations=5)
    assert metrics.loss == fit(twin, ((WORDS, T), (WORDS, T)), batch=12, iterations=5).loss


@pytest.mark.parametrize("number", [-1, 7])
def test_a_number_that_is_no_row_is_found_before_the_first_update(number: int) -> None:
    words = WORDS.copy()
    words[-1, -1] = number
    _, net = network("Embedding")
    before = net.params["W1"].copy()
    with pytest.raises(BoundsError, match=rf"x\[\d+, 4\] is {number}, W has 7 rows"):
        fit(net, ((words, T), (words, T)), batch=12, iterations=500)
    np.testing.assert_array_equal(net.params["W1"], before)


def test_floats_are_no_numbers_of_rows() -> None:
    _, net = network("Embedding")
    with pytest.raises(DTypeError, match="array of float64; it takes whole numbers"):
        fit(net, ((WORDS * 1.0, T), (WORDS * 1.0, T)), batch=12, iterations=5)


def test_what_is_written_anew_inside_a_block_is_interpreted() -> None:
    class Own(nn.Dropout):
        def remember(self, seen: Any) -> None:
            super().remember(seen)

    net = nn.Sequential(affine(6, 3, "f8"), nn.Residual(Own(0.5)), loss=nn.SoftmaxWithLoss())
    with pytest.warns(RuntimeWarning, match=r"Own\.remember is written anew"):
        fit(net, ((ROWS, T), (ROWS, T)), batch=12, iterations=2)
    batches = FromArrays(ROWS, T, Drawn(len(ROWS), 12, np.random.default_rng(0)))
    assert len(Interpreted(net, batches, SGD(0.1)).make(2)) == 2
