"""What has a backward pass, in every style of books and courses, and what has none."""

import sys
from functools import partial

import pytest
from check.writing import find_text, load_text, notebook, write

from clearprop.check.handwritten.bodies import gives_loss_and_gradient, is_stub, is_unwritten
from clearprop.check.handwritten.classes import methods_of, network_methods_of
from clearprop.check.handwritten.finding import find, select
from clearprop.check.handwritten.loading import load
from clearprop.check.handwritten.model import Candidate, Place
from clearprop.check.handwritten.naming import is_upstream
from clearprop.check.handwritten.reading import read
from clearprop.errors import UnknownNameError


def styles(found):
    return {name: each.style for name, each in found.items()}


def names(candidate):
    """Give the names of its forward and its backward; None where there is none."""
    both = (candidate.forward, candidate.backward)
    return tuple(getattr(each, "__name__", None) for each in both)


def test_layers_and_losses(tmp_path):
    text = """
    from abc import ABC, abstractmethod
    class Base(ABC):
        @abstractmethod
        def forward(self, x): pass
        @abstractmethod
        def backward(self, dout): pass
    class Plain:
        def forward(self, x): raise NotImplementedError
        def backward(self, dout): raise NotImplementedError("later")
    class Affine(Base):
        def __init__(self, W): self.W = W
        def forward(self, x): return x @ self.W
        def backward(self, dout): return dout @ self.W.T
    class Scaled(Affine):
        def forward(self, x): return 2 * super().forward(x)
    class Inherits(Affine):
        pass
    class Nnfs:
        def forward(self, inputs): self.output = inputs
        def backward(self, dvalues): self.dinputs = dvalues.copy()
    class Names:
        def fprop(self, x): return x
        def bprop(self, dy): return dy
    class Called:
        def __call__(self, x): return x
        def backward(self, dy): return dy
    class Both:
        def __call__(self, x): return self.forward(x)
        def forward(self, x): return x
        def backward(self, dy): return dy
    class Softmax_Loss:
        def forward(self, predict, target):
            '''To do.'''
        def backward(self, dvalues, target): self.dinputs = dvalues - target
    class Loss:
        def calculate(self, output, y): return np.mean(self.forward(output, y))
    class MSELoss(Loss):
        def forward(self, p, y): pass
        def backward(self, p, y): self.dinputs = 2 * (p - y)
    class Calculated:
        def calculate(self, p, y): return p - y
        def backward(self, p, y): return p
    class OnlyBackward:
        def backward(self, dy): return dy
    class Todo:
        def forward(self, x): return x
        def backward(self, dy): ...
    class Composite:
        def __init__(self): self.first = Names()
        def forward(self, x): return self.first.fprop(x)
        def backward(self, dy): return self.first.bprop(dy)
    class Optimizer:
        def update(self, params): pass
    """
    found, bystanders = find_text(tmp_path, text)
    assert set(styles(found).values()) == {"layer"}
    assert bystanders == {"Base", "Plain", "Optimizer", "Loss"}
    expected = (
        "Affine Scaled Inherits Nnfs Names Called Both Softmax_Loss MSELoss Calculated "
        "OnlyBackward Todo Composite"
    )
    assert list(found) == expected.split()
    without = {name for name, each in found.items() if each.forward is None}
    assert without == {"Softmax_Loss", "MSELoss", "OnlyBackward"}
    assert found["Softmax_Loss"].reference == "softmax with cross-entropy"
    assert found["OnlyBackward"].reference == ""
    assert found["Affine"].reference == ""
    assert {name for name, each in found.items() if each.problem} == {"Todo"}
    assert found["Todo"].problem == "backward is a stub"
    assert methods_of(found["Names"].backward) == ("fprop", "bprop")
    assert methods_of(found["Called"].backward) == ("__call__", "backward")
    assert methods_of(found["MSELoss"].backward) == ("forward", "backward")
    assert methods_of(found["Calculated"].backward) == ("calculate", "backward")
    assert methods_of(found["Both"].backward) == ("forward", "backward")
    assert found["Affine"].place == Place(str(tmp_path / "layers.py"), 10, "class Affine(Base):")
    assert found["Affine"].namespace["Affine"] is found["Affine"].forward


