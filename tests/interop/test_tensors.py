"""Safetensors files: what was written is read, PyTorch reads what we write, and we what it does."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_examples import examples
from safetensors.numpy import load_file, save_file

from clearprop import interop, nn
from clearprop.errors import (
    ClearpropError,
    DataError,
    DTypeError,
    OptionError,
    ShapeError,
    UnknownNameError,
)


def network(seed=0, dtype="float64"):
    rng = np.random.default_rng(seed)
    net = nn.Sequential(
        nn.Conv2d.initial(2, 4, 3, padding=1, seed=rng, dtype=dtype),
        nn.BatchNorm.initial(4, dtype=dtype, eps=1e-5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3, seed=seed),
        nn.Affine.initial(36, 3, seed=rng, dtype=dtype),
        loss=nn.SoftmaxWithLoss(),
    )
    x = rng.normal(1, 2, size=(8, 2, 6, 6)).astype(dtype)
    net.gradient(x, rng.integers(0, 3, 8))  # so that running means are some
    for name in "gamma2", "beta2", "b1", "b3":
        net.params[name] += rng.normal(size=net.params[name].shape).astype(dtype)
    return net


def same(a, b, without=()):
    for one, other in ((a.params, b.params), (a.state, b.state)):
        for name in one:
            if name not in without:
                np.testing.assert_array_equal(one[name], other[name])
                assert one[name].dtype == other[name].dtype


@pytest.mark.parametrize("layout", ["clearprop", "torch"])
@pytest.mark.parametrize(
    "name",
    [name for name, (layer, *_) in examples("float64").items() if layer.parameters],
)
def test_the_arrays_of_every_layer_come_back(name, layout, tmp_path):
    layers = [examples("float64")[name].layer for _ in "ab"]
    a, b = (x if isinstance(x, nn.Sequential) else nn.Sequential(x) for x in layers)
    b.params = {key: np.zeros_like(array) for key, array in b.params.items()}
    interop.save_safetensors(a, tmp_path / "net", layout=layout)
    interop.load_safetensors(b, tmp_path / "net", layout=layout)
    same(a, b)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("layout", ["clearprop", "torch"])
def test_what_is_written_is_read(layout, dtype, tmp_path):
    a, b = network(0, dtype), network(1, dtype)
    interop.save_safetensors(a, tmp_path / "net.safetensors", layout=layout)
    interop.load_safetensors(b, tmp_path / "net.safetensors", layout=layout)
    same(a, b, without=("Dropout1.key",) if layout == "torch" else ())
    assert [path.name for path in tmp_path.iterdir()] == ["net.safetensors"]


def test_the_same_network_is_the_same_file(tmp_path):
    for name in "a", "b":
        interop.save_safetensors(network(), tmp_path / name, layout="torch")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_names_and_shapes_are_those_of_a_torch_sequential(tmp_path):
    net = network()
    interop.save_safetensors(net, tmp_path / "net", layout="torch")
    found = load_file(tmp_path / "net")
    assert {name: (a.shape, a.dtype.name) for name, a in found.items()} == {
        "0.weight": ((4, 2, 3, 3), "float64"),
        "0.bias": ((4,), "float64"),
        "1.weight": ((4,), "float64"),
        "1.bias": ((4,), "float64"),
        "1.running_mean": ((4,), "float64"),
        "1.running_var": ((4,), "float64"),
        "1.num_batches_tracked": ((), "int64"),
        "6.weight": ((3, 36), "float64"),
        "6.bias": ((3,), "float64"),
    }
    np.testing.assert_array_equal(found["6.weight"], net.params["W3"].T)


def test_a_bias_of_one_row_keeps_its_shape(tmp_path):
    a, b = (nn.Sequential(nn.Affine(np.full((2, 3), v), np.full((1, 3), v))) for v in (1.0, 2.0))
    interop.save_safetensors(a, tmp_path / "net", layout="torch")
    assert load_file(tmp_path / "net")["0.bias"].shape == (3,)
    interop.load_safetensors(b, tmp_path / "net", layout="torch")
    np.testing.assert_array_equal(b.params["b1"], np.ones((1, 3)))


def test_smaller_floats_are_taken_as_they_are(tmp_path):
    a, b = network(0, "float32"), network(1, "float64")
    interop.save_safetensors(a, tmp_path / "net")
    interop.load_safetensors(b, tmp_path / "net")
    assert b.params["W1"].dtype == np.float64
    np.testing.assert_array_equal(b.params["W1"], a.params["W1"])


def test_modules_have_the_names_that_are_given(tmp_path):
    a, b = nn.TwoLayerNet(4, 5, 3, seed=1), nn.TwoLayerNet(4, 5, 3, seed=2)
    names = {"Affine1": "body.fc1", "Affine2": ""}
    interop.save_safetensors(a, tmp_path / "net", layout="torch", names=names)
    assert {*load_file(tmp_path / "net")} == {"body.fc1.weight", "body.fc1.bias", "weight", "bias"}
    interop.load_safetensors(b, tmp_path / "net", layout="torch", names=names)
    same(a, b)


# ---- PyTorch ---------------------------------------------------------------------------------


def torch_model(torch):
    return torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, padding=1),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Dropout(0.3),
        torch.nn.Linear(36, 3),
    )


def test_pytorch_takes_what_is_written_here(tmp_path):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from safetensors.torch import load_file as load_torch

    net, model = network(dtype="float32"), torch_model(torch)
    interop.save_safetensors(net, tmp_path / "net", layout="torch")
    model.load_state_dict(load_torch(tmp_path / "net"), strict=True)
    x = np.random.default_rng(5).normal(size=(9, 2, 6, 6)).astype("float32")
    with torch.no_grad():
        y = model.eval()(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(net.predict(x), y, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_two_layer_net_trained_by_pytorch_predicts_the_same_here(dtype, tmp_path):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from safetensors.torch import save_file as save_torch

    torch.manual_seed(0)
    kind = getattr(torch, dtype)
    model = torch.nn.Sequential(
        torch.nn.Linear(6, 20, dtype=kind), torch.nn.ReLU(), torch.nn.Linear(20, 4, dtype=kind)
    )
    x = torch.randn(200, 6, dtype=kind)
    t = (x[:, :4] * x[:, 1:5]).argmax(1)
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    first = torch.nn.functional.cross_entropy(model(x), t).item()
    for _ in range(150):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), t)
        loss.backward()
        optimizer.step()
    assert loss.item() < first / 2
    save_torch(model.state_dict(), tmp_path / "net")
    net = nn.TwoLayerNet(6, 20, 4, dtype=dtype)
    interop.load_safetensors(net, tmp_path / "net", layout="torch")
    y = model(x).detach().numpy()
    rounding = 1e-12 if dtype == "float64" else 1e-4
    np.testing.assert_allclose(net.predict(x.numpy()), y, rtol=rounding, atol=rounding)
    expected = torch.nn.functional.cross_entropy(model(x), t).item()
    assert net.loss(x.numpy(), t.numpy()) == pytest.approx(expected, rel=1e-5)
    assert net.accuracy(x.numpy(), t.numpy()) == (y.argmax(1) == t.numpy()).mean()


def test_a_convolutional_net_of_pytorch_predicts_the_same_here(tmp_path):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from safetensors.torch import save_file as save_torch

    torch.manual_seed(1)
    model = torch_model(torch)
    x = torch.randn(16, 2, 6, 6)
    for _ in range(3):
        model(x)  # running means
    save_torch(model.state_dict(), tmp_path / "net")
    net = network(dtype="float32")
    interop.load_safetensors(net, tmp_path / "net", layout="torch")
    with torch.no_grad():
        y = model.eval()(x).numpy()
    np.testing.assert_allclose(net.predict(x.numpy()), y, rtol=1e-4, atol=1e-5)


def modules(torch):
    """Give for each layer of sequences and features PyTorch's module, ours, and an input."""
    rng = np.random.default_rng(4)

    class Attention(torch.nn.MultiheadAttention):
        def forward(self, x):
            return super().forward(x, x, x, need_weights=False)[0]

    class LSTM(torch.nn.LSTM):
        def forward(self, x):
            return super().forward(x)[0]

    class Residual(torch.nn.Sequential):
        def forward(self, x):
            return x + super().forward(x)

    x = rng.normal(size=(3, 5, 4)).astype("f4")
    block = nn.Residual(
        nn.Affine.initial(4, 6, seed=rng, dtype="f4", last_axis=True),
        nn.GELU(),
        nn.Affine.initial(6, 4, seed=rng, dtype="f4", last_axis=True),
    )
    there = Residual(torch.nn.Linear(4, 6), torch.nn.GELU(), torch.nn.Linear(6, 4))
    return {
        "Affine, last axis": (
            torch.nn.Linear(4, 2),
            nn.Affine.initial(4, 2, seed=rng, dtype="f4", last_axis=True),
            x,
        ),
        "LayerNorm": (torch.nn.LayerNorm(4), nn.LayerNorm.initial(4, dtype="f4"), x),
        "LayerNorm, two axes": (
            torch.nn.LayerNorm((1, 4)),
            nn.LayerNorm.initial((1, 4), dtype="f4"),
            x[:, :1],
        ),
        "Conv1d": (
            torch.nn.Conv1d(5, 6, 2, padding=1),
            nn.Conv1d.initial(5, 6, 2, padding=1, seed=rng, dtype="f4"),
            x,
        ),
        "Embedding": (
            torch.nn.Embedding(1, 4),
            nn.Embedding.initial(1, 4, seed=rng, dtype="f4"),
            np.zeros((2, 3), int),
        ),
        "LSTM": (LSTM(4, 3, batch_first=True), nn.LSTM.initial(4, 3, seed=rng, dtype="f4"), x),
        "MultiHeadAttention": (
            Attention(4, 2, batch_first=True),
            nn.MultiHeadAttention.initial(4, heads=2, seed=rng, dtype="f4"),
            x,
        ),
        "Residual": (there, block, x),
    }


