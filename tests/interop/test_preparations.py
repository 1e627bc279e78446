"""Models that are for others and begin with the preparation of their samples."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import data, interop, nn
from clearprop.errors import DTypeError, OptionError, ShapeError

BYTES = np.random.default_rng(0).integers(0, 256, (5, 4), dtype=np.uint8)
ROWS = 1e9 + np.random.default_rng(1).normal(size=(5, 4))  # float32 would lose them


def prepared(kind: str, dtype: Any) -> tuple[Any, Any]:
    if kind == "scaled":
        return data.Scaled(dtype), BYTES
    mean, std = (tuple(part.tolist()) for part in (ROWS.mean(axis=0), ROWS.std(axis=0)))
    return data.Standardized(mean, std, dtype), ROWS


def net(dtype: Any) -> nn.Sequential:
    layers = nn.layers_of("affine 6, tanh, batchnorm, affine 3", (4,), seed=0, dtype=dtype)
    return nn.Sequential(*layers, loss=nn.SoftmaxWithLoss())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["scaled", "standardized"])
@pytest.mark.parametrize("weights", ["inside", "beside"])
def test_numpy(tmp_path: Path, kind: str, dtype: str, weights: str) -> None:
    prepare, x = prepared(kind, dtype)
    network, path = net(dtype), tmp_path / "model.py"
    t = [0, 1, 2, 0, 1]
    interop.to_numpy(network, x, path, t_example=t, prepare=prepare, weights=weights)
    model = runpy.run_path(str(path))
    expected = network.predict(prepare(x))
    found = model["predict"](x)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-6 if dtype == "float32" else 1e-13)
    np.testing.assert_array_equal(model["prepare"](x), prepare(x))
    *_, loss = model["step"](model["PARAMS"], model["STATE"], x, t, 0.1)
    assert float(loss) == pytest.approx(float(network.loss(prepare(x), t, train=True)), rel=1e-5)
    model["main"]([])
    with pytest.raises(ValueError, match="x has shape"):
        model["predict"](x[:, :3])
    if weights == "beside":
        model["ARRAYS"].close()


@pytest.mark.parametrize("kind", ["scaled", "standardized"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_onnx(kind: str, dtype: Any) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    prepare, x = prepared(kind, np.dtype(dtype).name)
    network = net(dtype)
    metadata = {"classes": 'a "b", c\\d\n'}
    model = interop.to_onnx(network, x, prepare=prepare, dtype=dtype, metadata=metadata)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    [given] = session.get_inputs()
    assert given.type == ("tensor(uint8)" if kind == "scaled" else "tensor(double)")
    assert given.shape == ["N", 4]
    (y,) = session.run(None, {"x": x})
    np.testing.assert_allclose(y, network.predict(prepare(x)), rtol=1e-4, atol=1e-5)
    assert session.get_modelmeta().custom_metadata_map == metadata


def test_what_is_told_of_a_model_cannot_break_its_text() -> None:
    metadata = {'y"""': 'a "b", c\\d\n"""\nimport os'}
    text = interop.to_numpy(net("float64"), np.ones((2, 4)), metadata=metadata)
    compile(text, "model.py", "exec")
    assert "\nimport os" not in text


def test_what_else_is_done_cannot_be_written() -> None:
    for export in (interop.to_numpy, interop.to_onnx):
        with pytest.raises(OptionError, match="prepare is function"):
            export(net("float64"), ROWS, prepare=lambda x: x)  # type: ignore[arg-type]
        with pytest.raises(DTypeError, match=rf"{export.__name__}: x_example has other numbers"):
            export(net("float64"), BYTES / 255, prepare=data.Scaled())
    short = data.Standardized((0.0,), (1.0,))
    with pytest.raises(ShapeError):
        interop.to_numpy(net("float32"), ROWS, prepare=short)