def test_a_base_whose_work_its_subclasses_hand_in(tmp_path):
    text = """
    class Activation:
        def __init__(self, f, f_prime):
            self.f, self.f_prime = f, f_prime
        def forward(self, x):
            self.x = x
            return self.f(x)
        def backward(self, dy): return dy * self.f_prime(self.x)
    class Tanh(Activation):
        def __init__(self):
            super().__init__(np.tanh, lambda x: 1 - np.tanh(x) ** 2)
    class Alone:
        def __init__(self, f): self.f = f
        def forward(self, x): return self.f(x)
        def backward(self, dy): return dy
    """
    found, bystanders = find_text(tmp_path, text)
    assert list(found) == ["Tanh", "Alone"]
    assert bystanders == {"Activation"}


def test_classes_that_answer_no_question_about_subclasses(tmp_path):
    text = """
    from typing import Protocol, TypedDict
    rate: float
    class Layer(Protocol):
        def forward(self, x): ...
        def backward(self, dy): ...
    class Cache(TypedDict):
        x: int
    class A:
        def forward(self, x): return x
        def backward(self, dy): return dy
    """
    found, bystanders = find_text(tmp_path, text)
    assert list(found) == ["A"]
    assert bystanders == {"Layer", "Cache"}


def test_methods_outside_a_class_belong_to_their_heading(tmp_path):
    page = """
    ## 1. Dense layer
    ### Forward
    ```python
    def forward(self, x):
        return np.dot(x, self.W)
    ```
    ### Backward
    ```python
    def backward(self, dvalue):
        self.dinput = np.dot(dvalue, self.W.T)
    ```
    ## 二、ReLu
    ```python
    def backward(self, dvalue):
        self.dinput = dvalue * (self.input > 0)
    ```
    ## Update
    ```python
    def step(self): pass
    def backward(self, dvalue): return 1
    def backward(self, dvalue): return 2
    ```
    ## Predict
    ```python
    def forward(self, x): return x
    ```
    """
    found, bystanders = find_text(tmp_path, page, "page.md")
    expected = {"Dense layer": 9, "ReLu": 14, "Update (line 20)": 20, "Update (line 21)": 21}
    assert {name: each.place.line for name, each in found.items()} == expected
    assert methods_of(found["Dense layer"].forward) == ("forward", "backward")
    assert found["Dense layer"].forward is found["Dense layer"].backward
    assert found["ReLu"].forward is None
    assert found["ReLu"].reference == "relu"
    assert found["Update (line 20)"].backward().backward(0) == 1
    assert bystanders == {"forward"}


PAIRS = """
def affine_forward(x, w, b): return x @ w + b, (x, w)
def affine_backward(dout, cache): return dout
def conv_forward_naive(x, w): return x, w
def conv_forward_fast(x, w): return x, w
def conv_backward_fast(dout, cache): return dout
def conv_backward_naive(dout, cache): return dout
def batchnorm_forward(x, gamma):
    out, cache = None, None
    # TODO
    return out, cache
def batchnorm_backward(dout, cache): return dout
def batchnorm_backward_alt(dout, cache): return dout
def relu(Z): return Z, Z
def relu_backward(dA, cache): return dA
def linear_activation_forward(A, W): return A, W
def linear_activation_backward(dA, cache, activation): return dA
def forward_scale(x): return x
def backward_scale(dy, x): return dy
def softmaxForward(x): return x
def softmaxBackward(dy, y): return dy
def swish_backward(dout, x): return dout
def dense_backward(dout, cache): return dout
def play_back(tape): return tape
def feedback(dout, x): return x
"""


def test_pairs_of_functions(tmp_path):
    found, bystanders = find_text(tmp_path, PAIRS)
    assert set(styles(found).values()) == {"pair"}
    assert {name: names(each)[0] for name, each in found.items()} == {
        "affine_backward": "affine_forward",
        "conv_backward_fast": "conv_forward_fast",
        "conv_backward_naive": "conv_forward_naive",
        "batchnorm_backward": None,
        "batchnorm_backward_alt": None,
        "relu_backward": "relu",
        "linear_activation_backward": "linear_activation_forward",
        "backward_scale": "forward_scale",
        "softmaxBackward": "softmaxForward",
        "swish_backward": None,
        "dense_backward": None,
    }
    assert found["dense_backward"].reference == "affine"
    assert bystanders == {"play_back", "feedback"}