@pytest.mark.parametrize("to_torch", [True, False])
@pytest.mark.parametrize(
    "name",
    [
        *("Affine, last axis", "LayerNorm", "LayerNorm, two axes", "Conv1d", "Embedding", "LSTM"),
        *("MultiHeadAttention", "Residual"),
    ],
)
def test_a_layer_of_sequences_goes_to_pytorch_and_comes_from_there(name, to_torch, tmp_path):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from safetensors.torch import load_file as load_torch
    from safetensors.torch import save_file as save_torch

    torch.manual_seed(2)
    module, layer, x = modules(torch)[name]
    model, net = torch.nn.Sequential(module), nn.Sequential(layer)
    rng = np.random.default_rng(6)
    if to_torch:
        net.params = {n: a + rng.normal(size=a.shape).astype("f4") for n, a in net.params.items()}
        interop.save_safetensors(net, tmp_path / "net", layout="torch")
        model.load_state_dict(load_torch(tmp_path / "net"), strict=True)
    else:
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter))
        save_torch(model.state_dict(), tmp_path / "net")
        interop.load_safetensors(net, tmp_path / "net", layout="torch")
    with torch.no_grad():
        y = model.eval()(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(net.predict(x), y, rtol=1e-4, atol=1e-5)


# ---- what does not fit -----------------------------------------------------------------------


def refused(path, error, match, net=None, **options):
    """Read a file that does not fit: the error says why, and nothing is changed."""
    net = net or nn.TwoLayerNet(4, 5, 3)
    before = {name: array.copy() for name, array in net.params.items()}
    with pytest.raises(error, match=match) as caught:
        interop.load_safetensors(net, path, **options)
    assert "Write instead:" in str(caught.value)
    for name, array in before.items():
        np.testing.assert_array_equal(net.params[name], array)
    return str(caught.value)


def arrays(**changed):
    return {**{n: a + 1 for n, a in nn.TwoLayerNet(4, 5, 3).params.items()}, **changed}


def test_other_names_are_refused(tmp_path):
    path = tmp_path / "net"
    save_file({n: a for n, a in arrays().items() if n != "b2"}, path)
    refused(path, UnknownNameError, r"net lacks b2\. .*the network has W1, b1, W2, b2\.")
    save_file(arrays(W3=np.ones(2)), path)
    refused(path, UnknownNameError, r"net has W3 too many\.")
    save_file({f"a{i}": np.ones(1) for i in range(40)}, path)
    refused(path, UnknownNameError, "lacks W1, b1, W2, b2, and has a0, a1, .* and 34 more")


def test_a_file_of_other_modules_comes_with_a_proposal(tmp_path):
    path = tmp_path / "net"
    net = nn.TwoLayerNet(4, 5, 3)
    named = {"Affine1": "fc2", "Affine2": "fc10"}
    interop.save_safetensors(net, path, layout="torch", names=named)
    text = refused(path, UnknownNameError, "lacks 0.weight", layout="torch")
    assert f"names={named}, if this is what they are." in text
    assert "layout='torch', if" in refused(path, UnknownNameError, "lacks W1")


def test_other_shapes_are_refused(tmp_path):
    path = tmp_path / "net"
    save_file(arrays(W1=np.ones((4, 6))), path)
    refused(path, ShapeError, r"W1 has shape \(4, 6\), and for the network it has \(4, 5\)")
    save_file(arrays(W1=np.ones((5, 4))), path)
    assert "one has the transpose" in refused(path, ShapeError, r"W1 has shape \(5, 4\)")


def test_a_square_matrix_of_the_other_layout_has_other_names(tmp_path):
    net = nn.Sequential(nn.Affine(np.arange(4.0).reshape(2, 2), np.zeros(2)))
    interop.save_safetensors(net, tmp_path / "net", layout="torch")
    refused(tmp_path / "net", UnknownNameError, "has 0.bias, 0.weight", net=net)


@pytest.mark.parametrize("dtype", ["float64", "int64", "bool", "uint64"])
def test_numbers_are_never_rounded(dtype, tmp_path):
    path = tmp_path / "net"
    net = nn.TwoLayerNet(4, 5, 3, dtype="float32")
    save_file({**net.params, "b1": np.zeros(5, dtype)}, path)
    refused(path, DTypeError, "b1 is .*, and for the network it is float32", net=net)


def write_file(path, header, body=b""):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + body)


