"""ONNX models: onnx's checker passes them, and onnxruntime computes what the network does."""

import numpy as np
import pytest
from layer_examples import SameNumbers, examples

from clearprop import interop, nn
from clearprop.errors import DTypeError, OptionError, ShapeError
from clearprop.interop.onnx_graph import CONVERTERS

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")


#: Layers of the examples that draw the same numbers in every call; elsewhere they are of `nn`.
ALWAYS_THE_SAME = set(SameNumbers.__subclasses__())


def run(model, *inputs):
    """Compute with onnxruntime, which must take the model without a word."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [value.name for value in session.get_inputs()]
    (y,) = session.run(["predicted"], dict(zip(names, inputs, strict=True)))
    return y


def shape_of(value):
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


def layers():
    return {n: e for n, e in examples("float32").items() if not isinstance(e.layer, nn.Loss)}


def predicted(layer, inputs):
    if isinstance(layer, nn.Sequential):
        return layer.predict(*inputs)
    return layer.forward(*inputs, train=False) if layer.buffers else layer.forward(*inputs)


@pytest.mark.parametrize("name", layers())
def test_every_layer_computes_the_same_in_onnxruntime(name):
    layer, inputs = layers()[name][:2]
    if type(layer).__name__ == "Inference":  # batch normalisation of these tests
        arrays = layer.gamma, layer.beta, 0.9, layer.running_mean, layer.running_var
        layer = nn.BatchNorm(*arrays)
    if type(layer) in ALWAYS_THE_SAME:
        layer.__class__ = type(layer).__mro__[2]
    model = interop.to_onnx(layer, tuple(inputs))
    onnx.checker.check_model(model, full_check=True)
    y = run(model, *inputs)
    expected = predicted(layer, inputs)
    assert (y.shape, y.dtype) == (expected.shape, np.float32)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
    if inputs[0].ndim < 2 or len(inputs) > 1:
        return
    rng = np.random.default_rng(1)
    for count in (1, 2, 9):  # other numbers of samples, and numbers that are not small
        shape = (count, *inputs[0].shape[1:])
        is_float = inputs[0].dtype.kind == "f"
        x = rng.normal(0, 3, shape).astype("f4") if is_float else rng.integers(0, 5, shape)
        expected = predicted(layer, (x,))
        np.testing.assert_allclose(run(model, x), expected, rtol=1e-5, atol=1e-5)
    assert [shape_of(value)[0] for value in (model.graph.input[0], model.graph.output[0])] == [
        "N"
    ] * 2


def test_every_layer_has_a_converter_and_a_test():
    classes = {
        kind
        for kind in vars(nn).values()
        if isinstance(kind, type) and issubclass(kind, nn.Layer) and not issubclass(kind, nn.Loss)
    } - {nn.Layer, nn.Sequential, nn.TwoLayerNet, nn.SimpleConvNet, nn.DeepConvNet}
    kinds = [type(example.layer) for example in layers().values()]
    tested = {kind.__mro__[2] if kind in ALWAYS_THE_SAME else kind for kind in kinds}
    assert classes <= CONVERTERS.keys()
    assert classes <= tested


def conv_net(dtype):
    rng = np.random.default_rng(0)
    net = nn.Sequential(
        nn.Conv2d.initial(1, 8, 3, padding=1, stride=2, seed=rng, dtype=dtype),
        nn.BatchNorm.initial(8, dtype=dtype),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.MaxPool2d(3, 2, 1),
        nn.AvgPool2d(2, 1, 1),
        nn.Affine.initial(8 * 5 * 5, 30, seed=rng, dtype=dtype),
        nn.Dropout(0.5, inverted=False),
        nn.Tanh(),
        nn.Affine.initial(30, 10, seed=rng, dtype=dtype),
        nn.Softmax(),
        nn.LogSoftmax(),
        nn.Rescaling(1e5, 1e6),
        loss=nn.CrossEntropy(),
    )
    x = rng.normal(size=(8, 1, 14, 14)).astype(dtype)
    for _ in range(3):
        net.gradient(x, rng.integers(0, 10, 8))
    return net, x


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_network_is_written_layer_by_layer(dtype, tmp_path):
    net, x = conv_net(dtype)
    model = interop.to_onnx(net, x[:1], tmp_path / "net.onnx")
    stored = onnx.load(tmp_path / "net.onnx")
    assert stored == model
    np.testing.assert_allclose(run(stored, x.astype("f4")), net.predict(x), rtol=1e-4, atol=1e-6)
    assert [node.name for node in model.graph.node if node.name in net.layers] == [
        name for name in net.layers if name != "Dropout1"
    ]
    stored_arrays = {array.name for array in model.graph.initializer}
    assert {*net.params, "BatchNorm1.running_mean", "BatchNorm1.running_var"} < stored_arrays
    assert (model.ir_version, model.opset_import[0].version) == (8, 17)


def test_numbers_can_stay_float64():
    net = nn.TwoLayerNet(4, 5, 3, 1.0)
    x = np.random.default_rng(0).normal(size=(7, 4))
    y = run(interop.to_onnx(net, x, dtype=np.float64), x)
    assert y.dtype == np.float64
    np.testing.assert_allclose(y, net.predict(x), rtol=1e-12)


def test_whole_numbers_are_what_the_network_makes_of_them():
    net = nn.Sequential(nn.Affine.initial(4, 3, seed=0))
    model = interop.to_onnx(net, np.ones((2, 4), np.uint8))
    x = np.arange(8.0, dtype="f4").reshape(2, 4)
    np.testing.assert_allclose(run(model, x), net.predict(x), rtol=1e-5, atol=1e-5)


def test_layers_that_do_nothing_are_a_model_too():
    net = nn.Sequential(nn.Dropout(0.5), nn.Flatten())
    x = np.ones((2, 4), "f4")
    np.testing.assert_array_equal(run(interop.to_onnx(net, x), x), x)


class Scale(nn.Layer):
    parameters = ("k",)

    def __init__(self, k):
        self.k = k

    def compute(self, x, k):
        return x * k


class Leaky(nn.ReLU):
    def compute(self, x):
        return np.where(x > 0, x, x * 0.1)


class Twice(nn.Layer):
    """A layer of layers."""

    def __init__(self, layer):
        self.layer = layer

    def compute(self, x):
        return self.layer.compute(self.layer.compute(x)) + x


@pytest.fixture
def own_converters(monkeypatch):
    monkeypatch.setattr("clearprop.interop.onnx_graph.CONVERTERS", dict(CONVERTERS))


def test_a_layer_of_ones_own_is_written_by_its_converter(own_converters):
    @interop.converter(Scale)
    def scale(graph, layer, x):
        return graph.node("Mul", x.name, graph.parameter(layer, "k"))

    @interop.converter(Twice)
    def twice(graph, layer, x):
        inner = graph.convert("inner", layer.layer, graph.convert("inner", layer.layer, x))
        return graph.node("Add", inner.name, x.name)

    net = nn.Sequential(Scale(np.array([2.0, 3.0])), Twice(nn.Tanh()), Twice(nn.Flatten()))
    x = np.random.default_rng(0).normal(size=(3, 2)).astype("f4")
    model = interop.to_onnx(net, x)
    np.testing.assert_allclose(run(model, x), net.predict(x), rtol=1e-5)
    names = [node.name for node in model.graph.node]
    assert names == ["Scale1", "inner", "inner_2", "Twice1", "Twice2"]
    assert model.graph.initializer[0].name == "k1"


def refused(error, match, *args, **options):
    with pytest.raises(error, match=match) as caught:
        interop.to_onnx(*args, **options)
    assert "Write instead:" in str(caught.value)


def test_what_cannot_be_written_is_an_error_that_names_it(tmp_path):
    x = np.ones((2, 4))
    refused(OptionError, "Scale1 is a layer of the class Scale", nn.Sequential(Scale(x)), x)
    refused(OptionError, "Leaky1 is a layer of the class Leaky", nn.Sequential(Leaky()), x)
    refused(OptionError, "SoftmaxWithLoss is no network", nn.SoftmaxWithLoss(), x)
    refused(OptionError, "list is no network", [], x)
    refused(DTypeError, "dtype is 'float16'", nn.Sequential(nn.ReLU()), x, dtype="float16")
    refused(ShapeError, "Affine: x has shape", nn.TwoLayerNet(5, 4, 3), x)
    net = nn.Sequential(nn.ReLU())
    refused(OptionError, "cannot be written", net, x, tmp_path / "nowhere" / "net.onnx")

    class Squared(nn.Sequential):
        def _run(self, x, arrays, train):
            y, seen = super()._run(x, arrays, train)
            return y * y, seen

    refused(OptionError, "Squared computes otherwise than", Squared(nn.ReLU()), x)