def test_a_forward_and_a_backward_that_are_defined_again(tmp_path):
    text = """
    def f_forward(x): return 1
    def f_backward(dout, cache): return 2
    def f_forward(x): return 3
    def f_backward(dout, cache): return 4
    """
    found, _ = find_text(tmp_path, text)
    pairs = {name: (each.forward(0), each.backward(0, 0)) for name, each in found.items()}
    assert pairs == {"f_backward (line 2)": (1, 2), "f_backward (line 4)": (3, 4)}


DERIVATIVES = """
def sigmoid(x): return 1 / (1 + np.exp(-x))
def sigmoid_prime(x): return x
def sigmoidDerivative(x): return x
def dsigmoid(x): return x
def d_sigmoid(x): return x
def grad_sigmoid(x): return x
def derivative_of_sigmoid(x): return x
def sigmoid_backward(x): return x
cube = lambda x: x ** 3
cube_deriv = lambda x: 3 * x ** 2
def mse(y_true, y_pred): return 1
def mse_prime(y_true, y_pred): return 1
def compute_cost(X, y, w, b): return 1
def compute_gradient(X, y, w, b): return 1
def leaky_relu_derivative(x): return x
def nonlin(x, deriv=False): return x * (1 - x) if deriv else 1 / x
def gradient_descent(x): return x
def numerical_gradient(f, x): return x
def check_gradient(f, x): return x
def display_sigmoid(x): return x
def data(x): return x
def gettext(x): return x
def dgettext(domain, x): return x
def depth(x): return x
"""


def test_functions_beside_their_derivative(tmp_path):
    found, bystanders = find_text(tmp_path, DERIVATIVES)
    flag = found.pop("nonlin")
    assert set(styles(found).values()) == {flag.style} == {"derivative"}
    beside = {name: names(each)[0] for name, each in found.items()}
    assert [beside.pop(name) for name in list(beside) if "sigmoid" in name] == ["sigmoid"] * 7
    assert found["cube_deriv"].forward(2) == 8
    assert beside == {
        "cube_deriv": "<lambda>",
        "mse_prime": "mse",
        "compute_gradient": "compute_cost",
        "leaky_relu_derivative": None,
    }
    assert found["leaky_relu_derivative"].reference == "leaky relu"
    assert isinstance(flag.forward, partial)
    assert (flag.forward(4), flag.backward(4)) == (0.25, -12)
    tools = {"gradient_descent", "numerical_gradient", "check_gradient", "display_sigmoid"}
    assert bystanders == {*tools, "depth", "data", "gettext", "dgettext"}


def test_classes_with_a_function_and_its_derivative(tmp_path):
    text = """
    class Sigmoid:
        def __call__(self, x): return x
        def gradient(self, x): return 2 * x
    class Square:
        def loss(self, y, p): return (y - p) ** 2
        def gradient(self, y, p): return 2 * (p - y)
    class Cost:
        @staticmethod
        def fn(a, y): return a
        @staticmethod
        def derivative(a, y): return y
    class Needs:
        def __init__(self, slope): self.slope = slope
        def f(self, x): return x
        def df(self, x): return x
    class Descent:
        def loss(self, x): return x
        def gradient(self, x): raise NotImplementedError
    """
    found, bystanders = find_text(tmp_path, text)
    assert set(styles(found).values()) == {"derivative"}
    assert found["Sigmoid"].backward(3) == 6
    assert found["Square"].forward(1, 3) == found["Square"].backward(1, 3) == 4
    assert found["Cost"].backward(1, 2) == 2
    assert "Needs() raises TypeError" in found["Needs"].problem
    assert bystanders == {"Descent"}