def test_dtypes_that_numpy_has_not_are_refused(tmp_path):
    header = {"0.weight": {"dtype": "BF16", "shape": [3, 2], "data_offsets": [0, 12]}}
    header["0.bias"] = {"dtype": "F32", "shape": [3], "data_offsets": [12, 24]}
    write_file(tmp_path / "net", header, bytes(24))
    net = nn.Sequential(nn.Affine(np.ones((2, 3)), np.zeros(3)))
    text = refused(tmp_path / "net", DTypeError, "is BF16", net=net, layout="torch")
    assert "tensor.float()" in text


def entry(*shape, start=0, end=None):
    end = start + 4 * int(np.prod(shape)) if end is None else end
    return {"dtype": "F32", "shape": list(shape), "data_offsets": [start, end]}


HOSTILE = {
    "empty": b"",
    "no header": b"12345678",
    "an endless header": struct.pack("<Q", 10**12) + b"{}",
    "no JSON": struct.pack("<Q", 4) + b"nope",
    "no text": struct.pack("<Q", 3) + b"\xff\xfe{",
    "a pickle": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00",
    "a list": struct.pack("<Q", 2) + b"[]",
}
HEADERS = {
    "an array without end": {"W1": entry(2**40, 2**40, end=4)},
    "arrays over each other": {"W1": entry(1), "b1": entry(1)},
    "an array beyond the file": {"W1": entry(4, start=400)},
    "a negative length": {"W1": entry(-1, end=4)},
    "an unknown dtype": {"W1": {**entry(1), "dtype": "O64"}},
}


@pytest.mark.parametrize("name", [*HOSTILE, *HEADERS])
def test_a_file_that_is_none_is_refused(name, tmp_path):
    path = tmp_path / "net"
    if name in HOSTILE:
        path.write_bytes(HOSTILE[name])
    else:
        write_file(path, HEADERS[name], bytes(4))
    refused(path, DataError, "net: ")


def test_names_of_a_file_do_not_write_to_the_terminal(tmp_path):
    write_file(tmp_path / "net", {"\x1b[31m\nW1" + "x" * 500: entry(1)}, bytes(4))
    text = refused(tmp_path / "net", UnknownNameError, "has")
    assert "\x1b" not in text
    assert "\n" not in text
    assert len(text) < 500


@given(share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_refused_wherever_it_ends(share, tmp_path_factory):
    path = tmp_path_factory.mktemp("truncated") / "net"
    interop.save_safetensors(nn.TwoLayerNet(4, 5, 3), path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    refused(path, DataError, "net: ")


@given(data=st.data())
def test_a_changed_byte_of_the_header_is_refused_or_changes_nothing_else(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("changed") / "net"
    net = nn.TwoLayerNet(2, 2, 2, 1.0)
    interop.save_safetensors(net, path)
    content = bytearray(path.read_bytes())
    (length,) = struct.unpack("<Q", content[:8])
    content[data.draw(st.integers(0, 7 + length))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    other = nn.TwoLayerNet(2, 2, 2)
    before = other.params
    try:
        interop.load_safetensors(other, path)
        expected = load_file(path)  # it was in the metadata, or two arrays have changed places
    except ClearpropError:
        expected = before
    for name, array in other.params.items():
        np.testing.assert_array_equal(array, expected[name])


def test_what_is_no_file_is_refused(tmp_path):
    refused(tmp_path, DataError, "it is no file")
    refused(tmp_path / "nothing", DataError, "it is no file")
    refused("/dev/zero", DataError, "it is no file")


def test_requests_that_make_no_sense_are_refused(tmp_path):
    net = nn.TwoLayerNet(4, 5, 3)
    interop.save_safetensors(net, tmp_path / "net")
    refused(tmp_path / "net", OptionError, "layout is 'keras'", layout="keras")
    refused(tmp_path / "net", OptionError, "names are given", names={"Affine1": "fc1"})
    options = {"layout": "torch", "names": {"Affine3": "fc1"}}
    refused(tmp_path / "net", UnknownNameError, "'Affine3', which is no layer", **options)
    options = {"layout": "torch", "names": {"Affine1": "2"}}
    refused(tmp_path / "net", OptionError, "two layers would be called '2'", **options)

    class Scale(nn.Layer):
        parameters = ("k",)
        k = np.ones(3)

        def compute(self, x, k):
            return x * k

    own = nn.Sequential(Scale())
    interop.save_safetensors(own, tmp_path / "own")
    refused(
        tmp_path / "own", OptionError, "Scale1 is a layer of the class", net=own, layout="torch"
    )
    with pytest.raises(OptionError, match="cannot be written"):
        interop.save_safetensors(net, tmp_path / "nowhere" / "net")
    with pytest.raises(OptionError, match="ReLU is no network"):
        interop.save_safetensors(nn.ReLU(), tmp_path / "net")


@pytest.mark.skipif(np.dtype("longdouble") == np.float64, reason="no longer floats here")
def test_a_dtype_that_the_file_cannot_have_is_refused(tmp_path):
    wide = nn.Sequential(nn.Affine(np.ones((2, 2), "longdouble"), np.ones(2)))
    with pytest.raises(DTypeError, match="W1 is an array of float"):
        interop.save_safetensors(wide, tmp_path / "net")