def test_networks_and_functions_that_return_loss_and_gradient(tmp_path):
    text = """
    class TwoLayerNet:
        def __init__(self, sizes): self.params = {}
        def predict(self, x): return x
        def loss(self, x, t): return 0
        def gradient(self, x, t): return {}
        def numerical_gradient(self, x, t): return {}
    class Net:
        def __init__(self): self.params = {}
        def loss(self, X, y=None):
            if y is None:
                return X
            loss, grads = 0.0, {}
            return loss, grads
    class Plots:
        def loss(self): return 1, 2
    def softmax_loss(x, y):
        loss, dx = 1, x
        return loss, dx
    def svm_loss(W, X, y, reg):
        loss, dW = 0, 1
        return loss / 2, dW.copy()
    def propagate(w, b, X, Y):
        dw, db, cost = 1, 2, 3
        return {"dw": dw}, cost
    def optimize(w, b):
        grads, cost = {}, 1
        return grads, cost
    def split(data):
        df, rest = 1, 2
        return df, rest
    def step(w, dw, config):
        return w, config
    def forward(x):
        out, cache = 1, 2
        return out, cache
    """
    found, bystanders = find_text(tmp_path, text)
    assert styles(found) == {
        "TwoLayerNet": "network",
        "Net": "network",
        "softmax_loss": "loss and gradient",
        "svm_loss": "loss and gradient",
        "propagate": "loss and gradient",
        "optimize": "loss and gradient",
    }
    assert network_methods_of(found["TwoLayerNet"].forward) == ("loss", "gradient")
    assert network_methods_of(found["Net"].forward) == ("loss", "loss")
    assert bystanders == {"Plots", "split", "step", "forward"}


def test_rules_of_libraries_that_are_missing(tmp_path):
    text = """
    import no_such_torch as torch
    from no_such_autograd import primitive, defvjp
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x): return x * x
        @staticmethod
        def backward(ctx, grad): return grad
    class Net(torch.nn.Module):
        def forward(self, x): return x
    @primitive
    def logsum(x): return x
    defvjp(logsum, lambda ans, x: lambda g: g)
    """
    found, bystanders = find_text(tmp_path, text)
    assert styles(found) == {"Square": "torch", "logsum": "autograd"}
    for each, package in (("Square", "no_such_torch"), ("logsum", "no_such_autograd")):
        assert f"No module named '{package}'" in found[each].problem
    assert bystanders == set()


def test_functions_of_torch_where_it_is_there(tmp_path, monkeypatch):
    """A class stands for `torch.autograd.Function`: what counts is that it is the base."""
    write(tmp_path, "torch/__init__.py", "from . import autograd\n")
    write(tmp_path, "torch/autograd.py", "class Function: pass\n")
    text = """
    import torch
    from torch.autograd import Function
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x): return x * x
        @staticmethod
        def backward(ctx, grad): return grad
    class Cube(Function):
        @staticmethod
        def forward(ctx, x): return x ** 3
        @staticmethod
        def backward(ctx, grad): return grad
    class Layer:
        def forward(self, x): return x
        def backward(self, dy): return dy
    """
    with monkeypatch.context() as patch:
        for name in [each for each in sys.modules if each.partition(".")[0] == "torch"]:
            patch.delitem(sys.modules, name)
        found, _ = find_text(tmp_path, text)
        for name in ("torch", "torch.autograd"):
            sys.modules.pop(name)  # others must not meet it
    assert styles(found) == {"Square": "torch", "Cube": "torch", "Layer": "layer"}
    assert names(found["Cube"]) == ("Cube", "Cube")


def test_rules_of_autograd_where_it_is_there(tmp_path):
    """A module of the user's stands for the library: what counts is that `defvjp` is called."""
    write(tmp_path, "rules.py", "def defvjp(f, rule):\n    f.rule = rule\n")
    text = """
    from rules import defvjp
    def logsum(x): return x
    defvjp(logsum, lambda ans, x: lambda g: 3 * g)
    """
    found, bystanders = find_text(tmp_path, text)
    assert styles(found) == {"logsum": "autograd"}
    assert found["logsum"].backward.rule(0, 0)(1) == 3
    assert found["logsum"].place.line == 3
    assert bystanders == set()


def test_a_backward_that_does_not_parse_is_not_lost(tmp_path):
    text = """
    def f_forward(x): return x, x
    def f_backward(dout, cache):
        return dout *
    class Layer:
        def backward(self, dout)
            return dout
    class Other(missing): pass
    """
    found, bystanders = find_text(tmp_path, text)
    assert {name: each.problem for name, each in found.items()} == {
        "f_backward": "line 3 does not parse: invalid syntax",
        "Layer": "line 5 does not parse: expected ':'",
    }
    assert styles(found) == {"f_backward": "pair", "Layer": "layer"}
    assert bystanders == {"f_forward"}


def test_a_name_that_is_there_twice_says_its_cell(tmp_path):
    layer = "class A:\n    def forward(self, x): return x\n    def backward(self, dy): return dy"
    blocks = read(notebook(tmp_path, layer, "# text", layer))
    found, _ = find(blocks, load(blocks))
    assert [each.name for each in found] == ["A (cell 1, line 1)", "A (cell 3, line 1)"]
    assert select(found, "A") == found
    assert select(found, "A (cell 3, line 1)") == found[1:]


def test_select_by_a_name_that_is_nearly_right(tmp_path):
    found = list(find_text(tmp_path, PAIRS)[0].values())
    for name in ("affine_backward", "affine_forward", "affine", "AffineBackward"):
        assert [each.name for each in select(found, name)] == ["affine_backward"], name
    message = r"called 'afine_bakward'\. Why: There are: affine_.*Write instead: affine_backward"
    with pytest.raises(UnknownNameError, match=message):
        select(found, "afine_bakward")
    with pytest.raises(UnknownNameError, match="There is: none"):
        select([], "f")
    dense = [Candidate("Dense Layer", "layer", Place("a.md", 1))]
    assert select(dense, "dense_layer") == dense


@pytest.mark.parametrize(
    ("body", "stub", "unwritten"),
    [
        ("pass", True, True),
        ("...", True, True),
        ("'''Only words.'''", True, True),
        ("raise NotImplementedError('later')", True, True),
        ("return None", True, True),
        ("return NotImplemented", True, True),
        ("out = None\n    pass\n    return out, (x,)", False, True),
        ("out, cache = None, None\n    return out, cache", False, True),
        ("out = None\n    if x: out = x\n    return out", False, False),
        ("return x", False, False),
        ("raise ValueError('no')", False, False),
        ("self.output = x", False, False),
        ("x = None\n    return x", False, False),
    ],
)
def test_what_a_stub_is(tmp_path, body, stub, unwritten):
    function = load_text(tmp_path, f"def f(self, x):\n    {body}\n").namespace["f"]
    assert (is_stub(function), is_unwritten(function)) == (stub, unwritten)


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        ("loss, dW", True),
        ("cost, grads", True),
        ("J, dJdtheta", True),
        ("float(loss), grad_W, grad_b", True),
        ("grads, cost", True),
        ("dx, dW", False),
        ("W, cache", False),
        ("loss", False),
        ("data, done", False),
        ("{'dW': dW}, cost", True),
    ],
)
def test_what_returns_loss_and_gradient(tmp_path, returned, expected):
    text = f"def f(W):\n    loss = cost = J = dW = grads = dx = data = 0\n    return {returned}\n"
    assert gives_loss_and_gradient(load_text(tmp_path, text).namespace["f"]) is expected


def test_names_of_the_upstream_gradient():
    for name in ("dout", "dA", "dy", "grad_output", "upstream", "dvalues", "d_out", "delta", "dh1"):
        assert is_upstream(name), name
    for name in ("x", "data", "domain", "dims", "cache", "dim", "Z", "y_true", "self"):
        assert not is_upstream(name), name


def test_a_gradient_that_comes_in_is_no_target(tmp_path):
    """A class that keeps something and whose backward takes ``grad_output`` is a layer."""
    text = """
    class Exp:
        def __init__(self):
            self.y = None
        def forward(self, x):
            self.y = np.exp(x)
            return self.y
        def backward(self, {}):
            return {} * self.y
    """
    for name in ("grad_output", "grad_outputs", "d_output", "doutputs", "dout"):
        [candidate] = find_text(tmp_path, text.format(name, name))[0].values()
        assert candidate.style == "layer", name
